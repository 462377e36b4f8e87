"""From a sweep file to its runs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwlib.cli import main
from hwlib.run.parameters import ParameterError
from hwlib.sweep.plan import plan
from hwlib.sweep.store import data_files


def write(folder: Path, text: str, name: str = "tiny.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_grid_zip_and_seeds_are_combined_in_order(tmp_path):
    text = (
        "extends: demo\nonly: q3\ngrid: {cnn_epochs: [1, 2]}\n"
        "zip:\n  learning_rate: [1e-3, 0.1]\n  mlp_epochs: [9, 3]\nseeds: [7, 8]\n"
    )
    made = plan(write(tmp_path, text), [("id1", "123456789")])
    assert [tuple(run.swept.values()) for run in made.runs] == [
        (epochs, rate, mlp_epochs, seed)
        for epochs in (1, 2)
        for rate, mlp_epochs in ((0.001, 9), (0.1, 3))
        for seed in (7, 8)
    ]
    assert made.axes == [["cnn_epochs"], ["learning_rate", "mlp_epochs"], ["seed"]]
    assert {run.parameters.id1 for run in made.runs} == {"123456789"}
    assert {run.questions for run in made.runs} == {("q3",)}
    assert len({run.key for run in made.runs}) == 8
    assert str(made.runs[0]) == "cnn_epochs 1  learning_rate 0.001  mlp_epochs 9  seed 7"


@pytest.mark.parametrize("name", ["sweep_lr", "sweep_seeds"])
def test_the_sweeps_that_come_along_are_valid(name):
    made = plan(name)
    assert len(made.runs) >= 6 and made.runs[0].questions == ("q3",)
    assert made.out == str(Path("out", name).resolve())


def test_a_run_is_named_by_all_that_it_depends_on(tiny, notebook, tmp_path, monkeypatch):
    digits = tmp_path / "data/MNIST/raw/digits"
    digits.parent.mkdir(parents=True)
    digits.write_bytes(b"1")

    def key(only: str = "q3", out: str | None = None, command: str = "", **values: str) -> str:
        data_files.cache_clear()
        given = {"data_source": "real", "data_dir": str(tmp_path / "data")} | values
        return plan(str(tiny), list(given.items()), only, out, notebook, command).runs[0].key

    first = key()
    assert key(out=str(tmp_path / "elsewhere")) == first
    assert key(command="python -m hwlib sweep") == key(make_files="true") == first
    shutil.copytree(tmp_path / "data", tmp_path / "moved")  # keeps the times of change
    assert key(data_dir=str(tmp_path / "moved")) == first
    assert key(mlp_epochs="2") != first
    assert key(only="q1,q3") != first
    digits.write_bytes(b"12")
    assert key() != first
    digits.unlink()
    monkeypatch.setattr("hwlib.sweep.plan.code_hash", lambda notebook: "another library")
    assert key(data_dir=str(tmp_path / "moved")) != first


def test_a_run_is_named_by_its_notebook(tiny, notebook, tmp_path):
    first = plan(str(tiny), notebook=notebook).runs[0]
    copy = Path(shutil.copy(notebook, tmp_path / "small.ipynb"))
    assert plan(str(tiny), notebook=copy).runs[0].key == first.key
    copy.write_text(copy.read_text().replace("an answer", "another answer"))
    assert plan(str(tiny), notebook=copy).runs[0].key != first.key


def test_a_notebook_of_the_checkout_is_found_in_other_checkouts(tiny):
    assert plan(str(tiny)).runs[0].notebook == "HW1_ID1_ID2.ipynb"


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
    done = CliRunner().invoke(main, ["sweep", str(tiny), "-p", "learning_rate", "1"])
    assert done.exit_code == 2 and "tiny.yaml, line 6" in done.output


def test_an_export_refuses_a_sweep():
    done = CliRunner().invoke(main, ["export", "sweep_lr"])
    assert done.exit_code == 2 and "python -m hwlib sweep sweep_lr" in done.output


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch.yaml", "There is no file nosuch.yaml (known are: sweep_lr, sweep_seeds)"),
        (
            "params/sweep_lrr.yaml",
            "There is no file params/sweep_lrr.yaml (did you mean sweep_lr?)",
        ),
        ("sweep_seed", "There is no sweep sweep_seed (did you mean sweep_seeds?)"),
    ],
)
def test_a_sweep_that_is_missing_is_named_with_those_that_exist(name, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        plan(name)
