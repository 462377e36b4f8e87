import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from hwlib import engines, proof
from hwlib.pdf import PdfError, TypstPDFExporter, notebook_hash


def test_a_foreign_pdf_can_carry_the_notebook_s_hash():
    notebook = new_notebook(cells=[new_markdown_cell("words")])
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
    stamped = engines.stamp(pdf, "0123abc")
    assert proof.read_metadata(stamped)["Keywords"] == "sha256:0123abc"
    assert notebook_hash(notebook) in proof.read_metadata(pdf)["Keywords"]


@pytest.mark.parametrize(("engine", "hint"), [("latex", "texlive-xetex"), ("webpdf", "Chromium")])
def test_what_an_engine_needs_is_said(tmp_path, monkeypatch, engine, hint):
    monkeypatch.setenv("PATH", str(tmp_path))
    nbformat.write(new_notebook(cells=[new_markdown_cell("words")]), tmp_path / "n.ipynb")
    with pytest.raises(PdfError, match=hint) as failure:
        engines.make_pdf(tmp_path / "n.ipynb", engine)
    assert "--pdf-engine typst" in str(failure.value)
