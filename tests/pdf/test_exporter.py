"""The PDF of hard notebooks, opened and read back."""

import base64
import io
import json
import os
import subprocess
import sys

import nbformat
import pandas as pd
import pypdfium2
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from support import ROOT

from hwlib.pdf import blocks as document
from hwlib.pdf import proof
from hwlib.pdf.exporter import PdfError, TypstPDFExporter, make_pdf, notebook_hash, stamp


def convert(*cells, **metadata) -> bytes:
    notebook = new_notebook(cells=list(cells), metadata=metadata)
    return TypstPDFExporter().from_notebook_node(notebook)[0]


def text_of(pdf: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def squeezed(pdf: bytes) -> str:
    return proof.squeeze(text_of(pdf))


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
    return new_output("display_data", data={k.replace("__", "/"): v for k, v in data.items()})


def test_long_lines_are_folded_and_nothing_is_lost():
    unbroken, spaced = "x" * 500, "value = " + " + ".join(f"term_{n}" for n in range(90))
    pdf = convert(code(f"{unbroken}\n{spaced}\n\tif tab:\n        pass", stream("y" * 700)))
    text = squeezed(pdf).replace("↪", "")
    for line in (unbroken, spaced.replace(" ", "")):
        assert line[:100] in text
    assert text.count("x") >= 500 and text.count("y") >= 700
    assert text_of(pdf).count("↪") >= 4 + 7 + 6


def test_folding_loses_no_character_and_counts_wide_ones_twice():
    line = [("plain", "abc" * 50), ("string", "漢字" * 60)]
    pieces = [folded["tokens"] for folded in document.to_lines(line)]
    assert "".join(t for piece in pieces for _, t in piece) == "abc" * 50 + "漢字" * 60
    widths = [sum(document.width_of(c) for _, t in piece for c in t) for piece in pieces]
    assert max(widths) <= document.COLUMNS and widths[0] == document.COLUMNS


def test_every_output_kind_is_printed():
    table = (
        "<table><thead><tr><th></th><th>loss</th></tr></thead>"
        "<tbody><tr><th>r</th><td>0.25</td></tr></tbody></table>"
    )
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>'
    pdf = convert(
        code("1", result(text__html=table, text__plain="unwanted plain table")),
        code("2", result(**{"image__svg+xml": svg}), count=2),
        code("3", result(image__png=png(40, 30)), count=3),
        code("4", result(text__markdown="some **bold** words"), count=4),
        code(
            "5",
            new_output("error", ename="E", evalue="v", traceback=["\x1b[31mKeyError\x1b[0m: lost"]),
        ),
        code("6", result(**{"text__x-python": "def shown(): pass", "text__plain": "no"}), count=6),
        code(
            "7",
            result(**{"application__vnd.jupyter.widget-view+json": {}, "text__plain": "IntSlider"}),
        ),
    )
    text = text_of(pdf)
    for wanted in (
        "0.25",
        "loss",
        "Figure 1",
        "Figure 2",
        "some bold words",
        "KeyError: lost",
        "def shown",
    ):
        assert wanted in text
    assert "unwanted" not in text and "IntSlider" not in text and "\x1b" not in text
    assert ink(pdf) > 0.02


def test_progress_bars_leave_no_debris():
    bar = "".join(
        f"\rtraining: {n}%|{'█' * (n // 10)}| {n}/100 [00:01<00:00, 9.1it/s]" for n in range(101)
    )
    nested = "outer\ninner 1\x1b[A\rOUTER\n\rinner 2\n"
    pdf = convert(
        code("train()", stream(bar, "stderr"), stream("\ndone\n", "stderr"), stream(nested))
    )
    text = text_of(pdf)
    assert "done" in text and "OUTER" in text and "inner 2" in text
    assert "█" not in text and "training" not in text and "inner 1" not in text


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("step 100\rdone\x1b[K\n", "done"),
        ("10%\n20%\n\x1b[2A\x1b[2Kall\n\x1b[2K", "all"),
        ("abcdef\x1b[3DXY\x1b[1GZ", "ZbcXYf"),
        ("12\x08\x08345", "345"),
        ("\x1b[31mred\x1b[0m\x1b[9999999999Bdeep", "red" + "\n" * 1000 + "   deep"),
        ("50%|a|b[c]\n99 items [1:2]", "50%|a|b[c]\n99 items [1:2]"),
    ],
)
def test_what_a_terminal_would_show(printed, seen):
    assert document.on_screen(printed) == seen


