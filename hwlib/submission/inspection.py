"""The judged side of reading: what a notebook and its PDF say.

Both are a student's data, and a parser may be led astray by data. So ``inspect`` runs in a process
that ``sandbox`` locks in; it tells what it found in two lines of JSON, first of the notebook, then
of the PDF, and ``read_inspection`` takes from them nothing but text and numbers of bounded size.
"""

import json
import struct
from typing import Any, BinaryIO, NamedTuple

import nbformat
import pypdfium2
from nbformat import NotebookNode
from pydantic import BaseModel, Field, ValidationError

from hwlib.common.results import claimed_sources, displayed_claims, sources_hash
from hwlib.pdf import proof
from hwlib.pdf.document import notebook_hash
from hwlib.pdf.exporter import TypstPDFExporter
from hwlib.pdf.figure_proof import find_changed_figures
from hwlib.pdf.fonts import SYSTEM_FONTS
from hwlib.submission.carrier import carried_files, file_hashes
from hwlib.submission.containers import Limits
from hwlib.submission.sandbox import run_confined

LENGTHS = struct.Struct("<QQ")  # of notebook and PDF, in bytes
MOST_CELLS = 20_000
CARRIES = "# carries the library"  # stands for the source of the cell that does
READING_LIMITS = Limits(seconds=120, output=64 << 20)
INSPECT = "hwlib.submission.inspection:inspect"


class Cell(BaseModel):
    """A code cell that is not empty, as it was handed in."""

    source: str
    count: int | None  # the number in In [n]
    failed: bool  # whether it ended with an error
    tags: list[str] = []


class NotebookFacts(BaseModel):
    """What a notebook holds; ``problem`` is a sentence if it cannot be read."""

    problem: str = ""
    cells: list[Cell] = Field(default=[], max_length=MOST_CELLS)
    library: dict[str, str] = Field(default={}, max_length=MOST_CELLS)  # hashes of files it carries
    texts: list[str] = Field(default=[], max_length=MOST_CELLS)  # of the Markdown cells
    claims: Any = None  # what it claims last, not checked
    sources: str = ""  # hash of the code down to the claims


class PdfFacts(BaseModel):
    """What a PDF holds; ``own`` says that it was made by this project's exporter, ``problem`` is a
    sentence if it is not what it must be.
    """

    problem: str = ""
    own: bool = False
    message: str = ""


class Inspection(NamedTuple):
    """What a notebook and its PDF say."""

    notebook: NotebookFacts
    pdf: PdfFacts


def read_notebook(content: bytes) -> NotebookNode:
    """Return a valid notebook; ValueError and many other errors if it is none."""
    notebook: NotebookNode = nbformat.reads(content.decode(), as_version=4)
    nbformat.validate(notebook)
    return notebook


