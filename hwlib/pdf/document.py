"""The whole document as typed data: a title block, and the blocks that are printed."""

import re
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from nbformat import NotebookNode

from hwlib.pdf.blocks import (
    Block,
    CellBlock,
    FigureBlock,
    MarkdownBlock,
    MarkupBlock,
    RichOutputBlock,
    TextBlock,
    UnreadBlock,
)
from hwlib.pdf.cells import PRINT_ALL, Switches, cell_blocks, has_tag
from hwlib.pdf.equations import Equations, Formula, collect_equations, explain_formulas
from hwlib.pdf.footnotes import share_footnotes
from hwlib.pdf.lines import text_lines
from hwlib.pdf.outputs import notice_block
from hwlib.pdf.pandoc import MARKDOWN, Markup, Piece, to_typst
from hwlib.pdf.pictures import find_picture

INFO = "application/vnd.typstpdf+json"  # what a cell displays for the title block


@dataclass(frozen=True)
class TitleBlock:
    """What stands above the text; ``date`` is year, month and day, or empty."""

    title: str
    authors: list[str] = field(default_factory=list)
    date: list[str] = field(default_factory=list)
    banner: str = ""  # a warning for every page
    facts: list[tuple[str, str]] = field(default_factory=list)  # pairs of label and value


@dataclass(frozen=True)
class Document:
    """A notebook as it is printed; ``warnings`` say what could not be read."""

    title_block: TitleBlock
    blocks: list[Block]
    warnings: list[str]


def read_title_block(notebook: NotebookNode, title: str) -> TitleBlock:
    """Return what a cell of the notebook displays for the title block, as ``INFO``: ``authors`` (a
    list), ``date`` (YYYY-MM-DD), ``banner`` and ``facts``. All of them are optional.
    """
    for node in reversed(notebook.cells):
        for output in node.get("outputs", []):
            info = output.get("data", {}).get(INFO)
            if isinstance(info, dict):
                return TitleBlock(
                    title,
                    authors=[str(author) for author in info.get("authors", [])],
                    date=re.findall(r"\d+", str(info.get("date", "")))[:3],
                    banner=str(info.get("banner", "")),
                    facts=[(str(label), str(value)) for label, value in info.get("facts", [])],
                )
    return TitleBlock(title)


def plain_block(block: RichOutputBlock) -> TextBlock:
    """Return the plain text of an output in which pandoc found nothing, or a notice."""
    if block.plain.strip():
        return TextBlock(block.cell, text_lines(block.plain))
    return notice_block(block.cell, "An output for browsers alone is in the notebook.")


def finish_block(
    block: UnreadBlock, markup: Markup, formulas: list[Formula], folder: Path
) -> MarkupBlock | TextBlock:
    """Return a block with what pandoc made of it, and its pictures. If that is nothing, an output
    is its plain text, or a notice.
    """
    if isinstance(block, RichOutputBlock):
        if not markup.markup.strip():
            return plain_block(block)
        attachments, is_output = {}, True
    else:
        attachments, is_output = dict(block.attachments), False
    candidates = {source: find_picture(source, attachments, folder) for source in markup.pictures}
    pictures = {source: picture for source, picture in candidates.items() if picture}
    return MarkupBlock(block.cell, block.text, markup, pictures, is_output, formulas)


def read_texts(
    blocks: list[CellBlock], folder: Path, equations: Equations
) -> tuple[list[Block], list[str]]:
    """Return the blocks after their formulas are set, pandoc has read their texts and figures are
    numbered; and what could not be read.
    """
    first = blocks[0] if blocks and isinstance(blocks[0], MarkdownBlock) else None
    unread = [b for b in blocks if isinstance(b, MarkdownBlock | RichOutputBlock)]
    extracted = [equations.extract(b.text, b.text_format != MARKDOWN) for b in unread]
    pieces = [
        Piece(source.text_format, text, [formula.place for formula in formulas], source is first)
        for source, (text, formulas) in zip(unread, extracted, strict=True)
    ]
    results, complaint = to_typst(pieces)
    warnings = [complaint] * bool(complaint)
    for source, (_, formulas) in zip(unread, extracted, strict=True):
        warnings += explain_formulas(source.cell, formulas)
    result, number = zip(results, (formulas for _, formulas in extracted), strict=True), count(1)
    finished: list[Block] = []
    for block in blocks:
        if isinstance(block, MarkdownBlock | RichOutputBlock):
            finished.append(finish_block(block, *next(result), folder))
        elif isinstance(block, FigureBlock):
            finished.append(replace(block, number=next(number)))
        else:
            finished.append(block)
    return finished, warnings


def read_document(
    notebook: NotebookNode, name: str, folder: Path, switches: Switches = PRINT_ALL
) -> Document:
    """Return the document that a notebook in ``folder`` is printed as.

    ``name`` is the title of a notebook that has none. PdfError if pandoc cannot read a text.
    """
    spoken = notebook.metadata.get("language_info", {})
    language = spoken.get("pygments_lexer", spoken.get("name", "python"))
    cells = share_footnotes(notebook.cells)
    texts = (n.source for n in cells if n.cell_type == "markdown" and not has_tag(n, "remove-cell"))
    blocks = [
        block
        for place, node in enumerate(cells, start=1)
        for block in cell_blocks(place, node, language, switches)
    ]
    finished, warnings = read_texts(blocks, folder, collect_equations(texts))
    titles = (b.markup.title for b in finished if isinstance(b, MarkupBlock) and not b.is_output)
    title = next(filter(None, titles), notebook.metadata.get("title", name))
    return Document(read_title_block(notebook, str(title)), finished, warnings)
