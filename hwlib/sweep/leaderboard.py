"""A sweep's results as tables: every run, every epoch, and the settings ranked.

Nothing is ranked by a test figure: those are only shown.
"""

from typing import Any, NamedTuple

import fsspec
import pandas as pd
from pydantic import BaseModel

from hwlib.common.results import RunResults
from hwlib.sweep.plan import Plan
from hwlib.sweep.store import StoredRun, Value, read_run, write_file

INDEX = "sweep.json"
TABLE = "results.csv"
Q4_FIGURES = ("validation_accuracy", "test_accuracy", "parameters", "best_epoch")
Q4_LOSSES = ("train_loss", "validation_loss")


class Rank(NamedTuple):
    """The figure that settings are ranked by."""

    figure: str
    lower_is_better: bool


RANKED_BY = (Rank("q4_validation_accuracy", False), Rank("q3_train_loss", True))


class SweepIndex(BaseModel):
    """``sweep.json``: which runs belong to the sweep, and what it sweeps."""

    runs: dict[str, dict[str, Value]]  # what was swept, by the run's name
    axes: list[list[str]]  # names of parameters; those that vary together are in one list
    command: str

    @property
    def swept(self) -> list[str]:
        """The names of all parameters that were swept."""
        return [name for axis in self.axes for name in axis]


def write_index(plan: Plan) -> None:
    """Write down which runs belong to the sweep, and what it sweeps."""
    runs = {run.key: run.swept for run in plan.runs}
    index = SweepIndex(runs=runs, axes=plan.axes, command=plan.command)
    write_file(plan.out, INDEX, index.model_dump_json(indent=1) + "\n")


def read_index(out: str) -> SweepIndex:
    """Return what ``write_index`` wrote; FileNotFoundError if there is no sweep in ``out``."""
    with fsspec.open(f"{out}/{INDEX}") as file:
        return SweepIndex.model_validate_json(file.read())


def read_sweep(out: str) -> dict[str, StoredRun | None]:
    """Return the runs of a sweep by their names; None for one that is missing."""
    return {key: read_run(out, key) for key in read_index(out).runs}


def heading(column: str) -> str:
    """Return the name of a column as people read it."""
    return column.replace("_", " ")


def figures_of(results: RunResults) -> dict[str, float]:
    """Return a run's figures by name: of Question 3 those of the last epoch, of Question 4 those of
    the chosen one.
    """
    figures: dict[str, float] = {}
    if results.q3:
        for name, values in results.q3.history.model_dump().items():
            figures[f"q3_{name}"] = values[-1]
    if results.q4:
        for name in Q4_FIGURES:
            figures[f"q4_{name}"] = getattr(results.q4, name)
        for name in Q4_LOSSES:
            figures[f"q4_{name}"] = getattr(results.q4.history, name)[results.q4.best_epoch - 1]
    return figures


def load_sweep(out: str) -> pd.DataFrame:
    """Return one row a run: what was swept, status, figures as of ``figures_of``, seconds;
    FileNotFoundError if there is no sweep in ``out``.
    """
    index, rows = read_index(out), []
    for key, run in read_sweep(out).items():
        row: dict[str, Any] = {"run": key, "status": "missing", **index.runs[key]}
        if run:
            row["status"] = run.record.status
            row |= figures_of(run.results) if run.results else {}
            row |= run.record.model_dump(include={"seconds", "finished", "reason"})
        rows.append(row)
    return pd.DataFrame(rows)


def write_table(table: pd.DataFrame, out: str) -> None:
    """Write ``results.csv``, which is the last of a sweep's files."""
    write_file(out, TABLE, table.to_csv(index=False))


def is_written(table: pd.DataFrame, out: str) -> bool:
    """Return whether ``results.csv`` holds this very table."""
    try:
        with fsspec.open(f"{out}/{TABLE}") as file:
            return bool(file.read() == table.to_csv(index=False).encode())
    except FileNotFoundError:
        return False


def load_histories(out: str, question: str) -> pd.DataFrame:
    """Return one row an epoch of every run that is done: what was swept, and the epoch's figures;
    FileNotFoundError if there is no sweep in ``out``.
    """
    index, tables = read_index(out), [pd.DataFrame()]
    for key, run in read_sweep(out).items():
        if run and (answer := getattr(run.results, question, None)):
            table = pd.DataFrame(answer.history.model_dump())
            tables.append(table.assign(run=key, **index.runs[key], epoch=table.index + 1))
    return pd.concat(tables, ignore_index=True)


def rank_of(table: pd.DataFrame) -> Rank | None:
    """Return the figure that the settings are ranked by; None if the runs have none."""
    return next((rank for rank in RANKED_BY if rank.figure in table), None)


def settings_of(table: pd.DataFrame, swept: list[str]) -> pd.Series:
    """Return what each run tried, seed aside, as text: the setting's name in tables and figures."""
    names = [name for name in swept if name != "seed"]
    if not names:
        return pd.Series("all seeds", index=table.index)
    rows = table[names].astype(object)  # or whole numbers would become fractions beside others
    return rows.apply(lambda row: ", ".join(f"{n} {v}" for n, v in row.items()), axis=1)


def mean_and_deviation(values: pd.Series) -> str:
    """Return ``0.9366 ± 0.0012``; a whole number, and a figure without deviation, alone."""
    mean, deviation = values.mean(), values.std()
    if float(mean).is_integer() and not deviation > 0:
        return f"{mean:,.0f}"
    digits = 4 if abs(mean) < 10 else 1
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if deviation >= 0 else "")


def leaderboard(table: pd.DataFrame, swept: list[str]) -> pd.DataFrame:
    """Return the settings, best first: mean and standard deviation over their runs that are done,
    as text. The figure that ranks is the first one.
    """
    rank = rank_of(table)
    done = table[table["status"] == "done"]
    if not rank or done.empty:
        return pd.DataFrame()
    figures = [name for name in table if name.startswith(("q3_", "q4_")) and name != rank.figure]
    groups = done.groupby(settings_of(done, swept).rename("setting"), sort=False)
    board = groups[[rank.figure, *figures]].agg(mean_and_deviation)
    board.insert(0, "runs", groups.size())
    board["seconds"] = groups["seconds"].mean().map("{:.1f}".format)
    means = groups[rank.figure].mean()  # one that is no number comes last
    board = board.loc[means.sort_values(ascending=rank.lower_is_better).index]
    board = board.rename(columns=heading).reset_index()
    return board.set_axis(range(1, len(board) + 1))


def fit_width(board: pd.DataFrame, width: int) -> str:
    """Return the leaderboard as text whose lines are no longer than ``width`` if that is possible:
    without its last columns, but always with the setting, the runs and the figure that ranks.
    """
    for shown in range(board.shape[1], 2, -1):
        text = board.iloc[:, :shown].to_string()
        if max(map(len, text.splitlines())) <= width:
            break
    left_out = ", ".join(board.columns[shown:])
    return f"{text}\nNot shown for lack of width: {left_out}." if left_out else text
