"""From typed blocks to the PDF: Typst's data, its files, and what happens if it fails."""

import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typst
from typing_extensions import assert_never

from hwlib.pdf.blocks import (
    Block,
    CodeBlock,
    ErrorBlock,
    FigureBlock,
    MarkupBlock,
    PageBreakBlock,
    SourceBlock,
    TextBlock,
)
from hwlib.pdf.document import Document
from hwlib.pdf.equations import Formula
from hwlib.pdf.errors import PdfError
from hwlib.pdf.fonts import BUNDLED
from hwlib.pdf.lines import Line, columns_of, text_lines
from hwlib.pdf.pandoc import Markup
from hwlib.pdf.pictures import PictureFile
from hwlib.pdf.receipt import FILE, Standard, write_receipt

SHORT_TEXT = 15  # lines
SHORT_PROSE = 800  # characters
MOST_SENTENCES = 4  # outputs of prose in a row that stay with the figure or table after them
MOST_COMPILES = 150  # in search of what Typst cannot set
TEMPLATES = Path(__file__).parent / "templates"


def formula_data(formula: Formula) -> dict[str, Any]:
    """Return what ``templates/maths.typ`` reads of a formula; without ``markup``, its source."""
    data = {"alt": formula.alt, "display": formula.display, "markup": None}
    return data | (asdict(formula.setting) if formula.setting else {})


def widest(lines: list[Line]) -> int:
    """Return the columns of the widest line."""
    return max((columns_of(line.text) for line in lines), default=0)


def introduces(lines: list[Line]) -> bool:
    """Return whether a printed text is a few lines that end with a colon; a page's end does not
    part it from the output that follows.
    """
    return len(lines) <= SHORT_TEXT and lines[-1].text.rstrip().endswith(":")


def is_figure_or_table(block: Block) -> bool:
    """Return whether an output is a figure or a table."""
    is_table = isinstance(block, MarkupBlock) and block.is_output and block.markup.tables > 0
    return is_table or isinstance(block, FigureBlock)


def is_short_prose(block: Block) -> bool:
    """Return whether an output is a little prose and nothing else."""
    return (
        isinstance(block, MarkupBlock)
        and block.is_output
        and len(block.text) <= SHORT_PROSE
        and not (block.markup.tables or block.pictures)
    )


def stay_with_next(blocks: list[Block]) -> list[bool]:
    """Return for each block whether it is short prose before a figure or table of its own cell; a
    page's end does not part the two.
    """
    stays = [False] * len(blocks)
    for number, block in enumerate(blocks):
        before = range(number - 1, max(-1, number - 1 - MOST_SENTENCES), -1)
        for place in before if is_figure_or_table(block) else ():
            if blocks[place].cell != block.cell or not is_short_prose(blocks[place]):
                break
            stays[place] = True
    return stays


def typst_data(block: Block, stays: bool = False) -> dict[str, Any]:
    """Return what ``templates/notebook.typ`` reads of a block; ``kind`` is a function there. An
    output that ``stays`` is on one page with what follows.
    """
    match block:
        case CodeBlock():
            kind = {"kind": "code", "count": block.count, "sticky": block.sticky}
            return kind | {"lines": block.lines}
        case SourceBlock():
            return {"kind": "source", "lines": block.lines}
        case TextBlock():
            text = {"kind": "text", "lines": block.lines, "columns": widest(block.lines)}
            return text | {"sticky": introduces(block.lines)}
        case ErrorBlock():
            return {"kind": "error", "lines": block.lines, "columns": widest(block.lines)}
        case PageBreakBlock():
            return {"kind": "pagebreak"}
        case FigureBlock():
            figure = {"kind": "figure", "path": block.picture.name, "alt": block.alt}
            shown = {"number": block.number, "caption": block.caption, "width": block.width}
            return figure | shown
        case MarkupBlock():
            pictures = {source: picture.name for source, picture in block.pictures.items()}
            content: dict[str, Any] = {"markup": block.markup.markup, "pictures": pictures}
            content["formulas"] = [formula_data(formula) for formula in block.formulas]
            kind = {"kind": "output", "sticky": stays} if block.is_output else {"kind": "markdown"}
            return kind | content
    assert_never(block)


def pictures_of(block: Block) -> list[PictureFile]:
    """Return the pictures that a block shows."""
    match block:
        case FigureBlock():
            return [block.picture]
        case MarkupBlock():
            return list(block.pictures.values())
    return []


