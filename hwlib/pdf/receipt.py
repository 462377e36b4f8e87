"""The receipt that a PDF carries: what was printed, what was shortened, and what is not there."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from hwlib.pdf.blocks import Block, CodeBlock, FigureBlock, MarkupBlock, PageBreakBlock, TextBlock
from hwlib.pdf.document import Document
from hwlib.pdf.errors import PdfError

FILE = "receipt.json"  # the name of the PDF's attachment
VERSION = 1
SHORTENED = re.compile(r"… [\d,]+ more (?:lines|rows|characters) are in the notebook …")
Standard = Literal["PDF/UA-1", "PDF 1.7"]


@dataclass(frozen=True)
class Receipt:
    """What a PDF holds of its notebook; the lists hold sentences."""

    version: int
    notebook: str  # the SHA-256 of its content
    standard: Standard  # PDF/UA-1 has been checked by Typst
    cells: dict[str, int]  # by type, and those that are hidden
    code_characters: int
    headings: int
    formulas: int
    formulas_as_source: int
    tables: int
    figures: int
    pictures: int
    shortened: list[str]
    not_shown: list[str]
    warnings: list[str]  # what could not be read or set, and how it is printed
    missing: list[str]  # what the proof did not find on the pages

    def to_json(self) -> str:
        """Return the receipt as JSON for people to read."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def notices(block: Block) -> Iterator[str]:
    """Return what a block says of what it does not show."""
    if isinstance(block, TextBlock) and block.is_notice:
        yield " ".join(line.text for line in block.lines)
    if isinstance(block, MarkupBlock):
        lacking = dict.fromkeys(p for p in block.markup.pictures if p not in block.pictures)
        yield from (f"The picture {name[:80]} is not at hand." for name in lacking)


def shortened_parts(block: Block) -> Iterator[str]:
    """Return the notices in place of lines, rows and characters that a block leaves out."""
    if isinstance(block, MarkupBlock):
        texts = [*block.markup.words, *block.markup.cells]
    elif isinstance(block, FigureBlock | PageBreakBlock):
        texts = []
    else:
        texts = [line.text for line in block.lines]
    for text in texts:
        yield from SHORTENED.findall(text)


def write_receipt(document: Document, standard: Standard) -> Receipt:
    """Return the receipt of a document that is printed by a standard."""
    blocks = document.blocks
    markup = [block for block in blocks if isinstance(block, MarkupBlock)]
    formulas = [formula for block in markup for formula in block.formulas if formula.alt]
    code = [block for block in blocks if isinstance(block, CodeBlock)]
    count = Counter(type(block) for block in blocks)
    return Receipt(
        version=VERSION,
        notebook=document.facts.hash,
        standard=standard,
        cells=document.facts.cells,
        code_characters=sum(len(line.text) for block in code for line in block.lines),
        headings=sum(len(block.markup.headings) for block in markup),
        formulas=len(formulas),
        formulas_as_source=sum(formula.setting is None for formula in formulas),
        tables=sum(block.markup.tables for block in markup),
        figures=count[FigureBlock],
        pictures=sum(len(block.pictures) for block in markup),
        shortened=[f"cell {b.cell}: {part}" for b in blocks for part in shortened_parts(b)],
        not_shown=[f"cell {b.cell}: {part}" for b in blocks for part in notices(b)],
        warnings=document.warnings,
        missing=document.missing,
    )


def read_receipt(pdf: bytes) -> Receipt:
    """Return the receipt of a PDF; PdfError if it has none that can be read."""
    if b"%PDF-" not in pdf[:1024]:
        raise PdfError("The file is no PDF.")
    try:
        content = PdfReader(io.BytesIO(pdf)).attachments[FILE][0]
        return Receipt(**json.loads(content))
    except (PyPdfError, KeyError, IndexError, ValueError, TypeError) as error:
        raise PdfError("The PDF holds no receipt: another program has made it.") from error
