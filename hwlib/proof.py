"""The proof that a PDF is complete: read back with a library that had no part in making it."""

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


def find_missing_text(text: str, blocks: list[dict[str, Any]]) -> str:
    """The first line of code or output that is not in ``text``, in its order; "" for none."""
    position = 0
    for block in blocks:
        for line in block.get("lines", []):
            wanted = squeeze("".join(body for _, body in line["tokens"]))
            found = text.find(wanted, position)
            if found < 0:
                return f"cell {block['cell']} holds the line {wanted!r}, the PDF does not."
            position = found + len(wanted)
    return ""


def find_missing_figure(text: str, pdf: pypdfium2.PdfDocument, blocks: list[dict[str, Any]]) -> str:
    """The first figure without its caption in the PDF, or a picture too few; "" for none."""
    figures = [block for block in blocks if block["kind"] == "figure"]
    for figure in figures:
        if f"Figure{figure['number']}" not in text:
            return f"figure {figure['number']} of cell {figure['cell']} is not in the PDF."
    wanted = sum(figure["mime"] != "image/svg+xml" for figure in figures)
    kinds = [pdfium.FPDF_PAGEOBJ_IMAGE]
    found = sum(1 for page in pdf for _ in page.get_objects(filter=kinds))
    return f"{wanted} pictures are wanted, the PDF holds {found}." if found < wanted else ""


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
        or find_missing_figure(text, opened, content["blocks"])
        or find_cut_text(opened)
    )
