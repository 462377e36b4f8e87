"""The whole document as typed data: a title block, and the blocks that are printed."""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

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
from hwlib.pdf.equations import (
    Equations,
    Formula,
    collect_equations,
    explain_formulas,
    in_words,
)
from hwlib.pdf.footnotes import share_footnotes
from hwlib.pdf.lines import text_lines
from hwlib.pdf.long_tables import shorten_tables
from hwlib.pdf.outputs import notice_block
from hwlib.pdf.pandoc import MARKDOWN, Converted, Markup, Piece, to_typst
from hwlib.pdf.pictures import find_picture
from hwlib.pdf.widgets import show_widgets

# The first word of the names that Unicode gives to letters → a language that is written with them.
# What is written from right to left is marked in the text, as PDF readers reverse whole documents.
SCRIPTS = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CYRILLIC": "ru",
    "GREEK": "el", "THAI": "th", "DEVANAGARI": "hi",
}  # fmt: skip
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
class Facts:
    """What is known of a notebook as a whole: the SHA-256 of its content, its cells by type, and
    the language of its texts.
    """

    hash: str = ""
    cells: dict[str, int] = field(default_factory=dict)
    language: str = "en"


@dataclass(frozen=True)
class Document:
    """A notebook as it is printed; ``heading`` is the title with its formulas and pictures, None if
    it is the file's name. ``warnings`` say what could not be read or set, ``missing`` what the
    proof did not find.
    """

    title_block: TitleBlock
    blocks: list[Block]
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    facts: Facts = Facts()
    heading: MarkupBlock | None = None

    @property
    def all_blocks(self) -> list[Block]:
        """Return the title's heading, if there is one, and the blocks."""
        return [self.heading, *self.blocks] if self.heading else self.blocks

    @property
    def plain_title(self) -> str:
        """Return the title if it is printed as words alone; "" if it is a heading."""
        return "" if self.heading else self.title_block.title


def notebook_hash(notebook: NotebookNode) -> str:
    """Return the SHA-256 of a notebook's content; the PDF carries it, which ties them together."""
    digest = hashlib.sha256()
    for part in json.JSONEncoder(sort_keys=True).iterencode(notebook):  # never whole in memory
        digest.update(part.encode())
    return digest.hexdigest()


def script_of(letter: str) -> str:
    """Return the first word of a letter's name in Unicode, which names its script."""
    return unicodedata.name(letter, "").partition(" ")[0]


def find_language(texts: Iterable[str]) -> str:
    """Return the code (ISO 639) of the language that most letters belong to by their script alone;
    English for Latin letters.
    """
    languages = Counter[str]()
    for letter, number in Counter(chain.from_iterable(texts)).items():
        if letter.isalpha():
            languages[SCRIPTS.get(script_of(letter), "en")] += number
    if languages["ja"]:  # Japanese has Chinese characters too
        languages["ja"] += languages.pop("zh", 0)
    return max(languages, key=lambda language: languages[language], default="en")


def find_facts(notebook: NotebookNode) -> Facts:
    """Return what is known of a notebook as a whole."""
    texts = (str(node.source) for node in notebook.cells if node.cell_type == "markdown")
    cells = Counter(str(node.cell_type) for node in notebook.cells)
    cells["hidden"] = sum(has_tag(node, "remove-cell") for node in notebook.cells)
    return Facts(notebook_hash(notebook), dict(sorted(cells.items())), find_language(texts))


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


class ReadTexts(NamedTuple):
    """What pandoc has read: the title in words, or "", and as a heading; the blocks; and what could
    not be read.
    """

    title: str
    heading: MarkupBlock | None
    blocks: list[Block]
    warnings: list[str]


def finish_title(
    converted: Converted, unread: list[UnreadBlock], formulas: list[list[Formula]], folder: Path
) -> tuple[str, MarkupBlock | None]:
    """Return the title in words, or "", and the heading that it is printed as."""
    if not converted.heading:
        return "", None
    source, own = unread[converted.heading_piece], formulas[converted.heading_piece]
    heading = finish_block(source, converted.heading, own, folder)
    title = in_words(converted.title, own)
    return title, heading if isinstance(heading, MarkupBlock) else None


def read_texts(blocks: list[CellBlock], folder: Path, equations: Equations) -> ReadTexts:
    """Return the blocks after their formulas are set and pandoc has read their texts."""
    unread = [b for b in blocks if isinstance(b, MarkdownBlock | RichOutputBlock)]
    extracted = [equations.extract(b.text, b.text_format != MARKDOWN) for b in unread]
    pieces = [
        Piece(
            source.text_format,
            text,
            [formula.place for formula in formulas],
            is_first=source is blocks[0],
            is_output=isinstance(source, RichOutputBlock),
            caption=source.caption if isinstance(source, RichOutputBlock) else "",
        )
        for source, (text, formulas) in zip(unread, extracted, strict=True)
    ]
    converted = to_typst(pieces)
    warnings = [converted.warnings] * bool(converted.warnings)
    all_formulas = [formulas for _, formulas in extracted]
    for source, formulas in zip(unread, all_formulas, strict=True):
        warnings += explain_formulas(source.cell, formulas)
    result = zip(converted.pieces, all_formulas, strict=True)
    finished: list[Block] = []
    for block in blocks:
        if isinstance(block, MarkdownBlock | RichOutputBlock):
            finished.append(finish_block(block, *next(result), folder))
        else:
            finished.append(block)
    title, heading = finish_title(converted, unread, all_formulas, folder)
    return ReadTexts(title, heading, finished, warnings)


def read_cells(notebook: NotebookNode, switches: Switches = PRINT_ALL) -> list[CellBlock]:
    """Return what the cells of a notebook become before pandoc has read their texts; its figures
    are numbered, and its long tables shortened.
    """
    spoken = notebook.metadata.get("language_info", {})
    language = spoken.get("pygments_lexer", spoken.get("name", "python"))
    number = count(1)
    blocks = [
        replace(block, number=next(number)) if isinstance(block, FigureBlock) else block
        for place, node in enumerate(share_footnotes(show_widgets(notebook)), start=1)
        for block in cell_blocks(place, node, language, switches)
    ]
    return shorten_tables(blocks)


def read_document(
    notebook: NotebookNode, name: str, folder: Path, switches: Switches = PRINT_ALL
) -> Document:
    """Return the document that a notebook in ``folder`` is printed as.

    ``name`` is the title of a notebook that has none. PdfError if pandoc cannot read a text.
    """
    blocks = read_cells(notebook, switches)
    cells = (node for node in notebook.cells if node.cell_type == "markdown")
    texts = (node.source for node in cells if not has_tag(node, "remove-cell"))
    read = read_texts(blocks, folder, collect_equations(texts))
    title = read.title or str(notebook.metadata.get("title", name))
    return Document(
        read_title_block(notebook, title), read.blocks, read.warnings, heading=read.heading
    )
