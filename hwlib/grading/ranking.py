"""A class's hand-ins ranked: score, the front of accuracy against parameters, and ties."""

from collections import Counter
from typing import NamedTuple

import pandas as pd

from hwlib.common.statistics import mcnemar
from hwlib.grading.record import Record
from hwlib.grading.rubric import Rubric
from hwlib.q4_cats.evaluation import wilson_interval

LEADERBOARD_COLUMNS = (
    "submission", "id1", "id2", "q3_accuracy", "q4_correct", "q4_total", "q4_accuracy",
    "parameters", "pareto", "score", "problems",
)  # fmt: skip


class Duel(NamedTuple):
    """Two networks on the same pictures: how many only the first, only the second was right on, and
    how often chance alone would part two equal ones at least as far (exact McNemar test).
    """

    only_first: int
    only_second: int
    p_value: float


def duel(first: Record, second: Record) -> Duel | None:
    """Compare two hand-ins picture by picture; None if they were not scored on the same ones."""
    if not first.right or len(first.right) != len(second.right) or first.data != second.data:
        return None
    pairs = Counter(zip(first.right, second.right, strict=True))
    one, other = pairs["1", "0"], pairs["0", "1"]
    return Duel(one, other, mcnemar(one, other))


def competing(records: list[Record]) -> list[Record]:
    """Return the hand-ins that are compared with each other: those that were scored on the real
    pictures, or on the grader's own; on the drawn ones only if nobody has others.
    """
    scored = [record for record in records if record.q4_accuracy is not None and record.parameters]
    return [record for record in scored if record.data != "sample"] or scored


def on_front(record: Record, others: list[Record]) -> bool:
    """Whether no other hand-in has at least its accuracy with at most its parameters, and is better
    in one of both.
    """
    accuracy, parameters = record.q4_accuracy or 0.0, record.parameters or 0
    figures = [(other.q4_accuracy or 0.0, other.parameters or 0) for other in others]
    return not any(
        a >= accuracy and p <= parameters and (a, p) != (accuracy, parameters) for a, p in figures
    )


def rank_class(records: list[Record], rubric: Rubric) -> pd.DataFrame:
    """Return a row a hand-in, the best score first, with the columns ``LEADERBOARD_COLUMNS``; what
    is not known is missing. Those that do not compete have no score.
    """
    compared = competing(records)
    names = {record.submission for record in compared}
    rows = [
        {
            "submission": record.submission,
            "id1": record.id1,
            "id2": record.id2,
            "q3_accuracy": record.q3_accuracy,
            "q4_correct": record.q4_correct,
            "q4_total": record.q4_total,
            "q4_accuracy": record.q4_accuracy,
            "parameters": record.parameters,
            "pareto": record.submission in names and on_front(record, compared),
            "score": rubric.competition.score(record) if record.submission in names else None,
            "problems": " ".join(record.problems),
        }
        for record in records
    ]
    table = pd.DataFrame(rows, columns=list(LEADERBOARD_COLUMNS))
    for name in ("q4_correct", "q4_total", "parameters"):
        table[name] = table[name].astype("Int64")
    table["score"] = table["score"].astype(float).round(2)
    return table.sort_values(
        ["score", "q3_accuracy", "submission"], ascending=[False, False, True], ignore_index=True
    )


def interval_of(record: Record) -> tuple[float, float] | None:
    """Return the 95% interval of the accuracy of Question 4."""
    if record.q4_correct is None or not record.q4_total:
        return None
    return wilson_interval(record.q4_correct, record.q4_total)
