"""What people get of a graded class: tables, pages, and the files for Moodle."""

from pathlib import Path
from typing import Any, NamedTuple, cast

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from hwlib.common.figures import COLOURS, STYLE
from hwlib.common.files import replacing
from hwlib.grading.moodle import (
    FEEDBACK,
    Filled,
    fill_worksheet,
    plain_number,
    write_feedback_zip,
)
from hwlib.grading.points import Awarded, award
from hwlib.grading.ranking import competing, duel, interval_of, rank_class
from hwlib.grading.record import PDF, Record
from hwlib.grading.rubric import Rubric
from hwlib.grading.similar import find_pairs
from hwlib.pages.page import as_svg, render

TEMPLATE_HOME = "hwlib.grading"
LEADERBOARD, LEADERBOARD_PAGE, GRADES, SIMILAR = (
    "leaderboard.csv",
    "leaderboard.html",
    "grades.csv",
    "similar.html",
)
FEEDBACK_ZIP = "feedback.zip"


class RankedHandIn(NamedTuple):
    """A hand-in on the page of the rank_class."""

    record: Record
    pareto: bool
    score: str
    interval: str
    against_best: str
    has_pdf: bool


class Written(NamedTuple):
    """What was written: the table, the filled worksheet, and how many have a total."""

    table: pd.DataFrame
    worksheet: Filled | None
    graded: int


def write_text(path: Path, text: str) -> None:
    """Write a file of the results whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def draw_front(table: pd.DataFrame, records: dict[str, Record]) -> Figure:
    """Draw accuracy with its interval against the parameters, on an axis of doublings, and the
    front as steps.
    """
    fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
    shown = table[table["score"].notna()]
    for row in shown.to_dict("records"):
        interval = interval_of(records[row["submission"]])
        colour = COLOURS[1] if row["pareto"] else COLOURS[0]
        if interval:
            ax.plot([row["parameters"]] * 2, interval, "-", color=colour, alpha=0.25, linewidth=1)
        marker = "D" if row["pareto"] else "o"
        ax.plot(row["parameters"], row["q4_accuracy"], marker, color=colour, markersize=5)
    front = shown[shown["pareto"]].sort_values("parameters")
    ax.step(
        front["parameters"].astype(float),
        front["q4_accuracy"].astype(float),
        "-",
        where="post",
        color=COLOURS[1],
        label="front",
    )
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_xlabel("parameters")
    ax.set_ylabel("accuracy")
    return fig


def interval_text(record: Record) -> str:
    """Return the interval of the accuracy in percent."""
    interval = interval_of(record)
    return f"{interval[0]:.0%} to {interval[1]:.0%}" if interval else ""


def against(record: Record, best: Record | None) -> str:
    """Return how a hand-in compares with the most accurate one on the same pictures: the pictures
    that one of them alone was right on, and the p-value.
    """
    compared = duel(record, best) if best and record is not best else None
    if not compared:
        return ""
    if not (compared.only_first or compared.only_second):
        return "the same answers"
    p_value = "p < 0.001" if compared.p_value < 0.001 else f"p = {compared.p_value:.2g}"
    return f"+{compared.only_first} \u2212{compared.only_second}, {p_value}"


def page_lines(out: Path, table: pd.DataFrame, records: dict[str, Record]) -> list[RankedHandIn]:
    """Return the lines of the page, in the table's order."""
    compared = competing(list(records.values()))
    best = max(compared, key=lambda record: record.q4_accuracy or 0.0, default=None)
    return [
        RankedHandIn(
            records[row["submission"]],
            bool(row["pareto"]),
            "" if pd.isna(row["score"]) else f"{row['score']:.2f}",
            interval_text(records[row["submission"]]),
            against(records[row["submission"]], best),
            (out / records[row["submission"]].folder / PDF).is_file(),
        )
        for row in table.to_dict("records")
    ]


def write_leaderboard(
    out: Path, table: pd.DataFrame, records: dict[str, Record], rubric: Rubric
) -> None:
    """Write the rank_class as a table and as a page."""
    write_text(out / LEADERBOARD, table.to_csv(index=False))
    with plt.rc_context(cast(Any, STYLE)):
        figure = draw_front(table, records) if table["score"].notna().any() else None
        alt = "Accuracy against parameters, with the front of the best"
        drawn = as_svg(figure, alt) if figure else ""
    page = render(
        TEMPLATE_HOME,
        LEADERBOARD_PAGE,
        lines=page_lines(out, table, records),
        figure=drawn,
        competition=rubric.competition,
        feedback=FEEDBACK,
        pdf=PDF,
    )
    write_text(out / LEADERBOARD_PAGE, page)


def feedback_page(record: Record, points: Awarded, rubric: Rubric) -> str:
    """Return what the students of a hand-in are told: nothing of others."""
    parts = [
        (part.name, points.parts[part.name], plain_number(part.points)) for part in rubric.parts
    ]
    return render(
        TEMPLATE_HOME,
        FEEDBACK,
        record=record,
        parts=parts,
        total=points.total,
        comment=points.comment,
        most=plain_number(rubric.total),
        interval=interval_text(record),
        score=rubric.competition.score(record) if record.data != "sample" else None,
        competition=rubric.competition,
        plain=plain_number,
    )


def write_plain_grades(
    out: Path, records: list[Record], awarded: dict[str, Awarded], rubric: Rubric
) -> None:
    """Write the grades as a table of our own, for those who have no worksheet of Moodle's."""
    rows = [
        {
            "submission": record.submission,
            "id1": record.id1,
            "id2": record.id2,
            "grade": awarded[record.submission].total,
            **awarded[record.submission].parts,
        }
        for record in records
    ]
    names = ["submission", "id1", "id2", "grade", *(part.name for part in rubric.parts)]
    write_text(out / GRADES, pd.DataFrame(rows, columns=names).to_csv(index=False))


def write_similar(out: Path, records: list[Record]) -> None:
    """Write the page of hand-ins that are worth a second look together."""
    folders = {record.submission: record.folder for record in records}
    page = render(
        TEMPLATE_HOME,
        SIMILAR,
        pairs=find_pairs(records),
        folders=folders,
        titles={record.submission: record.title for record in records},
        feedback=FEEDBACK,
    )
    write_text(out / SIMILAR, page)


def write_results(
    records: list[Record], out: Path, rubric: Rubric, worksheet: Path | None
) -> Written:
    """Write everything that people get, from the records alone; GradingError if the worksheet or
    ``points.csv`` is not what it must be.
    """
    out.mkdir(parents=True, exist_ok=True)
    by_name = {record.submission: record for record in records}
    awarded = award(records, rubric, out)
    table = rank_class(records, rubric)
    write_leaderboard(out, table, by_name, rubric)
    pages = {r.submission: feedback_page(r, awarded[r.submission], rubric) for r in records}
    for record in records:
        write_text(out / record.folder / FEEDBACK, pages[record.submission])
    from_moodle = [record.submission for record in records if record.moodle_number]
    write_feedback_zip(out / FEEDBACK_ZIP, [(name, pages[name]) for name in from_moodle or by_name])
    write_similar(out, records)
    totals = {name: points.total for name, points in awarded.items() if points.total is not None}
    filled = None
    if worksheet:
        filled = fill_worksheet(worksheet, out / GRADES, totals, records)
    else:
        write_plain_grades(out, records, awarded, rubric)
    return Written(table, filled, len(totals))
