"""A class from its folder to its tables, with real processes, locks and pages."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
from click.testing import CliRunner
from grading import attacks, classes
from grading.attacks import all_attacks
from grading.classes import write_hand_in
from PIL import Image
from support import ROOT, STEM, listen_to_ctrl_c, run_hwlib, wait_until

from hwlib.cli import main
from hwlib.grading import runner
from hwlib.grading.hand_ins import HandIn
from hwlib.grading.runner import holds
from hwlib.q4_cats.cnn import CLASS_NAMES
from hwlib.submission.sandbox import Level

PWNED = Path("/tmp/hw-pwned-grade")
SOME = [classes.honest, classes.checkpoint, classes.endless, classes.writes_files]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Two pictures of each class, which nobody has seen."""
    folder = tmp_path_factory.mktemp("pictures")
    for place, name in enumerate(CLASS_NAMES):
        (folder / name).mkdir()
        for number in range(2):
            colour = (20 * place, 255 - 20 * place, 100 * number)
            Image.new("RGB", (40, 30), colour).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def graded(tmp_path, pictures, monkeypatch) -> Callable[..., subprocess.CompletedProcess]:
    """Grade the class in the test's folder, with a folder of its own for temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))

    def call(*options: object) -> subprocess.CompletedProcess:
        words = [tmp_path / "class", "--big-cats", pictures, "--data-dir", tmp_path / "no data"]
        words += ["--workers", 2, "--time-limit", 10, "--out", tmp_path / "graded", *options]
        return run_hwlib("grade", *words)

    return call


def rows_of(out: Path) -> dict[str, dict[str, str]]:
    with (out / "leaderboard.csv").open() as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


def check_class(kinds: list, tmp_path: Path, graded: Callable) -> None:
    """Grade one hand-in of each kind; every kind ends as it should, and nothing is left."""
    for number, kind in enumerate(kinds):
        write_hand_in(kind, number, tmp_path / "class")
    processes = psutil.Process().children(recursive=True)
    done = graded()
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "graded")
    assert len(rows) == len(kinds)
    for number, kind in enumerate(kinds):
        row = rows[classes.moodle_name(kind, number)]
        scored = kind in classes.SCORED
        assert (row["q4_total"] == "20") == scored, (kind, row)
        assert scored or row["problems"], kind
    assert not PWNED.exists()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert psutil.Process().children(recursive=True) == processes
    assert "\x1b" not in done.stdout + (tmp_path / "graded" / "leaderboard.html").read_text()


def test_a_class_is_graded_and_the_second_call_does_nothing(tmp_path, graded):
    check_class(SOME, tmp_path, graded)
    out = tmp_path / "graded"
    pdfs = [path.read_bytes() for path in out.glob("*/homework.pdf")]
    assert pdfs and all(pdf.startswith(b"%PDF-") for pdf in pdfs)
    assert (out / "leaderboard.html").read_text().count("/homework.pdf") == len(pdfs)
    before = {name: (out / name).read_bytes() for name in ("leaderboard.csv", "feedback.zip")}
    again = graded()
    assert "4 hand-ins, 0 looked at now" in again.stdout
    assert {name: (out / name).read_bytes() for name in before} == before
    write_hand_in(classes.compiled, 9, tmp_path / "class")
    assert "5 hand-ins, 1 looked at now" in graded().stdout


@pytest.mark.slow
def test_every_other_kind_of_hand_in(tmp_path, graded):
    others = [kind for kind in [*classes.SCORED, *classes.REFUSED] if kind not in SOME]
    check_class(others, tmp_path, graded)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on loopback, to which nobody should connect."""
    with socket.create_server(("127.0.0.1", attacks.PORT)) as server:
        server.settimeout(0.1)
        yield server


