"""Bundles, honest and hostile."""

import io
import json
import pickle
import re
import shutil
import stat
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from pypdf import PdfWriter
from support import run_hwlib

from hwlib.common.images import ImageSet
from hwlib.common.project import ENDINGS
from hwlib.common.results import CLAIMS, Claims
from hwlib.pdf.exporter import TypstPDFExporter, notebook_hash
from hwlib.q4_cats import cnn
from hwlib.submission import bundle, score
from hwlib.submission.answer import PickledTensors, load_weights
from hwlib.submission.report import CatScore, DigitScore
from hwlib.submission.verify import Report, check_ids, check_submission, verify

STEM = "HW1_ID1_ID2"


def change(
    exported: Path, folder: Path, changes: dict[str, bytes | None], stem: str = STEM
) -> Path:
    """A copy of the bundle with some files replaced, added, or (None) left out."""
    files = bundle.read_bundle(exported / f"{STEM}.zip")
    files = {f"{stem}{ending}": content for ending, content in files.items()}
    files.update(changes)
    path = folder / f"{stem}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def saved(content) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def refusal(report: Report) -> str:
    """The messages of the checks that failed."""
    assert not report.ok
    return " ".join(check.message for check in report.checks if not check.ok)


def weights(exported: Path, question: str) -> dict[str, torch.Tensor]:
    return torch.load(exported / f"{STEM}_{question}.pkl", weights_only=True)


def test_an_honest_bundle_holds_from_the_zip_alone(exported, tmp_path):
    shutil.copy(exported / f"{STEM}.zip", tmp_path)
    done = run_hwlib("verify", tmp_path / f"{STEM}.zip", "--json")
    report = json.loads(done.stdout)
    results = json.loads((exported / "results.json").read_text())
    assert done.returncode == 0 and report["ok"]
    claimed = results["q3"]["history"]["test_accuracy"][-1]
    assert report["q3"]["test_accuracy"] == pytest.approx(claimed, abs=0.0002)
    assert report["q4"]["correct"] == results["q4"]["test_correct"]
    assert report["q4"]["total"] == results["q4"]["test_total"]
    assert report["q4"]["parameters"] == results["q4"]["parameters"]
    assert all(set(check) == {"name", "ok", "message"} for check in report["checks"])


def test_a_checklist_for_people(exported, tmp_path):
    path = change(exported, tmp_path, {f"{STEM}.pdf": b"%PDF-1.7 nothing"})
    done = run_hwlib("verify", path)
    assert done.returncode == 1
    assert "✓ bundle" in done.stdout and "✗ pdf" in done.stdout and "✓ q3" in done.stdout


@pytest.mark.slow
def test_own_pictures_are_scored_and_compared_only_where_they_may_be_the_same(exported, tmp_path):
    from hwlib.common.data import locate

    sample = locate("big_cats", "data", "sample")
    other = verify(exported / f"{STEM}.zip", big_cats=str(sample / "train"))
    assert other.ok and other.q4.total == 240
    assert any("not compared" in check.message for check in other.checks)
    as_many = verify(exported / f"{STEM}.zip", big_cats=str(sample / "valid"))
    assert as_many.ok and as_many.q4.total == 50
    assert any("not compared" in check.message for check in as_many.checks)
    same = verify(exported / f"{STEM}.zip", big_cats=str(sample / "test"))
    assert same.ok and any("parameters, as claimed" in check.message for check in same.checks)


@pytest.mark.slow
def test_a_demonstration_is_refused_where_a_submission_is_asked_for(exported, tmp_path):
    report = verify(exported / f"{STEM}.zip", str(tmp_path), submission=True)
    assert refusal(report).startswith("A demonstration on sample data")
    assert report.q4.total == 50  # scored all the same
    assert not list(tmp_path.iterdir())  # nothing is drawn there


def claims_of(ids: tuple[str, str]) -> Claims:
    facts = {"profile": "mine", "seed": 1, "device": "cpu", "data_source": "real", "command": "run"}
    return Claims(ids=ids, date="2026-01-01", versions={}, **facts)


