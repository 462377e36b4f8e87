"""What tests share: the program as a user calls it, and small notebooks to run instead of ours."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
from nbformat import NotebookNode, v4

from hwlib.common.project import NOTEBOOK, QUESTIONS
from hwlib.run.parameters import Parameters

ROOT = Path(__file__).resolve().parents[1]
STEM = "HW1_ID1_ID2"  # of the files of a pair who have not said their numbers
# The interpreter of the tests may know the checkout by its installation; this makes it forget.
FORGET = f"""
import sys
sys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]
sys.path_hooks[:] = [hook for hook in sys.path_hooks if "__editable__" not in str(hook)]
"""


def run_hwlib(*arguments: object, cwd: Path = ROOT, **options) -> subprocess.CompletedProcess:
    """``python -m hwlib`` with these arguments, as a user calls it."""
    command = [sys.executable, "-m", "hwlib", *map(str, arguments)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, **options)


def listen_to_ctrl_c() -> None:
    """A shell starts background jobs deaf to it, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def small_notebook(path: Path, cells: Iterable[NotebookNode]) -> Path:
    """Write a notebook that holds these cells, to run in place of the homework; its path."""
    metadata = nbformat.read(NOTEBOOK, as_version=4).metadata  # names the kernel
    numbered = [NotebookNode(cell | {"id": f"cell-{n:02}"}) for n, cell in enumerate(cells)]
    nbformat.write(v4.new_notebook(cells=numbered, metadata=metadata), path)
    return path


def homework_frame() -> list[NotebookNode]:
    """The code cells of the homework that belong to no question: those that set up and save."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    return [cell for cell in code if not set(QUESTIONS) & set(cell.metadata.get("tags", []))]


def tagged(source: str, tag: str, **metadata: str) -> NotebookNode:
    """A code cell of a question."""
    return v4.new_code_cell(source, metadata={"tags": [tag], **metadata})


def tagged_text(source: str, tag: str) -> NotebookNode:
    """A text cell of a question."""
    return v4.new_markdown_cell(source, metadata={"tags": [tag]})


SET_UP = """
import json
import shutil
from pathlib import Path
import pandas as pd
from hwlib.common.results import Results

output, made = Path(output_dir), Path(data_dir, "made")
results = Results((id1, id2), profile, seed, "cpu", data_source, command)
claims = json.loads((made / "claims.json").read_text())
"""
TABLE = """
results.start("q1")
pd.DataFrame({"x": [-1.5, 2.0], "|x|": [1.5, 2.0]}).set_index("x")
"""
FIGURE = """
from hwlib.common.figures import training_curves, use_style
use_style()
training_curves(claims["q3"]["history"])
"""
KEEP = """
results.start("{question}")
copied = shutil.copy(made / "{question}.pkl", output / f"HW1_{{id1}}_{{id2}}_{question}.pkl")
"""


def small_homework_cells() -> list[NotebookNode]:
    """A notebook of a dozen cells with the homework's parameters, tags, figures and files. What it
    claims and hands in was computed before, so that its kernel need not load torch.
    """
    return [
        v4.new_markdown_cell("# A small homework"),
        homework_frame()[0],
        v4.new_code_cell(SET_UP.strip()),
        tagged_text("## Question 1\n\nThe network computes $s = |x|$.", "q1"),
        tagged(TABLE.strip(), "q1"),
        tagged_text("## Question 2\n\n$$\\frac{\\partial CE}{\\partial\\theta} = y - t$$", "q2"),
        tagged("print('compared')", "q2"),
        tagged_text("## Question 3", "q3"),
        tagged(KEEP.strip().format(question="Q3").replace('"Q3")', '"q3")', 1), "q3"),
        tagged(FIGURE.strip(), "q3", caption="Loss and accuracy."),
        tagged("results.record('q3', claims['q3'])", "q3"),
        tagged_text("## Question 4", "q4"),
        tagged(KEEP.strip().format(question="Q4").replace('"Q4")', '"q4")', 1), "q4"),
        tagged("results.record('q4', claims['q4'])\nresults.record('vgg', claims['vgg'])", "q4"),
        v4.new_code_cell("results.save(output)\nresults.table()"),
    ]


class SmallHomework(NamedTuple):
    """A notebook that is quick to run, and the folder of its data."""

    notebook: Path
    data_dir: Path

    @property
    def parameters(self) -> Parameters:
        """Those with which it runs."""
        return Parameters(data_source="sample", vgg_weights="none", data_dir=str(self.data_dir))

    def with_cell(self, path: Path, source: str, tag: str = "q1") -> "SmallHomework":
        """The same homework with one more cell before its first question, written to ``path``."""
        cells = small_homework_cells()
        return self._replace(
            notebook=small_notebook(path, [*cells[:3], tagged(source, tag), *cells[3:]])
        )


def link_small_sample(sample: Path, target: Path) -> Path:
    """Make a sample of links to one drawn animal of each kind; the folder of its test pictures."""
    for path in sorted(sample.rglob("*")):
        link = target / path.relative_to(sample)
        if path.is_file() and not (link.parent.is_dir() and any(link.parent.iterdir())):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return target / "big_cats" / "test"


def export_until(
    stage: str, homework: SmallHomework, out: Path, questions: tuple[str, ...]
) -> None:
    """Export in a process group of its own, and kill that when ``stage`` begins."""
    from hwlib.submission.export import export

    def announce(text: str) -> None:
        if text == stage:
            os.killpg(0, signal.SIGKILL)

    os.setsid()
    export(homework.parameters, questions, out, notebook=homework.notebook, announce=announce)


def start_export(
    homework: SmallHomework, out: Path, questions: tuple[str, ...], stage: str = "none"
) -> BaseProcess:
    """Start an export in another process, which has all imports made: it is forked from a server
    that does nothing else, since Typst's threads and event loops do not survive a fork.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hwlib.submission.export"])
    process = context.Process(target=export_until, args=(stage, homework, out, questions))
    process.start()
    return process


