"""Sweeps: from a file to runs, and that neither kills nor clusters change a number."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from click.testing import CliRunner
from support import ROOT, listen_to_ctrl_c, run_hwlib

from hwlib.cli import main
from hwlib.sweep import leaderboard
from hwlib.sweep import pool as sweep
from hwlib.sweep.plan import Run, data_files, plan, publish, read_run, unfinished_folder

TINY = """\
extends: demo
only: q3
mlp_epochs: 1
learning_rates: [0.01]
grid:
  learning_rate: [0.01, 0.1]
seeds: [1, 2]
"""


def write(folder: Path, text: str, name: str = "tiny.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def run_files(out: Path) -> list[Path]:
    return sorted(out.glob("runs/*/run.json"))


def numbers(out: Path) -> dict[str, dict]:
    """The figures of every run by its name; every run must be there once and be done."""
    records = [json.loads(path.read_text()) for path in run_files(out)]
    assert all(record["status"] == "done" for record in records)
    assert [record["key"] for record in records] == [p.parent.name for p in run_files(out)]
    return {
        path.parent.name: json.loads((path.parent / "results.json").read_text())["q3"]
        for path in run_files(out)
    }


@pytest.fixture
def start():
    """``python -m hwlib sweep`` in the background; ended with the test, however that ends."""
    started = []

    def sweep(*arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "hwlib", "sweep", *map(str, arguments)]
        options = {"cwd": ROOT, "env": environment(), "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, preexec_fn=listen_to_ctrl_c, **options))
        return started[-1]

    yield sweep
    for process in started:
        process.kill()
        process.wait()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


def wait_until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def busy(process: psutil.Process) -> list[psutil.Process]:
    """The worker processes below ``process`` that have a kernel."""
    try:
        below = process.children(recursive=True)
        workers = [child for child in below if "hwlib.sweep.worker" in " ".join(child.cmdline())]
        return [worker for worker in workers if worker.children(recursive=True)]
    except psutil.Error:  # one of them has just ended: look again
        return []


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    return write(tmp_path_factory.mktemp("params"), TINY)


@pytest.fixture(scope="module")
def undisturbed(tiny, tmp_path_factory) -> Path:
    """The folder of a sweep that nobody disturbed."""
    out = tmp_path_factory.mktemp("sweep") / "out"
    done = run_hwlib("sweep", tiny, "--workers", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "4 runs performed, 0 were there, 0 failed" in done.stdout
    return out


@pytest.fixture
def copied(undisturbed, tmp_path) -> Path:
    return Path(shutil.copytree(undisturbed, tmp_path / "out"))


# From a file to runs


def test_grid_zip_and_seeds_are_combined_in_order(tmp_path):
    text = (
        "extends: demo\nonly: q3\ngrid: {cnn_epochs: [1, 2]}\n"
        "zip:\n  learning_rate: [1e-3, 0.1]\n  mlp_epochs: [9, 3]\nseeds: [7, 8]\n"
    )
    runs = plan(write(tmp_path, text), [("id1", "123456789")], None, None)
    assert [tuple(run.swept.values()) for run in runs] == [
        (epochs, rate, mlp_epochs, seed)
        for epochs in (1, 2)
        for rate, mlp_epochs in ((0.001, 9), (0.1, 3))
        for seed in (7, 8)
    ]
    assert {run.parameters["id1"] for run in runs} == {"123456789"}
    assert {run.questions for run in runs} == {("q3",)}
    assert len({run.key for run in runs}) == 8
    assert str(runs[0]) == "cnn_epochs 1  learning_rate 0.001  mlp_epochs 9  seed 7"


@pytest.mark.parametrize("name", ["sweep_lr", "sweep_seeds"])
def test_the_sweeps_that_come_along_are_valid(name):
    runs = plan(name, [], None, None)
    assert len(runs) >= 6 and runs[0].questions == ("q3",)
    assert runs[0].out == str(Path("out", name).resolve())


def test_a_run_is_named_by_all_that_it_depends_on(tiny, tmp_path, monkeypatch):
    digits = tmp_path / "data/MNIST/raw/digits"
    digits.parent.mkdir(parents=True)
    digits.write_bytes(b"1")

    def key(only: str = "q3", out: str | None = None, **overrides: str) -> str:
        data_files.cache_clear()
        values = {"data_source": "real", "data_dir": str(tmp_path / "data")} | overrides
        return plan(tiny, list(values.items()), only, out)[0].key

    first = key()
    assert key(out=str(tmp_path / "elsewhere")) == first
    shutil.copytree(tmp_path / "data", tmp_path / "moved")  # keeps the times of change
    assert key(data_dir=str(tmp_path / "moved")) == first
    assert key(mlp_epochs="2") != first
    assert key(only="q1,q3") != first
    digits.write_bytes(b"12")
    assert key() != first
    monkeypatch.setattr("hwlib.sweep.plan.code_hash", lambda: "another library")
    assert key(data_dir=str(tmp_path / "moved")) != first


WRONG = {
    "misspelt": ("extends: demo\nlerning_rate: 0.1\nseeds: [1]\n", 2, "mean learning_rate?"),
    "unknown": ("zzz: 1\nseeds: [1]\n", 1, "known are: id1"),
    "no number": ("learning_rate: fast\nseeds: [1]\n", 1, "a finite number above 0"),
    "negative": ("seeds: [1]\nmlp_epochs: -3\n", 2, "a whole number from 1 up"),
    "half an epoch": ("seeds: [1]\ncnn_epochs: 1.5\n", 2, "a whole number from 1 up"),
    "infinite": ("seeds: [1]\n\nlearning_rate: .inf\n", 3, "a finite number above 0"),
    "device": ("seeds: [1]\ndevice: tpu9\n", 2, "auto, cpu, cuda or cuda:N"),
    "source": ("data_source: imaginary\nseeds: [1]\n", 1, "real or sample"),
    "weights": ("vgg_weights: no-such.pth\nseeds: [1]\n", 1, "existing file"),
    "id": ("id1: 12345\nseeds: [1]\n", 1, "9 digits"),
    "empty": ("learning_rate:\nseeds: [1]\n", 1, "a finite number above 0"),
    "bad YAML": ("seeds: [1\nmlp_epochs: 2\n", 2, "not valid YAML"),
    "tabs": ("grid:\n\tmlp_epochs: [1]\n", 2, "not valid YAML"),
    "twice": ("seeds: [1]\nseed: 1\nseed: 2\n", 3, "twice"),
    "no names": ("- a\n- b\n", 1, "name: value"),
    "unknown profile": ("extends: demmo\nseeds: [1]\n", 1, "did you mean demo?"),
    "cycle": ("seeds: [1]\nextends: wrong.yaml\n", 2, "circle: wrong.yaml → wrong.yaml"),
    "grid, no list": ("grid:\n  mlp_epochs: 3\n", 2, "a list of values"),
    "grid, item": ("grid:\n  mlp_epochs: [1,\n  0]\n", 3, "a whole number from 1 up"),
    "grid, name": ("seed: 1\ngrid:\n  mlp_epoch: [1]\n", 3, "did you mean mlp_epochs?"),
    "zip": ("zip:\n  mlp_epochs: [1, 2]\n  cnn_epochs: [1]\n", 1, "mlp_epochs has 2"),
    "seeds": ("seeds: 3\n", 1, "list of whole numbers"),
    "seed": ("seeds: [1, -1]\n", 1, "from 0 to 4294967295"),
    "swept twice": ("seeds: [1]\ngrid: {seed: [2]}\n", 1, "swept twice"),
    "equal runs": ("grid: {learning_rate: [0.1, 1e-1]}\n", None, "two runs are the same"),
    "no sweep": ("mlp_epochs: 2\n", 1, "nothing to sweep"),
    "question": ("only: q9\nseeds: [1]\n", 1, "q1, q2, q3, q4"),
    "one GPU": ("device: cuda:1\nseeds: [1]\n", None, "say cuda"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_get_a_clear_message_and_no_kernel(name, tmp_path, monkeypatch):
    text, line, hint = WRONG[name]
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    path = write(tmp_path, text, "wrong.yaml")
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["sweep", path, "--out", str(out)])
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit)
    assert hint in done.output
    if line:
        assert re.search(rf"wrong\.yaml, line {line}: ", done.output), done.output
    assert not out.exists()


def test_a_swept_parameter_cannot_be_set_as_well(tiny):
    done = CliRunner().invoke(main, ["sweep", tiny, "-p", "learning_rate", "1"])
    assert done.exit_code == 2 and "tiny.yaml, line 6" in done.output


def test_a_longer_circle_is_found(tmp_path):
    write(tmp_path, "extends: b.yaml\n", "a.yaml")
    write(tmp_path, "seed: 1\nextends: a.yaml\n", "b.yaml")
    done = CliRunner().invoke(main, ["params", str(tmp_path / "a.yaml")])
    assert done.exit_code == 2
    assert "b.yaml, line 2" in done.output and "a.yaml → b.yaml → a.yaml" in done.output


def test_params_says_where_values_come_from(tmp_path):
    write(tmp_path, "extends: demo\nseed: 7\ncnn_epochs: 3\n", "base.yaml")
    mine = write(tmp_path, "extends: base.yaml\ncnn_epochs: 5\n", "mine.yaml")
    done = CliRunner().invoke(main, ["params", mine, "-p", "mlp_epochs", "2"])
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line for line in done.output.splitlines()}
    assert re.search(r"5 .*mine\.yaml, line 2", lines["cnn_epochs"])
    assert re.search(r"7 .*base\.yaml, line 2", lines["seed"])
    assert re.search(r"sample .*demo\.yaml, line 2", lines["data_source"])
    assert re.search(r"2 .*-p mlp_epochs", lines["mlp_epochs"])
    assert lines["learning_rate"].endswith("the notebook's default")


def test_an_export_refuses_a_sweep():
    done = CliRunner().invoke(main, ["export", "sweep_lr"])
    assert done.exit_code == 2 and "python -m hwlib sweep sweep_lr" in done.output


# Runs


def test_a_sweep_leaves_runs_table_and_page(undisturbed):
    assert len(numbers(undisturbed)) == 4
    record = json.loads(run_files(undisturbed)[0].read_text())
    assert record["seconds"] > 0 and record["versions"]["torch"] and record["traceback"] == ""
    assert "1 thread of" in record["device"]
    assert {"results.json", "HW1_ID1_ID2.ipynb", "HW1_ID1_ID2_Q3.pkl"} <= set(record["files"])
    assert not list((undisturbed / "runs").glob(".*-*"))
    table = pd.read_csv(undisturbed / "results.csv")
    assert table["learning_rate"].to_list() == [0.01, 0.01, 0.1, 0.1]
    assert table["q3_train_loss"].notna().all()
    page = (undisturbed / "summary.html").read_text()
    assert page.count("<figure>") == 4 and "learning_rate 0.1" in page and "Sample data" in page
    histories = leaderboard.load_histories(str(undisturbed), "q3")
    assert len(histories) == 4 and set(histories["seed"]) == {1, 2}


def test_a_second_call_does_nothing_soon(tiny, copied):
    before = {path: path.stat().st_mtime_ns for path in run_files(copied)}
    begun = time.monotonic()
    done = run_hwlib("sweep", tiny, "--workers", 2, "--out", copied)
    assert time.monotonic() - begun < 6
    assert "0 runs performed, 4 were there" in done.stdout and "learning_rate 0.1" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in run_files(copied)} == before


def test_table_and_page_of_other_runs_are_written_again(tiny, copied):
    """As they are where a sweep was killed after its last run and before its page."""
    table = (copied / "results.csv").read_text()
    (copied / "results.csv").write_text(table.replace("0.01", "0.02"))
    (copied / "summary.html").write_text("old")
    done = run_hwlib("sweep", tiny, "--out", copied)
    assert "0 runs performed, 4 were there" in done.stdout
    assert (copied / "results.csv").read_text() == table
    assert "learning_rate 0.1" in (copied / "summary.html").read_text()


def test_exactly_the_missing_and_the_broken_run_are_redone(tiny, copied, undisturbed):
    deleted, broken, *others = run_files(copied)
    before = {path: path.stat().st_mtime_ns for path in others}
    shutil.rmtree(deleted.parent)
    (broken.parent / "results.json").write_text("{}")
    done = run_hwlib("sweep", tiny, "--workers", 2, "--out", copied)
    assert "2 runs performed, 2 were there, 0 failed" in done.stdout, done.stderr
    assert numbers(copied) == numbers(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in others} == before


def test_kills_change_no_number_and_leave_nothing_running(start, tiny, undisturbed, tmp_path):
    out = tmp_path / "out"
    sweep = start(tiny, "--workers", 2, "--out", out)
    process = psutil.Process(sweep.pid)
    wait_until(lambda: len(busy(process)) == 2)
    victim = busy(process)[0]
    orphans = victim.children(recursive=True)
    victim.kill()
    assert not psutil.wait_procs(orphans, timeout=5)[1]
    wait_until(lambda: busy(process) and victim not in busy(process) and run_files(out))
    children = process.children(recursive=True)
    sweep.kill()
    sweep.wait()
    assert len(children) >= 2 and not psutil.wait_procs(children, timeout=5)[1]
    assert 1 <= len(run_files(out)) < 4
    done = run_hwlib("sweep", tiny, "--workers", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    assert numbers(out) == numbers(undisturbed)


def test_ctrl_c_leaves_a_sweep_that_goes_on(start, tmp_path):
    path = write(tmp_path, "extends: demo\nonly: q1\nseeds: [1, 2, 3]\n")
    sweep = start(path, "--out", tmp_path / "out")
    process = psutil.Process(sweep.pid)
    wait_until(lambda: busy(process))
    children = process.children(recursive=True)
    sweep.send_signal(signal.SIGINT)
    assert sweep.wait(10) == 130
    assert "Interrupted. The same command" in sweep.stderr.read()
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert len(run_files(tmp_path / "out")) < 3


def test_a_failing_run_is_recorded_and_stops_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    path = write(tmp_path, "extends: demo\nonly: q1\ngrid: {device: [cuda, cpu]}\n")
    done = run_hwlib("sweep", path, "--out", tmp_path / "out")
    assert done.returncode == 1 and "2 runs performed, 0 were there, 1 failed" in done.stdout
    records = [json.loads(path.read_text()) for path in run_files(tmp_path / "out")]
    failed = next(record for record in records if record["status"] == "failed")
    assert sorted(record["status"] for record in records) == ["done", "failed"]
    assert "torch sees 0 CUDA devices" in failed["traceback"]
    assert "choose_device(device)" in failed["traceback"] and "\x1b" not in failed["traceback"]
    again = run_hwlib("sweep", path, "--out", tmp_path / "out")
    assert "1 runs performed, 1 were there, 1 failed" in again.stdout


# Who performs them


@pytest.fixture
def cluster(tmp_path):
    """The address of a real scheduler on loopback, and the processes of its two workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    dask, quiet = [sys.executable, "-m", "dask"], ["--no-dashboard"]
    options = {"env": environment(), "cwd": tmp_path, "stderr": subprocess.DEVNULL}
    port = address.rpartition(":")[2]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", port, *quiet]
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-nanny", *quiet]
    worker += ["--death-timeout", "60"]  # none is left over when the tests are killed
    processes = [subprocess.Popen(command, **options) for command in (scheduler, worker, worker)]
    yield address, [psutil.Process(process.pid) for process in processes[1:]]
    for process in processes:
        process.kill()
        process.wait()


