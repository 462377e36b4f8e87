"""How the code cells of a hand-in differ from the homework's own notebook."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hwlib.common.project import NOTEBOOK
from hwlib.common.results import without_locations
from hwlib.common.text import without_controls
from hwlib.submission.inspection import Cell

INJECTED = "injected-parameters"  # papermill's own cell, which holds values and no code
MOST_COMPARED, MOST_CHARACTERS = (
    2_000,
    400_000,
)  # that are compared; the time grows with their square
MOST_LINES = 400  # of a difference that is shown


class Changes(NamedTuple):
    """How many cells of the homework are unchanged, changed or gone, and new ones, as a diff."""

    same: int
    changed: int
    added: int
    diff: str

    def __str__(self) -> str:
        """Return it as a phrase."""
        if not (self.changed or self.added):
            return f"all {self.same} code cells are the homework's own"
        parts = [f"{self.same} code cells as in the homework"]
        parts += [f"{self.changed} changed or left out"] * bool(self.changed)
        parts += [f"{self.added} new"] * bool(self.added)
        return ", ".join(parts)


def homework_sources(notebook: Path = NOTEBOOK) -> list[str]:
    """Return the code cells of the homework's own notebook; none if it is not here."""
    if not notebook.is_file():
        return []
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def marked(sources: list[str], mark: str) -> Iterator[str]:
    """Yield the lines of cells after a mark, with an empty line between two cells."""
    for source in sources:
        yield from (f"{mark} {line}" for line in source.splitlines())
        yield ""


def difference(own: list[str], theirs: list[str]) -> Iterator[str]:
    """Yield the lines in which two cells differ, each with the lines beside it."""
    before, after = ("\n\n".join(sources).splitlines() for sources in (own, theirs))
    shown = difflib.unified_diff(before, after, n=1, lineterm="")
    yield from (line for line in shown if not line.startswith(("---", "+++")))
    yield ""


def compare_sources(homework: list[str], handed_in: list[str]) -> Changes:
    """Return how cells handed in differ from those of the homework."""
    own, theirs = (
        [stripped for source in sources if (stripped := without_locations(source))]
        for sources in (homework, handed_in)
    )
    same = changed = added = 0
    diff: list[str] = []
    matcher = difflib.SequenceMatcher(None, own, theirs, autojunk=False)
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind == "equal":
            same += last - first
            continue
        changed += last - first
        added += max(0, (end - begin) - (last - first))
        if kind == "replace":
            diff += difference(own[first:last], theirs[begin:end])
        else:
            diff += [*marked(own[first:last], "-"), *marked(theirs[begin:end], "+")]
    if len(diff) > MOST_LINES:
        diff = [*diff[:MOST_LINES], f"... and {len(diff) - MOST_LINES} more lines"]
    return Changes(same, changed, added, without_controls("\n".join(diff)))


def compare_with_homework(cells: list[Cell]) -> Changes | None:
    """Return how the code cells of a hand-in differ from the homework's own; None if the homework's
    notebook is not here, or there is too much to compare.
    """
    homework = homework_sources()
    sources = [cell.source for cell in cells if INJECTED not in cell.tags]
    size = sum(map(len, sources))
    if not homework or len(sources) > MOST_COMPARED or size > MOST_CHARACTERS:
        return None
    return compare_sources(homework, sources)
