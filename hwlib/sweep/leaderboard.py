"""A sweep's results as tables: every run, every epoch, and the settings ranked.

Nothing is ranked by a test figure: those are only shown.
"""

import json
from contextlib import suppress
from typing import Any

import fsspec
import pandas as pd

from hwlib.sweep.plan import Run, read_run

INDEX = "sweep.json"
TABLE = "results.csv"
RANKED_BY = {"q4": ("q4_validation_accuracy", False), "q3": ("q3_train_loss", True)}
Q4_FIGURES = ("validation_accuracy", "test_accuracy", "parameters", "best_epoch")


def write_index(runs: list[Run]) -> None:
    """Write down which runs belong to the sweep, and what it sweeps."""
    content = {
        "runs": {run.key: run.swept for run in runs},
        "swept": list(runs[0].swept),
        "data_source": runs[0].parameters["data_source"],
    }
    with fsspec.open(f"{runs[0].out}/{INDEX}", "w") as file:
        json.dump(content, file, indent=1)


def read_index(out: str) -> dict[str, Any]:
    """What ``write_index`` wrote; FileNotFoundError where there is no sweep in ``out``."""
    with fsspec.open(f"{out}/{INDEX}") as file:
        return json.load(file)


def load_sweep(out: str) -> pd.DataFrame:
    """One row a run: what was swept, the last epoch's figures of Question 3 and those of the best
    epoch of Question 4, status and seconds; FileNotFoundError where there is no sweep in ``out``.
    """
    rows = []
    for key, swept in read_index(out)["runs"].items():
        run = read_run(out, key) or {"status": "missing"}
        row = {"run": key, "status": run["status"], **swept}
        results = run["results"] if run["status"] == "done" else {}
        for name, values in results.get("q3", {}).get("history", {}).items():
            row[f"q3_{name}"] = values[-1]
        for name in Q4_FIGURES if "q4" in results else ():
            row[f"q4_{name}"] = results["q4"][name]
        reason = run.get("traceback", "").partition("\n")[0]
        rows.append(row | {"seconds": run.get("seconds"), "reason": reason})
    return pd.DataFrame(rows)


def is_written(table: pd.DataFrame, out: str) -> bool:
    """Whether ``results.csv``, the last thing that a sweep writes, holds this very table."""
    with suppress(FileNotFoundError), fsspec.open(f"{out}/{TABLE}") as file:
        return file.read() == table.to_csv(index=False).encode()
    return False


def load_histories(out: str, question: str) -> pd.DataFrame:
    """One row an epoch of every run that is done: what was swept, and the epoch's figures;
    FileNotFoundError where there is no sweep in ``out``.
    """
    tables = [pd.DataFrame()]
    for key, swept in read_index(out)["runs"].items():
        run = read_run(out, key)
        if run and run["status"] == "done" and question in run["results"]:
            table = pd.DataFrame(run["results"][question]["history"]).assign(run=key, **swept)
            tables.append(table.assign(epoch=table.index + 1))
    return pd.concat(tables, ignore_index=True)


def ranking(table: pd.DataFrame) -> tuple[str, bool] | None:
    """The figure that the settings are ranked by, and whether less is better."""
    return next((rank for rank in RANKED_BY.values() if rank[0] in table), None)


def settings_of(table: pd.DataFrame, swept: list[str]) -> pd.Series:
    """What each run tried, seed aside, as text: its name in tables and figures."""
    names = [name for name in swept if name != "seed"]
    if not names:
        return pd.Series("all seeds", index=table.index)
    rows = table[names].astype(object)  # or a whole number in a row with another would be none
    return rows.apply(lambda row: ", ".join(f"{n} {v}" for n, v in row.items()), axis=1)


def spread(values: pd.Series) -> str:
    """``0.9366 ± 0.0012``; a whole number, and a figure without deviation, alone."""
    mean, deviation = values.mean(), values.std()
    if float(mean).is_integer() and not deviation > 0:
        return f"{mean:,.0f}"
    digits = 4 if abs(mean) < 10 else 1
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if deviation >= 0 else "")


def leaderboard(table: pd.DataFrame, swept: list[str]) -> pd.DataFrame:
    """The settings, best first: mean and standard deviation over their runs that are done."""
    rank = ranking(table)
    done = table[table["status"] == "done"]
    if not rank or done.empty:
        return pd.DataFrame()
    ranked_by, ascending = rank
    figures = [c for c in table if c.startswith(("q3_", "q4_")) and c != ranked_by]
    groups = done.groupby(settings_of(done, swept).rename("setting"), sort=False)
    board = groups[[ranked_by, *figures]].agg(spread)
    board.insert(0, "runs", groups.size())
    board["seconds"] = groups["seconds"].mean().map("{:.1f}".format)
    order = groups[ranked_by].mean().sort_values(ascending=ascending).index  # no number comes last
    board = board.loc[order].rename(columns=lambda name: name.replace("_", " ")).reset_index()
    return board.set_axis(range(1, len(board) + 1))
