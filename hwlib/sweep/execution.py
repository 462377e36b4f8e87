"""One run of a sweep, as a job of a pool: the notebook is executed and its files are published.

On Linux the notebook's imports are made once in the worker process, and every kernel is forked from
it instead of being started anew: everything that is imported here is imported there.
"""

import ast
import asyncio
import os
import sys
import time
import uuid
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import click
import nbformat
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from hwlib.common.errors import HwlibError
from hwlib.common.fingerprint import code_hash
from hwlib.jobs.worker import die_with_parent
from hwlib.run.cells import select
from hwlib.run.errors import KernelDied, RunError
from hwlib.run.notebook import InterpreterKernelManager, execute
from hwlib.sweep.store import Failure, Run, publish_run, unfinished_folder

CAN_FORK = sys.platform == "linux"  # elsewhere forked processes may not use all of the system


class OtherCodeError(HwlibError):
    """Notebook or library are not those that the sweep was planned with."""


def run_kernel(arguments: list[str], parent: int) -> None:
    """Do what ``python -m ipykernel_launcher`` does, in a process forked from an event loop."""
    die_with_parent(parent)
    asyncio.set_event_loop(asyncio.new_event_loop())
    IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={parent}"])


class ForkedProcess(ForkProcess):
    """A copy of this process that is handled like a ``subprocess.Popen``."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """Return the exit code, if there is one already."""
        return self.exitcode

    def wait(self) -> int | None:
        """Return the exit code as soon as there is one."""
        self.join()
        return self.exitcode

    def send_signal(self, signum: int) -> None:
        """Send a signal to the copy alone."""
        if self.pid is not None:
            os.kill(self.pid, signum)


class ForkingProvisioner(LocalProvisioner):
    """Starts a kernel by forking."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel with the arguments that ``ipykernel_launcher`` would get."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        process: Any = ForkedProcess(target=run_kernel, args=(arguments, os.getpid()))
        process.start()
        self.process, self.pid = process, process.pid
        return self.connection_info


class ForkingKernelManager(InterpreterKernelManager):
    """Manages a kernel that is forked."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.provisioner = ForkingProvisioner(
            kernel_id=str(uuid.uuid4()), kernel_spec=self.kernel_spec, parent=self
        )


KERNEL_MANAGER = ForkingKernelManager if CAN_FORK else InterpreterKernelManager


def import_for(notebook: Path, questions: tuple[str, ...]) -> None:
    """Make the imports of the notebook's cells, so that forked kernels find them made."""
    for cell in select(nbformat.read(notebook, as_version=4), questions).cells:
        if cell.cell_type == "code":
            nodes = ast.parse(cell.source).body
            imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
            code = compile(ast.Module(list(imports), []), str(notebook), "exec")
            exec(code, {})  # noqa: S102 - the notebook of this checkout


def failure_of(error: RunError) -> Failure:
    """Return what a failed cell says: first and last line of the message, and the traceback."""
    lines = str(error).splitlines()
    traceback = getattr(error.__cause__, "traceback", [])
    reason = " ".join(dict.fromkeys((lines[0], lines[-1])))
    return Failure(reason, click.unstyle("\n".join([str(error), *traceback])))


def execute_run(run: Run) -> None:
    """Execute the notebook in a folder of its own, and publish the folder.

    A cell that fails is a result too. A kernel that dies ends this process, for another try.
    OtherCodeError if notebook or library are not those of the plan.
    """
    if run.code != code_hash(run.notebook_path):
        raise OtherCodeError(
            "Notebook or library of this machine are not those that the sweep was planned with. "
            "Bring all machines to the same commit, or start the sweep again."
        )
    if CAN_FORK:
        import_for(run.notebook_path, run.questions)
    failure, begun = None, time.perf_counter()
    with unfinished_folder(run) as folder:
        parameters = run.parameters.model_copy(update={"output_dir": str(folder)})
        target = folder / run.notebook_path.name
        try:
            execute(
                parameters,
                run.questions,
                target,
                notebook=nbformat.read(run.notebook_path, as_version=4),
                kernel_manager_class=KERNEL_MANAGER,
            )
        except KernelDied as error:
            sys.exit(str(error))
        except RunError as error:
            failure = failure_of(error)
        publish_run(folder, run, time.perf_counter() - begun, failure)
