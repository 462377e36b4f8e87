"""What tests share: the program as a user calls it, and the homework's folder."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from hwlib.common.project import NOTEBOOK, QUESTIONS

ROOT = Path(__file__).resolve().parents[1]


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
    nbformat.write(v4.new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def homework_frame() -> list[NotebookNode]:
    """The code cells of the homework that belong to no question: those that set up and save."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    return [cell for cell in code if not set(QUESTIONS) & set(cell.metadata.get("tags", []))]
