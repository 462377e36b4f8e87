"""nbconvert's exporter: a notebook as a PDF, with pip-installed parts alone.

``jupyter nbconvert --to typstpdf NOTEBOOK`` works for any notebook: pandoc reads the text, Typst
sets the page. After the build the PDF is read back and held against the notebook.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from nbformat.validator import ValidationError, normalize
from traitlets import Bool

from hwlib.pdf.blocks import (
    Block,
    FigureBlock,
    FinishedBlock,
    MarkdownBlock,
    RichOutputBlock,
    TextBlock,
)
from hwlib.pdf.cells import Switches
from hwlib.pdf.compiler import compile_document, pictures_of
from hwlib.pdf.document import Document, TitleBlock, find_facts, read_cells, read_document
from hwlib.pdf.errors import PdfError, show_as_sentence
from hwlib.pdf.fonts import (
    ZERO_WIDTH_SPACE,
    replace_characters,
    replace_surrogates,
    replace_unprintable,
    unprintable,
)
from hwlib.pdf.lines import text_lines
from hwlib.pdf.proof import Missing, find_missing, summarize
from hwlib.pdf.reading import load_notebook


def source_document(notebook: NotebookNode) -> Document:
    """Return the cells' sources as plain text: the last resort if nothing else can be printed."""
    cells = enumerate(notebook.cells, start=1)
    blocks: list[Block] = [TextBlock(place, text_lines(str(node.source))) for place, node in cells]
    return Document(TitleBlock("Notebook"), blocks)


def lost_pictures(wanted: Document, printed: Document) -> list[Missing]:
    """Return the figures and pictures that were left out because Typst could not set them."""
    kept = {picture for block in printed.all_blocks for picture in pictures_of(block)}
    lost = ((b, p) for b in wanted.all_blocks for p in pictures_of(b) if p not in kept)
    return [
        Missing(block.cell, "figure", block.alt if isinstance(block, FigureBlock) else picture.name)
        for block, picture in lost
    ]


class TypstPDFExporter(Exporter):
    """nbconvert's ``--to typstpdf``: any notebook as PDF, without TeX and without a browser."""

    export_from_notebook = "PDF via Typst"
    file_extension = ".pdf"
    output_mimetype = "application/pdf"
    strict = Bool(
        False, help="Fail, and do not only warn, if the PDF lacks what the notebook holds."
    ).tag(config=True)

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        if isinstance(self.log, logging.Logger):
            self.log.addFilter(show_as_sentence)

    def from_file(  # type: ignore[override]  # bytes, as nbconvert's own
        self, file_stream: Any, resources: Any = None, **options: Any
    ) -> tuple[bytes, Any]:
        """Return the PDF of an open notebook file; PdfError if it cannot be read or made."""
        return self.from_notebook_node(load_notebook(file_stream), resources, **options)

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: Any = None, **options: Any
    ) -> tuple[bytes, Any]:
        """Return the PDF's bytes; PdfError if it cannot be made or, with ``strict``, lacks what the
        notebook holds.
        """
        nb, surrogates = replace_surrogates(nb)
        if surrogates:
            self.log.warning("%d surrogates are printed as U+FFFD.", surrogates)
        printable, replaced = replace_unprintable(nb)
        if replaced:
            self.log.warning(
                "No font here has the characters %s; they are printed as U+... Install a font that "
                "has them (on Debian fonts-noto-color-emoji, fonts-noto-cjk or fonts-noto-core).",
                " ".join(replaced),
            )
        facts = find_facts(nb)
        prepared, resources = self.prepare(printable, resources, **options)
        try:
            wanted = replace(self.read(prepared, resources), facts=facts)
            pdf, document = compile_document(wanted)
        except PdfError as error:
            if self.strict:
                raise
            self.log.warning("Only the sources of the cells are printed: %s", error)
            wanted = replace(source_document(printable), facts=facts)
            pdf, document = compile_document(wanted)
        for warning in document.warnings:
            self.log.warning("%s", warning)
        missing = lost_pictures(wanted, document)
        missing += find_missing(pdf, document.all_blocks, document.plain_title)
        self.report(missing)
        if missing:  # which the receipt names
            pdf, _ = compile_document(replace(document, missing=[str(piece) for piece in missing]))
        return pdf, resources

    def prepare(
        self, nb: NotebookNode, resources: Any = None, **options: Any
    ) -> tuple[NotebookNode, Any]:
        """Return a valid notebook after nbconvert's preprocessors, and their resources."""
        # Some editors write ``tags: null``, which is invalid.
        _, nb = normalize(nb, strip_invalid_metadata=True)
        try:
            return super().from_notebook_node(nb, resources, **options)
        except ValidationError as error:
            reason = str(error).split("\n")[0]
            raise PdfError(f"The notebook does not follow its format: {reason}.") from error

    def read(self, nb: NotebookNode, resources: Any) -> Document:
        """Return what the PDF is made from."""
        metadata = resources.get("metadata", {})
        folder = Path(metadata.get("path") or ".")
        name = str(metadata.get("name") or "Notebook")
        printable = replace_characters(name, unprintable(name)).replace(ZERO_WIDTH_SPACE, "")
        return read_document(nb, printable, folder, Switches.of(self.config))

    def describe(self, nb: NotebookNode, resources: Any = None) -> Document:
        """Return what the PDF is made from and held against."""
        return self.read(*self.prepare(nb, resources))

    def describe_code(self, nb: NotebookNode) -> list[FinishedBlock]:
        """Return the code, plain outputs and figures of the notebook, which need no pandoc."""
        notebook, _ = self.prepare(nb)
        blocks = read_cells(notebook, Switches.of(self.config))
        return [b for b in blocks if not isinstance(b, MarkdownBlock | RichOutputBlock)]

    def report(self, missing: list[Missing]) -> None:
        """Warn of what the proof did not find; PdfError with ``strict``."""
        if missing and self.strict:
            raise PdfError(f"The PDF is not complete: {summarize(missing)}")
        if missing:
            self.log.warning("The PDF may not be complete: %s", summarize(missing))


def make_pdf(notebook: Path) -> bytes:
    """Return a notebook file's PDF; PdfError if it cannot be made or is not complete."""
    result: Any = TypstPDFExporter(strict=True).from_filename(str(notebook))
    pdf: bytes = result[0]
    return pdf
