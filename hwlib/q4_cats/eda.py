"""A first look at the big cats, before any training (Question 4.I.1)."""

from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from hwlib.common.data import BigCats
from hwlib.common.images import ImageSet, in_chunks

# Two unrelated photographs rarely correlate beyond 0.9; a recompressed copy stays above 0.99.
ALIKE = 0.93  # correlation beyond which two pictures count as near-duplicates


def class_counts(cats: BigCats) -> pd.DataFrame:
    """Return the number of images of each class (rows) in each split (columns), with the sums."""
    names = cats.train.class_names
    counts = {
        split: part.labels.bincount(minlength=len(names)).numpy()
        for split, part in cats._asdict().items()
    }
    table = pd.DataFrame(counts, index=names)
    table.loc["sum"] = table.sum()
    return table


def balance_text(cats: BigCats) -> str:
    """Return in a sentence how far the sizes of the classes differ, and what one picture of the
    smallest split is worth.
    """
    counts = cats.train.labels.bincount(minlength=len(cats.train.class_names))
    smallest = min(len(part.labels) for part in cats[1:])
    few, many = int(counts.min()), int(counts.max())
    sizes = f"{few} training pictures" if few == many else f"{few} to {many} training pictures"
    return (
        f"Each class has {sizes}. One picture of the smaller sets is {100 / smallest:.0f} "
        "percentage points of accuracy."
    )


def file_format(path: Path) -> dict[str, str]:
    """Return width × height, colour mode and file type, from the file's header."""
    with Image.open(path) as image:
        size = f"{image.width} × {image.height}"
        return {"size": size, "mode": image.mode, "type": image.format or "?"}


def file_formats(cats: BigCats) -> pd.DataFrame:
    """Return how many files there are of each size, colour mode and type, by split."""
    counts = {
        split: pd.DataFrame(map(file_format, part.paths)).value_counts()
        for split, part in cats._asdict().items()
    }
    table = pd.DataFrame(counts).fillna(0).astype(int)
    table = table.sort_values("train", ascending=False).reset_index().set_index("size")
    return table.rename_axis(index=None, columns="size")


def format_text(table: pd.DataFrame, size: int) -> str:
    """Return in a sentence what the table of ``file_formats`` says, and what is done: every picture
    is resized to ``size`` pixels a side.
    """
    kinds = len(table)
    alike = "All files have one size, mode and type." if kinds == 1 else f"{kinds} kinds of files."
    return f"{alike} Each picture is resized once to {size} × {size} pixels and kept in memory."


def mean_colours(part: ImageSet) -> Tensor:
    """Return mean red, green and blue of each picture, (N, 3) in [0, 255]."""
    return in_chunks(lambda images: images.mean(dim=(2, 3)), part.images)


def colour_statistics(part: ImageSet) -> pd.DataFrame:
    """Return mean red, green and blue by class, and the deviation in brightness between its images,
    in [0, 1].
    """
    values = mean_colours(part).double().numpy() / 255
    colours = pd.DataFrame(values, columns=["red", "green", "blue"])
    groups = colours.groupby([part.class_names[label] for label in part.labels], sort=False)
    brightness = groups.apply(lambda of_class: of_class.mean(axis=1).std())
    return groups.mean().assign(**{"brightness, deviation": brightness}).round(3)


def overlap_text(statistics: pd.DataFrame) -> str:
    """Return in a sentence how many pairs of classes have bars of brightness that overlap, which
    reach one deviation to both sides of the mean.
    """
    means = statistics[["red", "green", "blue"]].mean(axis=1)
    reach = statistics["brightness, deviation"].fillna(0)
    bars = list(zip(means - reach, means + reach, strict=True))
    pairs = [(one, other) for k, one in enumerate(bars) for other in bars[k + 1 :]]
    overlapping = sum(one[0] <= other[1] and other[0] <= one[1] for one, other in pairs)
    return f"The bars of {overlapping} of the {len(pairs)} pairs of species overlap."


def thumbnails(images: Tensor) -> Tensor:
    """Return pictures as 16 × 16 in grey, with mean 0 and length 1, (N, 256): the product of two is
    their correlation.
    """

    def reduced(chunk: Tensor) -> Tensor:
        return F.interpolate(chunk.mean(dim=1, keepdim=True), (16, 16), mode="area").flatten(1)

    small = in_chunks(reduced, images)
    return F.normalize(small - small.mean(dim=1, keepdim=True), dim=1)


def correlations(first: ImageSet, second: ImageSet) -> Tensor:
    """Return how far each picture of the first set correlates with each of the second one, as it is
    or mirrored, (N, M); within one set each pair counts once, and all others are 0.
    """
    matrix = torch.maximum(
        thumbnails(first.images) @ thumbnails(second.images).T,
        thumbnails(first.images) @ thumbnails(second.images.flip(-1)).T,
    )
    return matrix.triu(diagonal=1) if first is second else matrix


def near_duplicates(first: ImageSet, second: ImageSet) -> Tensor:
    """Return pairs (index in first, index in second) of pictures that correlate beyond ``ALIKE``,
    (P, 2).
    """
    return (correlations(first, second) > ALIKE).nonzero()


def duplicates_table(cats: BigCats) -> pd.DataFrame:
    """Count near-duplicates between splits and within training, with the highest correlation."""
    rows = {}
    for names in ("train", "valid"), ("train", "test"), ("valid", "test"), ("train", "train"):
        matrix = correlations(*(getattr(cats, name) for name in names))
        rows[" – ".join(names)] = {
            "pairs": int((matrix > ALIKE).sum()),
            "highest correlation": f"{matrix.max().item():.3f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def twins_text(table: pd.DataFrame) -> str:
    """Return in sentences what the table of ``duplicates_table`` means for both accuracies."""
    sentences = []
    for split, name in (("valid", "validation"), ("test", "test")):
        pairs = table.loc[f"train – {split}", "pairs"]
        sentences.append(
            f"Near-duplicates between the training and {name} sets: {pairs}. The {name} accuracy "
            "may be a little too high."
            if pairs
            else f"No {name} picture has a near-duplicate in the training set."
        )
    return f"{' '.join(sentences)} Pairs within the training set: {table['pairs'].iloc[-1]}."


def colour_baseline(train: ImageSet, valid: ImageSet) -> str:
    """Return in a sentence how far the mean colour gets: each validation picture is given the class
    with the nearest one.
    """
    colours, labels = mean_colours(train), range(len(train.class_names))
    centres = torch.stack([colours[train.labels == label].mean(0) for label in labels])
    nearest = torch.cdist(mean_colours(valid), centres).argmin(1)
    accuracy = (nearest == valid.labels).float().mean()
    return (
        f"The class whose mean colour is nearest is right for {accuracy:.0%} of the validation "
        f"pictures; guessing would be right for {1 / len(centres):.0%}."
    )
