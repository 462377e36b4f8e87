"""The PDF by one of several engines: our own, or nbconvert's by way of LaTeX or a browser."""

import io
import os
from pathlib import Path

import nbformat
from nbconvert.exporters import get_exporter
from pypandoc import get_pandoc_path
from pypdf import PdfReader, PdfWriter
from traitlets.config import Config

from hwlib.pdf import PdfError, TypstPDFExporter, notebook_hash

ENGINES = ("typst", "latex", "webpdf")
EXPORTERS = {"latex": "pdf", "webpdf": "webpdf"}  # names that nbconvert knows
NEEDS = {
    "latex": "xelatex and Inkscape (on Debian: texlive-xetex texlive-latex-extra "
    "texlive-fonts-recommended texlive-plain-generic inkscape)",
    "webpdf": "nbconvert[webpdf] and Chromium (playwright install chromium)",
}


def stamp(pdf: bytes, content_hash: str) -> bytes:
    """The same PDF with its notebook's hash among the keywords, as our own engine writes it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.add_metadata({"/Keywords": f"sha256:{content_hash}"})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def make_pdf(notebook: Path, engine: str = "typst") -> bytes:
    """A notebook's PDF. Only ``typst`` proves that nothing is missing.

    Raises:
        PdfError: the engine failed or lacks what it needs on this machine.
    """
    if engine == "typst":
        return TypstPDFExporter().from_filename(str(notebook))[0]
    folder = str(Path(get_pandoc_path()).parent)
    if folder not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] += os.pathsep + folder
    config = Config()
    if engine == "webpdf" and hasattr(os, "geteuid"):  # Chromium has no sandbox for root
        config.WebPDFExporter.disable_sandbox = os.geteuid() == 0
    try:
        pdf, _ = get_exporter(EXPORTERS[engine])(config=config).from_filename(str(notebook))
    except (OSError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PdfError(
            f"The PDF engine {engine} failed: {reason}\nIt needs {NEEDS[engine]}; "
            "--pdf-engine typst needs nothing."
        ) from error
    return stamp(pdf, notebook_hash(nbformat.read(notebook, as_version=4)))
