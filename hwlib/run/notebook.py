"""Runs the notebook with papermill, and says in plain words what went wrong."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm
from traitlets.config import Config

from hwlib.common import data
from hwlib.common.device import choose_device
from hwlib.common.download import check_folder
from hwlib.common.errors import DataError, HwlibError
from hwlib.common.project import NOTEBOOK, QUESTIONS, ROOT
from hwlib.common.results import without_locations
from hwlib.q4_vgg import vgg
from hwlib.run.parameters import Parameters

QUIET_SECONDS = 60  # between two lines of a long run that is logged
LONGEST_SOCKET = 90  # characters; the system allows 107, and a number is added


class RunError(HwlibError):
    """The notebook cannot be run, or a cell failed; the message says where and what to do next."""


class KernelDied(RunError):  # noqa: N818 - it says what happened
    """The kernel is gone, and not because of what it was told: worth another try."""


class LastLine:
    """Shows the kernel's last line on stderr, the progress of a training: below papermill's bar,
    or where nobody watches (``live`` is false) once a minute on a line of its own.
    """

    def __init__(self, live: bool) -> None:
        self.live = live
        self.bar = tqdm(
            total=0, position=1, bar_format="{desc}", leave=False, disable=not live, file=sys.stderr
        )
        self.last_said = time.monotonic()

    def write(self, text: str) -> None:
        """Called by papermill with whatever the kernel writes."""
        lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
        if lines:
            self.bar.set_description_str(lines[-1])
        if lines and not self.live and time.monotonic() - self.last_said > QUIET_SECONDS:
            print(f"  {lines[-1]}", file=sys.stderr, flush=True)
            self.last_said = time.monotonic()

    def flush(self) -> None:
        """Nothing is held back."""


def check_inputs(parameters: Parameters, questions: Iterable[str]) -> None:
    """Look for device, data and weights that the questions need, before a kernel starts; RunError
    where something is missing and cannot be downloaded.
    """
    where = (parameters.data_dir, parameters.data_source)
    try:
        choose_device(parameters.device)
        if parameters.data_source == "real" and not {"q3", "q4"}.isdisjoint(questions):
            check_folder(Path(parameters.data_dir))
        if "q3" in questions and parameters.data_source == "real":
            data.check_mnist(parameters.data_dir)
        if "q4" in questions:
            for name in ("big_cats", "birds", "dogs"):
                data.locate(name, *where)
            vgg.load_vgg16(parameters.vgg_weights, parameters.data_source)
    except (DataError, ValueError) as error:
        raise RunError(str(error)) from error


def select(notebook: NotebookNode, questions: Iterable[str]) -> NotebookNode:
    """The notebook without the cells of the questions that were not asked for."""
    unwanted = set(QUESTIONS) - set(questions)
    kept = [cell for cell in notebook.cells if not unwanted & set(cell.metadata.get("tags") or [])]
    return NotebookNode(notebook | {"cells": kept})


def describe_failure(error: PapermillExecutionError, notebook: NotebookNode) -> str:
    """Question, cell and reason, and the line that was being run."""
    failed = [
        c for c in notebook.cells if any(o.output_type == "error" for o in c.get("outputs", []))
    ]
    tags = [tag for cell in failed for tag in cell.metadata.get("tags") or []]
    question = next((f" of question {tag[1]}" for tag in tags if tag in QUESTIONS), "")
    source = "\n".join(f"    {line}" for line in error.source.strip().splitlines())
    return (
        f"Cell In [{error.exec_count}]{question} failed.\n{source}\n{error.ename}: {error.evalue}"
    )


def is_progress(output: NotebookNode) -> bool:
    """Whether an output holds progress bars and nothing else."""
    lines = output.get("text", "").replace("\r", "\n").split("\n")
    return output.get("name") == "stderr" and all("%|" in line for line in lines if line.strip())


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run: times of every cell, progress bars, the random name of the
    cell that papermill put in, and its lines that say where files of this machine are.
    """
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for note in ("papermill", "execution"):
            cell.metadata.pop(note, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]
        if "injected-parameters" in (cell.metadata.get("tags") or []):
            cell.id, cell.source = "cell-injected", without_locations(cell.source)
    return notebook


class InterpreterKernelManager(AsyncKernelManager):
    """Starts a kernel of the interpreter that runs this, which finds the same ``hwlib``, whatever
    kernel is installed under the name ``python3``.
    """

    @property
    def kernel_spec(self) -> KernelSpec:
        """The command and the environment of the kernel."""
        paths = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            env={
                "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, paths))),
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            },
        )


def own_sockets(folder: str) -> Config:
    """Return the settings of a kernel that talks by sockets in ``folder``, or by TCP if their names
    would be too long, and that does not log an interrupt at length.
    """
    file = str(Path(folder) / "kernel.json")
    short = os.name == "posix" and len(file) < LONGEST_SOCKET
    connection = {"transport": "ipc" if short else "tcp", "connection_file": file}
    quiet = {"extra_arguments": ["--log-level=CRITICAL"]}
    return Config({"KernelManager": connection, "NotebookClient": quiet})


def execute(
    parameters: Parameters,
    questions: tuple[str, ...],
    target: Path,
    *,
    notebook: Path = NOTEBOOK,
    kernel_manager_class: type[AsyncKernelManager] = InterpreterKernelManager,
) -> None:
    """Run the notebook from its first cell to its last; RunError if a cell raised, KernelDied if
    the kernel died.

    Whatever was executed stands in ``target`` afterwards, also after a failure or an interrupt.
    """
    chosen = target.with_suffix(".selected.ipynb")
    nbformat.write(select(nbformat.read(notebook, as_version=4), questions), chosen)
    live = sys.stderr.isatty()
    try:
        with tempfile.TemporaryDirectory(prefix="hwlib-kernel-") as sockets:
            papermill.execute_notebook(
                chosen,
                target,
                parameters=parameters.changed(),
                kernel_name="python3",
                progress_bar=live,
                stderr_file=LastLine(live),
                config=own_sockets(sockets),
                kernel_manager_class=kernel_manager_class,
                coalesce_streams=True,
            )
    except PapermillExecutionError as error:
        failed = nbformat.read(target, as_version=4)
        raise RunError(describe_failure(error, failed)) from error
    except DeadKernelError as error:
        raise KernelDied(
            "The kernel died, most often for lack of memory. Close other programs and run the same "
            "command again: finished epochs of the big-cats training are kept."
        ) from error
    finally:
        chosen.unlink(missing_ok=True)
        if target.exists():
            nbformat.write(clean(nbformat.read(target, as_version=4)), target)