def test_very_long_outputs_keep_beginning_and_end():
    pdf = convert(code("loop()", stream("\n".join(f"line {n} of many" for n in range(10_000)))))
    text = text_of(pdf)
    assert "line 0 of" in text and "line 9999 of" in text and "line 5000 of" not in text
    assert "9,800 more lines" in text
    assert len(pypdfium2.PdfDocument(pdf)) < 8
    one_line = convert(code("big()", stream("z" * 100_000 + "end")))
    assert "end" in text_of(one_line) and "801 more lines" in text_of(one_line)


def test_a_wide_table_is_continued_below_and_its_cells_are_proven():
    table = pd.DataFrame(
        [[-1.5 * n for n in range(30)]], columns=[f"column_{n}" for n in range(30)]
    )
    with pd.option_context("display.max_columns", None):
        cell = code("table", result(text__html=table.to_html()))
    pdf = convert(cell)
    assert "column_29" in text_of(pdf)
    page = pypdfium2.PdfDocument(pdf)[0]
    textpage = page.get_textpage()
    right_edges = [textpage.get_charbox(n)[2] for n in range(textpage.count_chars())]
    assert max(right_edges) < page.get_width() - 50
    blocks = TypstPDFExporter().describe(new_notebook(cells=[cell]))[0]["blocks"]
    assert proof.find_missing(pdf, blocks) == ""
    for cells in (["column_29", "column_0"], ["1.5"], ["-43.6"]):
        changed = [{"cell": 1, "kind": "output", "cells": cells}]
        missing = proof.find_missing(pdf, changed)
        assert ("table cell" in missing) == (cells != ["1.5"]), missing


def test_cells_of_several_rows_are_found_where_typst_sets_them():
    index = pd.MultiIndex.from_product([["early", "late"], [1, 2]])
    table = pd.DataFrame({"x": ["early", "b", "c", "d"]}, index=index).to_html()
    pdf = convert(code("table", result(text__html=table)), code("after = 1", count=2))
    assert "after = 1" in text_of(pdf)


def test_prose_is_proven_over_hyphens_and_page_ends():
    words = "characteristically incomprehensible interdisciplinary considerations " * 90
    cell = new_markdown_cell(f"{words}\n\n*last* words[^1]\n\n[^1]: note")
    pdf = convert(cell)
    assert len(pypdfium2.PdfDocument(pdf)) > 1
    assert "text" in proof.find_missing(pdf, [{"cell": 1, "kind": "markdown", "words": ["lost"]}])


def test_what_is_made_for_browsers_is_printed_or_named():
    picture = result(
        **{"application__vnd.jupyter.widget-view+json": {}, "image__png": png(90, 90, "blue")}
    )
    words = result(text__html="<i>set</i> words", text__plain="<IPython.core.display.HTML object>")
    script = result(text__html="<script>draw()</script>", application__json={})
    other = result(**{"application__vnd.plotly.v1+json": {}})
    pdf = convert(code("1", picture), code("2", words), code("3", script), code("4", other))
    text = text_of(pdf)
    assert "set words" in text and "IPython" not in text and "draw" not in text
    assert "for browsers alone" in text and "vnd.plotly.v1+json" in text and "Figure 1" in text


def test_pictures_may_be_large_and_must_be_whole():
    noise = Image.frombytes("RGB", (600, 600), os.urandom(600 * 600 * 3))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    assert len(buffer.getvalue()) > 1_000_000
    pdf = convert(code("1", result(image__png=base64.b64encode(buffer.getvalue()).decode())))
    assert len(pypdfium2.PdfDocument(pdf)) == 1 and ink(pdf) > 0.1
    for cut in (base64.b64encode(buffer.getvalue()[:99]).decode(), "iVBOR"):
        with pytest.raises(PdfError, match="output of cell 2"):
            convert(code("1"), code("2", result(image__png=cut)))


def test_equations_have_numbers_where_they_are_referred_to():
    pdf = convert(
        new_markdown_cell(
            "By \\eqref{b}, $\\eqref{c}$ and `\\eqref{b}`; it costs $5 and $ x $ is maths"
        ),
        new_markdown_cell("\\begin{equation}\\label{a} p = 1\\end{equation}"),
        new_markdown_cell(
            "$$q = 2 \\label{b}$$\n\n$$r = 3 \\label{c}$$\n\n"
            "$$s = 4 \\tag{X}\\label{d}$$ \\eqref{d}"
        ),
    )
    text = " ".join(text_of(pdf).split())
    assert text.startswith("Notebook By (1), (2) and \\eqref{b}; it costs $5 and 𝑥 is maths")
    assert text.count("(1)") == 2 and text.count("(2)") == 2 and text.count("(X)") == 2


