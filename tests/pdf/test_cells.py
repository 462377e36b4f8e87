"""Cells as blocks, and the tags that hide them."""

import nbformat
import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook
from pdf.helpers import blocks_of, code, convert, stream, text_of

from hwlib.pdf.blocks import CodeBlock
from hwlib.pdf.exporter import TypstPDFExporter


def test_tags_hide_what_they_say():
    hidden = code("secret_source", stream("shown output"))
    hidden.metadata["tags"] = ["remove-input"]
    gone = code("gone_source", stream("gone output"))
    gone.metadata["tags"] = ["remove_cell"]
    text = text_of(convert(hidden, gone))
    assert "shown output" in text and "secret" not in text and "gone" not in text


def test_cells_keep_their_places_if_others_are_hidden():
    gone = code("gone")
    gone.metadata["tags"] = ["remove-cell"]
    assert [block.cell for block in blocks_of(gone, new_markdown_cell("a"), code("b"))] == [2, 3]


def test_tags_that_are_null_hide_nothing():
    notebook = new_notebook(cells=[code("shown_source", stream("shown output"))])
    notebook.cells[0].metadata["tags"] = None
    notebook.cells[0].outputs[0]["metadata"] = {"tags": None}
    text = text_of(TypstPDFExporter().from_notebook_node(notebook)[0])
    assert "shown_source" in text and "shown output" in text


def test_short_code_stays_with_its_output():
    blocks = blocks_of(code("a", stream("x")), code("b"), code("c\n" * 20, stream("x")))
    assert [b.sticky for b in blocks if isinstance(b, CodeBlock)] == [True, False, False]


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [code("")],
        [new_markdown_cell("")],
        [nbformat.v4.new_raw_cell("raw words")],
        [code("\x00\x07é")],
    ],
)
def test_odd_notebooks_make_a_page(cells):
    assert len(pypdfium2.PdfDocument(convert(*cells))) == 1
