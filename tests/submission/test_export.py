"""Exports: of the homework once, otherwise of a small notebook by real kernels and processes."""

import errno
import json
import os
import shutil
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import torch
from filelock import FileLock
from support import ROOT, STEM, SmallHomework, start_export

from hwlib.common.project import ENDINGS, QUESTIONS
from hwlib.common.results import check_claims, displayed_claims
from hwlib.pdf import PdfError
from hwlib.q4_cats import cnn
from hwlib.run.parameters import Parameters
from hwlib.submission import export as exports
from hwlib.submission.export import (
    ExportError,
    names_of,
    obstacle_to_submission,
    publish,
    write_class_file,
)
from hwlib.submission.report import Check, Report

ALL_NAMES = {*(STEM + ending for ending in ENDINGS), f"{STEM}.zip", "results.json"}


def export(
    homework: SmallHomework, out: Path, questions: tuple[str, ...] = ("q1",), **options
) -> list[Path]:
    return exports.export(
        homework.parameters, questions, out, notebook=homework.notebook, **options
    )


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# The homework itself, and the small one: what an export leaves behind.


@pytest.mark.parametrize("made", ["exported", "small_export"])
def test_the_seven_files_are_there_and_nothing_else(made, request):
    folder = request.getfixturevalue(made)
    assert names_in(folder) == ALL_NAMES
    with zipfile.ZipFile(folder / f"{STEM}.zip") as archive:
        assert archive.namelist() == [STEM + ending for ending in ENDINGS]
        for name in archive.namelist():
            assert archive.read(name) == (folder / name).read_bytes()
    assert (folder / f"{STEM}.py").read_text() == Path(cnn.__file__).read_text()


def test_results_hold_what_the_contract_says(exported):
    results = json.loads((exported / "results.json").read_text())
    assert results["profile"] == "demo" and results["seed"] == 42
    assert results["command"] == "python -m hwlib export demo -p cnn_epochs 2 -p mlp_epochs 2"
    assert {"q1", "q2", "q3", "q4", "total"} <= set(results["seconds"])
    assert set(results["q3"]["learning_rates"]) == {"0.001", "0.01", "0.1"}
    for history in results["q3"]["learning_rates"].values():
        assert [len(values) for values in history.values()] == [2, 2, 2, 2]
    q4 = results["q4"]
    assert q4["test_accuracy"] == q4["test_correct"] / q4["test_total"]
    low, high = q4["test_interval_95"]
    assert low <= q4["test_accuracy"] <= high
    assert 1 <= q4["best_epoch"] <= 2 and len(q4["history"]["train_loss"]) == 2
    assert [len(top) for top in results["vgg"]["images"].values()] == [5, 5, 5]
    claims = check_claims(displayed_claims(nbformat.read(exported / f"{STEM}.ipynb", as_version=4)))
    shown = json.loads(claims.model_dump_json())
    assert shown == {name: value for name, value in results.items() if name != "seconds"}


def test_pickles_are_plain_tensors(exported):
    q3 = torch.load(exported / f"{STEM}_Q3.pkl", weights_only=True)
    shapes = {"W1": (784, 128), "W2": (128, 10), "b1": (128,), "b2": (10,)}
    assert {name: tuple(value.shape) for name, value in q3.items()} == shapes
    network = cnn.BigCatsNet()
    network.load_state_dict(torch.load(exported / f"{STEM}_Q4.pkl", weights_only=True))


def test_no_path_of_this_machine_is_handed_in(exported):
    """The folder of the export and that of the data were given as absolute paths."""
    text = (exported / f"{STEM}.ipynb").read_text() + (exported / "results.json").read_text()
    for path in (exported, ROOT, sys.prefix, Path.home(), Path(torch.__file__).parent):
        assert str(path) not in text, path


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_the_class_file_makes_the_size_that_was_trained(tmp_path, size):
    path = tmp_path / "HW1_ID1_ID2.py"
    write_class_file(path, size)
    module = ModuleType("class_file")
    exec(compile(path.read_text(), path, "exec"), vars(module))
    weights = cnn.BigCatsNet(widths=cnn.WIDTHS[size]).state_dict()
    keys = module.BigCatsNet().load_state_dict(weights)
    assert size == module.SIZE and not keys.missing_keys and not keys.unexpected_keys


