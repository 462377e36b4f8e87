"""The process that performs a pool's jobs: ``python -m hwlib.jobs.worker PARENT CONNECTION``.

A job is a pickled pair of a function and its arguments, its answer a pickled pair of result and
error. Nothing but the standard library is loaded here until a job asks for more.
"""

import ctypes
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
IDLE_SECONDS = 900  # a worker without a job ends after this time, or it outlives a lost cluster


def die_with_parent(parent: int) -> None:
    """Have Linux kill this process when the thread that started it ends, however that ends.

    Exits at once if the process ``parent`` has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("The process that started this one has ended.")


def perform_pickled(job: bytes) -> bytes:
    """Perform a pickled job and return its pickled answer; the error is a traceback, or None.

    A job that ends the process, as by SystemExit, is tried again by the pool.
    """
    try:
        function, arguments = pickle.loads(job)  # noqa: S301 - from the process that started this
        return pickle.dumps((function(*arguments), None))
    except Exception:
        return pickle.dumps((None, traceback.format_exc()))


def serve(connection: Connection, idle_seconds: float = IDLE_SECONDS) -> None:
    """Answer jobs until the other side closes the connection or sends none for some time."""
    while connection.poll(idle_seconds):
        try:
            job = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(perform_pickled(job))


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    serve(Connection(int(sys.argv[2])))
