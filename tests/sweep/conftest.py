"""What the tests of sweeps share: a small notebook, a sweep of it, and a real Dask cluster."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support import ROOT, listen_to_ctrl_c
from sweep.calls import Sweep, call_sweep

from hwlib.run.parameters import Parameters

# The homework's parameters and results, without a network: the "loss" falls as the square of a
# number that each epoch brings nearer to zero. Some parameters make it fail or die.
SETUP = """
import os, random, time
from pathlib import Path
from hwlib.common.results import Results
threads = os.environ["OMP_NUM_THREADS"]
results = Results((id1, id2), profile, seed, f"{threads} thread", data_source, command)
"""
FAIL = 'assert device != "cuda", "there is no GPU"'
DIE = "os._exit(1) if cnn_epochs == 1002 else None"
TRAIN = """
results.start("q3")
weight, losses = random.Random(seed).gauss(0, 1), []
for epoch in range(mlp_epochs):
    time.sleep(0.1)
    weight -= learning_rate * weight
    losses.append(weight**2)
"""
RECORD = """
falling = {"train_loss": losses, "test_loss": [2 * loss for loss in losses]}
rising = {name: [1 / (1 + loss) for loss in losses] for name in ("train_accuracy", "test_accuracy")}
history = falling | rising
results.record("q3", {"learning_rate": learning_rate, "history": history,
                      "learning_rates": {str(learning_rate): history}})
"""
SAVE = "results.save(Path(output_dir))"

TINY = """\
extends: demo
only: q3
mlp_epochs: 5
learning_rates: [0.01]
grid:
  learning_rate: [0.01, 0.1]
seeds: [1, 2]
"""


@pytest.fixture(scope="session")
def notebook(tmp_path_factory) -> Path:
    """A notebook of a dozen cells with the homework's parameters and tags, which trains nothing."""
    defaults = Parameters().model_dump()
    parameters = "\n".join(f"{name} = {value!r}" for name, value in defaults.items())
    q3 = {"tags": ["q3"]}
    cells = [
        new_markdown_cell("# A small homework"),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_code_cell(SETUP.strip()),
        new_markdown_cell("## Question 1", metadata={"tags": ["q1"]}),
        new_code_cell("print('an answer')", metadata={"tags": ["q1"]}),
        new_markdown_cell("## Question 3", metadata=q3),
        new_markdown_cell("It fails on a GPU, and may die.", metadata=q3),
        new_code_cell(FAIL, metadata=q3),
        new_code_cell(DIE, metadata=q3),
        new_code_cell(TRAIN.strip(), metadata=q3),
        new_code_cell(RECORD.strip(), metadata=q3),
        new_code_cell(SAVE),
    ]
    path = tmp_path_factory.mktemp("notebook") / "small.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The file of a sweep with four runs."""
    path = tmp_path_factory.mktemp("params") / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def undisturbed(tiny, notebook, tmp_path_factory) -> Sweep:
    """A finished sweep that nobody disturbed."""
    return call_sweep(tiny, notebook, tmp_path_factory.mktemp("sweep") / "out", "--workers", 2)


@pytest.fixture
def copied(undisturbed, tmp_path) -> Path:
    """The folder of that sweep, to be changed."""
    return Path(shutil.copytree(undisturbed.out, tmp_path / "out"))


@pytest.fixture
def start(notebook) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start ``python -m hwlib sweep`` in the background; it ends with the test at the latest."""
    started = []

    def start_sweep(*arguments: object) -> subprocess.Popen:
        words = ["-m", "hwlib", "sweep", *map(str, arguments), "--notebook", str(notebook)]
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=listen_to_ctrl_c,
        )
        started.append(process)
        return process

    yield start_sweep
    for process in started:
        process.kill()
        process.communicate()
