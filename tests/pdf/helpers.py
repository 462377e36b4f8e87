"""Small notebooks, and what can be read back from their PDFs."""

import base64
import io

import pypdfium2
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from hwlib.pdf.document import Document
from hwlib.pdf.exporter import TypstPDFExporter
from hwlib.pdf.proof import squeeze


def convert(*cells, strict: bool = True, **metadata) -> bytes:
    """The PDF of a notebook with these cells, which fails if it lacks a piece of them."""
    notebook = new_notebook(cells=list(cells), metadata=metadata)
    return TypstPDFExporter(strict=strict).from_notebook_node(notebook)[0]


def describe(*cells, **metadata) -> Document:
    """The document that these cells are printed as."""
    return TypstPDFExporter().describe(new_notebook(cells=list(cells), metadata=metadata))


def blocks_of(*cells, **metadata) -> list:
    """The blocks that these cells are printed as."""
    return describe(*cells, **metadata).blocks


def text_of(pdf: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def squeezed(pdf: bytes) -> str:
    return squeeze(text_of(pdf))


def ink(pdf: bytes, page: int = 0) -> float:
    """Share of the page's pixels that are not white."""
    image = pypdfium2.PdfDocument(pdf)[page].render(scale=1).to_pil().convert("L")
    return 1 - image.histogram()[255] / (image.width * image.height)


def png(width: int, height: int, colour: str = "red") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def code(source: str, *outputs, count: int = 1):
    return new_code_cell(source, outputs=list(outputs), execution_count=count)


def stream(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def result(**data):
    """A displayed output; two underscores in a name stand for the slash of a type."""
    return new_output("display_data", data={k.replace("__", "/"): v for k, v in data.items()})
