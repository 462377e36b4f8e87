"""Runs the notebook with papermill, and says in a sentence why it cannot or did not."""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.reader import NotJSONError
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm
from traitlets.config import Config

from hwlib.common.files import replacing
from hwlib.common.project import QUESTIONS, ROOT
from hwlib.common.results import without_locations
from hwlib.run.cells import own_values, select, tags_of
from hwlib.run.errors import KernelDied, RunError
from hwlib.run.parameters import Parameters

QUIET_SECONDS = 60  # between two lines of a long run that is logged
MAX_SOCKET_PATH = 90  # characters; systems allow 103 or more, of which a suffix takes a few


class ProgressLine:
    """A file for papermill that shows the last line which the kernel wrote, the progress of a
    training: on a terminal (``live``) below papermill's bar, in a log once a minute.
    """

    def __init__(self, live: bool):
        self.live = live
        self.bar = tqdm(
            total=0, position=1, bar_format="{desc}", leave=False, disable=not live, file=sys.stderr
        )
        self.last_time = time.monotonic()

    def write(self, text: str) -> None:
        """Show the last line of ``text``, unless it is blank or, in a log, too early."""
        lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
        if lines:
            self.bar.set_description_str(lines[-1])
        if lines and not self.live and time.monotonic() - self.last_time > QUIET_SECONDS:
            print(f"  {lines[-1]}", file=sys.stderr, flush=True)
            self.last_time = time.monotonic()

    def flush(self) -> None:
        """Do nothing, since nothing is held back."""


def has_failed(cell: NotebookNode) -> bool:
    """Return whether a cell ended with an error."""
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def describe_failure(error: PapermillExecutionError, notebook: NotebookNode) -> str:
    """Return which cell of which question failed, its source, and the error."""
    tags = [tag for cell in notebook.cells if has_failed(cell) for tag in tags_of(cell)]
    question = next((f" of question {tag[1]}" for tag in tags if tag in QUESTIONS), "")
    source = "\n".join(f"    {line}" for line in error.source.strip().splitlines())
    return (
        f"Cell In [{error.exec_count}]{question} failed.\n{source}\n{error.ename}: {error.evalue}"
    )


def is_wiped(line: str) -> bool:
    """Return whether a line is what a progress bar leaves where it was: blanks."""
    return line.endswith("\r") and not line.strip()


def without_progress(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return a cell's outputs without the lines of progress bars, which differ from run to run."""
    kept = []
    for output in outputs:
        if output.output_type == "stream" and "%|" in output.text:
            lines = output.text.splitlines(keepends=True)
            kept_lines = [line for line in lines if "%|" not in line and not is_wiped(line)]
            output.text = "".join(kept_lines)
        if output.get("text", "any other output").strip():
            kept.append(output)
    return kept


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run: times of every cell, progress bars, the random name of the
    cell that papermill put in, and its lines that say where files of this machine are.
    """
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = without_progress(cell.outputs)
        if "injected-parameters" in tags_of(cell):
            cell.id, cell.source = "cell-injected", without_locations(cell.source)
    return notebook


def clean_file(path: Path) -> None:
    """Clean an executed notebook, or delete it if a full disk cut it off."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except NotJSONError:
        path.unlink()
        return
    with replacing(path) as unfinished:
        nbformat.write(clean(notebook), unfinished)


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
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or a kernel warns of frozen modules
            },
        )


def kernel_config(folder: str) -> Config:
    """Return the settings of a kernel that talks by sockets in ``folder``, or by TCP if their paths
    would be too long, and that does not log an interrupt at length.
    """
    file = str(Path(folder) / "kernel.json")
    transport = "ipc" if os.name == "posix" and len(file) <= MAX_SOCKET_PATH else "tcp"
    return Config(
        {
            "KernelManager": {"transport": transport, "connection_file": file},
            "NotebookClient": {"extra_arguments": ["--log-level=CRITICAL"]},
        }
    )


def values_to_give(parameters: Parameters, notebook: NotebookNode) -> dict[str, Any]:
    """Return the parameters that differ from what the notebook itself says, or else from our
    defaults: a notebook that somebody changed runs with what was asked for all the same.
    """
    own = Parameters().model_dump() | own_values(notebook)
    return {name: value for name, value in parameters.model_dump().items() if value != own[name]}


def execute(
    parameters: Parameters,
    questions: tuple[str, ...],
    target: Path,
    *,
    notebook: NotebookNode,
    kernel_manager_class: type[AsyncKernelManager] = InterpreterKernelManager,
) -> None:
    """Run the cells of these questions and those of none; RunError if one fails, KernelDied if the
    kernel dies.

    Whatever was executed is in ``target`` afterwards, also after a failure or an interrupt.
    """
    selected = select(notebook, questions)
    values = values_to_give(parameters, selected)
    live = sys.stderr.isatty()
    progress_line = ProgressLine(live)
    try:
        with tempfile.TemporaryDirectory(prefix="hwlib-kernel-") as folder:
            papermill.execute_notebook(
                selected,
                target,
                parameters=values,
                kernel_name="python3",
                progress_bar=live,
                stdout_file=progress_line,
                stderr_file=progress_line,
                config=kernel_config(folder),
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
        if target.exists():
            clean_file(target)