def test_placeholders_are_refused_where_a_submission_is_asked_for():
    claims = claims_of(("ID1", "ID2"))
    assert check_ids(STEM, claims) == "placeholders, not IDs"
    with pytest.raises(bundle.BundleError, match="placeholders"):
        check_submission(claims)
    real = claims_of(("123456789", "987654321"))
    assert "123456789" in check_ids("HW1_123456789_987654321", real)
    assert check_submission(real) == "real data, and IDs"


def test_equal_files_give_an_equal_zip(exported, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    for ending in ENDINGS:
        (again / f"{STEM}{ending}").write_bytes((exported / f"{STEM}{ending}").read_bytes())
    made = bundle.write_bundle(again, STEM)
    assert made.read_bytes() == (exported / f"{STEM}.zip").read_bytes()


def test_a_missing_file_is_not_zipped_over(tmp_path):
    with pytest.raises(bundle.BundleError, match="missing"):
        bundle.write_bundle(tmp_path, STEM)
    assert not list(tmp_path.iterdir())


class Malicious:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('/tmp/hwlib-was-here').touch()",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{STEM}.ipynb": b"{}"}, "cannot be read"),
        ({f"{STEM}.ipynb": b'{"cells": [{}], "nbformat": 4}'}, "cannot be read"),
        ({f"{STEM}.ipynb": b"[" * 100_000}, "cannot be read"),
        ({"../outside.txt": b"x"}, "none of its five files"),
        ({f"/{STEM}.py": b"x"}, "none of its five files"),
        ({f"{STEM}_Q4.pkl": None}, "lacks HW1_ID1_ID2_Q4.pkl"),
        ({f"{STEM}.py": b"import os\n"}, "imports os"),
        ({f"{STEM}.py": b"from . import x\n"}, "imports"),
        ({f"{STEM}.py": b"open('/etc/passwd')\n"}, "uses open"),
        ({f"{STEM}.py": b"__import__('os')\n"}, "uses __import__"),
        ({f"{STEM}.py": b"def ("}, "not Python"),
        ({f"{STEM}.py": b"x = " + b"(" * 9999}, "not Python"),
    ],
)
def test_what_is_hostile_at_sight_is_refused(exported, tmp_path, changes, message):
    found = refusal(verify(change(exported, tmp_path, changes)))
    assert re.search(message, found), found
    assert "\n" not in found and not (tmp_path.parent / "outside.txt").exists()


def test_zips_that_are_no_plain_zips_are_refused(exported, tmp_path, monkeypatch):
    path = change(exported, tmp_path, {})
    good = path.read_bytes()
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr(f"{STEM}.py", b"again")
    assert "twice" in refusal(verify(path))

    flags = re.compile(rb"(PK\x01\x02.{4}).", re.DOTALL)  # in the list at the end of the zip
    path.write_bytes(flags.sub(lambda found: found[1] + b"\x01", good))
    assert "encrypted" in refusal(verify(path))

    damaged = bytearray(good)
    damaged[200:400] = bytes(200)
    path.write_bytes(damaged)
    assert "not a readable zip" in refusal(verify(path))

    files = {f"{STEM}{e}": c for e, c in bundle.read_bundle(exported / f"{STEM}.zip").items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK if name.endswith(".pdf") else stat.S_IFREG) << 16
            archive.writestr(entry, content)
    assert "is a link" in refusal(verify(path))

    path.write_bytes(good)
    monkeypatch.setattr(bundle, "MAX_BYTES", 10_000)
    assert "unpacks to more than" in refusal(verify(path))


def test_a_malicious_pickle_does_nothing(exported, tmp_path):
    marker = Path("/tmp/hwlib-was-here")
    marker.unlink(missing_ok=True)
    changes = {
        f"{STEM}_Q3.pkl": pickle.dumps(Malicious()),
        f"{STEM}_Q4.pkl": saved({"W1": Malicious()}),
    }
    found = refusal(verify(change(exported, tmp_path, changes)))
    assert found.count("more than tensors") == 2 and not marker.exists()


