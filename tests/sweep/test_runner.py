"""That neither kills nor clusters nor failures change a number, or cost more than their own run."""

import json
import re
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from support import wait_until
from sweep.calls import busy_workers, call_sweep, numbers, run_files

from hwlib.common.project import NOTEBOOK
from hwlib.run import inputs
from hwlib.sweep.plan import plan
from hwlib.sweep.runner import check_data


def times(paths):
    return {path: path.stat().st_mtime_ns for path in paths}


def test_a_sweep_leaves_runs_table_and_page(undisturbed):
    assert undisturbed.exit_code == 0
    assert "4 runs performed, 0 were there, 0 failed" in undisturbed.output
    out = undisturbed.out
    assert len(numbers(out)) == 4
    record = json.loads(run_files(out)[0].read_text())
    assert record["seconds"] > 0.5 and record["versions"]["torch"] and record["traceback"] == ""
    assert record["device"] == "1 thread"
    assert set(record["files"]) == {"results.json", "small.ipynb"}
    assert {path.name for path in out.iterdir()} == {
        "runs",
        "results.csv",
        "summary.html",
        "sweep.json",
    }
    assert not list((out / "runs").glob(".*-*"))


def test_losses_stand_in_the_lines_of_progress(undisturbed):
    lines = [line for line in undisturbed.output.splitlines() if line.startswith("✓")]
    losses = {f"{n['history']['train_loss'][-1]:.4f}" for n in numbers(undisturbed.out).values()}
    assert {re.search(r"train loss (\S+)", line)[1] for line in lines} == losses
    assert len(lines) == 4 and len(losses) > 1


def test_a_run_says_by_which_command_it_was_made(undisturbed, tiny):
    results = json.loads(run_files(undisturbed.out)[0].with_name("results.json").read_text())
    assert results["command"] == f"python -m hwlib sweep {Path(tiny).name}"


def test_a_second_call_starts_nothing(tiny, notebook, copied, monkeypatch):
    before = times(run_files(copied))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a process was started"))
    again = call_sweep(tiny, notebook, copied)
    assert "0 runs performed, 4 were there" in again.output and "learning_rate 0.1" in again.output
    assert times(run_files(copied)) == before


def test_table_and_page_of_other_runs_are_written_again(tiny, notebook, copied):
    """As they are if a sweep was killed after its last run and before its page."""
    table = (copied / "results.csv").read_text()
    (copied / "results.csv").write_text(table.replace("0.01", "0.02"))
    (copied / "summary.html").write_text("old")
    assert "0 runs performed, 4 were there" in call_sweep(tiny, notebook, copied).output
    assert (copied / "results.csv").read_text() == table
    assert "learning_rate 0.1" in (copied / "summary.html").read_text()


def test_exactly_the_missing_and_the_broken_run_are_redone(tiny, notebook, copied, undisturbed):
    deleted, broken, *others = run_files(copied)
    before = times(others)
    shutil.rmtree(deleted.parent)
    (broken.parent / "results.json").write_text("{}")
    again = call_sweep(tiny, notebook, copied)
    assert "2 runs performed, 2 were there, 0 failed" in again.output
    assert numbers(copied) == numbers(undisturbed.out)
    assert times(others) == before


def test_kills_change_no_number_and_leave_nothing_running(
    start, tiny, notebook, undisturbed, tmp_path
):
    out = tmp_path / "out"
    sweep = start(tiny, "--workers", 2, "--out", out)
    process = psutil.Process(sweep.pid)
    wait_until(lambda: len(busy_workers(process)) == 2)
    victim = busy_workers(process)[0]
    orphans = victim.children(recursive=True)
    victim.kill()
    assert not psutil.wait_procs(orphans, timeout=60)[1]
    wait_until(lambda: run_files(out) and busy_workers(process))
    children = process.children(recursive=True)
    sweep.kill()
    sweep.wait()
    assert len(children) >= 2 and not psutil.wait_procs(children, timeout=60)[1]
    assert 1 <= len(run_files(out)) < 4
    assert call_sweep(tiny, notebook, out).exit_code == 0
    assert numbers(out) == numbers(undisturbed.out)


