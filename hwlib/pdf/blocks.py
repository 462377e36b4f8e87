"""The types of what a PDF consists of. ``cell`` is always the cell's place in the notebook, from 1.

``MarkdownBlock`` and ``RichOutputBlock`` are for pandoc to read; each becomes a ``MarkupBlock``.
"""

from dataclasses import dataclass, field

from hwlib.pdf.equations import Formula
from hwlib.pdf.lines import Line
from hwlib.pdf.pandoc import Markup
from hwlib.pdf.pictures import Attachments, PictureFile


@dataclass(frozen=True)
class CodeBlock:
    """The source of a code cell; a sticky one is not parted from its output by a page's end."""

    cell: int
    lines: list[Line]
    count: str
    sticky: bool


@dataclass(frozen=True)
class SourceBlock:
    """Source code that a cell displays."""

    cell: int
    lines: list[Line]


@dataclass(frozen=True)
class TextBlock:
    """Plain text, or a notice in place of what cannot be printed."""

    cell: int
    lines: list[Line]
    is_notice: bool = False


@dataclass(frozen=True)
class ErrorBlock:
    """A traceback."""

    cell: int
    lines: list[Line]


@dataclass(frozen=True)
class FigureBlock:
    """A picture among the outputs; it gets its number when all blocks are known. ``width`` is what
    the output asks for, in pixels, or 0.
    """

    cell: int
    picture: PictureFile
    caption: str
    number: int = 0
    width: int = 0

    @property
    def alt(self) -> str:
        """Return the alternative text; by this the PDF's tags know the figure."""
        return f"Figure {self.number}. {self.caption}".strip()


@dataclass(frozen=True)
class PageBreakBlock:
    """A new page, which a text asks for."""

    cell: int


@dataclass(frozen=True)
class MarkdownBlock:
    """A Markdown cell, for pandoc to read."""

    cell: int
    text: str
    text_format: str
    attachments: Attachments = field(default_factory=dict)


@dataclass(frozen=True)
class RichOutputBlock:
    """A table or a formatted text among the outputs, for pandoc to read; ``plain`` is what is
    printed if pandoc finds nothing in it, ``caption`` stands above a table that has none.
    """

    cell: int
    text: str
    text_format: str
    plain: str = ""
    caption: str = ""


@dataclass(frozen=True)
class MarkupBlock:
    """What pandoc has read: Typst markup, its pictures by the name that the text gives them, and
    the text as it was written.
    """

    cell: int
    text: str
    markup: Markup
    pictures: dict[str, PictureFile]
    is_output: bool
    formulas: list[Formula] = field(default_factory=list)


UnreadBlock = MarkdownBlock | RichOutputBlock
FinishedBlock = CodeBlock | SourceBlock | TextBlock | ErrorBlock | FigureBlock | PageBreakBlock
CellBlock = FinishedBlock | UnreadBlock  # what cells become
Block = FinishedBlock | MarkupBlock  # what is printed, and what the proof looks for
