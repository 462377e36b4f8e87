"""Write the tables of measured figures into docs/measured.md and README.md.

    python benchmarks/measured.py

The big cats' accuracies are computed from hwlib/q4_cats/stored_runs.json. What cannot be computed
here, times above all, is kept in benchmarks/measured.json: what was measured, the figure, its
command, and the day on which it was noted. A test holds both pages against this.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hwlib.common.project import ROOT
from hwlib.q4_cats import cnn, study
from hwlib.q4_cats.evaluation import percent_range, wilson_interval

BEGIN, END = "<!-- written by benchmarks/measured.py -->\n\n", "\n<!-- end -->\n"
NOTED = Path(__file__).with_suffix(".json")


class Row(NamedTuple):
    """A line of the table; ``readme``: also one of the README's."""

    what: str
    figure: str
    command: str
    noted: str
    readme: bool = False


def share(correct: float, total: float) -> str:
    """Return right answers as a percentage with its 95% interval."""
    interval = percent_range(wilson_interval(correct, total))
    return f"{correct / total:.1%} of {total} right (95%: {interval})"


def size_rows(runs: pd.DataFrame) -> list[Row]:
    """Return a line for each recipe and size whose long training was scored on the first fold."""
    frontier = study.frontier_runs(runs)
    long = frontier[frontier["epochs"] == study.SHIPPED_EPOCHS]
    rows = []
    for (size, line), part in long.groupby(["parameters", "line"]):
        starts, total = ", ".join(map(str, part["correct"])), part["total"].iloc[0]
        figure = f"{part['correct'].mean() / total:.1%}: {starts} of {total}"
        name = part["variant"].iloc[0]
        rows.append(
            Row(
                f"big cats, {size:,} parameters, {line}, each start on the first fold",
                figure,
                f'`python benchmarks/cnn_accuracy.py "{name}" --data-dir DATA`, also with `--seed`',
                "stored",
            )
        )
    return rows


def fold_rows(runs: pd.DataFrame) -> list[Row]:
    """Return the lines on all folds, for each size that is measured there, and that of the known
    solution.
    """
    lines = []
    for size, widths in cnn.WIDTHS.items():
        folds = study.cross_validation(runs, size)
        if folds.empty:
            continue
        parameters = cnn.count_parameters(cnn.BigCatsNet(widths=widths))
        command = f"`python benchmarks/cnn_accuracy.py {size} --all --data-dir DATA`"
        lines.append(
            Row(
                f"big cats, {parameters:,} parameters, five-fold cross-validation",
                share(*folds.loc["all", ["right", "of"]]),
                command,
                "stored",
                True,
            )
        )
        lines.append(
            Row(
                f"the same {parameters:,}, without the fold on which choices were made",
                share(*folds.loc["all but the first", ["right", "of"]]),
                "the same",
                "stored",
            )
        )
    reference = runs[runs["variant"] == study.REFERENCE].iloc[0]
    known = Row(
        f"the known solution, written again, {reference['parameters']:,} parameters, first fold",
        share(reference["correct"], reference["total"]),
        "`python benchmarks/cnn_accuracy.py reference --data-dir DATA`",
        "stored",
        True,
    )
    return [*lines, known]


def rows() -> list[Row]:
    """Return all lines: what was noted, after what is computed from the stored runs."""
    runs = study.load_runs()
    noted = [Row(**line) for line in json.loads(NOTED.read_text(encoding="utf-8"))]
    return [*fold_rows(runs), *size_rows(runs), *noted]


def table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    shown = [header, ("---",) * len(header), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in shown)


def pages() -> dict[Path, str]:
    """Return the two pages with their tables as they must be."""
    lines = rows()
    tables = {
        ROOT / "docs/measured.md": table(
            ("what", "figure", "command", "noted"), [line[:4] for line in lines]
        ),
        ROOT / "README.md": table(("what", "figure"), [line[:2] for line in lines if line.readme]),
    }
    written = {}
    for path, text in tables.items():
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        written[path] = before + BEGIN + text + END + rest.partition(END)[2]
    return written


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path)
