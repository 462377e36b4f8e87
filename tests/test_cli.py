"""The command line: what is refused at once, and processes as a user starts and interrupts them."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner, Result
from support import ROOT, STEM, SmallHomework, listen_to_ctrl_c, run_hwlib

from hwlib import cli
from hwlib.commands import options
from hwlib.common.errors import HwlibError
from hwlib.submission import export as exports


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, list(map(str, arguments)))


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-p", "id1", "12345"], "9 digits"),
        (["-p", "id2", "ID1"], "9 digits, or ID2"),
        (["-p", "lerning_rate", "0.1"], "did you mean learning_rate?"),
        (["--only", "q9"], "There is no question q9"),
        (["--notebook", "nothing.ipynb"], "There is no notebook nothing.ipynb"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_else(tmp_path, arguments, hint):
    done = call("export", "demo", "--out", tmp_path / "out", *arguments)
    assert done.exit_code == 2 and hint in done.stderr and "Usage:" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-p", "data_source", "real", "-p", "data_dir", "no/such", "--only", "q4"], "no/such"),
        (["-p", "device", "cuda:99"], "cuda:99"),
        (["--out", ROOT], "--out"),
        (["--out", "/proc/nowhere"], "--out"),
    ],
)
def test_what_cannot_work_is_refused_before_the_notebook_runs(tmp_path, arguments, hint):
    done = call("export", "demo", "--out", tmp_path / "out", *arguments)
    assert done.exit_code == 1 and hint in done.stderr and "Usage:" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(("HW1", "failed"))]


def test_every_error_of_ours_is_shown_as_its_sentence(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise HwlibError("It cannot be done.")

    monkeypatch.setattr(exports, "export", fail)
    done = call("export", "demo", "--out", tmp_path)
    assert done.exit_code == 1 and done.stderr.endswith("Error: It cannot be done.\n")


def test_a_polite_kill_is_an_interrupt(monkeypatch, tmp_path):
    monkeypatch.setattr(exports, "export", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    try:
        done = call("export", "demo", "--out", tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done.exit_code == 130 and "goes on from the last finished epoch" in done.stderr


def test_the_command_that_is_recorded_names_no_place_of_files():
    overrides = (("data_dir", "/home/me"), ("seed", "7"), ("output_dir", "/tmp/x"))
    shown = options.command_line("export", "/home/me/mine.yaml", overrides, "q1,q3")
    assert shown == "python -m hwlib export mine.yaml -p seed 7 --only q1,q3"
    assert (
        options.command_line("sweep", "params/x.yaml", (), None)
        == "python -m hwlib sweep params/x.yaml"
    )


def test_parameters_are_listed_with_their_origin():
    lines = call("params", "demo", "-p", "seed", 7).stdout.splitlines()
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines}
    assert rows["seed"] == ["7", "-p seed"]
    assert rows["data_source"][0] == "sample" and rows["data_source"][1].endswith(
        "demo.yaml, line 2"
    )
    assert rows["mlp_epochs"] == ["16", "the notebook's default"]


def test_the_command_line_loads_no_torch():
    """So that a wrong parameter is refused at once."""
    code = "import sys, hwlib.cli\nprint([m for m in sys.modules if m.split('.')[0] == 'torch'])"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_without_packages_it_says_how_to_get_them():
    bare = [sys.executable, "-S", "-m", "hwlib", "export"]  # -S: no installed packages
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "lacks the package click" in done.stderr and "./export.sh" in done.stderr


def test_an_installed_library_finds_the_homework_in_the_working_folder(tmp_path):
    """As from a wheel: the package is not beside the notebook and the profiles."""
    site, work = tmp_path / "site", tmp_path / "work"
    shutil.copytree(ROOT / "hwlib", site / "hwlib")
    work.mkdir()
    env = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "hwlib", "export", "demo", "--only", "q9"]

    def run() -> str:
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True)
        assert done.returncode == 2
        return done.stderr

    assert f"There is no notebook {work / 'HW1_ID1_ID2.ipynb'}. Work in the folder" in run()
    shutil.copy(ROOT / "HW1_ID1_ID2.ipynb", work)
    assert f"There is no folder {work / 'params'}. Work in the folder" in run()
    shutil.copytree(ROOT / "params", work / "params")
    assert "There is no question q9" in run()


PAUSE = """
import time
(output / "paused").touch()
time.sleep(1000)
"""


def test_an_interrupted_export_keeps_its_files_and_says_how_to_go_on(
    small_homework: SmallHomework, tmp_path
):
    """Ctrl-C in a terminal, which reaches the whole process group."""
    notebook = small_homework.with_cell(tmp_path / "paused.ipynb", PAUSE).notebook
    out = tmp_path / "out"
    words = ["export", "demo", "-p", "data_dir", small_homework.data_dir, "--only", "q1"]
    words += ["--notebook", notebook, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "hwlib", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        start_new_session=True,
        preexec_fn=listen_to_ctrl_c,
        stderr=subprocess.PIPE,
    )
    paused = out / ".partial" / "paused"
    while not paused.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, messages = process.communicate()
    assert process.returncode == 130 and "goes on from the last finished epoch" in messages
    assert "Traceback" not in messages and paused.exists()
    assert [path.name for path in out.iterdir()] == [".partial"]


def test_a_finished_export_lists_its_files(small_homework, tmp_path):
    words = ["--only", "q1", "--notebook", small_homework.notebook, "--out", tmp_path / "out"]
    done = call("export", "demo", "-p", "data_dir", small_homework.data_dir, *words)
    assert done.exit_code == 0, done.output
    listed = [line.split()[0].rpartition("/")[2] for line in done.stdout.splitlines()[1:]]
    assert listed == [f"{STEM}.ipynb", f"{STEM}.pdf", "results.json"]
    assert "this is a demonstration" in done.stderr and "· making the PDF" in done.stderr


def test_it_runs_as_a_module_and_as_a_command():
    for done in (run_hwlib("--version"), subprocess.run(
        [sys.executable, "-c", "from hwlib.cli import main; main(prog_name='hwlib')", "--version"],
        cwd=ROOT, capture_output=True, text=True,
    )):  # fmt: skip
        assert done.stdout.startswith("hwlib, version ")


def test_home_is_understood_in_quotes_too(tmp_path):
    env = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hwlib", "fetch", "mnist", "--offline", "--data-dir"]
    for written in ("~/digits", "$HOME/digits"):
        done = subprocess.run([*command, written], env=env, capture_output=True, text=True)
        assert str(tmp_path / "digits") in done.stdout, done
    done = subprocess.run([*command, "~nobody-here/x"], env=env, capture_output=True, text=True)
    assert done.returncode == 2 and "home folder" in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "iso8859-8", "ascii", "utf-8"])
def test_no_terminal_s_encoding_stops_a_command(tmp_path, encoding):
    """A console of Windows knows neither the marks of a checklist nor the letters of every path."""
    folder = tmp_path / "données שלום"
    folder.mkdir()
    command = [sys.executable, "-m", "hwlib", "fetch", "mnist", "--offline", "--data-dir", folder]
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=env, capture_output=True)
    said = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)  # click knows ASCII
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert said.startswith("✗ MNIST" if encoding in ("utf-8", "ascii") else "x MNIST")