BASE = {name: torch.zeros(shape) for name, shape in score.SHAPES.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (saved(BASE)[:5000], "damaged"),
        (saved([1]), "not a dictionary"),
        (saved({"W1": torch.zeros(2, 2)}), "other tensors than W1, b1, W2, b2"),
        (saved(BASE | {"W1": torch.zeros(128, 784)}), r"W1 has the shape \(128, 784\)"),
        (saved(BASE | {"b1": torch.zeros(1).expand(10**12)}), "more than 512 MiB"),
        (saved(BASE | {"W1": torch.zeros(784, 128).long()}), "W1 is of type torch.int64"),
        (saved(BASE | {"b2": torch.zeros(10, device="meta")}), "'b2', which is no plain tensor"),
        (saved(BASE | {"b2": torch.full((10,), torch.nan)}), "not finite"),
    ],
)
def test_pickles_must_hold_finite_tensors_of_the_right_shapes(content, message):
    with pytest.raises(bundle.BundleError, match=message):
        score.score_q3(load_weights(content), "The Q3 pickle", Path("data"), "sample")


def test_pickles_of_another_precision_are_scored():
    doubled = {name: value.double() for name, value in BASE.items()}
    scored = score.score_q3(load_weights(saved(doubled)), "Q3", Path("data"), "sample")
    assert scored.test_accuracy == pytest.approx(0.1, abs=0.03)  # all classes are equally probable


def test_right_answers_are_counted_by_the_judge_and_parameters_in_the_pickle():
    pictures = ImageSet(
        torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.arange(3), [], list("abc")
    )
    tensors = {
        "layer.weight": torch.zeros(4, 5),
        "norm.running_mean": torch.zeros(7),
        "norm.num_batches_tracked": torch.tensor(1),
    }
    logits = torch.eye(3)[[0, 1, 1]]
    found = score.score_q4(PickledTensors(tensors), "Q4", logits, pictures)
    assert (found.correct, found.total, found.parameters) == (2, 3, 20)
    for wrong, message in (
        (logits[:, :2], "2 logits for 3 classes"),
        (logits + torch.nan, "not finite"),
        (None, "no answers"),
    ):
        with pytest.raises(bundle.BundleError, match=message):
            score.score_q4(PickledTensors(tensors), "Q4", wrong, pictures)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"IMAGE_SIZE = 10**9", "computes IMAGE_SIZE"),
        (b"IMAGE_SIZE = 100000", "16 to 512"),
        (b"IMAGE_SIZE = '64'", "16 to 512"),
        (b"CLASS_NAMES = list(range(3))", "computes CLASS_NAMES"),
        (b"CLASS_NAMES = ['a']", "no list of names"),
        (b"CLASS_NAMES = {'a': 1}", "no list of names"),
    ],
)
def test_what_a_class_file_says_of_pictures_is_read_as_values_and_bounded(source, message):
    with pytest.raises(bundle.BundleError, match=message):
        score.load_scored_pictures(source, score.ScoreRequest(Path("data"), "sample"))


BY_POSITION = b"""
import torch
from torch import nn

CLASS_NAMES = %r

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(5))
        self.seen = 0

    def forward(self, x):
        labels = (self.seen + torch.arange(len(x))) // 5
        self.seen += len(x)
        return nn.functional.one_hot(labels, 10).float()
"""


def test_an_answer_by_position_is_an_answer_by_chance(tmp_path):
    """The sample's test set holds five pictures of each class, sorted."""
    files = {
        ".py": BY_POSITION % cnn.CLASS_NAMES,
        "_Q3.pkl": saved(BASE),
        "_Q4.pkl": saved({"w": torch.zeros(5)}),
    }
    q3, q4, level = score.score(files, score.ScoreRequest(tmp_path, "sample", trust=True))
    assert isinstance(q3, DigitScore) and isinstance(q4, CatScore)
    assert q4.correct < 25 and q4.parameters == 5 and str(level)
    assert not list(tmp_path.iterdir())


def test_wrong_weights_are_noticed(exported, tmp_path):
    q3 = weights(exported, "Q3")
    changes = {f"{STEM}_Q3.pkl": saved({**q3, "W2": q3["W2"].roll(1, dims=1)})}
    found = verify(change(exported, tmp_path, changes))
    assert re.search(r"Q3: test accuracy 0\.\d+ scored, 0\.\d+ claimed", refusal(found))
    assert found.q3 and found.q4


