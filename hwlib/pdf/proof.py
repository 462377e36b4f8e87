"""The proof that a PDF is complete: read back with libraries that had no part in making it."""

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, assert_never

import pypdfium2
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, PdfObject

from hwlib.pdf.blocks import Block, FigureBlock, MarkupBlock, PageBreakBlock

MARK = "↪"  # where the template goes on with a line
UNSEEN = dict.fromkeys(map(ord, f"\u00ad\u200b\u200c\u200d\u200e\u200f\ufe0e\ufe0f\ufeff{MARK}"))
MARGINS = (52, 46)  # points at a page's top and foot that hold its header and footer
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff]")


def squeeze(text: str) -> str:
    """Text without blanks and what is not seen, in Unicode's compatibility form.

    PDFium marks a hyphen at the end of a line as U+FFFE or U+0002; Typst sets a minus before
    digits. Other characters than ASCII's stand as code points, as the PDF has them where a font
    is missing.
    """
    text = text.replace("\ufffe", "-").replace("\x02", "-").translate(UNSEEN)
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2010", "-")
    return re.sub(r"[^\x00-\x7f]", lambda c: f"U+{ord(c[0]):04X}", "".join(text.split()))


def letters(text: str) -> str:
    """Letters and digits alone: hyphens come and go at the ends of lines."""
    return re.sub(r"[^0-9A-Za-z]", "", squeeze(text))


def read_text(pdf: pypdfium2.PdfDocument) -> str:
    """All text that stands on the pages, without headers and footers, in the order of setting."""
    top, foot = MARGINS
    boxes = ((page, *page.get_size()) for page in pdf)
    return "\n".join(
        page.get_textpage().get_text_bounded(0, foot, width, height - top)
        for page, width, height in boxes
    )


def read_metadata(pdf: bytes) -> dict[str, str]:
    """The PDF's ``Keywords``, ``Creator`` and the like; PdfiumError where it is none."""
    metadata: dict[str, str] = pypdfium2.PdfDocument(pdf).get_metadata_dict()
    return metadata


Kind = Literal["line", "table cell", "spanning cell", "text", "heading", "figure"]


class Missing(NamedTuple):
    """A piece of a cell that the PDF does not hold."""

    cell: int
    kind: Kind
    piece: str

    def __str__(self) -> str:
        """Return a sentence without its full stop."""
        return f"cell {self.cell} holds the {self.kind} {self.piece[:100]!r}, the PDF does not"


class Reader:
    """Looks for pieces of text one after another, each behind the one before."""

    def __init__(self, text: str):
        self.text = text
        self.position = 0

    def find(self, wanted: str, stay: bool = False) -> bool:
        """Whether ``wanted`` comes next or later; with ``stay``, the place is not moved there."""
        found = self.text.find(wanted, self.position)
        if found >= 0 and not stay:
            self.position = found + len(wanted)
        return found >= 0


def holds_both_ways(text: str, piece: str) -> bool:
    """Whether a squeezed text holds a piece's words, as written or in the order they are seen."""
    words = re.findall(r"\w+", piece)
    return all(squeeze(word) in text or squeeze(word[::-1]) in text for word in words)


def alternative_texts(tag: PdfObject | None) -> Iterator[str]:
    """What a PDF's tags, from this one down, say of its figures."""
    tag = tag and tag.get_object()
    if isinstance(tag, DictionaryObject):
        if "/Alt" in tag:
            yield str(tag["/Alt"])
        yield from alternative_texts(tag.get("/K"))
    elif isinstance(tag, list):
        for child in tag:
            yield from alternative_texts(child)


def pieces(block: Block) -> Iterator[tuple[Kind, str]]:
    """Return what a block prints: the kind of each piece and its text."""
    match block:
        case MarkupBlock():
            markup = block.markup
            yield from (("spanning cell", text) for text in markup.spans)
            yield from (("table cell", text) for text in markup.cells)
            yield from (("text", text) for text in markup.words)
            yield from (("heading", text) for text in markup.headings)
        case FigureBlock():
            yield "text", block.caption
            yield "figure", block.alt
        case PageBreakBlock():
            return
        case _:
            yield from (("line", line.text) for line in block.lines)


class Proof:
    """Looks for pieces in a PDF: text must stand on the pages and headings among the bookmarks, in
    the notebook's order; figures are known by the PDF's tags.
    """

    def __init__(self, pdf: bytes):
        opened = pypdfium2.PdfDocument(pdf)
        text = read_text(opened)
        self.strict, self.loose = Reader(squeeze(text)), Reader(letters(text))
        self.bookmarks = [squeeze(item.get_title()) for item in opened.get_toc()]
        root = PdfReader(io.BytesIO(pdf)).root_object
        self.figures = set(alternative_texts(root.get("/StructTreeRoot")))

    def has_heading(self, piece: str) -> bool:
        """Return whether a heading is among the bookmarks behind the one found before."""
        wanted = squeeze(piece)
        if wanted and wanted in self.bookmarks:
            del self.bookmarks[: self.bookmarks.index(wanted) + 1]
            return True
        return not wanted

    def holds(self, kind: Kind, piece: str) -> bool:
        """Return whether the PDF holds a piece."""
        if kind == "heading":
            return self.has_heading(piece)
        if kind == "figure":
            return piece in self.figures
        if RIGHT_TO_LEFT.search(piece):
            return holds_both_ways(self.strict.text, piece)
        if kind == "text":  # hyphens come and go
            return self.loose.find(letters(piece))
        if kind == "line" or kind == "table cell":
            return self.strict.find(squeeze(piece))
        if kind == "spanning cell":  # Typst sets cells of several rows after the others
            return self.strict.find(squeeze(piece), stay=True)
        assert_never(kind)


def find_missing(pdf: bytes, blocks: Iterable[Block]) -> list[Missing]:
    """Return all pieces of the blocks that the PDF does not hold, in the notebook's order."""
    proof = Proof(pdf)
    return [
        Missing(block.cell, kind, piece)
        for block in blocks
        for kind, piece in pieces(block)
        if not proof.holds(kind, piece)
    ]


def summarize(missing: list[Missing]) -> str:
    """Return a sentence that names the first missing piece and the number of the others."""
    count = len(missing) - 1
    others = f", nor {count} more piece{'s' * (count > 1)}" if count else ""
    return f"{missing[0]}{others}."