def test_a_dask_worker_that_dies_loses_nothing(start, tiny, undisturbed, cluster, tmp_path):
    address, workers = cluster
    out = tmp_path / "out"
    process = start(tiny, "--scheduler", address, "--out", out)
    wait_until(lambda: all(busy(worker) for worker in workers))
    orphans = workers[0].children(recursive=True)
    workers[0].kill()
    assert not psutil.wait_procs(orphans, timeout=5)[1]
    assert process.wait(500) == 0, process.stderr.read()
    assert numbers(out) == numbers(undisturbed)


def test_what_is_missing_for_a_cluster_is_said(tiny, tmp_path, monkeypatch):
    arguments = ["sweep", tiny, "--out", str(tmp_path / "out"), "--scheduler"]
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = CliRunner().invoke(main, [*arguments, "tcp://127.0.0.1:1"])
    assert done.exit_code == 1 and "pip install -e '.[cluster]'" in done.output


def a_run(out: Path | str, **parameters: object) -> Run:
    content = {"device": "cpu"} | parameters
    return Run("0123", content, {"seed": 1}, ("q3",), str(out), "code")


def test_a_worker_process_that_dies_is_replaced_twice(monkeypatch, tmp_path):
    started = []

    class Dying:
        def __init__(self, threads: int, gpu: str | None):
            started.append(gpu)

        def perform(self, run: Run) -> None:
            if len(started) < survivor:
                raise sweep.WorkerDied("killed")

    monkeypatch.setattr(sweep, "Worker", Dying)
    monkeypatch.setattr(sweep, "THREAD", sweep.threading.local())
    sweep.STOPPING.clear()
    survivor = 3
    sweep.perform(a_run(tmp_path), 1)
    assert len(started) == 3
    monkeypatch.setattr(sweep, "THREAD", sweep.threading.local())
    survivor = 99
    with pytest.raises(sweep.WorkerDied, match="killed"):
        sweep.perform(a_run(tmp_path), 1)
    assert len(started) == 6


