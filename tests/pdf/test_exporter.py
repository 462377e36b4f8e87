"""The exporter, from Python and on the command line."""

import os
import subprocess
import sys

import nbformat
import pypdfium2
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pdf.helpers import code, ink, text_of
from support import ROOT

from hwlib.pdf import proof
from hwlib.pdf.document import notebook_hash
from hwlib.pdf.exporter import PdfError, TypstPDFExporter, make_pdf


def nbconvert(folder, content: str) -> subprocess.CompletedProcess:
    """``jupyter nbconvert --to typstpdf`` of a file with this content."""
    (folder / "any.ipynb").write_text(content)
    command = [sys.executable, "-m", "nbconvert", "--to", "typstpdf", "any.ipynb"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_nbconvert_knows_the_exporter_by_its_name(tmp_path):
    notebook = new_notebook(cells=[new_markdown_cell("plain words")])
    done = nbconvert(tmp_path, nbformat.writes(notebook))
    assert done.returncode == 0, done.stderr
    assert "plain words" in text_of((tmp_path / "any.pdf").read_bytes())


def test_an_error_on_the_command_line_is_a_sentence(tmp_path):
    content, reason = "no notebook", "no notebook that can be read"
    done = nbconvert(tmp_path, content)
    assert done.returncode == 1 and not (tmp_path / "any.pdf").exists()
    assert reason in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def incomplete(monkeypatch) -> nbformat.NotebookNode:
    """A notebook of which two lines will be missing in its PDF."""
    notebook = new_notebook(cells=[code("complete = 1")])
    exporter = TypstPDFExporter()
    good, _ = exporter.from_notebook_node(notebook)
    monkeypatch.setattr("hwlib.pdf.exporter.compile_document", lambda document: (good, document))
    notebook.cells[0].source += "\nextra = 2\nmore = 3"
    return notebook


def test_an_incomplete_pdf_is_a_warning(incomplete, caplog):
    pdf, _ = TypstPDFExporter().from_notebook_node(incomplete)
    assert "complete = 1" in text_of(pdf)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "cell 1 holds the line 'extra = 2'" in caplog.text and "1 more piece" in caplog.text


def test_an_incomplete_pdf_fails_a_strict_export(incomplete, tmp_path):
    nbformat.write(incomplete, tmp_path / "n.ipynb")
    with pytest.raises(PdfError, match="cell 1 holds the line 'extra = 2'"):
        make_pdf(tmp_path / "n.ipynb")


def test_the_same_notebook_gives_the_same_bytes_and_carries_its_hash():
    cells = [new_markdown_cell("# Title\n\ntext", id="a"), new_code_cell("x = 1", id="b")]
    notebook = new_notebook(cells=cells)
    first, again = (TypstPDFExporter().from_notebook_node(notebook)[0] for _ in range(2))
    assert first == again
    assert f"sha256:{notebook_hash(notebook)}" in proof.read_metadata(first)["Keywords"]
    assert proof.read_metadata(first)["Title"] == "Title"


def test_the_homework_s_pdf_holds_every_question(exported):
    pdf = (exported / "HW1_ID1_ID2.pdf").read_bytes()
    opened = pypdfium2.PdfDocument(pdf)
    first = opened[0].get_textpage().get_text_range()
    assert "Demonstration on sample data, not a submission" in first and "ID1" in first
    assert proof.read_metadata(pdf)["CreationDate"].startswith("D:2")
    bookmarks = [item.get_title() for item in opened.get_toc()]
    questions = [title[:10] for title in bookmarks if title[10:11] == "."]
    assert questions == [f"Question {n}" for n in (1, 2, 3, 4)]
    text = text_of(pdf)
    assert "Traceback" not in text and "it/s]" not in text and "█" not in text
    for source in ("class FullyConnectedNetwork", "class BigCatsNet", "def preprocess"):
        assert source in text
    assert all(ink(pdf, page) > 0.005 for page in range(len(opened)))
    assert text.count("Figure ") >= 15


def test_a_damaged_picture_costs_a_warning_and_fails_only_if_strict(tmp_path):
    damaged = code("1", new_output("display_data", data={"image/svg+xml": "<svg><no></svg>"}))
    done = nbconvert(tmp_path, nbformat.writes(new_notebook(cells=[damaged])))
    assert done.returncode == 0 and (tmp_path / "any.pdf").exists()
    assert "an output of cell 1" in done.stderr.lower() and "Traceback" not in done.stderr
    with pytest.raises(PdfError, match=r"cell 1 holds the figure"):
        make_pdf(tmp_path / "any.ipynb")
