"""Bundles, honest and hostile."""

import io
import json
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from conftest import run_hwlib

from hwlib import bundle
from hwlib.pdf import TypstPDFExporter
from hwlib.verify import Report, verify

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


def test_own_pictures_are_scored_and_compared_only_where_they_may_be_the_same(exported, tmp_path):
    from hwlib.data import locate

    sample = locate("big_cats", "data", "sample")
    other = verify(exported / f"{STEM}.zip", big_cats=str(sample / "train"))
    assert other.ok and other.q4["total"] == 240
    assert any("not compared" in check.message for check in other.checks)


def test_equal_files_give_an_equal_zip(exported, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    for ending in bundle.ENDINGS:
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
        ({f"{STEM}_Q3.pkl": pickle.dumps(Malicious())}, "damaged|more than tensors"),
        ({f"{STEM}_Q3.pkl": saved({"W1": Malicious()})}, "more than tensors"),
        ({f"{STEM}_Q3.pkl": saved({"W1": torch.zeros(2, 2)})}, "shapes"),
        ({f"{STEM}_Q4.pkl": saved({"a": torch.zeros(1)})}, "fits no class"),
        ({f"{STEM}_Q4.pkl": b""}, "damaged"),
        ({f"{STEM}.py": b"import os\n"}, "imports os"),
        ({f"{STEM}.py": b"def ("}, "not Python"),
        ({f"{STEM}.pdf": b"no pdf"}, "cannot be opened"),
        ({f"{STEM}.ipynb": b"{}"}, "cannot be read"),
        ({"../outside.txt": b"x"}, "none of its five files"),
        ({f"{STEM}_Q4.pkl": None}, "lacks HW1_ID1_ID2_Q4.pkl"),
    ],
)
def test_hostile_and_damaged_bundles_are_refused(exported, tmp_path, changes, message):
    marker = Path("/tmp/hwlib-was-here")
    marker.unlink(missing_ok=True)
    found = refusal(verify(change(exported, tmp_path, changes)))
    assert re.search(message, found), found
    assert not marker.exists() and not (tmp_path.parent / "outside.txt").exists()


def test_wrong_weights_are_noticed(exported, tmp_path):
    q3, q4 = weights(exported, "Q3"), weights(exported, "Q4")
    nan = {**q3, "W2": q3["W2"] * float("nan")}
    assert "not finite" in refusal(
        verify(change(exported, tmp_path, {f"{STEM}_Q3.pkl": saved(nan)}))
    )
    shuffled = {**q3, "W2": q3["W2"].roll(1, dims=1)}
    assert "claimed" in refusal(
        verify(change(exported, tmp_path, {f"{STEM}_Q3.pkl": saved(shuffled)}))
    )
    name = next(name for name in reversed(q4) if name.endswith("weight"))
    worse = {**q4, name: -q4[name]}
    found = verify(change(exported, tmp_path, {f"{STEM}_Q4.pkl": saved(worse)}))
    results = json.loads((exported / "results.json").read_text())
    assert found.ok == (found.q4["correct"] == results["q4"]["test_correct"])
    cut = (exported / f"{STEM}_Q4.pkl").read_bytes()[:5000]
    assert "damaged" in refusal(verify(change(exported, tmp_path, {f"{STEM}_Q4.pkl": cut})))


def test_a_changed_or_stale_notebook_is_noticed(exported, tmp_path):
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[5].execution_count, code[6].execution_count = 7, 6
    stale = nbformat.writes(notebook).encode()
    pdf, _ = TypstPDFExporter().from_notebook_node(notebook)
    files = {f"{STEM}.ipynb": stale, f"{STEM}.pdf": pdf}
    assert "top to bottom" in refusal(verify(change(exported, tmp_path, files)))
    swapped = refusal(verify(change(exported, tmp_path, {f"{STEM}.ipynb": stale})))
    assert "not made from this notebook" in swapped


def test_names_must_be_the_pair_s(exported, tmp_path):
    renamed = tmp_path / "homework.zip"
    shutil.copy(exported / f"{STEM}.zip", renamed)
    assert "HW1_<ID1>_<ID2>" in refusal(verify(renamed))
    other = change(exported, tmp_path, {}, stem="HW1_123456789_987654321")
    assert "was run for ID1 and ID2" in refusal(verify(other))
    assert "no file" in refusal(verify(tmp_path / "HW1_ID1_ID2.zip"))
    (tmp_path / "HW1_ID1_ID2.zip").write_bytes(b"PK no zip")
    assert "not a readable zip" in refusal(verify(tmp_path / "HW1_ID1_ID2.zip"))
