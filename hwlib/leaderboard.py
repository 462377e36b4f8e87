"""A sweep's results as tables and as a page: every run, every epoch, and the settings ranked.

Nothing is ranked by a test figure: those are only shown.
"""

import base64
import io
import json
from contextlib import suppress
from html import escape
from typing import Any

import fsspec
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from hwlib.plan import Run, read_run
from hwlib.plots import comparison
from hwlib.plots.style import STYLE

INDEX = "sweep.json"
RANKED_BY = {"q4": ("q4_validation_accuracy", False), "q3": ("q3_train_loss", True)}
Q4_FIGURES = ("validation_accuracy", "test_accuracy", "parameters", "best_epoch")

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem }}
table {{ border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }}
th, td {{ padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd }}
td:nth-child(2) {{ text-align: left }}
div {{ overflow-x: auto }} img {{ width: 100% }} figure {{ margin: 2rem 0 }}
</style>
<h1>{title}</h1>
{body}</html>
"""


def write_index(runs: list[Run]) -> bool:
    """Write down which runs belong to the sweep, and what it sweeps; whether that is news."""
    content = {
        "runs": {run.key: run.swept for run in runs},
        "swept": list(runs[0].swept),
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


def load_sweep(out: str) -> pd.DataFrame:
    """One row a run: what was swept, the last epoch's figures of Question 3 and those of the best
    epoch of Question 4, status and seconds.

    Raises:
        FileNotFoundError: there is no sweep in ``out``.
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


def load_histories(out: str, question: str) -> pd.DataFrame:
    """One row an epoch of every run that is done: what was swept, and the epoch's figures.

    Raises:
        FileNotFoundError: there is no sweep in ``out``.
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


def draw(out: str, table: pd.DataFrame, swept: list[str], order: list[str]) -> dict[str, Figure]:
    """The figures of a sweep by caption."""
    ranked_by, _ = ranking(table)
    question = ranked_by[:2]
    losses = [c for c in table if c.startswith(question) and c.endswith(("loss", "accuracy"))]
    histories = load_histories(out, question)
    histories["setting"] = settings_of(histories, swept)
    histories = histories.sort_values("setting", key=lambda s: s.map(order.index), kind="stable")
    caption = "Loss and accuracy against the epoch: mean over the seeds, ± one standard deviation."
    if len(order) > comparison.MOST_NAMED:
        caption += " From dark to light: from the best setting to the last."
    drawn = {caption: comparison.curves(histories)}
    caption = "Mean ± standard deviation of each setting, best first; each seed as a dot."
    drawn[caption] = comparison.seeds(table, losses[:2], order)
    for name in (name for name in (*swept, "q4_parameters") if name in table and name != "seed"):
        if pd.api.types.is_numeric_dtype(table[name]) and table[name].nunique() > 1:
            caption = f"Last figures against {name}: every run as a dot, means joined."
            drawn[caption] = comparison.against_parameter(table, name, losses)
    if len(swept) > 1:
        caption = "Every run as a line through what was swept and what came out, each in its order."
        drawn[caption] = comparison.parallel(table, [*swept, *losses], ranked_by)
    return drawn


def embed(figure: Figure, caption: str) -> str:
    """A figure as HTML that needs no other file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    content = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img src="data:image/svg+xml;base64,{content}" alt="{escape(caption)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def sections(out: str, table: pd.DataFrame) -> list[str]:
    """The page's parts as HTML: what was run, leaderboard, figures, failures."""
    index = read_index(out)
    swept = index["swept"]
    done, failed = table[table["status"] == "done"], table[table["status"] != "done"]
    seconds = table["seconds"].sum()
    parts = [f"<p>{len(done)} of {len(table)} runs done, {seconds:,.0f} s of computing.</p>"]
    if index["data_source"] == "sample":
        parts.append("<p><b>Sample data:</b> these figures are a demonstration.</p>")
    board = leaderboard(table, swept)
    if len(board):
        ranked_by = comparison.in_words(ranking(table)[0])
        rule = f"Ranked by {ranked_by}. Test figures are shown, and nothing is chosen by them."
        parts += [f"<p>{rule}</p>", f"<div>{board.to_html(border=0)}</div>"]
        drawn = draw(out, done.assign(setting=settings_of(done, swept)), swept, [*board["setting"]])
        parts += [embed(figure, caption) for caption, figure in drawn.items()]
    if len(failed):
        shown = failed[[*swept, "status", "reason"]].to_html(border=0, index=False)
        parts.append(f"<h2>Not done</h2><div>{shown}</div>")
    return parts


def write_summary(out: str) -> None:
    """Write ``results.csv`` and ``summary.html`` into the sweep's folder."""
    table = load_sweep(out)
    with plt.rc_context(STYLE):
        body = "\n".join(sections(out, table))
    title = escape(f"Sweep {out.rstrip('/').rpartition('/')[2]}")
    with fsspec.open(f"{out}/results.csv", "w") as file:
        table.to_csv(file, index=False)
    with fsspec.open(f"{out}/summary.html", "w", encoding="utf-8") as file:
        file.write(PAGE.format(title=title, body=body))
