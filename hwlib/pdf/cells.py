"""A notebook's cells as blocks; the usual tags hide a cell, its source or its outputs."""

from collections.abc import Iterator

from nbformat import NotebookNode

from hwlib.pdf.blocks import CellBlock, CodeBlock, MarkdownBlock, TextBlock
from hwlib.pdf.equations import Equations, for_pandoc
from hwlib.pdf.lines import code_lines, text_lines
from hwlib.pdf.outputs import output_blocks
from hwlib.pdf.pandoc import MARKDOWN

STAYS_WITH_OUTPUT = 15  # lines of code that are not parted from their output by a page's end


def has_tag(node: NotebookNode, tag: str) -> bool:
    """Return whether a cell has a tag, written with a hyphen or an underscore."""
    return not {tag, tag.replace("-", "_")}.isdisjoint(node.metadata.get("tags") or [])


def code_blocks(cell: int, node: NotebookNode, language: str) -> Iterator[CellBlock]:
    """Return a code cell's source and outputs."""
    outputs = [] if has_tag(node, "remove-output") else list(output_blocks(cell, node))
    if node.source.strip() and not has_tag(node, "remove-input"):
        lines = code_lines(node.source.rstrip("\n"), language)
        sticky = bool(outputs) and len(lines) <= STAYS_WITH_OUTPUT
        yield CodeBlock(cell, lines, str(node.execution_count or " "), sticky)
    yield from outputs


def cell_blocks(
    cell: int, node: NotebookNode, language: str, equations: Equations
) -> Iterator[CellBlock]:
    """Return what a cell prints; ``cell`` is its place in the notebook."""
    if has_tag(node, "remove-cell"):
        return
    if node.cell_type == "markdown":
        text = for_pandoc(node.source, equations)
        yield MarkdownBlock(cell, text, MARKDOWN, node.get("attachments", {}))
    elif node.cell_type == "code":
        yield from code_blocks(cell, node, language)
    elif node.source.strip():
        yield TextBlock(cell, text_lines(node.source))
