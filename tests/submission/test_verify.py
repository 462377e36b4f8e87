"""Bundles and what they claim, honest and not. Scoring is real in the tests that say so."""

import io
import json
import re
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from pypdf import PdfWriter
from submission.bundles import changed_bundle, refusals
from support import STEM

from hwlib.cli import main
from hwlib.common.results import CLAIMS, CatResults, Claims, RunResults
from hwlib.pdf import TypstPDFExporter
from hwlib.pdf.document import notebook_hash
from hwlib.submission import verify as verification
from hwlib.submission.bundle import BundleError
from hwlib.submission.report import CatScore, DigitScore
from hwlib.submission.sandbox import Level
from hwlib.submission.score import ScoreRequest, Scores
from hwlib.submission.verify import check_ids, check_submission, compare_q4, verify

SVG = "image/svg+xml"


@pytest.fixture
def results(small_export) -> RunResults:
    return RunResults.model_validate_json((small_export / "results.json").read_text())


@pytest.fixture
def claimed_scores(results) -> Scores:
    """The scores of an honest bundle."""
    q4 = results.q4
    cats = (q4.test_accuracy, q4.test_correct, q4.test_total, q4.parameters, q4.test_pictures)
    return Scores(DigitScore(results.q3.history.test_accuracy[-1]), CatScore(*cats), Level())


@pytest.fixture
def scored(claimed_scores, monkeypatch) -> list[ScoreRequest]:
    """Let the scores be those that are claimed, at once; the requests."""
    requests = []

    def answer(files, request):
        requests.append(request)
        return claimed_scores

    monkeypatch.setattr(verification, "score", answer)
    return requests


def test_an_honest_bundle_holds_from_the_zip_alone(
    small_homework, small_export, claimed_scores, tmp_path
):
    """Scoring is real."""
    (tmp_path / f"{STEM}.zip").write_bytes((small_export / f"{STEM}.zip").read_bytes())
    arguments = [
        "verify",
        tmp_path / f"{STEM}.zip",
        "--data-dir",
        small_homework.data_dir,
        "--json",
    ]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    report = json.loads(done.stdout)
    assert done.exit_code == 0 and report["ok"], report
    assert report["q3"] == pytest.approx(asdict(claimed_scores.q3), abs=0.0002)
    assert report["q4"] == asdict(claimed_scores.q4) and report["q4"]["total"] == 10
    assert all(set(check) == {"name", "ok", "message"} for check in report["checks"])
    assert [path.name for path in tmp_path.iterdir()] == [f"{STEM}.zip"]


def test_a_checklist_for_people(small_export, tmp_path, scored):
    path = changed_bundle(small_export, tmp_path, {f"{STEM}.pdf": b"%PDF-1.7 nothing"})
    done = CliRunner().invoke(main, ["verify", str(path)])
    assert done.exit_code == 1
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["✓", "bundle"] in lines and ["✗", "pdf"] in lines and ["✓", "q3"] in lines


def test_what_is_scored_and_on_which_pictures(small_export, scored):
    path = small_export / f"{STEM}.zip"
    assert verify(path).ok and verify(path, "elsewhere", "mine", trust_class_file=True).ok
    assert scored == [
        ScoreRequest(Path("data"), "sample"),
        ScoreRequest(Path("elsewhere"), "sample", Path("mine"), trust=True),
    ]


