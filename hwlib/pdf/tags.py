"""The tags of a PDF's pages: its formulas and figures, and which marks on the page are theirs."""

import ctypes
from collections.abc import Iterator
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium


def read_string(read: object, element: object) -> str:
    """Return a string of a PDF's tag, by one of PDFium's functions."""
    size = read(element, None, 0)  # type: ignore[operator]
    buffer = ctypes.create_string_buffer(size)
    read(element, buffer, size)  # type: ignore[operator]
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")


def marks_of(element: object) -> Iterator[int]:
    """Return the numbers of the marks on the page that belong to a tag and those within it."""
    count = pdfium.FPDF_StructElement_GetMarkedContentIdCount(element)
    for index in range(count):
        yield pdfium.FPDF_StructElement_GetMarkedContentIdAtIndex(element, index)
    for child in children_of(element):
        yield from marks_of(child)


def children_of(element: object) -> Iterator[object]:
    """Return the tags within a tag."""
    for index in range(pdfium.FPDF_StructElement_CountChildren(element)):
        if child := pdfium.FPDF_StructElement_GetChildAtIndex(element, index):
            yield child


class Tagged(NamedTuple):
    """A formula or a figure in a PDF's tags, by its alternative text, with its marks."""

    kind: str
    alt: str
    marks: list[int]


def tagged_in(element: object) -> Iterator[Tagged]:
    """Return the formulas and figures within a tag, not those in the list of contents."""
    kind = read_string(pdfium.FPDF_StructElement_GetType, element)
    if kind in ("Formula", "Figure"):
        alt = read_string(pdfium.FPDF_StructElement_GetAltText, element)
        yield Tagged(kind, alt, list(marks_of(element)))
    if kind not in ("Formula", "TOC"):
        for child in children_of(element):
            yield from tagged_in(child)


def tagged_on(page: pypdfium2.PdfPage) -> list[Tagged]:
    """Return the formulas and figures on a page."""
    tree = pdfium.FPDF_StructTree_GetForPage(page)
    try:
        count = pdfium.FPDF_StructTree_CountChildren(tree)
        roots = [pdfium.FPDF_StructTree_GetChildAtIndex(tree, index) for index in range(count)]
        return [part for root in roots for part in tagged_in(root)]
    finally:
        pdfium.FPDF_StructTree_Close(tree)