class Compiler:
    """Compiles the blocks of one document; its files lie in ``folder``."""

    def __init__(self, document: Document, folder: Path):
        self.document = document
        self.folder = folder
        self.compiles = 0
        for path in [*BUNDLED, *TEMPLATES.glob("*.typ")]:
            shutil.copy(path, folder)
        for picture in (picture for block in document.all_blocks for picture in pictures_of(block)):
            (folder / picture.name).write_bytes(picture.content)

    def compile(self, blocks: list[Block], standard: Standard = "PDF 1.7") -> bytes:
        """Return the PDF of these blocks, or raise Typst's error."""
        self.compiles += 1
        document = replace(self.document, blocks=blocks)
        data = asdict(document.title_block) | {"language": document.facts.language}
        data["keywords"] = [f"sha256:{document.facts.hash}"]
        data["heading"] = typst_data(document.heading) if document.heading else None
        pairs = zip(blocks, stay_with_next(blocks), strict=True)
        data["blocks"] = [typst_data(block, stays) for block, stays in pairs]
        receipt = write_receipt(document, standard)
        (self.folder / "document.json").write_text(json.dumps(data), encoding="utf-8")
        (self.folder / FILE).write_text(receipt.to_json(), encoding="utf-8")
        source, folder = str(self.folder / "notebook.typ"), str(self.folder)
        return typst.compile(
            source,
            root=folder,
            font_paths=[folder],
            pdf_standards="ua-1" if standard == "PDF/UA-1" else None,
        )

    def compile_accessibly(self) -> bytes:
        """Return the PDF of the document, by the standard PDF/UA-1 if it can hold."""
        with suppress(typst.TypstError):
            return self.compile(self.document.blocks, "PDF/UA-1")
        return self.compile(self.document.blocks)

    def drop_bad_heading(self) -> None:
        """Let the title be words alone if Typst cannot set its heading; raise Typst's error if it
        can set nothing.
        """
        try:
            self.compile([])
        except typst.TypstError:
            self.document = replace(self.document, heading=None)
            self.compile([])

    def settable(self, blocks: list[Block]) -> list[tuple[Block, str]]:
        """Return each block with "", or its text as written with a warning if Typst cannot set it.

        Half of the blocks are compiled at a time, so that a few bad ones cost few compiles. If
        there are very many, whole groups are shown as they were written.
        """
        if self.compiles > MOST_COMPILES:
            return [as_written(block, "too many other cells cannot be set") for block in blocks]
        try:
            self.compile(blocks)
            return [(block, "") for block in blocks]
        except typst.TypstError as error:
            if len(blocks) == 1:
                return [self.replacement(blocks[0], str(error).split("\n")[0])]
        middle = len(blocks) // 2
        return [*self.settable(blocks[:middle]), *self.settable(blocks[middle:])]

    def settable_formulas(self, formulas: list[Formula]) -> list[Formula]:
        """Return the formulas, those without their setting that Typst cannot set."""
        if self.compiles > MOST_COMPILES:
            return [replace(formula, setting=None) for formula in formulas]
        markup = Markup("".join(f"#formula({number})" for number in range(len(formulas))))
        try:
            self.compile([MarkupBlock(0, "", markup, {}, False, formulas)])
            return formulas
        except typst.TypstError:
            if len(formulas) == 1:
                return [replace(formulas[0], setting=None)]
        middle = len(formulas) // 2
        halves = formulas[:middle], formulas[middle:]
        return [formula for half in halves for formula in self.settable_formulas(half)]

    def replacement(self, block: Block, reason: str) -> tuple[Block, str]:
        """Return a text without its pictures if these were at fault, or what it was written as."""
        if isinstance(block, MarkupBlock) and block.formulas:
            with suppress(typst.TypstError):
                readable = replace(block, formulas=self.settable_formulas(block.formulas))
                self.compile([readable])
                return readable, f"Cell {block.cell} holds a formula that is printed as source."
        if isinstance(block, MarkupBlock) and block.pictures:
            with suppress(typst.TypstError):
                without = replace(block, pictures={})
                self.compile([without])
                return without, f"The pictures of cell {block.cell} are left out: {reason}"
        return as_written(block, reason)


def as_written(block: Block, reason: str) -> tuple[Block, str]:
    """Return what stands for a block that Typst cannot set, and a warning."""
    if not isinstance(block, MarkupBlock | FigureBlock):  # text, which can always be set
        return block, ""
    if isinstance(block, MarkupBlock):
        warning = f"Cell {block.cell} is shown as plain text: {reason}"
        return TextBlock(block.cell, text_lines(block.text)), warning
    warning = f"An output of cell {block.cell} cannot be set and is left out: {reason}"
    return TextBlock(block.cell, text_lines("[An output that cannot be set.]")), warning


def compile_document(document: Document) -> tuple[bytes, Document]:
    """Return the PDF, and the document as it was set: texts that Typst does not understand stand
    there as they were written, with a warning. PdfError if it cannot be set.
    """
    with tempfile.TemporaryDirectory(prefix="typstpdf-") as folder:
        compiler = Compiler(document, Path(folder))
        with suppress(typst.TypstError):
            return compiler.compile_accessibly(), document
        try:
            compiler.drop_bad_heading()
            pairs = compiler.settable(document.blocks)
            blocks = [block for block, _ in pairs]
            warnings = document.warnings + [warning for _, warning in pairs if warning]
            compiler.document = replace(compiler.document, blocks=blocks, warnings=warnings)
            return compiler.compile_accessibly(), compiler.document
        except typst.TypstError as error:
            reason = str(error).split("\n")[0]
            raise PdfError(f"Typst could not set the notebook: {reason}") from error
