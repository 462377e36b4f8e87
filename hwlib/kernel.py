"""A notebook kernel that is forked from this process instead of being started anew: everything that
is imported here is imported there.
"""

import asyncio
import ctypes
import os
import signal
import sys
import uuid
from multiprocessing import get_context
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from jupyter_client import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

CAN_FORK = sys.platform == "linux"  # elsewhere forked processes may not use all of the system
PR_SET_PDEATHSIG = 1  # from linux/prctl.h

if CAN_FORK:

    class ForkedProcess(get_context("fork").Process):
        """A copy of this process that runs ``target``, dies with this one, and is handled like a
        ``subprocess.Popen``.
        """

        stdin = stdout = stderr = None

        def run(self) -> None:
            """In the child: die with the parent, and leave its standard output alone."""
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(sys.stderr.fileno(), 1)
            super().run()

        def poll(self) -> int | None:
            """The exit code, once there is one."""
            return self.exitcode

        def wait(self) -> int | None:
            """The exit code, as soon as there is one."""
            self.join()
            return self.exitcode

        def send_signal(self, signum: int) -> None:
            """Send a signal to the child alone."""
            os.kill(self.pid, signum)


def run_kernel(arguments: list[str]) -> None:
    """What ``python -m ipykernel_launcher`` does, in a process forked from an event loop."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


class ForkingProvisioner(LocalProvisioner):
    """Starts a kernel by forking."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Run ``ipykernel_launcher``'s arguments in a forked process."""
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
