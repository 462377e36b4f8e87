"""Footnotes whose text stands in another cell than their mark, as JupyterLab allows."""

import re
from copy import copy

from nbformat import NotebookNode

from hwlib.pdf.equations import CODE

NEXT_LINES = r"(?:\n(?:(?:[ \t]*\n)+(?:\t| {4})|(?![ \t]*$|[ \t]*\[\^))[^\n]+)*"
NOTE_TEXT = re.compile(
    rf"(?P<code>{CODE})|^ {{0,3}}\[\^(?P<label>[^\]\s]+)\]:(?P<text>[^\n]*{NEXT_LINES})",
    re.MULTILINE | re.DOTALL,
)
NOTE_MARK = re.compile(r"\[\^([^\]\s]+)\](?!:)")


def find_note_texts(source: str) -> dict[str, str]:
    """Return the footnotes' texts that a Markdown text holds, by their labels."""
    found = (m for m in NOTE_TEXT.finditer(source) if m["label"])
    return {match["label"]: match["text"] for match in found}


def move_notes(source: str, texts: dict[str, str], marks: set[str]) -> str:
    """Return a Markdown text with the ``texts`` of all notes that it marks, and without those that
    only other cells mark. A note that no cell marks is an ordinary text.
    """
    own = dict.fromkeys(label for label in NOTE_MARK.findall(source) if label in texts)

    def keep(note: re.Match[str]) -> str:
        if note["code"] or note["label"] in marks:
            return "" if note["label"] else note[0]
        return f"{note['label']}:{note['text']}"

    rest = NOTE_TEXT.sub(keep, source)
    return "\n\n".join([rest, *(f"[^{label}]:{texts[label]}" for label in own)])


def share_footnotes(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the cells, each with the texts of the footnotes that it marks."""
    sources = [str(node.source) for node in cells if node.cell_type == "markdown"]
    texts = {label: text for source in sources for label, text in find_note_texts(source).items()}
    marks = {label for source in sources for label in NOTE_MARK.findall(source)}
    if not texts:
        return cells
    shared = []
    for node in cells:
        if node.cell_type == "markdown" and "[^" in node.source:
            node = copy(node)
            node.source = move_notes(node.source, texts, marks)
        shared.append(node)
    return shared