def test_two_runs_never_share_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with sweep.local_pool([a_run(tmp_path, device="auto")] * 9, 4) as executor:
        seen = list(executor.map(lambda _: time.sleep(0.05) or sweep.THREAD.gpu, range(8)))
        assert executor._max_workers == 2 and set(seen) == {"3", "5"}
    with sweep.local_pool([a_run(tmp_path)] * 9, 4) as executor:
        assert executor._max_workers == 4
        assert executor.submit(lambda: sweep.THREAD.gpu).result() is None


def test_nothing_is_begun_once_a_sweep_is_interrupted(monkeypatch, tmp_path):
    begun, killed = [], sweep.threading.Event()

    class Killed:
        def __init__(self, threads: int, gpu: str | None):
            sweep.Worker.alive.add(self)

        def perform(self, run: Run) -> None:
            begun.append(run)
            killed.wait(10)
            raise sweep.WorkerDied("killed")

        def kill(self) -> None:
            sweep.Worker.alive.discard(self)
            killed.set()
            time.sleep(0.3)  # as long as a process may take to end

    Killed.alive = set()
    monkeypatch.setattr(sweep, "Worker", Killed)
    with (
        pytest.raises(KeyboardInterrupt),
        sweep.local_pool([a_run(tmp_path)] * 9, 2) as executor,
    ):
        futures = [executor.submit(sweep.perform, a_run(tmp_path), 1) for _ in range(9)]
        wait_until(lambda: len(begun) == 2, 10)
        raise KeyboardInterrupt
    assert len(begun) == 2
    assert all(future.cancelled() or future.exception() for future in futures)


