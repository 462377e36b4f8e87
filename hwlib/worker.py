"""A process that performs runs: ``python -m hwlib.worker``, started by ``hwlib.pool``.

Runs come in as lines on standard input, and each is answered with its status on standard output.
The imports of the notebook are made once; where the system allows, every run and its kernel are
forked from here, so that they start with everything imported. When standard input closes, whoever
gave the runs is gone, and nothing goes on.
"""

import ast
import json
import os
import shutil
import signal
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path

import nbformat
from nbconvert.filters import strip_ansi

from hwlib.kernel import CAN_FORK, ForkedProcess, ForkingKernelManager
from hwlib.parameters import NOTEBOOK, Parameters
from hwlib.plan import Run, code_hash
from hwlib.run import KernelDied, RunError, execute, select
from hwlib.store import describe, publish, unfinished_folder


def import_for(questions: tuple[str, ...]) -> None:
    """Make the imports of the notebook's cells, so that forked kernels find them made."""
    for cell in select(nbformat.read(NOTEBOOK, as_version=4), questions).cells:
        if cell.cell_type == "code":
            nodes = ast.parse(cell.source).body
            imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
            exec(compile(ast.Module(imports, []), str(NOTEBOOK), "exec"), {})


def execute_in(folder: Path, run: Run) -> str:
    """Execute the notebook in ``folder``; what a failing cell raised, empty where none failed.

    Raises:
        KernelDied: the kernel died.
    """
    parameters = Parameters(**run.parameters | {"output_dir": str(folder)})
    options = {"kernel_manager_class": ForkingKernelManager} if CAN_FORK else {}
    try:
        execute(parameters, run.questions, folder / NOTEBOOK.name, **options)
    except KernelDied:
        raise
    except RunError as error:
        lines = getattr(error.__cause__, "traceback", [])
        return strip_ansi("\n".join([str(error), *lines]))
    return ""


def perform(run: Run) -> None:
    """Execute the notebook in a folder of its own, and publish the folder.

    A cell that fails is a result too. Anything else that goes wrong is raised, for another try.
    """
    folder = unfinished_folder(run)
    begun = time.perf_counter()
    try:
        traceback = execute_in(folder, run)
        seconds = time.perf_counter() - begun
        record = describe(run, "failed" if traceback else "done", seconds, traceback)
        results = folder / "results.json"
        if results.exists():
            record["device"] = json.loads(results.read_text())["device"]
        publish(folder, run, record)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def perform_forked(run: Run) -> None:
    """``perform`` in a forked process; ends this process when that one does not end well."""
    child = ForkedProcess(target=perform, args=(run,))
    child.start()
    # Nobody sends anything during a run, so standard input is readable only when it has closed.
    if child.sentinel not in wait([child.sentinel, sys.stdin]):
        os.killpg(0, signal.SIGKILL)
    child.join()
    if child.exitcode:
        sys.exit(f"The run's process ended with exit code {child.exitcode}.")


def serve() -> None:
    """Perform runs until standard input closes."""
    code = code_hash()
    for line in sys.stdin:
        run = Run(**json.loads(line))
        if run.code != code:
            sys.exit("Notebook or library here are not those that the sweep was planned with.")
        import_for(tuple(run.questions))
        (perform_forked if CAN_FORK else perform)(run)
        print("performed", flush=True)


if __name__ == "__main__":
    serve()
