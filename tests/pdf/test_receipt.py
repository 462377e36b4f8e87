"""The receipt in the PDF, and the command that checks it."""

import json

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from pdf.helpers import code, convert, png, result, stream

from hwlib.pdf.__main__ import commands
from hwlib.pdf.document import find_language, notebook_hash
from hwlib.pdf.errors import PdfError
from hwlib.pdf.exporter import TypstPDFExporter
from hwlib.pdf.receipt import read_receipt

PICTURE = f"data:image/png;base64,{png(9, 9)}"


def rich_cells() -> list:
    """Cells that hold one of everything."""
    table = "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    hidden = code("gone")
    hidden.metadata["tags"] = ["remove-cell"]
    return [
        new_markdown_cell("# T\n\n## Part\n\n$x$ and $\\unknowncommand$"),
        new_markdown_cell(f"![p]({PICTURE})\n\n![q](no.png)"),
        code("abc = 1", stream("line\n" * 900), result(text__html=table)),
        code("", result(image__png=png(9, 9))),
        code("plot()", new_output("display_data", data={"application/vnd.plotly.v1+json": {}})),
        code("plot()", new_output("display_data", data={"video/mp4": "x"})),
        hidden,
    ]


def test_a_receipt_counts_what_is_printed():
    receipt = read_receipt(convert(*rich_cells(), strict=False))
    assert receipt.cells == {"code": 5, "hidden": 1, "markdown": 2}
    assert receipt.code_characters == len("abc = 1") + 2 * len("plot()")
    assert (receipt.headings, receipt.formulas, receipt.formulas_as_source) == (1, 2, 1)
    assert (receipt.tables, receipt.figures, receipt.pictures) == (1, 1, 1)
    assert receipt.shortened == ["cell 3: … 700 more lines are in the notebook …"]
    assert any("no.png" in part for part in receipt.not_shown)
    assert any("cell 6: A video" in part for part in receipt.not_shown)
    assert receipt.missing == []


def test_a_receipt_names_the_notebook_and_is_equal_twice():
    notebook = new_notebook(cells=rich_cells())
    first, second = (TypstPDFExporter().from_notebook_node(notebook)[0] for _ in range(2))
    assert first == second and read_receipt(first).notebook == notebook_hash(notebook)


def test_a_receipt_names_what_the_proof_misses(monkeypatch):
    from hwlib.pdf.proof import Missing

    lost = [Missing(1, "text", "lost words")]
    monkeypatch.setattr("hwlib.pdf.exporter.find_missing", lambda *_: lost)
    (sentence,) = read_receipt(convert(new_markdown_cell("a"), strict=False)).missing
    assert "lost words" in sentence


def test_a_usual_pdf_is_accessible():
    pdf = convert(*rich_cells(), strict=False)
    assert read_receipt(pdf).standard == "PDF/UA-1" and b"pdfuaid:part>1<" in pdf


def test_other_pdfs_have_no_receipt():
    with pytest.raises(PdfError, match="holds no receipt"):
        read_receipt(b"%PDF-1.7 nothing")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A word: שלום", "en"),
        ("שלום לכולם and", "en"),
        ("日本語 is 漢字漢字漢字漢字", "zh"),
        ("你好世界", "zh"),
        ("これは漢字です", "ja"),
        ("안녕하세요", "ko"),
        ("Привет", "ru"),
        ("", "en"),
        ("123", "en"),
    ],
)
def test_the_language_follows_the_letters(text, language):
    assert find_language([text]) == language


@pytest.fixture
def files(tmp_path):
    """A notebook and its PDF as files."""
    notebook, pdf = tmp_path / "a.ipynb", tmp_path / "a.pdf"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# T\n\nwords"), code("1")]), notebook)
    pdf.write_bytes(TypstPDFExporter().from_filename(str(notebook))[0])
    return notebook, pdf


def test_the_command_prints_the_receipt(files):
    _, pdf = files
    done = CliRunner().invoke(commands, ["check", str(pdf)])
    assert done.exit_code == 0 and "1 code, 1 markdown" in done.output
    as_json = json.loads(CliRunner().invoke(commands, ["check", str(pdf), "--json"]).output)
    assert as_json["cells"] == {"code": 1, "hidden": 0, "markdown": 1}


def test_the_command_proves_the_pdf_again(files):
    notebook, pdf = files
    call = ["check", str(pdf), "--notebook", str(notebook)]
    assert CliRunner().invoke(commands, call).exit_code == 0
    other = nbformat.read(notebook, 4)
    other.cells[0].source = "# T\n\nother words"
    forged = TypstPDFExporter().from_notebook_node(other)[0]
    pdf.write_bytes(forged)
    done = CliRunner().invoke(commands, call)
    assert done.exit_code == 1 and "not made from" in done.output


def test_the_command_finds_what_a_forged_receipt_hides(files, monkeypatch):
    notebook, pdf = files
    empty = new_notebook(cells=[])
    wanted = notebook_hash(nbformat.read(notebook, 4))
    monkeypatch.setattr("hwlib.pdf.document.notebook_hash", lambda _: wanted)
    pdf.write_bytes(TypstPDFExporter().from_notebook_node(empty)[0])
    done = CliRunner().invoke(commands, ["check", str(pdf), "--notebook", str(notebook)])
    assert done.exit_code == 1 and "missing: " in done.output


@pytest.mark.parametrize(
    "text",
    [
        "# T\n\n##\n\n### deep\n\n> # in a quotation",
        "<math><mi>x</mi><mo>=</mo><mn>1</mn></math>",
        "![](https://example.org/x.png) <img src='no.png'>",
        "| a |\n|---|\n| 1 |",
        "[a](#b) <a id='b'></a>",
        "שלום *לכולם* $x$",
        "## A sum $" + "+".join(f"x_{n}" for n in range(30)) + "$",
    ],
)
def test_usual_texts_are_accessible(text):
    assert read_receipt(convert(new_markdown_cell(text))).standard == "PDF/UA-1"


def test_a_file_that_is_no_pdf_is_one_sentence(tmp_path, caplog):
    (tmp_path / "a.pdf").write_bytes(b"PK no PDF")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7 torn")
    for name in ("a.pdf", "b.pdf"):
        done = CliRunner().invoke(commands, ["check", str(tmp_path / name)])
        assert done.exit_code == 1 and len(done.output.splitlines()) == 1
    assert not caplog.records