# Results


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_a_run_is_published_whole_and_replaced(scheme, tmp_path):
    run = a_run(f"{scheme}{tmp_path}/out")
    assert read_run(run.out, run.key) is None
    for results in ({"device": "first"}, {"device": "second"}):
        with unfinished_folder(run) as folder:
            (folder / "results.json").write_text(json.dumps(results))
            publish(folder, run, seconds=1)
        assert not folder.exists()
        record = read_run(run.out, run.key)
        assert (record["status"], record["device"]) == ("done", results["device"])
        assert record["results"] == results


def test_nothing_is_ranked_by_a_test_figure():
    table = pd.DataFrame(
        {
            "status": "done",
            "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.3],
            "seed": [1, 2, 1, 2, 1],
            "q3_train_loss": [0.5, 0.7, 0.3, 0.5, float("nan")],
            "q3_test_accuracy": [0.9, 0.9, 0.1, 0.1, 1.0],
            "seconds": 1.0,
        }
    )
    board = leaderboard.leaderboard(table, ["learning_rate", "seed"])
    assert board["setting"].to_list() == [f"learning_rate {x}" for x in (0.2, 0.1, 0.3)]
    assert board["q3 train loss"].to_list()[:2] == ["0.4000 ± 0.1414", "0.6000 ± 0.1414"]
    with_q4 = table.assign(q4_validation_accuracy=[0.1, 0.1, 0.2, 0.2, 0.9], q4_test_accuracy=0.5)
    best = leaderboard.leaderboard(with_q4, ["learning_rate", "seed"]).iloc[0]
    assert best["setting"] == "learning_rate 0.3"
    assert not any("test" in figure for figure, _ in leaderboard.RANKED_BY.values())
