"""A sweep's results as files for people: ``results.csv`` and the page ``summary.html``.

Apart from the tables, which are wanted without waiting for matplotlib.
"""

import base64
import io
from html import escape

import fsspec
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from hwlib.common.figures import STYLE
from hwlib.sweep import plots as comparison
from hwlib.sweep.leaderboard import (
    TABLE,
    leaderboard,
    load_histories,
    ranking,
    read_index,
    settings_of,
)

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


def write_summary(table: pd.DataFrame, out: str) -> None:
    """Write ``summary.html`` and then ``results.csv`` into the sweep's folder."""
    with plt.rc_context(STYLE):
        body = "\n".join(sections(out, table))
    title = escape(f"Sweep {out.rstrip('/').rpartition('/')[2]}")
    with fsspec.open(f"{out}/summary.html", "w", encoding="utf-8") as file:
        file.write(PAGE.format(title=title, body=body))
    with fsspec.open(f"{out}/{TABLE}", "wb") as file:
        file.write(table.to_csv(index=False).encode())