CLAIM = {
    "parameters": 99, "best_epoch": 1, "validation_accuracy": 0.5, "test_accuracy": 0.5,
    "test_correct": 5, "test_total": 10, "test_interval_95": (0.2, 0.8), "test_pictures": "those",
    "history": {
        "train_loss": [0.5], "train_accuracy": [0.5],
        "validation_loss": [0.5], "validation_accuracy": [0.5],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("score", "own_folder", "message"),
    [
        (
            CatScore(0.5, 5, 10, 99, "those"),
            False,
            r"^5 of 10 \(50.0%\), 99 parameters, as claimed",
        ),
        (CatScore(0.5, 5, 10, 99, "those"), True, "as claimed"),
        (CatScore(0.6, 6, 10, 99, "those"), True, r"scored, 5 of 10 claimed"),
        (CatScore(0.6, 6, 10, 99, "others"), True, "6 of 10 .* not compared"),
        (CatScore(0.6, 6, 10, 99, "others"), False, r"scored, 5 of 10 claimed"),
        (CatScore(0.5, 5, 9, 99, "those"), False, r"scored, 5 of 10 claimed"),
        (CatScore(0.5, 5, 10, 98, "those"), True, "98 parameters, 99 claimed"),
    ],
)
def test_own_pictures_are_compared_only_if_they_are_the_claim_s(score, own_folder, message):
    try:
        found = compare_q4(score, CatResults(**CLAIM), own_folder)
    except BundleError as error:
        found = str(error)
    assert re.search(message, found), found
    assert found.startswith("Q4: ") == ("claimed." in found)


def test_wrong_weights_are_noticed(small_export, claimed_scores, monkeypatch):
    near = DigitScore(claimed_scores.q3.test_accuracy + 0.00019)
    far = DigitScore(claimed_scores.q3.test_accuracy + 0.00021)
    bundle = small_export / f"{STEM}.zip"
    monkeypatch.setattr(verification, "score", lambda *_: claimed_scores._replace(q3=near))
    assert verify(bundle).ok
    monkeypatch.setattr(verification, "score", lambda *_: Scores(far, "It has no class.", Level()))
    report = verify(bundle)
    refused = refusals(report)
    assert re.fullmatch(r"Q3: test accuracy 0\.\d{4} scored, 0\.\d{4} claimed\.", refused["q3"])
    assert refused["q4"] == "It has no class." and report.q3 == far and report.q4 is None


# Notebook, PDF and class file.


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        (".ipynb", b"{}", "cannot be read"),
        (".ipynb", b'{"cells": [{}], "nbformat": 4}', "cannot be read"),
        (".ipynb", b"[" * 100_000, "cannot be read"),
        (".pdf", b"no pdf", "cannot be opened"),
        (".py", b"import os\n", "imports os"),
        (".py", b"from . import x\n", "imports"),
        (".py", b"open('/etc/passwd')\n", "uses open"),
        (".py", b"__import__('os')\n", "uses __import__"),
        (".py", b"torch.serialization.os", "uses .os"),
        (".py", b"class N:\n    def parameters(self): pass", "defines parameters"),
        (".py", b"def (", "not Python"),
        (".py", b"x = " + b"(" * 9999, "not Python"),
    ],
)
def test_what_is_hostile_at_sight_is_refused(
    small_export, tmp_path, scored, ending, content, message
):
    report = verify(changed_bundle(small_export, tmp_path, {f"{STEM}{ending}": content}))
    (refusal,) = refusals(report).values()
    assert message in refusal and "\n" not in refusal
    assert bool(scored) == (ending == ".pdf")  # what cannot be trusted is not scored


@pytest.fixture
def notebook(small_export) -> nbformat.NotebookNode:
    """The executed notebook, to be changed."""
    return nbformat.read(small_export / f"{STEM}.ipynb", as_version=4)


@pytest.fixture
def check_changed(small_export, tmp_path, scored):
    """Verify the bundle with another notebook and its own PDF; what was refused."""

    def check(notebook, pdf: bytes | None = None) -> dict[str, str]:
        if pdf is None:
            pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
        files = {f"{STEM}.ipynb": nbformat.writes(notebook).encode(), f"{STEM}.pdf": pdf}
        return refusals(verify(changed_bundle(small_export, tmp_path, files)))

    return check


def raw_claims(notebook) -> dict:
    """The claims as they are in the notebook, to be edited."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    (content,) = [o["data"][CLAIMS] for o in outputs if CLAIMS in o.get("data", {})]
    return content


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def with_keywords(pdf: bytes, keywords: str) -> bytes:
    """The same PDF with other keywords, which hold its notebook's hash."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    writer.add_metadata({"/Keywords": keywords})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_a_swapped_pdf_is_noticed_even_with_the_right_hash(check_changed, notebook):
    other, _ = TypstPDFExporter().from_notebook_node(nbformat.v4.new_notebook())
    assert "content hashes differ" in check_changed(notebook, other)["pdf"]
    forged = with_keywords(other, f"sha256:{notebook_hash(notebook)}")
    assert "not made from this notebook: cell" in check_changed(notebook, forged)["pdf"]


def test_a_pdf_with_another_figure_is_noticed_even_with_the_right_hash(check_changed, notebook):
    outputs = (output for cell in code_cells(notebook) for output in cell.outputs)
    plot = next(output for output in outputs if SVG in output.get("data", {}))
    honest = plot.data[SVG]
    plot.data[SVG] = honest.replace("</svg>", '<rect width="80" height="80"/></svg>')
    edited, _ = TypstPDFExporter().from_notebook_node(notebook)
    plot.data[SVG] = honest
    forged = with_keywords(edited, f"sha256:{notebook_hash(notebook)}")
    assert "Figure 1 (cell" in check_changed(notebook, forged)["pdf"]


