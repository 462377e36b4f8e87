"""From blocks to the PDF."""

import pytest
from pdf.helpers import text_of

from hwlib.pdf.blocks import CodeBlock, MarkupBlock, TextBlock
from hwlib.pdf.compiler import compile_document
from hwlib.pdf.document import Document, TitleBlock
from hwlib.pdf.errors import PdfError
from hwlib.pdf.lines import text_lines
from hwlib.pdf.pandoc import Markup


def document(*blocks) -> Document:
    return Document(TitleBlock("Title"), list(blocks))


def test_markup_that_cannot_be_set_is_shown_as_written():
    bad = MarkupBlock(3, "as *written*", Markup("$ unknown.symbol $"), {}, is_output=False)
    good = MarkupBlock(4, "", Markup("a *second* text"), {}, is_output=False)
    pdf, printed = compile_document(document(bad, good))
    assert "as *written*" in text_of(pdf) and "a second text" in text_of(pdf)
    assert printed.blocks == [TextBlock(3, text_lines("as *written*")), good]
    (warning,) = printed.warnings
    assert warning.startswith("Cell 3 is shown as plain text: ") and "\n" not in warning


def test_a_title_that_cannot_be_set_is_an_error():
    impossible = Document(TitleBlock("Title", date=["2024", "13", "1"]), [])
    with pytest.raises(PdfError, match="could not set the notebook"):
        compile_document(impossible)


def test_a_block_prints_its_count():
    pdf, _ = compile_document(document(CodeBlock(1, text_lines("x = 1"), "17", False)))
    assert "In [17]" in text_of(pdf) and "x = 1" in text_of(pdf)
