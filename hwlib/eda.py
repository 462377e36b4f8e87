"""A first look at the big cats, before any training (Question 4.I.1)."""

from collections import Counter
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from hwlib.data import BigCats, ImageSet


def class_counts(cats: BigCats) -> pd.DataFrame:
    """Number of images of each class (rows) in each split (columns), with the sums."""
    counts = {
        split: pd.Series(
            torch.bincount(part.labels, minlength=len(part.class_names)), index=part.class_names
        )
        for split, part in cats._asdict().items()
    }
    table = pd.DataFrame(counts)
    table.loc["sum"] = table.sum()
    return table


def file_format(path: Path) -> tuple[str, str, str]:
    """Width × height, colour mode and file type, from the file's header."""
    with Image.open(path) as image:
        return f"{image.width} × {image.height}", image.mode, image.format or "?"


def file_formats(cats: BigCats) -> pd.DataFrame:
    """How many files there are of each size, colour mode and type, per split."""
    counts = {
        split: Counter(map(file_format, part.paths)) for split, part in cats._asdict().items()
    }
    table = pd.DataFrame(counts).fillna(0).astype(int)
    table.index = table.index.set_names(["size", "mode", "type"])
    return table.sort_values("train", ascending=False).reset_index().set_index("size")


def colour_statistics(part: ImageSet) -> pd.DataFrame:
    """Mean red, green and blue of each class and the standard deviation of its images' brightness,
    in [0, 1].
    """
    mean = part.images.float().mean(dim=(2, 3)) / 255
    rows = {}
    for label, name in enumerate(part.class_names):
        of_class = mean[part.labels == label]
        rows[name] = [*of_class.mean(0).tolist(), of_class.mean(1).std().item()]
    columns = ["red", "green", "blue", "brightness, deviation"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(3)


def thumbnails(images: Tensor, size: int = 16) -> Tensor:
    """Grey thumbnails with mean 0 and length 1, (N, size * size): their product is the correlation
    of two pictures.
    """
    grey = images.float().mean(dim=1, keepdim=True)
    small = F.interpolate(grey, (size, size), mode="area").flatten(1)
    return F.normalize(small - small.mean(dim=1, keepdim=True), dim=1)


def near_duplicates(
    first: ImageSet, second: ImageSet, threshold: float = 0.95
) -> list[tuple[int, int, float]]:
    """Pairs (index in first, index in second, correlation) of pictures that correlate beyond
    ``threshold``, or mirrored.

    Two unrelated photographs rarely correlate beyond 0.9 as 16 × 16 grey thumbnails; a rescaled or
    recompressed copy stays above 0.99.
    """
    correlation = torch.maximum(
        thumbnails(first.images) @ thumbnails(second.images).T,
        thumbnails(first.images) @ thumbnails(second.images.flip(-1)).T,
    )
    pairs = (correlation > threshold).nonzero().tolist()
    return sorted(((i, j, correlation[i, j].item()) for i, j in pairs), key=lambda pair: -pair[2])


def duplicates_table(cats: BigCats, threshold: float = 0.95) -> pd.DataFrame:
    """Near-duplicates between the splits and inside the training set: how many pairs, and the
    highest correlation.
    """
    rows = {}
    for first, second in (
        ("train", "valid"),
        ("train", "test"),
        ("valid", "test"),
        ("train", "train"),
    ):
        pairs = near_duplicates(getattr(cats, first), getattr(cats, second), threshold)
        if first == second:
            pairs = [pair for pair in pairs if pair[0] < pair[1]]
        rows[f"{first} – {second}"] = {
            "pairs": len(pairs),
            "highest correlation": f"{pairs[0][2]:.3f}" if pairs else "–",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def colour_baseline(train: ImageSet, valid: ImageSet) -> str:
    """How far the mean colour alone gets: each validation picture goes to the class with the
    nearest mean colour.
    """
    train_colours, valid_colours = (part.images.float().mean(dim=(2, 3)) for part in (train, valid))
    centres = torch.stack(
        [train_colours[train.labels == k].mean(0) for k in range(len(train.class_names))]
    )
    accuracy = (torch.cdist(valid_colours, centres).argmin(1) == valid.labels).float().mean().item()
    chance = 1 / len(centres)
    return f"mean colour alone: {accuracy:.0%} of the validation images; chance: {chance:.0%}"
