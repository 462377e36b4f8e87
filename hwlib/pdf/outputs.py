"""A code cell's outputs as blocks: which form of each is printed."""

from collections.abc import Iterator, Mapping
from copy import copy
from itertools import groupby
from typing import Any

from nbformat import NotebookNode

from hwlib.pdf.blocks import (
    CellBlock,
    ErrorBlock,
    FigureBlock,
    RichOutputBlock,
    SourceBlock,
    TextBlock,
)
from hwlib.pdf.equations import Equations, for_pandoc
from hwlib.pdf.lines import code_lines, text_lines
from hwlib.pdf.pandoc import HTML, MARKDOWN
from hwlib.pdf.pictures import PICTURE_TYPES, PictureFile, decode
from hwlib.pdf.terminal import on_screen, without_colours

SHORT_TABLE = 25  # rows that are kept on one page
WIDGET = "application/vnd.jupyter.widget-view+json"


def notice_block(cell: int, text: str) -> TextBlock:
    """Return a comment in place of what cannot be printed."""
    return TextBlock(cell, text_lines(text, "comment"))


def rich_block(cell: int, text_format: str, text: str, plain: str = "") -> RichOutputBlock:
    """Return a table or text among the outputs; a short one is kept on one page."""
    rows = max(text.count("<tr"), text.count("\n\n"))
    return RichOutputBlock(cell, text, text_format, rows <= SHORT_TABLE, plain)


def data_block(cell: int, data: Mapping[str, Any], caption: str) -> CellBlock | None:
    """Return the best printable form of a display or a result; None if there is nothing to print.

    ``data`` is the output's content by type, as Jupyter has it.
    """
    html, plain = data.get("text/html", ""), data.get("text/plain", "")
    if "text/x-python" in data:
        return SourceBlock(cell, code_lines(data["text/x-python"], "python"))
    if text := data.get("text/markdown", data.get("text/latex")):
        return rich_block(cell, MARKDOWN, for_pandoc(text, Equations()))
    for mime in PICTURE_TYPES:
        if mime in data:  # a damaged one fails when it is set
            raw = data[mime].encode() if mime.endswith("xml") else decode(data[mime])
            return FigureBlock(cell, PictureFile(mime, raw), caption)
    if WIDGET in data:
        return None
    says_nothing = plain.startswith("<IPython.core.display.HTML")
    if "<table" in html or (html and (not plain or says_nothing)):
        return rich_block(cell, HTML, html, "" if says_nothing else plain)
    if plain.strip():
        return TextBlock(cell, text_lines(without_colours(plain)))
    if data and not plain:
        return notice_block(cell, f"An output of type {', '.join(data)} is in the notebook.")
    return None


def join_streams(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Join neighbouring pieces of one stream.

    nbconvert's CoalesceStreamsPreprocessor does more: it removes what precedes a carriage return,
    so that ``on_screen`` would miss text and cursor movements, in a time that grows with the square
    of a line's length.
    """

    def stream_key(output: NotebookNode) -> object:
        return output.name if output.output_type == "stream" else id(output)

    for _, (first, *others) in groupby(outputs, stream_key):
        joined = copy(first)
        if others:
            joined.text = "".join(output.text for output in (first, *others))
        yield joined


def output_blocks(cell: int, node: NotebookNode) -> Iterator[CellBlock]:
    """Return the outputs of a code cell, in their order."""
    for output in join_streams(node.outputs):
        if output.output_type == "stream":
            if text := on_screen(output.text):
                yield TextBlock(cell, text_lines(text))
        elif output.output_type == "error":
            traceback = without_colours("\n".join(output.traceback))
            name = f"{output.ename}: {output.evalue}"
            yield ErrorBlock(cell, text_lines(traceback or name))
        elif block := data_block(cell, output.data, node.metadata.get("caption", "")):
            yield block