def write_small_homework(folder: Path, sample: Path) -> SmallHomework:
    """Write a small homework whose pickles are untrained networks and whose claims are true of them
    on the packaged digits and one drawn picture of each species.
    """
    import torch

    from hwlib.common.data import load_mnist
    from hwlib.common.images import load_image_set
    from hwlib.q3 import mlp
    from hwlib.q3.activations import sigmoid
    from hwlib.q4_cats import cnn, evaluation

    made = folder / "data" / "made"
    made.mkdir(parents=True)
    pictures_folder = link_small_sample(sample, folder / "data" / "sample" / sample.name)
    torch.manual_seed(0)
    digits_network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.1)
    mlp.save_network(digits_network, made / "Q3.pkl")
    digits = mlp.prepare_digits(*load_mnist(folder, "sample"))
    _, accuracy = mlp.evaluate(digits_network, digits.x_test, digits.y_test)
    cats_network = cnn.BigCatsNet().eval()
    torch.save(cats_network.state_dict(), made / "Q4.pkl")
    pictures = load_image_set(pictures_folder, cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    score = evaluation.score_network(cats_network, pictures)
    curves = {"train_loss": [2.4, 2.3], "train_accuracy": [0.08, 0.1]}
    q3 = curves | {"test_loss": [2.4, 2.3], "test_accuracy": [0.1, accuracy.item()]}
    q4 = curves | {"validation_loss": [2.4, 2.3], "validation_accuracy": [0.1, 0.1]}
    claims = {
        "q3": {"learning_rate": 0.1, "history": q3, "learning_rates": {"0.1": q3}},
        "q4": {
            "parameters": sum(p.numel() for p in cats_network.parameters()),
            "best_epoch": 2,
            "validation_accuracy": 0.1,
            "test_accuracy": score.accuracy,
            "test_correct": score.correct,
            "test_total": score.total,
            "test_interval_95": score.interval,
            "test_pictures": score.pictures,
            "history": q4,
        },
        "vgg": {"weights": "none", "images": {"bird.png": [["ibex", 0.2]] * 5}},
    }
    (made / "claims.json").write_text(json.dumps(claims))
    notebook = small_notebook(folder / "small.ipynb", small_homework_cells())
    return SmallHomework(notebook, folder / "data")


class Cluster(NamedTuple):
    """A Dask cluster: its scheduler's address, and its workers."""

    address: str
    workers: list[psutil.Process]


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something that comes soon; the limit only ends a test that would never end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
