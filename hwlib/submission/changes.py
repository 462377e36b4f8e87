"""How the code cells of a hand-in differ from the homework's own notebook."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hwlib.common.project import NOTEBOOK
from hwlib.common.results import without_locations
from hwlib.common.text import without_controls
from hwlib.submission.carrier import file_hashes, library_files
from hwlib.submission.inspection import CARRIES, NotebookFacts

INJECTED = "injected-parameters"  # papermill's own cell, which holds values and no code
MOST_COMPARED, MOST_CHARACTERS = (
    2_000,
    400_000,
)  # that are compared; the time grows with their square
MOST_LINES = 400  # of a difference that is shown
MOST_NAMED = 3  # of a library that are named


class Changes(NamedTuple):
    """How many cells of the homework are unchanged, changed or gone, and new ones, as a diff; and a
    phrase on the library that the notebook carries.
    """

    same: int
    changed: int
    added: int
    diff: str
    library: str = ""

    def __str__(self) -> str:
        """Return it as a phrase."""
        parts = [f"{self.same} code cells as in the homework"]
        if not (self.changed or self.added):
            parts = [f"all {self.same} code cells are the homework's own"]
        parts += [f"{self.changed} changed or left out"] * bool(self.changed)
        parts += [f"{self.added} new"] * bool(self.added)
        return ", ".join([*parts, *([self.library] if self.library else [])])


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


def compare_library(carried: dict[str, str]) -> str:
    """Return a phrase on how the library that a notebook carries, as hashes of its files, differs
    from the one here; ``""`` if it carries none.
    """
    if not carried:
        return ""
    own = file_hashes(library_files())
    names = sorted(name for name in own.keys() | carried.keys() if name.startswith("hwlib/"))
    changed = [without_controls(name) for name in names if own.get(name) != carried.get(name)]
    if not changed:
        return "with the library that is here"
    more = f" and {len(changed) - MOST_NAMED} more files" if len(changed) > MOST_NAMED else ""
    return f"with a library that differs in {', '.join(changed[:MOST_NAMED])}{more}"


def compare_with_homework(notebook: NotebookFacts) -> Changes | None:
    """Return how the code cells of a hand-in differ from the homework's own; None if the homework's
    notebook is not here, or there is too much to compare.
    """
    homework = homework_sources()
    sources = [cell.source for cell in notebook.cells if INJECTED not in cell.tags]
    sources = [source for source in sources if source != CARRIES]
    size = sum(map(len, sources))
    if not homework or len(sources) > MOST_COMPARED or size > MOST_CHARACTERS:
        return None
    changes = compare_sources(homework, sources)
    return changes._replace(library=compare_library(notebook.library))