def test_only_some_questions_make_no_zip(small_homework, tmp_path):
    made = export(small_homework, tmp_path / "out", ("q1", "q3"))
    names = {f"{STEM}.ipynb", f"{STEM}.pdf", f"{STEM}_Q3.pkl", "results.json"}
    assert names_in(tmp_path / "out") == {path.name for path in made} == names


def test_which_files_belong_to_which_question():
    assert names_of("H", ("q1", "q2")) == ["H.ipynb", "H.pdf", "results.json"]
    assert names_of("H", ("q3",)) == ["H.ipynb", "H.pdf", "H_Q3.pkl", "results.json"]
    assert names_of("H", ("q4",)) == ["H.ipynb", "H.pdf", "H.py", "H_Q4.pkl", "results.json"]
    assert {name.replace("H", STEM, 1) for name in names_of("H", QUESTIONS)} == ALL_NAMES


def test_equal_runs_give_equal_bytes_in_whatever_folder(small_homework, tmp_path):
    questions = ("q1", "q2", "q3")
    first, second = tmp_path / "a", tmp_path / "another"
    for out in (first, second):
        export(small_homework, out, questions)
    for name in names_of(STEM, questions)[:-1]:  # results.json holds the seconds
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_what_cannot_be_handed_in_is_said_before_the_run():
    assert "demonstration" in obstacle_to_submission(Parameters(data_source="sample"))
    assert "-p id1 123456789 -p id2 987654321" in obstacle_to_submission(Parameters())
    assert "Without id2 this" in obstacle_to_submission(Parameters(id1="123456789"))
    assert obstacle_to_submission(Parameters(id1="123456789", id2="987654321")) == ""


# Failures: nothing gets its final name.


def test_a_failing_cell_leaves_the_notebook_and_no_final_name(small_homework, tmp_path):
    failing = small_homework.with_cell(tmp_path / "failing.ipynb", "1 / 0", "q1")
    out = tmp_path / "out"
    with pytest.raises(ExportError) as failure:
        export(failing, out)
    assert "of question 1 failed" in str(failure.value) and "ZeroDivision" in str(failure.value)
    assert str(failure.value).endswith(
        f"The notebook as far as it was executed: {out}/failed.ipynb"
    )
    assert names_in(out) == {"failed.ipynb", ".partial"}
    export(small_homework, out)  # and is moved out of the way by the next one
    assert "failed.ipynb" not in names_in(out) and "failed.ipynb" in names_in(out / "previous")


def fail_with(error: Exception) -> Callable[..., None]:
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize(
    ("step", "replacement", "message"),
    [
        ("make_pdf", fail_with(PdfError("Cell 3 is not there.")), r"^Cell 3 is not there\.$"),
        ("make_pdf", lambda _: b"", r"did not make HW1_ID1_ID2\.pdf\."),
        ("make_pdf", fail_with(OSError(errno.ENOSPC, "Disk full")), "has no space left. Free some"),
        (
            "verify",
            lambda *_, **__: Report([Check("q4", False, "Too good.")]),
            "its claims.\nq4: Too good",
        ),
    ],
)
def test_a_failing_step_leaves_no_final_name(
    small_homework, tmp_path, monkeypatch, copied, step, replacement, message
):
    """The notebook is not run again for each: its files are there already."""

    def copy(*_, **__):
        shutil.copytree(copied, tmp_path / "out" / ".partial", dirs_exist_ok=True)

    monkeypatch.setattr(exports, "execute", copy)
    monkeypatch.setattr(exports, step, replacement)
    with pytest.raises(ExportError, match=message):
        export(small_homework, tmp_path / "out", QUESTIONS)
    assert names_in(tmp_path / "out") == {".partial"}


def test_other_errors_of_the_system_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(OSError, match="odd"), exports.full_disk_as_error(tmp_path):
        raise OSError(errno.EIO, "odd")


def test_the_notebook_s_own_folder_is_refused(small_homework):
    with pytest.raises(ExportError, match="--out"):
        export(small_homework, small_homework.notebook.parent)


def test_a_folder_that_cannot_be_made_is_named(small_homework):
    with pytest.raises(ExportError, match=r"/proc/nowhere cannot be written .* --out"):
        export(small_homework, Path("/proc/nowhere"))


# Two runs in one folder, one after the other, or at once.