def test_mathematics_of_every_kind_is_set():
    source = (
        "Inline $\\hat y_i = |x|$ and\n\\begin{align}\na &= b \\\\\n\n c &= d\n\\end{align}\n"
        "$$\\odot \\otimes \\ominus \\cap \\bigcap \\begin{vmatrix} 1 & 2 \\end{vmatrix}$$\n"
        "and $W = \\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}$, `\\begin{align}` is code"
    )
    text = text_of(convert(new_markdown_cell(source)))
    assert "⊙" in text and "⊗" in text and "∩" in text
    assert "is code" in text and "\\begin{align}" in text and text.count("\\begin") == 1


def test_text_cannot_become_markup():
    source = '#read("/etc/hostname") @ref <x> $5 and 6$ \\ * _ ` [x](#nowhere)'
    source += '\n\n```{=typst}\n#panic("no")\n```'
    pdf = convert(new_markdown_cell(source), code('#set page("a0")', stream('#panic("x")')))
    text = squeezed(pdf)
    assert '#read("/etc/hostname")@ref' in text
    assert '#panic("no")' in text and '#setpage("a0")' in text


def test_markup_that_cannot_be_set_is_shown_as_written(monkeypatch):
    from hwlib.pdf import exporter as room

    original = room.to_typst

    def spoil(pieces):
        converted, warnings = original(pieces)
        converted[0]["markup"] = "$ unknown.symbol $"
        return converted, warnings

    monkeypatch.setattr(room, "to_typst", spoil)
    text = text_of(convert(new_markdown_cell("first *text*"), new_markdown_cell("second *text*")))
    assert "first *text*" in text and "second text" in text


def test_pictures_are_found_or_named():
    cell = new_markdown_cell("![a](attachment:a%20b.png) and ![b](missing.png) <b>bold</b>")
    cell["attachments"] = {"a b.png": {"image/png": png(120, 80)}}
    other = new_markdown_cell("![a](attachment:a.png)")
    other["attachments"] = {"a.png": {"image/png": png(120, 80, "blue")}}
    inline = new_markdown_cell(f'<img src="data:image/png;base64,{png(60, 60, "green")}">')
    pdf = convert(cell, other, inline)
    text = text_of(pdf)
    assert "missing.png" in text and "bold" in text and "<b>" not in text
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("RGB")
    colours = {colour for _, colour in image.getcolors(100_000)}
    assert {(255, 0, 0), (0, 0, 255), (0, 128, 0)} <= colours


def test_tags_hide_what_they_say():
    hidden = code("secret_source", stream("shown output"))
    hidden.metadata["tags"] = ["remove-input"]
    gone = code("gone_source", stream("gone output"))
    gone.metadata["tags"] = ["remove-cell"]
    text = text_of(convert(hidden, gone))
    assert "shown output" in text and "secret" not in text and "gone" not in text


def test_tags_that_are_null_hide_nothing():
    notebook = new_notebook(cells=[code("shown_source", stream("shown output"))])
    notebook.cells[0].metadata["tags"] = None
    notebook.cells[0].outputs[0]["metadata"] = {"tags": None}
    text = text_of(TypstPDFExporter().from_notebook_node(notebook)[0])
    assert "shown_source" in text and "shown output" in text


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


def test_the_same_notebook_gives_the_same_bytes_and_carries_its_hash():
    cells = [new_markdown_cell("# Title\n\ntext", id="a"), new_code_cell("x = 1", id="b")]
    notebook = new_notebook(cells=cells)
    first, again = (TypstPDFExporter().from_notebook_node(notebook)[0] for _ in range(2))
    assert first == again
    assert f"sha256:{notebook_hash(notebook)}" in proof.read_metadata(first)["Keywords"]
    assert proof.read_metadata(first)["Title"] == "Title"


def test_a_line_or_figure_that_is_missing_is_noticed():
    notebook = new_notebook(cells=[code("kept = 1"), code("second = 2", count=2)])
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
    notebook.cells[1].source = "second = 2\nlost = 3"
    missing = proof.find_missing(pdf, document.describe(notebook, "n")["blocks"])
    assert "cell 2" in missing and "lost = 3" in missing
    notebook.cells[1].source = "second = 2"
    notebook.cells[1].outputs = [result(image__png=png(4, 4))]
    blocks = document.describe(notebook, "n")["blocks"]
    assert "figure 'Figure 1." in proof.find_missing(pdf, blocks)


