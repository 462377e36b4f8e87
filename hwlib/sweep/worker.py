"""A process that performs runs: ``python -m hwlib.sweep.worker``, started by ``hwlib.sweep``.

Runs come in as lines on standard input, and each is answered on standard output. On Linux the
notebook's imports are made here once, and every kernel is forked from this process instead of being
started anew: everything that is imported here is imported there. When whoever gave the runs dies,
this process and its kernel die with it.
"""

import ast
import asyncio
import json
import os
import sys
import time
import uuid
from multiprocessing import get_context
from typing import Any

import nbformat
from ipykernel.kernelapp import IPKernelApp
from jupyter_client import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from nbconvert.filters import strip_ansi

from hwlib.common.project import NOTEBOOK
from hwlib.run.notebook import KernelDied, RunError, execute, select
from hwlib.run.parameters import Parameters
from hwlib.sweep.plan import Run, code_hash, publish, unfinished_folder
from hwlib.sweep.pool import CAN_FORK, die_with_parent


def run_kernel(arguments: list[str]) -> None:
    """What ``python -m ipykernel_launcher`` does, in a process forked from an event loop."""
    die_with_parent()
    asyncio.set_event_loop(asyncio.new_event_loop())
    IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


if CAN_FORK:

    class ForkedProcess(get_context("fork").Process):
        """A copy of this process, handled like a ``subprocess.Popen``."""

        stdin = stdout = stderr = None

        def poll(self) -> int | None:
            """The exit code, once there is one."""
            return self.exitcode

        def wait(self) -> int | None:
            """The exit code, as soon as there is one."""
            self.join()
            return self.exitcode

        def send_signal(self, signum: int) -> None:
            """Send a signal to the copy alone."""
            os.kill(self.pid, signum)


class ForkingProvisioner(LocalProvisioner):
    """Starts a kernel by forking."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a kernel with the arguments that ``ipykernel_launcher`` would get."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.process = ForkedProcess(target=run_kernel, args=(arguments,))
        self.process.start()
        self.pid = self.process.pid
        return self.connection_info


class ForkingKernelManager(AsyncKernelManager):
    """jupyter_client's manager, with the provisioner above."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.provisioner = ForkingProvisioner(
            kernel_id=str(uuid.uuid4()), kernel_spec=self.kernel_spec, parent=self
        )


def import_for(questions: tuple[str, ...]) -> None:
    """Make the imports of the notebook's cells, so that forked kernels find them made."""
    for cell in select(nbformat.read(NOTEBOOK, as_version=4), questions).cells:
        if cell.cell_type == "code":
            nodes = ast.parse(cell.source).body
            imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
            code = compile(ast.Module(list(imports), []), str(NOTEBOOK), "exec")
            exec(code, {})  # noqa: S102 - the notebook of this checkout


def perform(run: Run) -> None:
    """Execute the notebook in a folder of its own, and publish the folder.

    A cell that fails is a result too. Anything else that goes wrong is raised, for another try.
    """
    options = {"kernel_manager_class": ForkingKernelManager} if CAN_FORK else {}
    traceback, begun = "", time.perf_counter()
    with unfinished_folder(run) as folder:
        parameters = Parameters(**run.parameters | {"output_dir": str(folder)})
        try:
            execute(parameters, run.questions, folder / NOTEBOOK.name, **options)
        except KernelDied:
            raise
        except RunError as error:
            lines = getattr(error.__cause__, "traceback", [])
            traceback = strip_ansi("\n".join([str(error), *lines]))
        publish(folder, run, time.perf_counter() - begun, traceback)


def serve() -> None:
    """Perform runs until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed here or by a kernel is no answer
    code = code_hash()
    for line in sys.stdin:
        run = Run(**json.loads(line))
        if run.code != code:
            sys.exit("Notebook or library here are not those that the sweep was planned with.")
        if CAN_FORK:
            import_for(tuple(run.questions))
        perform(run)
        print("performed", file=answers, flush=True)


if __name__ == "__main__":
    serve()