def old_and_new(folder: Path) -> tuple[Path, list[str]]:
    """Files of an earlier export in a folder, unfinished files of another; the latter's names."""
    for name in (f"{STEM}.zip", f"{STEM}_Q4.pkl", f"{STEM}.pdf", "results.json"):
        (folder / name).write_text("old")
    (folder / ".partial").mkdir()
    names = [f"{STEM}.pdf", f"{STEM}.py", "results.json"]
    for name in names:
        (folder / ".partial" / name).write_text("new")
    return folder / ".partial", names


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_files_of_an_earlier_run_are_moved_away(tmp_path):
    folder, names = old_and_new(tmp_path)
    assert publish(folder, tmp_path, names) == [tmp_path / name for name in names]
    assert content(tmp_path) == dict.fromkeys(names, "new") and not folder.exists()
    previous = {f"{STEM}.zip", f"{STEM}_Q4.pkl", f"{STEM}.pdf", "results.json"}
    assert content(tmp_path / "previous") == dict.fromkeys(previous, "old")


class KilledError(BaseException):
    """Stands for the end of a process, which nothing catches."""


@pytest.mark.parametrize("survived", range(8))
def test_files_of_two_runs_are_never_side_by_side(tmp_path, monkeypatch, survived):
    """The process ends before each of its renames; the next export finds what is left."""
    folder, names = old_and_new(tmp_path)
    rename, done = os.replace, []

    def replace(source, target):
        if len(done) == survived:
            raise KilledError
        done.append(target)
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    try:
        publish(folder, tmp_path, names)
    except KilledError:
        assert survived < 7
    else:
        assert survived == 7  # four old files were moved away, three new ones got their names
    assert len(set(content(tmp_path).values())) <= 1


def test_an_export_waits_for_no_other_in_its_folder(small_homework, tmp_path):
    (tmp_path / ".partial").mkdir()
    with (
        FileLock(tmp_path / ".partial" / "lock"),
        pytest.raises(ExportError, match="Another export"),
    ):
        export(small_homework, tmp_path)
    assert names_in(tmp_path) == {".partial"}


PAUSE = """
import os, time
(output / "pid").write_text(str(os.getpid()))
(output / "pid").rename(output / "paused")  # whoever sees it finds the whole number in it
while not (output / "go").exists():
    time.sleep(0.01)
"""


def wait_until(condition: Callable[[], object], process) -> None:
    """Until it holds, as long as the process is alive."""
    while not condition():
        assert process.is_alive(), "the process ended before the condition held"
        time.sleep(0.01)


def test_two_exports_into_one_folder_leave_one_whole_set(small_homework, tmp_path):
    paused = small_homework.with_cell(tmp_path / "paused.ipynb", PAUSE)
    out = tmp_path / "out"
    first = start_export(paused, out, ("q1",))
    wait_until((out / ".partial" / "paused").exists, first)
    with pytest.raises(ExportError, match="Another export"):
        export(small_homework, out)
    (out / ".partial" / "go").touch()
    first.join()
    assert first.exitcode == 0
    assert names_in(out) == {f"{STEM}.ipynb", f"{STEM}.pdf", "results.json"}


def is_running(pid: int) -> bool:
    """Whether there is such a process, a defunct one aside."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_killed_at_any_stage_it_ends_with_the_same_files(small_homework, small_export, tmp_path):
    """SIGKILL for the whole process group: in the notebook, before the PDF, beside the bundle. An
    earlier export stands there at first, and no file of it is damaged or mixed with others.
    """
    paused = small_homework.with_cell(tmp_path / "paused.ipynb", PAUSE)
    out = Path(shutil.copytree(small_export, tmp_path / "out"))
    earlier = {name: (out / name).read_bytes() for name in ALL_NAMES}

    process = start_export(paused, out, QUESTIONS)
    wait_until((out / ".partial" / "paused").exists, process)
    kernel = int((out / ".partial" / "paused").read_text())
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    while is_running(kernel):  # it looks for its parent once a second
        time.sleep(0.05)
    (out / ".partial" / "go").touch()
    for stage in ("making the PDF", "scoring the bundle again, as a grader will"):
        process = start_export(paused, out, QUESTIONS, stage)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert {name: (out / name).read_bytes() for name in ALL_NAMES} == earlier
    assert (out / ".partial" / f"{STEM}.pdf").exists()
    export(paused, out, QUESTIONS)
    assert names_in(out) == {*ALL_NAMES, "previous"} and names_in(out / "previous") == ALL_NAMES
    for name in (f"{STEM}.py", f"{STEM}_Q3.pkl", f"{STEM}_Q4.pkl"):
        assert (out / name).read_bytes() == earlier[name]
