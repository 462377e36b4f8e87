"""Stored trainings on a held-out part of the training images, from ``benchmarks/cnn_accuracy.py``:
what the recipe's parts are worth, and what parameters buy (Question 4.I).

A training takes many minutes, so the notebook reads these runs instead of repeating them.
"""

import json
import math
from pathlib import Path

import pandas as pd

from hwlib.evaluation import wilson_interval

STORED = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "cnn.json"
FULL = "ours"  # the shipped recipe
REFERENCE = "reference"
COLUMNS = [
    "variant", "epochs", "parameters", "runs", "accuracy", "deviation", "low", "high",
    "core minutes",
]  # fmt: skip


def load_runs(path: Path = STORED) -> pd.DataFrame:
    """All stored runs, one a row: variant, seed, epochs, parameters, correct, total,
    core_seconds."""
    return pd.DataFrame(json.loads(path.read_text()))


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Per variant and number of epochs: parameters, runs, mean and deviation of the held-out
    accuracy, 95% interval of the mean as of one count, core minutes a run.
    """
    rows = []
    for (variant, epochs), group in runs.groupby(["variant", "epochs"], sort=False):
        shares = group["correct"] / group["total"]
        total = int(group["total"].iloc[0])
        low, high = wilson_interval(shares.mean() * total, total)
        rows.append(
            {
                "variant": variant,
                "epochs": epochs,
                "parameters": int(group["parameters"].iloc[0]),
                "runs": len(group),
                "accuracy": shares.mean(),
                "deviation": shares.std() if len(group) > 1 else math.nan,
                "low": low,
                "high": high,
                "core minutes": group["core_seconds"].mean() / 60,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def for_people(summary: pd.DataFrame) -> pd.DataFrame:
    """A summary with percentages and intervals as text."""
    deviation = summary["deviation"].map(lambda d: "–" if math.isnan(d) else f"± {100 * d:.1f}")
    intervals = zip(summary["low"], summary["high"], strict=True)
    return pd.DataFrame(
        {
            "variant": summary["variant"],
            "epochs": summary["epochs"],
            "parameters": summary["parameters"].map("{:,}".format),
            "runs": summary["runs"],
            "held-out accuracy": summary["accuracy"].map("{:.1%}".format),
            "deviation": deviation,
            "95% interval": [f"{low:.1%} – {high:.1%}" for low, high in intervals],
            "core minutes": summary["core minutes"].map("{:.0f}".format),
        }
    ).set_index("variant")


def frontier(runs: pd.DataFrame) -> pd.DataFrame:
    """The summary of the networks of different size, by length of the training and size;
    lengths at which only one of ours was trained are left out.
    """
    sizes = runs["variant"].isin((FULL, REFERENCE)) | runs["variant"].str.startswith("width ")
    summary = summarise(runs[sizes]).sort_values(["epochs", "parameters"], ignore_index=True)
    compared = summary.groupby("epochs")["variant"].transform("size") > 1
    return summary[compared | (summary["variant"] == REFERENCE)]


def ablation(runs: pd.DataFrame) -> pd.DataFrame:
    """The summary of the full recipe and of the recipe less one part each, all of the same short
    length; the full one first.
    """
    parts = summarise(runs[runs["variant"].str.startswith("without ")])
    whole = summarise(runs[runs["variant"] == FULL])
    return pd.concat([whole[whole["epochs"].isin(parts["epochs"])], parts], ignore_index=True)
