"""Stored trainings on four folds of the training images, scored on the fifth: what the recipe's
parts are worth, what more parameters bring, and how good the recipe is (Question 4.I).

``benchmarks/cnn_accuracy.py`` makes them. A training takes many minutes, so the notebook reads them
instead of repeating them.
"""

import json
from pathlib import Path

import pandas as pd

from hwlib.q4_cats.evaluation import percent_range, wilson_interval
from hwlib.q4_cats.folds import FOLDS

STORED = Path(__file__).with_name("stored_runs.json")
FULL = "ours"  # the shipped recipe
REFERENCE = "reference"


def load_runs(path: Path = STORED) -> pd.DataFrame:
    """Return the stored runs, a row each: variant, seed, fold, epochs, parameters, correct, total,
    core_seconds, machine, and a curve of (epoch, core seconds, held-out accuracy).
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
        "core minutes": summary["core_minutes"].map("{:.1f}".format),
    }
    return pd.DataFrame(table).set_index("variant").rename_axis(index=None, columns="variant")


def frontier_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the first fold's runs of the recipe as it is, at any width, and of the reference."""
    sizes = runs["variant"].isin((FULL, REFERENCE)) | runs["variant"].str.startswith("width ")
    return runs[sizes & (runs["fold"] == 1)]


def frontier(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of the networks of different size, by length of the training and size."""
    return summarise(frontier_runs(runs)).sort_values(["epochs", "parameters"], ignore_index=True)


def ablation(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of the full recipe and of the recipe less one part each, all of the same
    short length; the full one comes first.
    """
    parts = summarise(runs[runs["variant"].str.startswith("without ")])
    whole = summarise(runs[runs["variant"] == FULL])
    return pd.concat([whole[whole["epochs"].isin(parts["epochs"])], parts], ignore_index=True)


def cross_validation(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, for the first start of the shipped recipe on every fold, how many pictures a network
    that was trained on the other folds names rightly, with the 95% interval, as of one count. Two
    sums follow: over all folds, and over those on which no choice was made, which are all but the
    first. The table is empty if the run of a fold is missing.
    """
    starts = runs[(runs["variant"] == FULL) & (runs["seed"] == 1)]
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