@pytest.mark.slow
@pytest.mark.long
def test_no_attack_gets_anything(tmp_path, graded, listener):
    """None leaves a file, process or connection, is right by more than chance, or costs others
    their score.
    """
    for name, files in all_attacks().items():
        for path, content in files.items():
            target = tmp_path / "class" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    write_hand_in(classes.honest, 1, tmp_path / "class")
    processes = psutil.Process().children(recursive=True)
    done = graded()
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "graded")
    assert len(rows) == len(all_attacks()) + 1 > 60
    assert rows[classes.moodle_name(classes.honest, 1)]["q4_total"] == "20"
    for name, row in rows.items():
        assert not row["q4_correct"] or int(row["q4_correct"]) <= 8, (name, row)
    with pytest.raises(TimeoutError):
        listener.accept()
    torch_folder = Path(torch.__file__).parent
    assert not Path(attacks.MARK).exists() and not (torch_folder / "hw_pwned.py").exists()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert psutil.Process().children(recursive=True) == processes
    page = (tmp_path / "graded" / "leaderboard.html").read_text()
    assert not {"\x1b", "\u202e", "\x07"} & set(done.stdout + done.stderr + page)


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_same_table(tmp_path, pictures, graded):
    kinds = classes.SCORED[:5]
    for number, kind in enumerate(kinds):
        write_hand_in(kind, number, tmp_path / "class")
    out = tmp_path / "graded"
    words = ["grade", tmp_path / "class", "--big-cats", pictures, "--time-limit", 10, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "hwlib", *map(str, words), "--data-dir", str(tmp_path / "no data")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=listen_to_ctrl_c,
    )
    wait_until(lambda: len(list(out.glob("*/report.json"))) >= 2)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    finished = len(list(out.glob("*/report.json")))
    done = graded()
    assert f"{len(kinds) - finished} looked at now" in done.stdout
    assert len(rows_of(out)) == len(kinds)
    resumed = (out / "leaderboard.csv").read_bytes()
    for path in out.glob("*/report.json"):
        path.unlink()
    graded()
    assert (out / "leaderboard.csv").read_bytes() == resumed


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_table(tmp_path, graded, cluster):
    for number, kind in enumerate((classes.honest, classes.log_softmax, classes.writes_files)):
        write_hand_in(kind, number, tmp_path / "class")
    assert graded("--scheduler", cluster.address).returncode == 0
    table = (tmp_path / "graded" / "leaderboard.csv").read_bytes()
    for path in (tmp_path / "graded").glob("*/report.json"):
        path.unlink()
    graded()
    assert (tmp_path / "graded" / "leaderboard.csv").read_bytes() == table


def test_our_own_bundle_is_scored_as_verify_scores_it(small_export, tmp_path):
    folder = tmp_path / "class" / "Noa Levi_5001_assignsubmission_file_"
    folder.mkdir(parents=True)
    (folder / f"{STEM}.zip").write_bytes((small_export / f"{STEM}.zip").read_bytes())
    verified = json.loads(run_hwlib("verify", small_export / f"{STEM}.zip", "--json").stdout)
    done = run_hwlib("grade", tmp_path / "class", "--out", tmp_path / "graded")
    assert done.returncode == 0, done.stderr
    row = rows_of(tmp_path / "graded")[folder.name]
    assert float(row["q3_accuracy"]) == verified["q3"]["test_accuracy"]
    assert int(row["q4_correct"]) == verified["q4"]["correct"]
    assert int(row["parameters"]) == verified["q4"]["parameters"]
    assert row["problems"].startswith("ID1 and ID2 are placeholders")
    assert "A demonstration on sample data" in row["problems"]


def test_what_was_not_scored_without_a_lock_is_looked_at_again_with_one(monkeypatch, tmp_path):
    options = runner.GradingOptions(data_dir=tmp_path)
    with_lock = runner.conditions_hash(options)
    monkeypatch.setattr(runner, "available_level", Level)
    assert runner.conditions_hash(options) != with_lock
    assert runner.conditions_hash(options._replace(trust=True)) != with_lock
    assert not runner.lacks_a_lock(options._replace(scheduler="tcp://elsewhere:8786"))


def test_results_within_the_folder_are_no_hand_in(tmp_path):
    folder = tmp_path / "class" / "results"
    assert holds(HandIn("results", (folder,)), folder)
    assert holds(HandIn("results", (folder,)), folder / "graded")
    assert not holds(HandIn("other", (folder.with_name("other"),)), folder)


def test_a_folder_without_hand_ins_and_a_wrong_rubric_say_what_to_do(tmp_path):
    (tmp_path / "empty").mkdir()

    def refusal(*words: object) -> str:
        arguments = ["grade", *map(str, words), "--out", str(tmp_path / "graded")]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 1
        return done.output

    assert "Download all submissions" in refusal(tmp_path / "empty")
    no_rubric = refusal(tmp_path / "empty", "--rubric", tmp_path / "none.yaml")
    assert "none.yaml cannot be read" in no_rubric
    assert "There is no folder or zip" in refusal(tmp_path / "nothing")
