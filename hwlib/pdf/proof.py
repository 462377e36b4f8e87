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


def pieces(block: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a block prints: the kind of piece and its text."""
    for line in block.get("lines", []):
        yield "line", "".join(body for _, body in line["tokens"])
    listed = {
        "spans": "spanning cell",
        "cells": "table cell",
        "words": "text",
        "headings": "heading",
    }
    for key, kind in listed.items():
        yield from ((kind, text) for text in block.get(key, []))
    if block["kind"] == "figure":
        yield from (("text", block["caption"]), ("figure", block["alt"]))


def find_missing(pdf: bytes, blocks: list[dict[str, Any]]) -> str:
    """What the PDF lacks of the blocks from ``TypstPDFExporter.describe``; "" for nothing.

    Text must stand on the pages and headings among the bookmarks, in the notebook's order; figures
    are known by the PDF's tags.
    """
    opened = pypdfium2.PdfDocument(pdf)
    text = read_text(opened)
    strict, loose = Reader(squeeze(text)), Reader(letters(text))
    bookmarks = iter([squeeze(item.get_title()) for item in opened.get_toc()])
    root = PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    figures = set(alternative_texts(root.get("/StructTreeRoot")))
    holds = {
        "line": lambda piece: strict.find(squeeze(piece)),
        "table cell": lambda piece: strict.find(squeeze(piece)),
        # Typst sets cells of several rows after the others.
        "spanning cell": lambda piece: strict.find(squeeze(piece), stay=True),
        "text": lambda piece: loose.find(letters(piece)),  # hyphens come and go
        "heading": lambda piece: not squeeze(piece) or squeeze(piece) in bookmarks,
        "figure": lambda piece: piece in figures,
    }
    for block in blocks:
        for kind, piece in pieces(block):
            is_set = kind not in ("heading", "figure")  # on the pages, so perhaps from the right
            if is_set and RIGHT_TO_LEFT.search(piece):
                found = holds_both_ways(strict.text, piece)
            else:
                found = holds[kind](piece)
            if not found:
                return f"cell {block['cell']} holds the {kind} {piece[:100]!r}, the PDF does not."
    return ""
