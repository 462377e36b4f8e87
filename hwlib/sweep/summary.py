"""A sweep's results as the page ``summary.html``: settings, figures, and every run with its files.

Apart from the tables, which are wanted without waiting for matplotlib.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import matplotlib.pyplot as plt
import pandas as pd

from hwlib.common.figures import STYLE
from hwlib.common.project import WITHOUT_EFFECT
from hwlib.pages.page import as_svg, render
from hwlib.sweep import plots
from hwlib.sweep.leaderboard import (
    SweepIndex,
    heading,
    leaderboard,
    load_histories,
    rank_of,
    read_index,
    read_sweep,
    settings_of,
)
from hwlib.sweep.store import RunRecord, StoredRun, write_file

PAGE = "summary.html"


class Section(NamedTuple):
    """Figures under a heading: side by side, or one as wide as it needs."""

    heading: str
    text: str
    figures: list[str]  # as SVG
    wide: bool = False


class Swatch(NamedTuple):
    """A setting's number on the leaderboard, and how the figures draw it."""

    number: int
    color: str
    dashes: str


class Row(NamedTuple):
    """A row of a table; on the page it begins with the setting's swatch, if it has one."""

    swatch: Swatch | None
    cells: list[str]
    record: RunRecord | None = None  # of a run


class Table(NamedTuple):
    """A table with its head."""

    head: list[str]
    rows: list[Row]


def draw_all(panels: Sequence[plots.Panel]) -> list[str]:
    """Return figures as elements of a page."""
    return [as_svg(panel.figure, panel.alt) for panel in panels]


def numbers_varied_alone(index: SweepIndex, table: pd.DataFrame) -> list[str]:
    """Return the names of numbers that figures can be drawn against: what is varied together with
    others tells nothing by itself.
    """
    alone = [axis[0] for axis in index.axes if len(axis) == 1 and axis != ["seed"]]
    return [
        name
        for name in (*alone, "q4_parameters")
        if name in table
        and pd.api.types.is_numeric_dtype(table[name])
        and table[name].nunique() > 1
    ]


def draw_sections(out: str, table: pd.DataFrame, styles: plots.Styles) -> list[Section]:
    """Return the page's figures, from ``table`` with a run a row and its setting."""
    rank, done = rank_of(table), table[table["status"] == "done"]
    if rank is None or done.empty:
        return []
    index, question = read_index(out), rank.figure[:2]
    histories = load_histories(out, question)
    histories = histories.assign(setting=settings_of(histories, index.swept))
    ends = ("loss", "accuracy")
    figures = [name for name in done if name.startswith(question) and name.endswith(ends)]
    panels = plots.curves(histories, styles)
    text = "Mean over the seeds ± standard deviation."
    sections = [Section("Against the epoch", text, draw_all(panels))]
    panels = [plots.seed_dots(done, name, styles) for name in figures]
    text = "Mean ± standard deviation of each setting; every run is a dot."
    sections.append(Section("Setting by setting", text, draw_all(panels)))
    for parameter in numbers_varied_alone(index, done):
        panels = [plots.against_parameter(done, parameter, name, styles) for name in figures]
        text = "Every run is a dot; the grey line joins the means."
        sections.append(Section(f"Against {heading(parameter)}", text, draw_all(panels)))
    if len(index.swept) > 1:
        panel = plots.parallel(done, [*index.swept, *figures], styles)
        text = "A line is a run. On every axis the values stand in their order, equally far apart."
        sections.append(Section("All runs at once", text, draw_all([panel]), wide=True))
    return sections


def swatches_of(styles: plots.Styles) -> dict[str, Swatch]:
    """Return each setting's swatch, in the order of the leaderboard."""
    return {
        setting: Swatch(number, style.color, plots.DASHES[style.linestyle])
        for number, (setting, style) in enumerate(styles.items(), 1)
    }


def board_table(board: pd.DataFrame, swatches: dict[str, Swatch]) -> Table:
    """Return the leaderboard for the page."""
    rows = [Row(swatches[line[0]], [str(cell) for cell in line]) for line in board.values.tolist()]
    return Table(list(board.columns), rows)


def figure_text(value: float) -> str:
    """Return a figure as tables show it; nothing if it is no number."""
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


def runs_table(
    table: pd.DataFrame,
    index: SweepIndex,
    runs: dict[str, StoredRun | None],
    swatches: dict[str, Swatch],
) -> Table:
    """Return the table of runs for the page."""
    figures = [name for name in table if name.startswith(("q3_", "q4_"))]
    rows = []
    for line in table.to_dict("records"):
        run = runs[line["run"]]
        cells = [str(index.runs[line["run"]][name]) for name in index.swept]
        cells += [figure_text(line[name]) for name in figures]
        rows.append(Row(swatches.get(line["setting"]), cells, run.record if run else None))
    return Table([heading(name) for name in (*index.swept, *figures)], rows)


def fixed_parameters(records: Sequence[RunRecord], swept: Sequence[str]) -> dict[str, str]:
    """Return the parameters that have one value in all runs, and change their figures."""
    values: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.parameters.items():
            values.setdefault(name, set()).add(str(value))
    fixed = {name: texts.pop() for name, texts in values.items() if len(texts) == 1}
    return {name: text for name, text in fixed.items() if name not in {*swept, *WITHOUT_EFFECT}}


def write_summary(table: pd.DataFrame, out: str) -> None:
    """Write ``summary.html`` into the sweep's folder; ``table`` is that of ``load_sweep``."""
    index, runs = read_index(out), read_sweep(out)
    table = table.assign(setting=settings_of(table, index.swept))
    board, rank = leaderboard(table, index.swept), rank_of(table)
    styles = plots.line_styles(list(board["setting"]) if len(board) else [])
    swatches = swatches_of(styles)
    records = [run.record for run in runs.values() if run]
    with plt.rc_context(cast(Any, STYLE)):
        sections = draw_sections(out, table, styles)
    page = render(
        "hwlib.sweep",
        PAGE,
        name=out.rstrip("/").rpartition("/")[2],
        command=index.command,
        rank=heading(rank.figure) if rank else "",
        board=board_table(board, swatches),
        sections=sections,
        runs=runs_table(table, index, runs, swatches),
        records=records,
        fixed=fixed_parameters(records, index.swept),
    )
    write_file(out, PAGE, page)
