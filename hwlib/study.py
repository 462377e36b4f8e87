"""Stored trainings on a held-out part of the training images, from ``benchmarks/cnn_accuracy.py``:
what the recipe's parts are worth, and what parameters buy (Question 4.I).

A training takes many minutes, so the notebook reads these runs instead of repeating them.
"""

import json
from pathlib import Path

import pandas as pd

from hwlib.evaluation import percent_range, wilson_interval

STORED = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "cnn.json"
FULL = "ours"  # the shipped recipe
REFERENCE = "reference"


def load_runs(path: Path = STORED) -> pd.DataFrame:
    """Stored runs: variant, seed, epochs, parameters, correct, total, core_seconds a row."""
    return pd.DataFrame(json.loads(path.read_text()))


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Per variant and number of epochs: parameters, runs, mean and deviation of the held-out
    accuracy, 95% interval of the mean as of one count, core minutes a run.
    """
    runs = runs.assign(accuracy=runs["correct"] / runs["total"])
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


def for_people(summary: pd.DataFrame) -> pd.DataFrame:
    """A summary with percentages and intervals as text."""
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
    """The runs of the recipe as it is, at any width, and of the reference."""
    sizes = runs["variant"].isin((FULL, REFERENCE)) | runs["variant"].str.startswith("width ")
    return runs[sizes]


def frontier(runs: pd.DataFrame) -> pd.DataFrame:
    """The summary of the networks of different size, by length of the training and size."""
    return summarise(frontier_runs(runs)).sort_values(["epochs", "parameters"], ignore_index=True)


def ablation(runs: pd.DataFrame) -> pd.DataFrame:
    """The summary of the full recipe and of the recipe less one part each, all of the same short
    length; the full one first.
    """
    parts = summarise(runs[runs["variant"].str.startswith("without ")])
    whole = summarise(runs[runs["variant"] == FULL])
    return pd.concat([whole[whole["epochs"].isin(parts["epochs"])], parts], ignore_index=True)
