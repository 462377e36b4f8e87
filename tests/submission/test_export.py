"""The export as a user meets it: its files, and its failures."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from filelock import FileLock
from support import ROOT, listen_to_ctrl_c, run_hwlib

from hwlib.common.project import ENDINGS
from hwlib.common.results import find_claims
from hwlib.q4_cats import cnn
from hwlib.run.parameters import Parameters
from hwlib.submission.export import notice, publish, wanted_files

STEM = "HW1_ID1_ID2"
SHORT = ["-p", "cnn_epochs", "2", "-p", "mlp_epochs", "2"]


def test_the_seven_files_are_there_and_nothing_else(exported):
    names = {path.name for path in exported.iterdir()}
    assert names == {*(STEM + ending for ending in ENDINGS), f"{STEM}.zip", "results.json"}
    with zipfile.ZipFile(exported / f"{STEM}.zip") as archive:
        for name in archive.namelist():
            assert archive.read(name) == (exported / name).read_bytes()
    assert (exported / f"{STEM}.py").read_text() == Path(cnn.__file__).read_text()


def test_results_hold_what_the_contract_says(exported):
    results = json.loads((exported / "results.json").read_text())
    assert results["profile"] == "demo" and results["seed"] == 42
    assert {"q1", "q2", "q3", "q4", "total"} <= set(results["seconds"])
    assert set(results["q3"]["learning_rates"]) == {"0.001", "0.01", "0.1"}
    for history in results["q3"]["learning_rates"].values():
        assert [len(values) for values in history.values()] == [2, 2, 2, 2]
    q4 = results["q4"]
    assert q4["test_accuracy"] == q4["test_correct"] / q4["test_total"]
    low, high = q4["test_interval_95"]
    assert low <= q4["test_accuracy"] <= high
    assert 1 <= q4["best_epoch"] <= 2 and len(q4["history"]["train_loss"]) == 2
    assert all(len(top) == 5 for top in results["vgg"]["images"].values())
    assert len(results["vgg"]["images"]) == 3
    notebook = nbformat.read(exported / f"{STEM}.ipynb", as_version=4)
    claims = find_claims(notebook).model_dump(mode="json", exclude_none=True)
    assert claims == {name: value for name, value in results.items() if name != "seconds"}


def test_pickles_are_plain_tensors(exported):
    q3 = torch.load(exported / f"{STEM}_Q3.pkl", weights_only=True)
    assert {name: tuple(value.shape) for name, value in q3.items()} == {
        "W1": (784, 128),
        "W2": (128, 10),
        "b1": (128,),
        "b2": (10,),
    }
    network = cnn.BigCatsNet()
    network.load_state_dict(torch.load(exported / f"{STEM}_Q4.pkl", weights_only=True))


def test_notebook_names_no_path_of_this_machine(exported):
    text = (exported / f"{STEM}.ipynb").read_text()
    assert str(ROOT) not in text


def test_only_some_questions(tmp_path):
    done = run_hwlib("export", "demo", "--only", "q1,q2", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{STEM}.ipynb", f"{STEM}.pdf", "results.json"}


def test_which_files_belong_to_which_question():
    assert wanted_files("H", ("q3",)) == ["H.ipynb", "H.pdf", "H_Q3.pkl", "results.json"]
    assert wanted_files("H", ("q4",)) == ["H.ipynb", "H.pdf", "H.py", "H_Q4.pkl", "results.json"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-p", "id1", "12345"], "9 digits"),
        (["-p", "lerning_rate", "0.1"], "did you mean learning_rate?"),
        (
            ["-p", "data_source", "real", "-p", "data_dir", "no/such/folder", "--only", "q4"],
            "no/such/folder",
        ),
        (["--only", "q9"], "q9"),
        (["--out", str(ROOT)], "--out"),
        (["--out", "/proc/nowhere"], "--out"),
    ],
)
def test_what_cannot_work_fails_early_and_leaves_nothing(tmp_path, arguments, hint):
    done = run_hwlib("export", "demo", "--out", tmp_path / "out", *arguments)
    assert done.returncode != 0
    assert hint in done.stderr and "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "out").glob("*") if path.name != ".partial"]


def test_without_packages_it_says_how_to_get_them():
    bare = [sys.executable, "-S", "-m", "hwlib", "export"]  # -S: no installed packages
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "lacks the package click" in done.stderr and "./export.sh" in done.stderr


def test_what_cannot_be_handed_in_is_said_before_the_run():
    pair = {"id1": "123456789", "id2": "987654321"}
    assert "demonstration" in notice(Parameters(data_source="sample"))
    assert "-p id1" in notice(Parameters())
    assert "Without id2 this" in notice(Parameters(id1="123456789"))
    assert notice(Parameters(**pair)) == ""


def test_a_failing_cell_leaves_the_notebook_and_no_final_name(tmp_path):
    """A picture that breaks after the data were looked at: the cell that reads it raises."""
    from hwlib.common.data import locate

    sample = locate("big_cats", tmp_path / "data", "sample").parent
    broken = sorted((sample / "big_cats/valid/TIGER").iterdir())[0]
    broken.write_bytes(b"no picture")
    out = tmp_path / "out"
    done = run_hwlib(
        "export", "demo", "--only", "q4", "-p", "data_dir", tmp_path / "data", "--out", out
    )
    assert done.returncode == 1
    assert "question 4 failed" in done.stderr and broken.name in done.stderr
    assert "failed.ipynb" in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in out.iterdir() if path.name != ".partial"] == ["failed.ipynb"]


def test_two_exports_do_not_write_into_one_folder(tmp_path):
    (tmp_path / ".partial").mkdir()
    with FileLock(tmp_path / ".partial" / "lock"):
        done = run_hwlib("export", "demo", "--only", "q1", "--out", tmp_path)
    assert done.returncode == 1 and "Another export" in done.stderr


def test_files_of_two_runs_never_stand_side_by_side(tmp_path):
    folder = tmp_path / ".partial"
    folder.mkdir()
    old = (f"{STEM}.zip", f"{STEM}_Q4.pkl", f"{STEM}.pdf", "results.json")
    for name in old:
        (tmp_path / name).write_text("old")
    for name in (f"{STEM}.pdf", "results.json"):
        (folder / name).write_text("new")
    publish(folder, tmp_path, [f"{STEM}.pdf", "results.json"])
    assert {p.name: p.read_text() for p in tmp_path.iterdir() if p.is_file()} == {
        f"{STEM}.pdf": "new",
        "results.json": "new",
    }
    assert {p.name for p in (tmp_path / "previous").iterdir()} == set(old)


def figures(folder) -> dict:
    """What of ``results.json`` does not depend on the clock."""
    results = json.loads((folder / "results.json").read_text())
    return {name: results[name] for name in ("q3", "q4", "vgg")}


STAGES = ["running", "cnn_checkpoint.pt", ".pdf", ".zip", "previous"]


def test_killed_at_any_stage_it_ends_with_the_same_figures(exported, tmp_path):
    """Kills of the whole process group while the notebook starts, in the long training, beside the
    PDF, beside the bundle and among the final names; a last run goes to the end.
    """
    out, quiet = tmp_path / "out", subprocess.DEVNULL
    command = [sys.executable, "-m", "hwlib", "export", "demo", *SHORT, "--out", str(out)]
    shutil.copytree(exported, out)  # an earlier export stands there
    for stage in STAGES:
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=quiet)
        while process.poll() is None and not reached(stage, out):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        names = {path.name for path in out.glob("HW1_*")} | {"results.json"}
        for name in names & {path.name for path in out.iterdir()}:
            assert (out / name).stat().st_size, f"{name} after a kill at {stage}"
        whole = out / f"{STEM}.zip"
        assert not whole.exists() or zipfile.ZipFile(whole).testzip() is None
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    assert figures(out) == figures(exported)


def test_two_exports_give_the_same_bytes(tmp_path):
    """The second into the same folder, whose name is a parameter; the first is in previous/."""
    for _ in range(2):
        done = run_hwlib("export", "demo", *SHORT, "--only", "q1,q3", "--out", tmp_path)
        assert done.returncode == 0, done.stderr
    for name in (f"{STEM}.pdf", f"{STEM}_Q3.pkl"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "previous" / name).read_bytes(), name


def reached(stage: str, out) -> bool:
    """Whether the unfinished files show that the export has come so far."""
    folder = out / ".partial"
    if stage == "running":
        return any(folder.glob("*.selected.ipynb"))
    if stage == "previous":
        return (out / "previous" / "results.json").exists()
    return any(path.name.endswith(stage) for path in folder.glob("*"))


def test_ctrl_c_keeps_the_checkpoint_and_says_how_to_go_on(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "hwlib", "export", "demo", "--only", "q4", "-p", "cnn_epochs"]
    process = subprocess.Popen(
        [*command, "50", "--out", str(out)],
        cwd=ROOT,
        text=True,
        start_new_session=True,
        preexec_fn=listen_to_ctrl_c,
        stderr=subprocess.PIPE,
    )
    checkpoint = out / ".partial" / "cnn_checkpoint.pt"
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on from the last finished epoch" in said
    assert "Traceback" not in said and checkpoint.exists(), said


def test_two_exports_into_one_folder_leave_one_whole_set(tmp_path):
    command = [sys.executable, "-m", "hwlib", "export", "demo", "--only", "q1", "--out", tmp_path]
    both = [subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE)
            for _ in range(2)]  # fmt: skip
    said = [process.communicate()[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 1], [0, 0]) and "Traceback" not in "".join(said)
    assert codes == [0, 0] or "Another export" in "".join(said)
    assert (tmp_path / f"{STEM}.pdf").stat().st_size and not (tmp_path / ".partial").exists()