def raw_claims(notebook) -> dict:
    """The claims as they stand in the notebook, to be edited."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    (content,) = [o["data"][CLAIMS] for o in outputs if CLAIMS in o.get("data", {})]
    return content


def with_pdf(notebook) -> dict[str, bytes]:
    """A notebook and a PDF of its own, as files of a bundle."""
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
    return {f"{STEM}.ipynb": nbformat.writes(notebook).encode(), f"{STEM}.pdf": pdf}


def with_keywords(pdf: bytes, keywords: str) -> bytes:
    """The same PDF with other keywords, which hold its notebook's hash."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    writer.add_metadata({"/Keywords": keywords})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.fixture
def no_scoring(monkeypatch):
    """For what is decided before scoring, which takes seconds."""
    monkeypatch.setattr("hwlib.submission.verify.check_scores", lambda *_: None)


def test_a_swapped_pdf_is_noticed_even_with_the_right_hash(exported, tmp_path, no_scoring):
    other, _ = TypstPDFExporter().from_notebook_node(nbformat.v4.new_notebook())
    path = change(exported, tmp_path, {f"{STEM}.pdf": other})
    assert "content hashes differ" in refusal(verify(path))
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    forged = with_keywords(other, f"sha256:{notebook_hash(notebook)}")
    path = change(exported, tmp_path, {f"{STEM}.pdf": forged})
    assert "not made from this notebook: cell" in refusal(verify(path))
    path = change(exported, tmp_path, {f"{STEM}.pdf": b"no pdf"})
    assert "cannot be opened" in refusal(verify(path))


@pytest.mark.slow
def test_edited_claims_are_noticed(exported, tmp_path):
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    claims = raw_claims(notebook)
    claims["q3"]["history"]["test_accuracy"][-1] = 0.99
    claims["q4"]["parameters"] = 1000
    found = refusal(verify(change(exported, tmp_path, with_pdf(notebook))))
    assert "0.9900 claimed" in found and "1,000 claimed" in found


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda claims: claims.pop("q4"), "claims are incomplete"),
        (lambda claims: claims.update(data_source="dream"), "claims are incomplete"),
        (lambda claims: claims.update(ids=5), "claims are incomplete .ids"),
        (lambda claims: claims.update(sources="0"), "changed after it was run"),
        (lambda claims: claims.update(ids=["123456789", "ID2"]), "was run for 123456789 and ID2"),
    ],
)
def test_claims_must_be_whole(exported, tmp_path, no_scoring, edit, message):
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    edit(raw_claims(notebook))
    files = {f"{STEM}.ipynb": nbformat.writes(notebook).encode()}
    assert re.search(message, refusal(verify(change(exported, tmp_path, files))))


def test_a_cell_that_was_changed_after_it_was_run_is_noticed(exported, tmp_path, no_scoring):
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[6].source += "  # better"
    found = refusal(verify(change(exported, tmp_path, with_pdf(notebook))))
    assert found == "A code cell of the notebook was changed after it was run."


def test_a_notebook_run_in_another_order_is_noticed(exported, tmp_path, no_scoring):
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[5].execution_count, code[6].execution_count = 7, 6
    files = with_pdf(notebook)
    assert "top to bottom" in refusal(verify(change(exported, tmp_path, files)))


def test_names_must_be_the_pair_s(exported, tmp_path, no_scoring):
    renamed = tmp_path / "homework.zip"
    shutil.copy(exported / f"{STEM}.zip", renamed)
    assert "HW1_<ID1>_<ID2>" in refusal(verify(renamed))
    other = change(exported, tmp_path, {}, stem="HW1_123456789_987654321")
    assert "was run for ID1 and ID2" in refusal(verify(other))
    assert "no file" in refusal(verify(tmp_path / "HW1_ID1_ID2.zip"))
    (tmp_path / "HW1_ID1_ID2.zip").write_bytes(b"PK no zip")
    assert "not a readable zip" in refusal(verify(tmp_path / "HW1_ID1_ID2.zip"))
