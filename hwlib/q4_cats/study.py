"""Stored trainings on four folds of the training images, scored on the fifth: what the recipe's
parts are worth, what more parameters bring, and how good the recipe is (Question 4.I).

``benchmarks/cnn_accuracy.py`` makes them. A training takes many minutes, so the notebook reads them
instead of repeating them.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from hwlib.common.statistics import mcnemar
from hwlib.q4_cats import hard_pictures
from hwlib.q4_cats.cnn import WIDTHS, BigCatsNet, count_parameters
from hwlib.q4_cats.evaluation import percent_range, wilson_interval
from hwlib.q4_cats.folds import FOLDS

STORED = Path(__file__).with_name("stored_runs.json")
FULL = "large"  # the recipe whose parts are left out one by one
REFERENCE = "reference"
TAUGHT = {  # a teacher sees the same crop and box; the size of the network that is taught
    "width 1/2, taught by its average": "small",
    "width 1/2 without cutmix, taught by its average": "small",
    "small with cutmix, taught by the large network": "small",
    "small, taught by width 2": "small",
    "medium, taught by width 2": "medium",
}
NOT_KEPT = (  # trained with code that was not kept
    *TAUGHT,
    "small, residual blocks applied twice",
    "medium, residual blocks applied twice",
    "small, blurred before each stride",
    "medium, blurred before each stride",
    "small, first convolutions in harmonics",
    "small, mean and deviation",
    "small, stronger affine",
    "small, milder affine",
    "small, cleaned",
)
WITH_CUTMIX = ("width 1/2", "medium with cutmix", "large", "width 3/2", "width 2")  # by size
WITHOUT_CUTMIX = ("small", "width 1/2 without cutmix", "medium", "without cutmix")
HALF_THE_PICTURES = {  # trained on every second picture; the size
    "small, half of the pictures": "small",
    "large, half of the pictures": "large",
}
WIDER, LONGER = "width 2", "large, more cutmix"  # what ought to help if weights or time lacked
# For orientation: ViT-B/16 with 86 million parameters, pretrained on ImageNet-21k, fine-tuned on
# these ten species and judged on 992 pictures of another split, as its model card says:
# huggingface.co/dima806/wild_cats_image_detection
PRETRAINED_ACCURACY = 0.9929
TRAINING_PICTURES = 2089  # pictures that the stored trainings were made on, over all folds
SHIPPED_EPOCHS = 120
ABLATION_EPOCHS = 20  # of the trainings that say what single parts are worth


def load_runs(path: Path = STORED) -> pd.DataFrame:
    """Return the stored runs, a row each: variant, seed, fold, epochs, parameters, correct, total,
    core_seconds, machine, the indices of the wrong answers among the held-out pictures, and a curve
    of (epoch, core seconds, held-out accuracy). What was not noted is None; a curve may be empty.
    """
    return pd.DataFrame(json.loads(path.read_text()))


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Summarise the runs on the first fold, by variant and number of epochs: parameters, runs, mean
    and deviation of the held-out accuracy, 95% interval of the mean as of one count, core minutes
    of a run.
    """
    runs = runs[runs["fold"] == 1].assign(accuracy=runs["correct"] / runs["total"])
    summary = runs.groupby(["variant", "epochs"], sort=False, as_index=False).agg(
        parameters=("parameters", "first"),
        runs=("accuracy", "size"),
        accuracy=("accuracy", "mean"),
        deviation=("accuracy", "std"),
        total=("total", "first"),
        core_minutes=("core_seconds", lambda seconds: seconds.mean() / 60),
    )
    counts = zip(summary["accuracy"] * summary["total"], summary["total"], strict=True)
    return summary.assign(interval=[wilson_interval(correct, total) for correct, total in counts])


def summary_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a summary as the notebook shows it, with percentages and intervals as text."""
    table = {
        "variant": summary["variant"].replace(REFERENCE, "known solution"),
        "epochs": summary["epochs"],
        "parameters": summary["parameters"].map("{:,}".format),
        "runs": summary["runs"],
        "held out": summary["total"],
        "accuracy": summary["accuracy"].map("{:.1%}".format),
        "deviation": (100 * summary["deviation"]).map("± {:.1f}".format, "ignore").fillna("–"),
        "95% interval": summary["interval"].map(percent_range),
        "core minutes": summary["core_minutes"].map("{:.1f}".format, "ignore").fillna("–"),
    }
    return pd.DataFrame(table).set_index("variant").rename_axis(index=None, columns="variant")


def distinct_starts(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs without those that repeat another's seed; one whose seed was not noted counts
    as a start of its own.
    """
    repeated = runs.duplicated(["variant", "seed", "fold", "epochs"]) & runs["seed"].notna()
    return runs[~repeated]


