"""Footnotes whose text stands in another cell than their mark, as JupyterLab allows."""

import re
from copy import copy

from nbformat import NotebookNode

from hwlib.pdf.equations import CODE

NEXT_LINES = r"(?:\n(?:(?:[ \t]*\n)+(?:\t| {4})|(?![ \t]*$|[ \t]*\[\^))[^\n]+)*"
NOTE_TEXT = re.compile(
    rf"(?P<code>{CODE})|^ {{0,3}}\[\^(?P<label>[^\]\s]+)\]:[^\n]*{NEXT_LINES}",
    re.MULTILINE | re.DOTALL,
)
NOTE_MARK = re.compile(r"\[\^([^\]\s]+)\](?!:)")


def find_definitions(source: str) -> dict[str, str]:
    """Return the footnotes' texts that a Markdown text holds, by their labels."""
    found = (m for m in NOTE_TEXT.finditer(source) if m["label"])
    return {match["label"]: match[0] for match in found}


def share_footnotes(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Return the cells, each with the texts of its footnotes that stand in other cells."""
    own = [find_definitions(n.source) if n.cell_type == "markdown" else {} for n in cells]
    all_texts = {label: text for texts in own for label, text in texts.items()}
    shared = []
    for node, texts in zip(cells, own, strict=True):
        marks = dict.fromkeys(NOTE_MARK.findall(node.source))
        missing = [all_texts[m] for m in marks if m in all_texts and m not in texts]
        if missing and node.cell_type == "markdown":
            node = copy(node)
            node.source = "\n\n".join([node.source, *missing])
        shared.append(node)
    return shared