def test_edited_claims_are_noticed(check_changed, notebook):
    claims = raw_claims(notebook)
    claims["q3"]["history"]["test_accuracy"][-1] = 0.99
    claims["q4"]["parameters"] = 1000
    refused = check_changed(notebook)
    assert set(refused) == {"q3", "q4"}
    assert "0.9900 claimed" in refused["q3"] and "1,000 claimed" in refused["q4"]


@pytest.mark.parametrize(
    ("edit", "check", "message"),
    [
        (lambda claims: claims.clear(), "claims", "incomplete (ids: "),
        (lambda claims: claims.pop("q4"), "claims", "incomplete (q4: "),
        (lambda claims: claims.update(data_source="dream"), "claims", "incomplete (data_source: "),
        (lambda claims: claims.update(ids=5), "claims", "incomplete (ids: "),
        (
            lambda claims: claims["q3"]["history"].update(test_accuracy=[]),
            "claims",
            "incomplete (q3.history.test_accuracy: ",
        ),
        (lambda claims: claims.update(sources="0"), "code", "changed after it was run"),
        (lambda claims: claims.update(ids=["123456789", "ID2"]), "ids", "for 123456789 and ID2"),
    ],
)
def test_claims_must_be_whole(check_changed, notebook, edit, check, message):
    edit(raw_claims(notebook))
    refused = check_changed(notebook)
    assert list(refused) == [check] and message in refused[check]


def test_a_notebook_whose_last_cell_was_not_run_claims_nothing(check_changed, notebook):
    code_cells(notebook)[-1].outputs = []
    assert "its last cell was not run" in check_changed(notebook)["claims"]


@pytest.mark.parametrize("index", [0, 2, 6])
def test_a_cell_that_was_changed_after_it_was_run_is_noticed(check_changed, notebook, index):
    code_cells(notebook)[index].source += "  # better"
    refused = check_changed(notebook)
    assert refused == {"code": "A code cell of the notebook was changed after it was run."}


def test_the_places_of_files_are_no_change(check_changed, notebook):
    """The notebook was run with them, and is handed in without them."""
    injected = code_cells(notebook)[1]
    assert injected.source.startswith("# Parameters") and "_dir" not in injected.source
    injected.source += '\noutput_dir = "/elsewhere"'
    assert check_changed(notebook) == {}


def test_a_notebook_run_in_another_order_is_noticed(check_changed, notebook):
    code = code_cells(notebook)
    code[4].execution_count, code[5].execution_count = 6, 5
    assert "top to bottom" in check_changed(notebook)["notebook"]


def test_a_notebook_with_an_error_is_noticed(check_changed, notebook):
    code_cells(notebook)[3].outputs = [nbformat.v4.new_output("error", ename="E", evalue="x")]
    assert check_changed(notebook)["notebook"] == "Cell In [4] of the notebook ended with an error."


# Who hands it in, and on which data.


def claims_of(ids: tuple[str, str]) -> Claims:
    facts = {"profile": "mine", "seed": 1, "device": "cpu", "data_source": "real", "command": "run"}
    return Claims(ids=ids, date="2026-01-01", versions={}, **facts)


def test_placeholders_are_refused_where_a_submission_is_asked_for():
    claims = claims_of(("ID1", "ID2"))
    assert check_ids(STEM, claims) == "placeholders, not IDs"
    with pytest.raises(BundleError, match="placeholders"):
        check_submission(claims)
    real = claims_of(("123456789", "987654321"))
    assert "123456789" in check_ids("HW1_123456789_987654321", real)
    assert check_submission(real) == "real data, and IDs"


def test_names_must_be_the_pair_s(small_export, tmp_path, scored):
    other = changed_bundle(small_export, tmp_path, {}, stem="HW1_123456789_987654321")
    assert "was run for ID1 and ID2" in refusals(verify(other))["ids"]


def test_a_demonstration_is_refused_where_a_submission_is_asked_for(small_export, scored):
    report = verify(small_export / f"{STEM}.zip", submission=True)
    assert refusals(report) == {"submission": "A demonstration on sample data, not a submission."}
    assert report.q4.total == 10  # scored all the same
