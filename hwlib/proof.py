"""The proof that a PDF is complete: read back with a library that had no part in making it."""

import ctypes
import unicodedata
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

Document = dict[str, Any]
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\ufeff"))  # soft hyphens, zero widths


def squeeze(text: str) -> str:
    """Text without blanks and invisible characters, in Unicode's compatibility form.

    PDFium marks a hyphen at the end of a line as U+FFFE or U+0002.
    """
    text = text.replace("\ufffe", "-").replace("\x02", "-").translate(INVISIBLE)
    return "".join(unicodedata.normalize("NFKC", text).split())


def read_text(pdf: pypdfium2.PdfDocument) -> str:
    """All text in reading order, squeezed."""
    return squeeze("".join(page.get_textpage().get_text_range() for page in pdf))


def read_keywords(pdf: bytes) -> str:
    """The PDF's keywords, among them the hash of its notebook.

    Raises:
        pypdfium2.PdfiumError: these bytes are no PDF.
    """
    return pypdfium2.PdfDocument(pdf).get_metadata_dict().get("Keywords", "")


def is_right_to_left(text: str) -> bool:
    """Whether a line holds Hebrew or Arabic, which comes back in the order in which it is seen."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") for c in text)


def find_missing_text(text: str, blocks: list[dict[str, Any]]) -> str:
    """The first line of code or output that is not in ``text``, in its order; "" for none."""
    position = 0
    for block in blocks:
        for line in block.get("lines", []):
            wanted = squeeze("".join(body for _, body in line["tokens"]))
            if is_right_to_left(wanted):
                found = position if set(wanted) <= set(text) else -1
            else:
                found = text.find(wanted, position)
                position = found + len(wanted)
            if found < 0:
                return f"cell {block['cell']} holds the line {wanted!r}, the PDF does not."
    return ""


def find_missing_heading(pdf: pypdfium2.PdfDocument, blocks: list[dict[str, Any]]) -> str:
    """The first heading that is not among the PDF's bookmarks, in its order; "" for none."""
    bookmarks = iter([squeeze(item.get_title()) for item in pdf.get_toc()])
    for block in blocks:
        for heading in block.get("headings", []):
            if squeeze(heading) and squeeze(heading) not in bookmarks:
                return f"cell {block['cell']} holds the heading {heading!r}, the PDF does not."
    return ""


def alternative_texts(page: pypdfium2.PdfPage) -> list[str]:
    """What a page's tags say of its figures, in order."""
    tree = pdfium.FPDF_StructTree_GetForPage(page)
    elements = [
        pdfium.FPDF_StructTree_GetChildAtIndex(tree, n)
        for n in range(pdfium.FPDF_StructTree_CountChildren(tree))
    ]
    texts = []
    while elements:
        element = elements.pop(0)
        size = pdfium.FPDF_StructElement_GetAltText(element, None, 0)
        if size:
            buffer = ctypes.create_string_buffer(size)
            pdfium.FPDF_StructElement_GetAltText(element, buffer, size)
            texts.append(buffer.raw[:size].decode("utf-16-le").rstrip("\0"))
        elements[:0] = [
            child
            for n in range(pdfium.FPDF_StructElement_CountChildren(element))
            if (child := pdfium.FPDF_StructElement_GetChildAtIndex(element, n))
        ]
    pdfium.FPDF_StructTree_Close(tree)
    return texts


def find_missing_figure(pdf: pypdfium2.PdfDocument, blocks: list[dict[str, Any]]) -> str:
    """The first figure that the PDF's tags do not hold; "" for none."""
    found = {text for page in pdf for text in alternative_texts(page)}
    for block in blocks:
        if block["kind"] == "figure" and f"Figure {block['number']}" not in found:
            return f"figure {block['number']} of cell {block['cell']} is not in the PDF."
    return ""


def find_cut_text(pdf: pypdfium2.PdfDocument) -> str:
    """The first page with a character beyond its edge; "" for none."""
    for number, page in enumerate(pdf, start=1):
        textpage, width = page.get_textpage(), page.get_width()
        for index in range(textpage.count_chars()):
            left, _, right, _ = textpage.get_charbox(index)
            if right > width or left < 0:
                return f"page {number} has text beyond its edge."
    return ""


def find_missing(pdf: bytes, content: Document) -> str:
    """What the notebook holds and its PDF does not; "" where nothing is missing.

    Args:
        pdf: the PDF's bytes.
        content: the document it was made from, from ``document.describe``.
    """
    opened = pypdfium2.PdfDocument(pdf)
    text = read_text(opened)
    return (
        find_missing_text(text, content["blocks"])
        or find_missing_heading(opened, content["blocks"])
        or find_missing_figure(opened, content["blocks"])
        or find_cut_text(opened)
    )
