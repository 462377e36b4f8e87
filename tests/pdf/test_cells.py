"""Cells as blocks, and the tags that hide them."""

import nbformat
import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook
from pdf.helpers import blocks_of, code, convert, stream, text_of
from traitlets.config import Config

from hwlib.pdf.blocks import CodeBlock, MarkupBlock, TextBlock
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


HIDES_SOURCE = [
    {"tags": ["hide-input"]},
    {"tags": ["hide_input"]},
    {"tags": ["remove_input"]},
    {"jupyter": {"source_hidden": True}},
    {"hide_input": True},
]


@pytest.mark.parametrize("metadata", HIDES_SOURCE)
def test_metadata_hide_the_source(metadata):
    cell = code("source", stream("output"))
    cell.metadata.update(metadata)
    (block,) = blocks_of(cell)
    assert block.lines[0].text == "output"


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ("#| echo: false", ["output"]),
        ("#| label: x\n#| output: false", ["source"]),
        ("#| include: false", []),
        ("#| echo: true", ["source", "output"]),
    ],
)
def test_options_above_the_source_hide_what_they_say(options, printed):
    blocks = blocks_of(code(f"{options}\nsource", stream("output")))
    assert [block.lines[-1].text for block in blocks] == printed


def test_switches_of_nbconvert_hold():
    notebook = new_notebook(cells=[code("source", stream("output"))])
    hidden = TypstPDFExporter(config=Config(TemplateExporter={"exclude_input": True}))
    assert [b.lines[0].text for b in hidden.describe(notebook).blocks] == ["output"]
    bare = TypstPDFExporter(config=Config(TemplateExporter={"exclude_input_prompt": True}))
    pdf = bare.from_notebook_node(notebook)[0]
    assert "source" in text_of(pdf) and "In [" not in text_of(pdf)


def test_raw_cells_for_other_formats_are_left_out():
    def raw(text, **metadata):
        return nbformat.v4.new_raw_cell(text, metadata=metadata)

    front = raw("---\ntitle: A\n---")
    html, latex = raw("<b>", raw_mimetype="text/html"), raw("\\textbf{}", format="text/latex")
    markdown = raw("*word*", raw_mimetype="text/markdown")
    blocks = blocks_of(front, html, latex, markdown, raw("plain"))
    assert [block.cell for block in blocks] == [4, 5]
    assert isinstance(blocks[0], MarkupBlock) and isinstance(blocks[1], TextBlock)


def test_pages_are_broken_where_a_text_says_so():
    text = 'two\n\n<div style="page-break-after: always"></div>\n\nthree\n\n\\pagebreak\n\nfour\n'
    fenced = "```\n\\newpage\n```\n"
    cells = [new_markdown_cell("one"), nbformat.v4.new_raw_cell("\\newpage")]
    pdf = convert(*cells, new_markdown_cell(text + fenced))
    assert len(pypdfium2.PdfDocument(pdf)) == 4 and text_of(pdf).count("newpage") == 1