def frontier_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the first fold's runs of the recipe with and without cutmix, at any width, as long as
    shipped at most, and of the reference, with the name of their line in the figure as ``line``.
    """
    lines = dict.fromkeys(WITH_CUTMIX, "with cutmix") | dict.fromkeys(
        WITHOUT_CUTMIX, "without cutmix"
    )
    comparable = (runs["epochs"] <= SHIPPED_EPOCHS) | (runs["variant"] == REFERENCE)
    runs = distinct_starts(runs[comparable])
    named = runs.assign(line=runs["variant"].map(lines | {REFERENCE: "known solution"}))
    part = named["variant"].str.startswith("without ") & (named["epochs"] == ABLATION_EPOCHS)
    return named[named["line"].notna() & ~part & (named["fold"] == 1)]


def frontier(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of the networks of different size, by length of the training and size."""
    chosen = frontier_runs(runs)
    lines = chosen.drop_duplicates("variant").set_index("variant")["line"]
    summary = summarise(chosen)
    summary["line"] = summary["variant"].map(lines)
    return summary.sort_values(["epochs", "parameters"], ignore_index=True)


def front(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a frontier that no network with as few parameters beats, by size."""
    best = summary.sort_values(["parameters", "accuracy"], ascending=[True, False])
    before = best["accuracy"].cummax().shift(fill_value=0.0)
    return best[best["accuracy"] > before]


def ablation(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of the full recipe and of the recipe less one part each, all of them
    short; the full one comes first.
    """
    summary = summarise(runs[runs["epochs"] == ABLATION_EPOCHS])
    whole, part = summary["variant"] == FULL, summary["variant"].str.startswith("without ")
    return pd.concat([summary[whole], summary[part]], ignore_index=True)


class Difference(NamedTuple):
    """A variant beside one of the sizes, over all pairs of runs with the same seed and fold: how
    many of the pairs' pictures only the variant, only the size classified correctly, and the
    p-value of McNemar's exact test, which counts a picture once for every pair.
    """

    variant: str
    parameters: int
    size: str
    pairs: int
    only_variant: int
    only_size: int
    p_value: float


def compared_size(variant: str, epochs: int, parameters: int) -> str | None:
    """Return the shipped size that a variant is compared with: that of the nearest number of
    parameters. A shipped size is compared with the next smaller one, the smallest with none.
    """
    counts = {size: count_parameters(BigCatsNet(widths=widths)) for size, widths in WIDTHS.items()}
    if variant in WIDTHS and epochs == SHIPPED_EPOCHS:
        smaller = [size for size in WIDTHS if counts[size] < counts[variant]]
        return smaller[-1] if smaller else None
    return min(WIDTHS, key=lambda size: abs(math.log(counts[size] / parameters)))


def comparisons(runs: pd.DataFrame) -> pd.DataFrame:
    """Compare every variant with a size, picture by picture, a row each; runs of which no wrong
    answers are stored, and short trainings, are left out.
    """
    noted = distinct_starts(runs[runs["wrong"].notna() & (runs["epochs"] >= SHIPPED_EPOCHS)])
    sizes = noted[noted["variant"].isin(WIDTHS) & (noted["epochs"] == SHIPPED_EPOCHS)]
    rows = []
    for (variant, epochs, parameters), own in noted.groupby(
        ["variant", "epochs", "parameters"], sort=False
    ):
        size = compared_size(variant, epochs, parameters)
        beside = sizes[sizes["variant"] == size]
        pairs = own.merge(beside, on=["seed", "fold"], suffixes=("", "_of_size"))
        name = variant if epochs == SHIPPED_EPOCHS else f"{variant}, {epochs} epochs"
        if size and len(pairs):
            rows.append(picture_by_picture(name, parameters, size, pairs))
    return pd.DataFrame(rows, columns=list(Difference._fields))


def picture_by_picture(variant: str, parameters: int, size: str, pairs: pd.DataFrame) -> Difference:
    """Compare the wrong answers of pairs of runs, a row each."""
    answers = [
        (set(own), set(other))
        for own, other in zip(pairs["wrong"], pairs["wrong_of_size"], strict=True)
    ]
    only_variant = sum(len(other - own) for own, other in answers)
    only_size = sum(len(own - other) for own, other in answers)
    p_value = mcnemar(only_variant, only_size)
    return Difference(variant, parameters, size, len(pairs), only_variant, only_size, p_value)


def cross_validation(runs: pd.DataFrame, variant: str = FULL) -> pd.DataFrame:
    """Return, for a variant's first start on every fold, how many pictures a network that was
    trained on the other folds classifies correctly, with the 95% interval, as of one count. Two
    sums follow: over all folds, and over those on which no choice was made, which are all but the
    first. The table is empty if the run of a fold is missing.
    """
    starts = runs[(runs["variant"] == variant) & (runs["seed"] == 1)]
    starts = distinct_starts(starts)
    starts = starts.groupby("epochs").filter(lambda group: group["fold"].nunique() == FOLDS)
    if starts.empty:
        return starts
    longest = starts[starts["epochs"] == starts["epochs"].max()]
    counts = longest.set_index("fold").sort_index()[["correct", "total"]]
    sums = {"all": counts.sum(), "all but the first": counts.drop(1).sum()}
    counts = pd.concat([counts, pd.DataFrame(sums).T])
    intervals = [percent_range(wilson_interval(*pair)) for pair in counts.values.tolist()]
    return pd.DataFrame(
        {
            "right": counts["correct"],
            "of": counts["total"],
            "accuracy": (counts["correct"] / counts["total"]).map("{:.1%}".format),
            "95% interval": intervals,
        }
    ).rename_axis(index=None, columns="fold")


def spread_text(runs: pd.DataFrame) -> str:
    """Return in a sentence how far the starts of one recipe differ on the first fold, by size."""
    long = distinct_starts(runs[(runs["fold"] == 1) & (runs["epochs"] == SHIPPED_EPOCHS)])
    counts = {size: long.loc[long["variant"] == size, "correct"] for size in WIDTHS}
    ranges = (f"{size} {part.min()} to {part.max()}" for size, part in counts.items() if len(part))
    return (
        "Starts of one recipe, some on different machines, differ in their right answers on the "
        f"first fold: {', '.join(ranges)} of {long['total'].iloc[0]}."
    )


def judged_by(variant: str, wrong: list[int] | None) -> str:
    """Return by how many views of a picture a stored run was judged: those whose wrong answers are
    not stored are older and used mirror images too, and the known solution sees whole pictures.
    """
    if variant == REFERENCE:
        return "1"
    return "2, mirrored too" if wrong is None else "2"


def markdown_table(table: pd.DataFrame) -> str:
    """Return a table's columns as a table in Markdown."""
    rows = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).values.tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def record_text(runs: pd.DataFrame) -> str:
    """Return the record of all stored runs, failures too, as a page in Markdown."""
    table = runs.assign(
        seed=runs["seed"].map("{:.0f}".format, "ignore").fillna("not noted"),
        accuracy=(runs["correct"] / runs["total"]).map("{:.1%}".format),
        core_minutes=(runs["core_seconds"] / 60).map("{:.1f}".format, "ignore").fillna("not noted"),
    )
    table["code"] = table["variant"].map(lambda name: "not kept" if name in NOT_KEPT else "kept")
    table["views"] = [
        judged_by(variant, wrong) for variant, wrong in table[["variant", "wrong"]].values
    ]
    columns = "variant code seed fold epochs parameters correct total accuracy views core_minutes"
    pairs = comparisons(runs)
    pairs["p_value"] = pairs["p_value"].map("{:.2g}".format)
    return (
        "# All stored trainings of Question 4.I\n\n"
        "Written by `python benchmarks/cnn_accuracy.py`. Each network was trained on four fifths "
        "of the training pictures and judged on the held-out fold after the last epoch; near-"
        "duplicates are in the same fold. Choices were made on fold 1 alone. Variants that were "
        "tried and not adopted may have been made by changes of the code that are not in the "
        "repository; they are marked *not kept*. *Views*: by how many views of a picture, with or "
        "without their mirror images, it was judged.\n\n"
        f"{markdown_table(table[[*columns.split(), 'machine']])}\n\n"
        "## Pictures that are always wrong, and wrong labels\n\n"
        f"{hard_pictures.never_right_text(runs)} "
        f"{hard_pictures.wrong_labels_text(TRAINING_PICTURES)}\n\n"
        f"{markdown_table(hard_pictures.mislabelled_table())}\n\n"
        "## The same pictures, one by one\n\n"
        "For long runs whose wrong answers are stored. Every variant stands beside the shipped "
        "size with the nearest number of parameters, trained from the same seed and judged on the "
        "same fold; a size stands beside the next smaller one. Over all such pairs: how many "
        "pictures only the variant and only the size classified correctly, and the p-value of "
        "McNemar's exact test. A picture counts once for each pair. A p-value from one pair "
        f"compares two networks, not two recipes. {spread_text(runs)} The rule: a change is kept "
        "if it gains at two sizes, or if its p-value is below 0.05 with more than one start.\n\n"
        f"{markdown_table(pairs)}\n\n"
        "## Not tried\n\n"
        "Channels divided among filters of several sizes; the small network inside a wider one in "
        "the first half of the training; branches that are folded into one filter for use; long "
        "trainings of the medium and large network without single parts of the recipe; a training "
        "without augmentation at its end.\n"
    )