def notebook_facts(notebook: NotebookNode) -> NotebookFacts:
    """Return what the judge wants to know of a notebook."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    carried = [carried_files(cell.source) for cell in code]
    cells = [
        Cell(
            source=CARRIES if files else cell.source,
            count=cell.execution_count,
            failed=any(output.output_type == "error" for output in cell.outputs),
            tags=[str(tag) for tag in cell.metadata.get("tags") or []],
        )
        for cell, files in zip(code, carried, strict=True)
        if cell.source.strip()
    ]
    return NotebookFacts(
        cells=cells,
        library=file_hashes(next(filter(None, carried), {})),
        texts=[cell.source for cell in notebook.cells if cell.cell_type == "markdown"],
        claims=displayed_claims(notebook),
        sources=sources_hash(claimed_sources(notebook)),
    )


def find_code(pdf: bytes, notebook: NotebookNode) -> str:
    """Return how much of a notebook's code stands in a PDF of unknown origin, line by line, in any
    order.
    """
    text = proof.letters(proof.read_text(pypdfium2.PdfDocument(pdf)))
    sources = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    lines = [proof.letters(line) for source in sources for line in source.splitlines()]
    lines = [line for line in lines if line]
    found = sum(line in text for line in lines)
    return f"{found} of {len(lines)} lines of code found"


def pdf_facts(pdf: bytes, notebook: NotebookNode) -> PdfFacts:
    """Return whether a PDF was made from this very notebook, and holds all of it."""
    try:
        metadata = proof.read_metadata(pdf)
    except pypdfium2.PdfiumError as error:
        return PdfFacts(problem=f"The PDF cannot be opened: {str(error).rstrip('.')}.")
    if "sha256:" not in metadata["Keywords"]:
        found = find_code(pdf, notebook)
        return PdfFacts(problem=f"The PDF was not made by this tool: {found}.")
    if f"sha256:{notebook_hash(notebook)}" not in metadata["Keywords"]:
        return PdfFacts(
            own=True,
            problem="The PDF was not made from this notebook: the content hashes differ.",
        )
    blocks = list(TypstPDFExporter().describe_code(notebook))
    if missing := proof.find_missing(pdf, blocks):
        reason = proof.summarize(missing)
        return PdfFacts(own=True, problem=f"The PDF was not made from this notebook: {reason}")
    if changed := find_changed_figures(pdf, blocks):
        reason = f"Figure {changed[0].number} (cell {changed[0].cell}) shows another picture."
        return PdfFacts(own=True, problem=f"The PDF was not made from this notebook: {reason}")
    message = "made from this notebook, code, outputs and figures complete"
    return PdfFacts(own=True, message=message)


def inspect(source: BinaryIO, sink: BinaryIO) -> None:
    """Write a line about the notebook, then a line about the PDF."""
    lengths = LENGTHS.unpack(source.read(LENGTHS.size))
    content, pdf = (source.read(length) for length in lengths)
    try:
        notebook = read_notebook(content)
        facts = notebook_facts(notebook)
    except Exception as error:  # nbformat raises many kinds
        problem = f"The notebook cannot be read: {type(error).__name__}."
        sink.write(NotebookFacts(problem=problem).model_dump_json().encode() + b"\n")
        return
    sink.write(facts.model_dump_json().encode() + b"\n")
    sink.flush()
    sink.write(pdf_facts(pdf, notebook).model_dump_json().encode() + b"\n")


def read_inspection(output: bytes, reason: str) -> Inspection:
    """Return what a confined process told; ``reason`` says why it ended early, if it did."""
    reason = reason or "told nothing"
    notebook = NotebookFacts(problem=f"The notebook's reader {reason}.")
    pdf = PdfFacts(problem=f"The PDF's reader {reason}.")
    lines = output.split(b"\n", 2)
    try:
        if len(lines) > 1:
            notebook = NotebookFacts.model_validate(json.loads(lines[0]))
        if notebook.problem:
            return Inspection(
                notebook, PdfFacts(problem="The PDF has no notebook to be held against.")
            )
        if len(lines) > 2:
            pdf = PdfFacts.model_validate(json.loads(lines[1]))
    except (ValidationError, ValueError, RecursionError):
        problem = "Its reader answered with something else than was asked for."
        return Inspection(NotebookFacts(problem=problem), PdfFacts(problem=problem))
    return Inspection(notebook, pdf)


def inspect_confined(notebook: bytes, pdf: bytes, limits: Limits = READING_LIMITS) -> Inspection:
    """Return what a notebook and its PDF say, read in a process that is locked in as well as this
    machine can do it: no line of a student's is run, so a machine without locks reads them too.
    """
    data = LENGTHS.pack(len(notebook), len(pdf)) + notebook + pdf
    fonts = [folder for folder in SYSTEM_FONTS if folder.is_dir()]  # by which the PDF was proven
    outcome = run_confined(INSPECT, data, limits, readable=fonts, trust=True)
    return read_inspection(outcome.output, outcome.reason)