def test_a_missing_heading_is_noticed():
    notebook = new_notebook(cells=[new_markdown_cell("text\n\n## One\n\n## Two $x$\n\n### Three")])
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
    block = {"cell": 1, "kind": "markdown"}
    assert proof.find_missing(pdf, [block | {"headings": ["One", "Three"]}]) == ""
    for headings in (["Three", "One"], ["One", "Four"]):
        assert "heading" in proof.find_missing(pdf, [block | {"headings": headings}])


def test_every_script_is_printed_or_named(caplog):
    words = "שלום עולם Ж λ é → ≤ ✓"
    pdf = convert(
        new_markdown_cell(f"# {words}\n\n{words} and \U0010a000"),
        code(f's = "{words}"  # \U0010a001', stream(f"{words}\n")),
    )
    text = text_of(pdf)
    assert "שלום" in text and "✓" in text and "é" in text
    assert "U+10A000" in text and "U+10A001" in text
    assert "\U0010a000" in caplog.text and "font" in caplog.text


def test_hebrew_paragraphs_begin_at_the_right():
    pdf = convert(new_markdown_cell("עולם\n\nEnglish and שלום"))
    page = pypdfium2.PdfDocument(pdf)[0]
    textpage = page.get_textpage()
    left = {
        textpage.get_text_range(n, 1): textpage.get_charbox(n)[0]
        for n in range(textpage.count_chars())
    }
    assert left["ע"] > page.get_width() / 2 > left["E"]


def test_an_incomplete_pdf_fails_the_export(monkeypatch):
    notebook = new_notebook(cells=[code("complete = 1")])
    good, _ = TypstPDFExporter().from_notebook_node(notebook)
    monkeypatch.setattr("hwlib.pdf.exporter.compile_document", lambda content, folder: good)
    notebook.cells[0].source += "\nextra = 2"
    with pytest.raises(PdfError, match="cell 1"):
        TypstPDFExporter().from_notebook_node(notebook)


def test_nbconvert_knows_the_exporter(tmp_path):
    (tmp_path / "any.ipynb").write_text(
        json.dumps(new_notebook(cells=[new_markdown_cell("plain words")]))
    )
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "hwlib.pdf.exporter.TypstPDFExporter",
        "any.ipynb",
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "plain words" in text_of((tmp_path / "any.pdf").read_bytes())


def test_the_homework_s_pdf_holds_every_question(exported):
    pdf = (exported / "HW1_ID1_ID2.pdf").read_bytes()
    opened = pypdfium2.PdfDocument(pdf)
    first = opened[0].get_textpage().get_text_range()
    assert "Demonstration on sample data, not a submission" in first and "ID1" in first
    assert proof.read_metadata(pdf)["CreationDate"].startswith("D:2")
    bookmarks = [item.get_title() for item in opened.get_toc()]
    assert [b[:10] for b in bookmarks if b.startswith("Question")] == [
        f"Question {n}" for n in (1, 2, 3, 4)
    ]
    text = text_of(pdf)
    assert "Traceback" not in text and "it/s]" not in text and "█" not in text
    for source in (
        "class FullyConnectedNetwork",
        "def d_softmax",
        "class BigCatsNet",
        "def preprocess",
    ):
        assert source in text
    assert all(ink(pdf, page) > 0.005 for page in range(len(opened)))
    assert text.count("Figure ") >= 15


def test_the_page_s_figures_all_have_captions(exported):
    notebook = nbformat.read(exported / "HW1_ID1_ID2.ipynb", as_version=4)
    blocks = TypstPDFExporter().describe(notebook)[0]["blocks"]
    figures = [block for block in blocks if block["kind"] == "figure"]
    assert len(figures) >= 15 and all(block["caption"] for block in figures)


def test_a_foreign_pdf_can_carry_the_notebook_s_hash():
    notebook = new_notebook(cells=[new_markdown_cell("words")])
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
    stamped = stamp(pdf, "0123abc")
    assert proof.read_metadata(stamped)["Keywords"] == "sha256:0123abc"
    assert notebook_hash(notebook) in proof.read_metadata(pdf)["Keywords"]


@pytest.mark.parametrize(("engine", "hint"), [("latex", "texlive-xetex"), ("webpdf", "Chromium")])
def test_what_an_engine_needs_is_said(tmp_path, monkeypatch, engine, hint):
    monkeypatch.setenv("PATH", str(tmp_path))
    nbformat.write(new_notebook(cells=[new_markdown_cell("words")]), tmp_path / "n.ipynb")
    with pytest.raises(PdfError, match=hint) as failure:
        make_pdf(tmp_path / "n.ipynb", engine)
    assert "--pdf-engine typst" in str(failure.value)
