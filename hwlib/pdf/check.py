"""A PDF held against its receipt and its notebook, after both have left our hands."""

from dataclasses import replace
from pathlib import Path

from hwlib.pdf.document import notebook_hash
from hwlib.pdf.errors import PdfError
from hwlib.pdf.exporter import TypstPDFExporter
from hwlib.pdf.fonts import replace_surrogates, replace_unprintable
from hwlib.pdf.proof import find_missing
from hwlib.pdf.reading import load_notebook
from hwlib.pdf.receipt import Receipt, read_receipt


def prove_again(pdf: bytes, notebook: Path) -> Receipt:
    """Return a PDF's receipt with what the proof does not find now; PdfError if the PDF has none or
    was made from another notebook.
    """
    receipt = read_receipt(pdf)
    with notebook.open(encoding="utf-8") as stream:
        node, _ = replace_surrogates(load_notebook(stream))
    if receipt.notebook != notebook_hash(node):
        raise PdfError(f"The PDF was not made from {notebook}: the content differs.")
    printable, _ = replace_unprintable(node)
    metadata = {"name": notebook.stem, "path": str(notebook.parent)}
    document = TypstPDFExporter().describe(printable, {"metadata": metadata})
    missing = find_missing(pdf, document.all_blocks, document.plain_title)
    return replace(receipt, missing=[str(piece) for piece in missing])