def test_ctrl_c_leaves_a_sweep_that_goes_on(start, tiny, tmp_path):
    sweep = start(tiny, "-p", "mlp_epochs", 100, "--out", tmp_path / "out")
    process = psutil.Process(sweep.pid)
    wait_until(lambda: busy_workers(process))
    children = process.children(recursive=True)
    sweep.send_signal(signal.SIGINT)
    _, said = sweep.communicate(timeout=60)
    assert sweep.returncode == 130 and "Interrupted. The same command" in said
    assert not psutil.wait_procs(children, timeout=60)[1]
    assert not run_files(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/runs").iterdir()] == [".lock"]


def test_runs_that_fail_or_die_cost_only_themselves(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    path = tmp_path / "bad.yaml"
    path.write_text(
        "extends: demo\nonly: q3\nmlp_epochs: 1\n"
        "zip: {device: [cuda, cpu, cpu], cnn_epochs: [1, 1002, 1]}\n"
    )
    done = call_sweep(path, notebook, tmp_path / "out")
    assert done.exit_code == 1 and "3 runs performed, 0 were there, 2 failed" in done.output
    records = [json.loads(path.read_text()) for path in run_files(tmp_path / "out")]
    by_setting = {tuple(record["swept"].values()): record for record in records}
    failed = by_setting["cuda", 1]
    assert failed["reason"].endswith("AssertionError: there is no GPU")
    assert 'device != "cuda"' in failed["traceback"] and "\x1b" not in failed["traceback"]
    assert "kernel died" in by_setting["cpu", 1002]["reason"]
    assert by_setting["cpu", 1]["status"] == "done"
    assert "there is no GPU" in (tmp_path / "out/summary.html").read_text()


def test_a_run_that_takes_too_long_is_ended(tiny, notebook, tmp_path):
    """Starting a kernel alone takes longer than this limit."""
    done = call_sweep(tiny, notebook, tmp_path / "out", "--time-limit", 0.1)
    assert done.exit_code == 1 and "4 runs performed, 0 were there, 4 failed" in done.output
    assert done.output.count("The job was ended after 0.1 s, its time limit.") == 4
    records = [json.loads(path.read_text()) for path in run_files(tmp_path / "out")]
    assert [record["status"] for record in records] == ["failed"] * 4


def test_a_second_sweep_in_the_same_folder_is_refused(tiny, notebook, copied):
    with FileLock(copied / "runs/.lock"):
        refused = call_sweep(tiny, notebook, copied)
    assert refused.exit_code == 1 and "Another sweep is writing to" in refused.output


def test_a_dask_worker_that_dies_loses_nothing(start, tiny, undisturbed, cluster, tmp_path):
    out = tmp_path / "out"
    sweep = start(tiny, "--scheduler", cluster.address, "--out", out)
    wait_until(lambda: all(busy_workers(worker) for worker in cluster.workers))
    victim, survivor = cluster.workers
    orphans = victim.children(recursive=True)
    victim.kill()
    assert not psutil.wait_procs(orphans, timeout=60)[1]
    _, said = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, said
    assert numbers(out) == numbers(undisturbed.out)
    wait_until(lambda: not survivor.children(), 60)  # the sweep leaves no process behind


def test_what_is_missing_for_a_cluster_is_said(tiny, notebook, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "hwlib.jobs.cluster", raising=False)
    address = ["--scheduler", "tcp://127.0.0.1:1"]
    done = call_sweep(tiny, notebook, tmp_path / "out", *address)
    assert done.exit_code == 1 and "pip install -e '.[cluster]'" in done.output


def test_the_homework_s_first_question_is_swept(tmp_path):
    path = tmp_path / "q1.yaml"
    path.write_text("extends: demo\nonly: q1\nseeds: [1, 2]\n")
    done = call_sweep(path, NOTEBOOK, tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "2 runs performed, 0 were there, 0 failed" in done.output
    assert len(list(tmp_path.glob("out/runs/*/HW1_ID1_ID2.ipynb"))) == 2


def test_what_is_remarked_on_data_is_said_once_for_all_runs(tiny, tmp_path, monkeypatch):
    """Such as a class folder in another spelling. Runs with other data are looked at as well."""
    remark = "big_cats: the folder Lion is taken for LIONS"
    asked = []

    def check(parameters, questions):
        asked.append(parameters.data_dir)
        return [remark, parameters.data_dir]

    monkeypatch.setattr(inputs, "check_inputs", check)
    first = plan(str(tiny), [("data_dir", str(tmp_path / "a"))], None, str(tmp_path)).runs
    second = plan(str(tiny), [("data_dir", str(tmp_path / "b"))], None, str(tmp_path)).runs
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert check_data([*first, *second]) == [remark, *folders]
    assert len(first) == 4 and asked == folders
