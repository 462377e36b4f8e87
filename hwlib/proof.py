"""The proof that a PDF is complete: read back with libraries that had no part in making it."""

import io
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pypdfium2
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, PdfObject

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
    return pypdfium2.PdfDocument(pdf).get_metadata_dict()


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


def pieces(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a block prints: the kind of piece and its text."""
    for line in block.get("lines", []):
        yield "line", "".join(body for _, body in line["tokens"])
    for kind, key in (("spanning cell", "spans"), ("table cell", "cells"), ("text", "words")):
        yield from ((kind, text) for text in block.get(key, []))
    yield "text", block.get("caption", "")


def find_missing_text(text: str, blocks: list[dict[str, Any]]) -> str:
    """The first line, table cell or run of words that ``text`` lacks, in its order; "" for none."""
    strict, loose = Reader(squeeze(text)), Reader(letters(text))
    for block in blocks:
        for kind, piece in pieces(block):
            if RIGHT_TO_LEFT.search(piece):
                found = holds_both_ways(strict.text, piece)
            elif kind == "text":
                found = loose.find(letters(piece))
            else:  # Typst sets cells of several rows after the others
                found = strict.find(squeeze(piece), stay=kind == "spanning cell")
            if not found:
                return f"cell {block['cell']} holds the {kind} {piece[:100]!r}, the PDF does not."
    return ""


def find_missing_heading(pdf: pypdfium2.PdfDocument, blocks: list[dict[str, Any]]) -> str:
    """The first heading that is not among the PDF's bookmarks, in its order; "" for none."""
    bookmarks = iter([squeeze(item.get_title()) for item in pdf.get_toc()])
    for block in blocks:
        for heading in block.get("headings", []):
            if squeeze(heading) and squeeze(heading) not in bookmarks:
                return f"cell {block['cell']} holds the heading {heading!r}, the PDF does not."
    return ""


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


def find_missing_figure(pdf: bytes, blocks: list[dict[str, Any]]) -> str:
    """The first figure that the PDF's tags do not hold; "" for none."""
    root = PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    found = set(alternative_texts(root.get("/StructTreeRoot")))
    for block in blocks:
        if block["kind"] == "figure" and block["alt"] not in found:
            return f"figure {block['number']} of cell {block['cell']} is not in the PDF."
    return ""


def find_missing(pdf: bytes, blocks: list[dict[str, Any]]) -> str:
    """What the PDF lacks of the blocks from ``TypstPDFExporter.describe``; "" for nothing."""
    opened = pypdfium2.PdfDocument(pdf)
    return (
        find_missing_text(read_text(opened), blocks)
        or find_missing_heading(opened, blocks)
        or find_missing_figure(pdf, blocks)
    )
