"""Pools of worker processes, which perform jobs of any kind: a function and arguments that pickle.

A pool is used by its ``submit(function, *arguments)``, which returns a ``Future``. A job that hangs
or whose process dies costs only itself. ``hwlib.jobs.cluster`` has the same on other machines.

Results are unpickled here: a job must not run code that is not trusted in its own process.
"""

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any, TypeVar

from tqdm import tqdm

from hwlib.common.errors import HwlibError
from hwlib.common.project import ROOT

ATTEMPTS = 3  # of a job whose process dies
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Job = TypeVar("Job")
Submit = Callable[..., Future[Any]]


class JobError(HwlibError):
    """A job was not performed; the message says why, and ``traceback`` more, if more is known."""

    def __init__(self, message: str, traceback: str = ""):
        super().__init__(message)
        self.traceback = traceback


class WorkerDiedError(JobError):
    """The worker process ended before its job did; the message is the last line it printed."""


def last_line(text: str) -> str:
    """Return the last line of a text, which of a traceback is the error."""
    return text.strip().rpartition("\n")[2]


class Worker:
    """A worker process of this machine, seen from the thread that gives it jobs.

    Args:
        environment: variables that differ from this process's own.
    """

    def __init__(self, environment: Mapping[str, str]):
        self.connection, worker_end = Pipe()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-m", "hwlib.jobs.worker", os.getpid(), worker_end.fileno()]
        self.process = subprocess.Popen(
            list(map(str, command)),
            pass_fds=[worker_end.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            cwd=ROOT,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C is for this process, which then ends the whole group
        )
        worker_end.close()

    def perform(self, job: bytes, time_limit: float | None) -> Any:
        """Return a job's result; JobError if it raises or takes longer than ``time_limit`` seconds,
        WorkerDiedError if its process ends.
        """
        try:
            self.connection.send_bytes(job)
            if not self.connection.poll(time_limit):
                self.kill()
                raise JobError(f"The job was ended after {time_limit:g} s, its time limit.")
            result, traceback = self.connection.recv()
        except (EOFError, OSError) as closed:
            self.kill()
            printed = self.end_of_log() or "The process was killed, perhaps for lack of memory."
            raise WorkerDiedError(last_line(printed), printed) from closed
        if traceback:
            raise JobError(last_line(traceback), traceback)
        return result

    def end_of_log(self) -> str:
        """Return the end of what the process printed."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-4000:].strip()

    def kill(self) -> None:
        """End the process and all that it started."""
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Slot:
    """One of the worker processes, which is started when it is needed."""

    environment: Mapping[str, str]
    worker: Worker | None = None


class Workers:
    """Worker processes that any thread may give jobs to: one for each environment.

    Args:
        environments: variables of each process, as the GPU that it sees.
        time_limit: seconds that a job may take; None for any time.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]], time_limit: float | None = None):
        self.slots = [Slot(environment) for environment in environments]
        self.free: SimpleQueue[Slot] = SimpleQueue()
        for slot in self.slots:
            self.free.put(slot)
        self.time_limit = time_limit
        self.closed = False
        self.lock = threading.Lock()

    def perform(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``function(*arguments)`` from a worker process, waiting until one is free.

        A process that dies is replaced twice; JobError if that does not help, if the function
        raises or takes too long, or if the workers are closed.
        """
        job = pickle.dumps((function, arguments))
        slot = self.free.get()
        try:
            return self.perform_in(slot, job)
        finally:
            self.free.put(slot)

    def perform_in(self, slot: Slot, job: bytes) -> Any:
        """Perform a pickled job in a slot, in a new process if one dies."""
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return self.worker_of(slot).perform(job, self.time_limit)
            except WorkerDiedError:
                if not attempts_left:
                    raise
        raise AssertionError("The last attempt returns or raises.")

    def worker_of(self, slot: Slot) -> Worker:
        """Return the slot's worker, a new one if there is none alive; JobError after ``close``."""
        with self.lock:
            if self.closed:
                raise JobError("The job was interrupted.")
            if slot.worker is None or slot.worker.process.poll() is not None:
                slot.worker = Worker(slot.environment)
            return slot.worker

    def close(self) -> None:
        """Kill all processes, and start none again."""
        with self.lock:
            self.closed = True
            for slot in self.slots:
                if slot.worker:
                    slot.worker.kill()


@contextmanager
def local_pool(
    environments: Sequence[Mapping[str, str]], time_limit: float | None = None
) -> Iterator[Submit]:
    """Yield the ``submit`` of a pool on this machine, with a process for each environment.

    Jobs that have not ended when the block does are ended then.
    """
    workers = Workers(environments, time_limit)
    threads = ThreadPoolExecutor(len(environments))
    try:
        yield lambda function, *arguments: threads.submit(workers.perform, function, *arguments)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # first, or a free thread goes on
        workers.close()
        threads.shutdown()


def perform_all(
    submit: Submit, function: Callable[[Job], Any], jobs: Sequence[Job], name: str, total: int
) -> Iterator[tuple[Job, Future[Any]]]:
    """Give all jobs to a pool, and yield each with its future when it has ended.

    A bar ``name`` shows how far they are; of its ``total``, what is not among the jobs is done.
    """
    futures = {submit(function, job): job for job in jobs}
    with tqdm(total=total, initial=total - len(jobs), desc=name, disable=None) as bar:
        for future in as_completed(futures):
            yield futures[future], future
            bar.update()


def visible_gpus() -> list[str]:
    """Return the GPUs that CUDA would show to this process, without loading torch."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        named = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        return [gpu for gpu in named if gpu not in ("", "-1")]  # -1 hides all
    if not shutil.which("nvidia-smi"):
        return []
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return re.findall(r"^GPU (\d+)", listing.stdout, re.MULTILINE)


def thread_limits(threads: int) -> dict[str, str]:
    """Return the variables by which numerical libraries use so many threads."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def environments(workers: int, threads: int, gpus: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return an environment for each of ``workers`` processes; if there are GPUs, each process sees
    one of its own, and there are no more processes than GPUs.
    """
    limits = thread_limits(threads)
    if not gpus:
        return [limits] * workers
    return [limits | {"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus[:workers]]
