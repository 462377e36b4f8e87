"""A sweep's results as tables: every run, every epoch, and the settings ranked.

Nothing is ranked by a test figure: those are only shown.
"""

import json
from contextlib import suppress
from typing import Any

import fsspec
import pandas as pd

from hwlib.plan import Run
from hwlib.store import read_file, read_run

INDEX = "sweep.json"
RANKED_BY = {"q4": ("q4_validation_accuracy", False), "q3": ("q3_train_loss", True)}
Q4_FIGURES = ("validation_accuracy", "test_accuracy", "parameters", "best_epoch")


def write_index(runs: list[Run]) -> bool:
    """Write down which runs belong to the sweep, and what it sweeps; whether that is news."""
    content = {
        "runs": [run.key for run in runs],
        "swept": list(runs[0].swept),
        "questions": list(runs[0].questions),
        "data_source": runs[0].parameters["data_source"],
    }
    with suppress(FileNotFoundError):
        if read_index(runs[0].out) == content:
            return False
    with fsspec.open(f"{runs[0].out}/{INDEX}", "w") as file:
        json.dump(content, file, indent=1)
    return True


def read_index(out: str) -> dict[str, Any]:
    """What ``write_index`` wrote.

    Raises:
        FileNotFoundError: there is no sweep in ``out``.
    """
    with fsspec.open(f"{out}/{INDEX}") as file:
        return json.load(file)


def read_results(out: str, key: str) -> dict[str, Any]:
    """A run's ``results.json``; empty where the run came to none."""
    try:
        return json.loads(read_file(out, key, "results.json"))
    except (OSError, ValueError):
        return {}


def hashable(swept: dict[str, Any]) -> dict[str, Any]:
    """Lists as text, so that runs can be grouped by them."""
    return {name: str(v) if isinstance(v, list) else v for name, v in swept.items()}


def load_sweep(out: str) -> pd.DataFrame:
    """One row a run: what was swept, the last epoch's figures of Question 3 and those of the best
    epoch of Question 4, status and seconds.

    Raises:
        FileNotFoundError: there is no sweep in ``out``.
    """
    rows = []
    for key in read_index(out)["runs"]:
        record = read_run(out, key) or {"status": "missing", "swept": {}}
        row = {"run": key, "status": record["status"], **hashable(record["swept"])}
        results = read_results(out, key) if record["status"] == "done" else {}
        for name, values in results.get("q3", {}).get("history", {}).items():
            row[f"q3_{name}"] = values[-1]
        for name in Q4_FIGURES if "q4" in results else ():
            row[f"q4_{name}"] = results["q4"][name]
        reason = record.get("traceback", "").partition("\n")[0]
        rows.append(row | {"seconds": record.get("seconds"), "reason": reason})
    return pd.DataFrame(rows)


def load_histories(out: str, question: str) -> pd.DataFrame:
    """One row a run and epoch: what was swept, and the epoch's figures.

    Raises:
        FileNotFoundError: there is no sweep in ``out``.
    """
    tables = []
    for key in read_index(out)["runs"]:
        history = read_results(out, key).get(question, {}).get("history")
        record = read_run(out, key)
        if history and record:
            table = pd.DataFrame(history).assign(run=key, **hashable(record["swept"]))
            tables.append(table.assign(epoch=table.index + 1))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def ranking(table: pd.DataFrame) -> tuple[str, bool] | None:
    """The figure that the settings are ranked by, and whether less is better."""
    return next((rank for rank in RANKED_BY.values() if rank[0] in table), None)


def settings_of(table: pd.DataFrame, swept: list[str]) -> pd.Series:
    """What each run tried, seed aside, as text: its name in tables and figures."""
    names = [name for name in swept if name != "seed"]
    if not names:
        return pd.Series("all seeds", index=table.index)
    return table[names].apply(lambda row: ", ".join(f"{n} {v}" for n, v in row.items()), axis=1)


def leaderboard(table: pd.DataFrame, swept: list[str]) -> pd.DataFrame:
    """The settings, best first: mean and standard deviation over their runs that are done."""
    rank = ranking(table)
    done = table[table["status"] == "done"]
    if not rank or done.empty:
        return pd.DataFrame()
    figures = [c for c in table if c.startswith(("q3_", "q4_"))]
    groups = done.groupby(settings_of(done, swept), sort=False)[[*figures, "seconds"]]
    means, deviations, counts = groups.mean(), groups.std(), groups.size()
    order = means.sort_values(rank[0], ascending=rank[1], na_position="last").index
    shown = {
        name: [spread(means.at[row, name], deviations.at[row, name]) for row in order]
        for name in [rank[0], *(f for f in figures if f != rank[0])]
    }
    seconds = [f"{means.at[row, 'seconds']:.1f}" for row in order]
    columns = {"setting": order, "runs": counts[order].to_numpy(), **shown, "seconds": seconds}
    board = pd.DataFrame(columns)
    board.columns = [name.replace("_", " ") for name in board]
    return board.set_axis(range(1, len(board) + 1))


def spread(mean: float, deviation: float) -> str:
    """``0.9366 ± 0.0012``; a whole number, and a figure without deviation, alone."""
    if float(mean).is_integer() and not deviation > 0:
        return f"{mean:,.0f}"
    digits = 4 if abs(mean) < 10 else 1
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if deviation >= 0 else "")
