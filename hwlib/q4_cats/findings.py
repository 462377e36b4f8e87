"""What the stored trainings say, as tables and sentences computed from them (Question 4.I.2).

The comparisons are those of ``study``; here they become what the notebook shows.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from hwlib.common.sentences import signed
from hwlib.q4_cats import study
from hwlib.q4_cats.cnn import WIDTHS, BigCatsNet, count_parameters
from hwlib.q4_cats.evaluation import percent_range
from hwlib.q4_cats.recipe import RECIPES

POINTS_A_DOUBLING = 1.4  # of accuracy that twice the parameters must be worth: our grader's rule
UNTAUGHT = {  # beside which networks with a teacher stand, by size
    "small": ("width 1/2 without cutmix", "small"),
    "medium": ("medium",),
}


def starts(correct: Sequence[int]) -> str:
    """Return the right answers of every start as text."""
    return ", ".join(map(str, correct)) or "–"


def by_chance(share: float, total: int) -> float:
    """Return how far two shares of ``total`` pictures differ by chance, in percentage points: two
    standard errors of the difference of two independent counts.
    """
    return 200 * (2 * share * (1 - share) / total) ** 0.5


def ablation_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the short trainings of the whole recipe and of the recipe less one part, the costliest
    part first: right answers, accuracy with interval, and difference from the whole recipe.
    """
    summary = study.ablation(runs).sort_values("accuracy", kind="stable")
    whole = summary.loc[summary["variant"] == study.FULL, "accuracy"].iloc[0]
    more = ((summary["accuracy"] - whole) * summary["total"]).round().astype(int)
    table = {
        "recipe": summary["variant"].replace(study.FULL, "whole recipe"),
        "right answers": (summary["accuracy"] * summary["total"]).round().astype(int),
        "accuracy": summary["accuracy"].map("{:.1%}".format),
        "95% interval": summary["interval"].map(percent_range),
        "difference": [signed(n, "+d") if n else "–" for n in more],
        "core minutes": summary["core_minutes"].map("{:.1f}".format),
    }
    return pd.DataFrame(table).set_index("recipe").rename_axis(index=None, columns="recipe")


def ablation_text(runs: pd.DataFrame) -> str:
    """Return in a sentence which parts of the recipe are worth more than chance may give."""
    summary = study.ablation(runs)
    whole, parts = summary.iloc[0], summary.iloc[1:]
    chance = by_chance(whole["accuracy"], whole["total"])
    losses = 100 * (whole["accuracy"] - parts.set_index("variant")["accuracy"])
    clear = losses[losses > chance].sort_values(ascending=False)
    named = ", ".join(f"{variant} (−{loss:.1f})" for variant, loss in clear.items())
    return (
        f"All of these trainings have {study.ABLATION_EPOCHS} epochs and are judged on "
        f"{whole['total']} pictures. Two such accuracies may differ by {chance:.1f} points by "
        f"chance (two standard errors). These variants lose more: {named or 'none'}."
    )


