"""Stored trainings on four folds of the training images, scored on the fifth: what the recipe's
parts are worth, what more parameters bring, and how good the recipe is (Question 4.I).

``benchmarks/cnn_accuracy.py`` makes them. A training takes many minutes, so the notebook reads them
instead of repeating them.
"""

import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from hwlib.common.statistics import mcnemar
from hwlib.q4_cats.evaluation import percent_range, wilson_interval
from hwlib.q4_cats.folds import FOLDS

STORED = Path(__file__).with_name("stored_runs.json")
FULL = "large"  # the recipe whose parts are left out one by one
REFERENCE = "reference"
TAUGHT = (  # a teacher sees the same crop and box
    "width 1/2, taught by its average",
    "width 1/2 without cutmix, taught by its average",
    "small with cutmix, taught by the large network",
    "small, taught by the large network",
)
NOT_KEPT = (  # trained with code that was not kept
    *TAUGHT,
    "small, residual blocks applied twice",
    "medium, residual blocks applied twice",
    "small, blurred before each stride",
    "medium, blurred before each stride",
    "small, first convolutions in harmonics",
)
WITH_CUTMIX = ("width 1/2", "medium with cutmix", "large", "width 3/2")  # by size
WITHOUT_CUTMIX = ("small", "width 1/2 without cutmix", "medium", "without cutmix")
# Pictures of the first fold, by index, that do not show what their label says, judged by eye.
MISLABELLED = {
    2: ("AFRICAN LEOPARD/008.jpg", "jaguar"),
    8: ("AFRICAN LEOPARD/040.jpg", "jaguar"),
    17: ("AFRICAN LEOPARD/116.jpg", "jaguar"),
    27: ("AFRICAN LEOPARD/172.jpg", "cheetah"),
    255: ("OCELOT/033.jpg", "house cat"),
    368: ("SNOW LEOPARD/180.jpg", "jaguar"),
}
# For orientation: ViT-B/16 with 86 million parameters, pretrained on ImageNet-21k, fine-tuned on
# these ten species and judged on 992 pictures of another split, as its model card says:
# huggingface.co/dima806/wild_cats_image_detection
PRETRAINED_ACCURACY = 0.9929
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
    """Two runs on the same pictures: how many only the first, only the second classified correctly,
    and the p-value of McNemar's exact test.
    """

    first: str
    second: str
    only_first: int
    only_second: int
    p_value: float


def differences(runs: pd.DataFrame) -> pd.DataFrame:
    """Compare all pairs of runs on one fold whose wrong answers are stored, a row each."""
    noted = runs[runs["wrong"].notna()]
    pairs = [
        (one, other)
        for index, (_, one) in enumerate(noted.iterrows())
        for _, other in list(noted.iterrows())[index + 1 :]
        if one["fold"] == other["fold"]
    ]
    rows = [picture_by_picture(one, other) for one, other in pairs]
    return pd.DataFrame(rows, columns=list(Difference._fields))


def picture_by_picture(one: pd.Series, other: pd.Series) -> Difference:
    """Compare two runs on the same fold, picture by picture."""
    wrong, others = set(one["wrong"]), set(other["wrong"])
    only_first, only_second = len(others - wrong), len(wrong - others)
    p_value = mcnemar(only_first, only_second)
    return Difference(run_name(one), run_name(other), only_first, only_second, p_value)


def run_name(run: pd.Series) -> str:
    """Return what tells a run from all others."""
    return f"{run['variant']}, seed {run['seed']:.0f}, fold {run['fold']}, {run['epochs']} epochs"


def never_right(runs: pd.DataFrame) -> list[int]:
    """Return the first fold's pictures, by index, that none of the runs whose wrong answers are
    stored classifies correctly.
    """
    answers = runs.loc[(runs["fold"] == 1) & runs["wrong"].notna(), "wrong"]
    return sorted(set.intersection(*map(set, answers))) if len(answers) else []


def never_right_text(runs: pd.DataFrame) -> str:
    """Return in sentences how many pictures no stored run classifies correctly, how many of them
    are mislabelled, and how far the mistakes of different runs are the same.
    """
    noted = runs[(runs["fold"] == 1) & runs["wrong"].notna()]
    pictures = never_right(runs)
    others = sum(index in MISLABELLED for index in pictures)
    total = noted["total"].iloc[0] if len(noted) else 0
    mistakes = noted["wrong"].explode()
    often = mistakes.value_counts() > len(noted) / 2
    shared = mistakes.isin(often.index[often]).mean()
    return (
        f"Of the first fold's {total} pictures, {len(pictures)} were classified wrongly by all "
        f"{len(noted)} stored trainings whose answers are kept, of every size. At least {others} "
        "of these do not show what their label says, judged by eye. "
        f"More than half of the trainings are wrong on the same {often.sum()} pictures, to which "
        f"{shared:.0%} of all their mistakes belong."
    )


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
    columns = "variant seed fold epochs parameters correct total accuracy core_minutes machine"
    shown = [MISLABELLED[index] for index in never_right(runs) if index in MISLABELLED]
    pairs = differences(runs)
    pairs["p_value"] = pairs["p_value"].map("{:.2f}".format)
    return (
        "# All stored trainings of Question 4.I\n\n"
        "Written by `python benchmarks/cnn_accuracy.py`. Each network was trained on four fifths "
        "of the training pictures and judged on the held-out fold after the last epoch; near-"
        "duplicates are in the same fold. Choices were made on fold 1 alone.\n\n"
        f"{markdown_table(table[columns.split()])}\n\n"
        "## Pictures that no network classifies correctly\n\n"
        f"{never_right_text(runs)} Those that are never right and mislabelled, with what they "
        "show: "
        f"{', '.join(f'{path} ({animal})' for path, animal in shown)}.\n\n"
        "## The same pictures, one by one\n\n"
        "For runs whose wrong answers are stored: how many pictures only the first, only the "
        "second of two classifies correctly, and the p-value of McNemar's exact test.\n\n"
        f"{markdown_table(pairs)}\n"
    )