def sizes_and_lengths(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the right answers of every start on the first fold, a row for each number of
    parameters, a column for each length of the training, with cutmix and without.
    """
    chosen = study.frontier_runs(runs)
    chosen = chosen[chosen["line"] != "known solution"].copy()
    chosen["setting"] = chosen["epochs"].astype(str) + " epochs, " + chosen["line"]
    table = chosen.pivot_table("correct", "parameters", "setting", aggfunc=list)
    order = chosen.sort_values(["epochs", "line"])["setting"].unique()
    table = table[order].map(lambda correct: starts(correct) if isinstance(correct, list) else "–")
    table.index = table.index.map("{:,}".format)
    return table.rename_axis(index=None, columns="parameters")


def gains(before: pd.Series, after: pd.Series) -> str:
    """Return by how many right answers the mean over starts changes, for each number of parameters
    that has both.
    """
    change = (after - before).dropna()
    return ", ".join(
        f"{signed(value, '+.1f')} ({size:,} parameters)" for size, value in change.items()
    )


def size_and_length_text(runs: pd.DataFrame) -> str:
    """Return in sentences what the longer training and cutmix change in the mean number of right
    answers on the first fold.
    """
    chosen = study.frontier_runs(runs)
    means = chosen.groupby(["line", "epochs", "parameters"])["correct"].mean()
    short, long = study.ABLATION_EPOCHS, study.SHIPPED_EPOCHS
    mixed = means["with cutmix"]
    return (
        f"From {short} to {long} epochs, with cutmix, the mean number of right answers changes by "
        f"{gains(mixed[short], mixed[long])}.\n"
        f"Cutmix changes this mean, after {long} epochs, by "
        f"{gains(means['without cutmix'][long], mixed[long])}.\n"
        f"The known solution has {means['known solution'].iloc[0]:.0f} right answers."
    )


def teachers_text(runs: pd.DataFrame) -> str:
    """Return in sentences the right answers on the first fold of networks that learnt from another
    network's predictions, or from those of their own average, beside the starts without.
    """
    first = study.distinct_starts(runs[runs["fold"] == 1])
    taught = first[first["variant"].isin(study.TAUGHT)]
    parts = []
    for (size, epochs), part in taught.groupby(
        [taught["variant"].map(study.TAUGHT), "epochs"], sort=False
    ):
        untaught = first["variant"].isin(UNTAUGHT[size]) & (first["epochs"] == epochs)
        without = starts(first.loc[untaught, "correct"].tolist())
        parts.append(
            f"{size}, {epochs} epochs, {starts(part['correct'].tolist())} (without: {without})"
        )
    return (
        "Right answers of networks that learnt from another network's predictions, or from those "
        f"of their own average, on the same crop: {'; '.join(parts)}."
    )


def limit_text(runs: pd.DataFrame) -> str:
    """Return in sentences what more parameters and a longer training bring beyond the large network
    on the first fold.
    """
    first = runs[(runs["fold"] == 1) & (runs["epochs"] >= study.SHIPPED_EPOCHS)]
    large = shipped_runs(first, study.FULL)["correct"]
    wider, longer = (
        first[first["variant"] == name].nlargest(1, "epochs").iloc[0]
        for name in (study.WIDER, study.LONGER)
    )
    return (
        f"The starts of the large network have {large.min()} to {large.max()} right answers. One "
        f"with twice its widths, which makes {wider['parameters']:,} parameters, has "
        f"{wider['correct']}; one start with {longer['epochs']} epochs, and cutmix in half of the "
        f"batches, has {longer['correct']}."
    )


def pictures_text(runs: pd.DataFrame) -> str:
    """Return in a sentence what half of the training pictures cost on the first fold: for each size
    the starts with all of them, which took as many steps, and the p-value of McNemar's test against
    the one from the same seed.
    """
    first = runs[runs["fold"] == 1]
    compared = study.comparisons(first)
    parts = []
    for variant, size in study.HALF_THE_PICTURES.items():
        half = first.loc[first["variant"] == variant, "correct"]
        pairs = compared[compared["variant"].str.startswith(variant)]
        p_values = "".join(f"; {p:.2g}" for p in pairs["p_value"])
        whole = starts(shipped_runs(first, size)["correct"].tolist())
        if len(half):
            parts.append(f"{size} {starts(half.tolist())} ({whole}{p_values})")
    return (
        "Right answers after a training on every second picture only, for as many steps (with all "
        f"pictures; p-value of McNemar's test): {', '.join(parts) or 'none yet'}."
    )


def competition_score(accuracy: float, parameters: int) -> float:
    """Return what our grader's rubric gives for an accuracy between 0 and 1 and a number of
    parameters: percentage points, less ``POINTS_A_DOUBLING`` for each doubling of 100,000.
    """
    return 100 * accuracy - POINTS_A_DOUBLING * math.log2(parameters / 100_000)


def measured_sizes(runs: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """Return parameters and accuracy over all folds of each size that is measured there."""
    measured = {}
    for size, widths in WIDTHS.items():
        if len(folds := study.cross_validation(runs, size)):
            right, total = folds.loc["all", ["right", "of"]]
            measured[size] = (count_parameters(BigCatsNet(widths=widths)), right / total)
    return measured


def scores_by_size(runs: pd.DataFrame) -> dict[str, float]:
    """Return the score of each size over all folds, of those that are measured there."""
    measured = measured_sizes(runs)
    return {size: competition_score(share, count) for size, (count, share) in measured.items()}


def doubling_text(runs: pd.DataFrame) -> str:
    """Return in a sentence how many points of accuracy over all folds twice the parameters bring,
    from each measured size to the next.
    """
    measured = measured_sizes(runs)
    gains = [
        f"{100 * (after - before) / math.log2(larger / smaller):.1f} from {one} to {other}"
        for (one, (smaller, before)), (other, (larger, after)) in pairwise(measured.items())
    ]
    return f"Twice the parameters bring, in points of accuracy, {' and '.join(gains) or 'nothing'}."


def shipped_runs(runs: pd.DataFrame, size: str) -> pd.DataFrame:
    """Return the starts of a size that were trained as long as shipped, on all folds."""
    chosen = (runs["variant"] == size) & (runs["epochs"] == study.SHIPPED_EPOCHS)
    return study.distinct_starts(runs[chosen])


def sizes_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the shipped recipe's long trainings, a row for each size and one for the known
    solution: parameters, share of the batches with cutmix, right answers of each start on the first
    fold, right answers over all folds with the 95% interval and the score, and core minutes of a
    training.
    """
    rows, scores = {}, scores_by_size(runs)
    for size, widths in WIDTHS.items():
        long, share = shipped_runs(runs, size), RECIPES[size](epochs=1).cutmix_share
        row = {
            "parameters": f"{count_parameters(BigCatsNet(widths=widths)):,}",
            "cutmix": f"{share:.0%}",
            "first fold": starts(long.loc[long["fold"] == 1, "correct"].tolist()),
            "all folds": "–", "95% interval": "–",
            "score": f"{scores[size]:.1f}" if size in scores else "–",
            "core minutes": f"{long['core_seconds'].mean() / 60:.1f}" if len(long) else "–",
        }  # fmt: skip
        if len(folds := study.cross_validation(runs, size)):
            right, total = folds.loc["all", ["right", "of"]]
            row["all folds"] = f"{right:,} of {total:,}, {right / total:.1%}"
            row["95% interval"] = folds.loc["all", "95% interval"]
        rows[size] = row
    known = runs[runs["variant"] == study.REFERENCE].iloc[0]
    rows["known solution"] = dict.fromkeys(row, "–") | {
        "parameters": f"{known['parameters']:,}",
        "first fold": str(known["correct"]),
        "core minutes": f"{known['core_seconds'] / 60:.1f}",
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="size")


def choice_text(runs: pd.DataFrame, size: str) -> str:
    """Return in sentences which size has the highest score, and how large the network of this run
    is beside the known solution.
    """
    scores = scores_by_size(runs)
    best = max(scores, key=lambda name: scores[name])
    spread = max(scores.values()) - min(scores.values())
    parameters = count_parameters(BigCatsNet(widths=WIDTHS[size]))
    reference = runs.loc[runs["variant"] == study.REFERENCE, "parameters"].iloc[0]
    return (
        f"The {best} network has the highest score over all folds, {scores[best]:.1f}; the scores "
        f"of the sizes differ by {spread:.1f}. This run trains the {size} network, with "
        f"{parameters / reference:.0%} of the known solution's parameters."
    )


def folds_text(runs: pd.DataFrame) -> str:
    """Return in sentences how the fold on which choices were made compares with the others, for
    each size that is measured on all.
    """
    tables = {size: study.cross_validation(runs, size) for size in WIDTHS}
    shares = {size: table["right"] / table["of"] for size, table in tables.items() if len(table)}
    if not shares:
        return "Not every fold is measured yet."
    compared = ", ".join(
        f"{size} {share[1]:.1%} and {share['all but the first']:.1%}"
        for size, share in shares.items()
    )
    size, share = max(shares.items(), key=lambda pair: abs(first_fold_excess(pair[1])))
    first, others = (tables[size].loc[part, "of"] for part in (1, "all but the first"))
    chance = 200 * (share["all"] * (1 - share["all"]) * (1 / first + 1 / others)) ** 0.5
    return (
        "Accuracy of the first start on the first fold, on which choices were made, and on the "
        f"others: {compared}. The largest difference is that of the {size} network, "
        f"{signed(100 * first_fold_excess(share), '+.1f')} points; by chance it may be "
        f"{chance:.1f} (two standard errors)."
    )


def first_fold_excess(share: pd.Series) -> float:
    """Return by how much the accuracy on the first fold is above that on the others."""
    return float(share[1] - share["all but the first"])
