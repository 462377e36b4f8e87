"""Who performs the runs: worker processes of this machine, or the threads of a Dask cluster, each
with a worker process of its own. Both are a ``concurrent.futures.Executor`` here.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import ClassVar

from hwlib.parameters import ROOT
from hwlib.plan import Run

ATTEMPTS = 3
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
HERE = threading.local()  # each thread has one worker process, and perhaps a GPU
STOPPING = threading.Event()


class PoolError(RuntimeError):
    """There is nobody to perform the runs; the message says what to do."""


class WorkerDied(RuntimeError):  # noqa: N818 - it says what happened
    """A worker process ended before its run did; the message is the last it said."""


class Worker:
    """A worker process, seen from the thread that gives it runs.

    Args:
        threads: that torch may use in a run.
        gpu: the one that the process sees; None for whatever this process sees.
    """

    alive: ClassVar[set["Worker"]] = set()

    def __init__(self, threads: int, gpu: str | None = None):
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        env = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        if gpu is not None:
            env["CUDA_VISIBLE_DEVICES"] = gpu
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hwlib.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=env,
            text=True,
            start_new_session=True,  # Ctrl-C is for the sweep, which then ends the whole group
        )
        Worker.alive.add(self)

    def perform(self, run: Run) -> None:
        """Hand over a run and wait until it is published.

        Raises:
            WorkerDied: the process ended.
        """
        try:
            print(json.dumps(asdict(run)), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            self.kill()
            self.log.seek(0)
            last = self.log.read().decode(errors="replace")[-4000:].strip()
            raise WorkerDied(last or "The worker process was killed, perhaps for lack of memory.")

    def kill(self) -> None:
        """End the process, and the run and the kernel that it may have."""
        Worker.alive.discard(self)
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


def perform(run: Run, threads: int) -> None:
    """Have a run performed by this thread's worker process; a process that dies is replaced, and
    the run tried again.

    Raises:
        WorkerDied: every time.
    """
    for attempt in range(1, ATTEMPTS + 1):
        if STOPPING.is_set():
            raise WorkerDied("The sweep was interrupted.")
        try:
            if getattr(HERE, "worker", None) is None:
                HERE.worker = Worker(threads, getattr(HERE, "gpu", None))
            return HERE.worker.perform(run)
        except WorkerDied:
            HERE.worker = None
            if attempt == ATTEMPTS:
                raise


def visible_gpus() -> list[str]:
    """The GPUs that CUDA would show to this process, without loading torch."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [gpu for gpu in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if gpu]
    if not shutil.which("nvidia-smi"):
        return []
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(i) for i in range(sum(li.startswith("GPU") for li in listing.stdout.splitlines()))]


@contextmanager
def local_pool(runs: list[Run], workers: int) -> Iterator[tuple[Executor, int]]:
    """Threads of this process, each with a worker process and, where there are any, a GPU.

    Yields:
        the executor, and how many runs it performs at a time: no more than there are GPUs.
    """
    gpus = visible_gpus() if any(run.parameters["device"] != "cpu" for run in runs) else []
    workers = min(workers, len(gpus) or workers, len(runs))
    free: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for gpu in gpus or [None] * workers:
        free.put(gpu)

    def take_gpu() -> None:
        HERE.gpu = free.get()

    STOPPING.clear()
    executor = ThreadPoolExecutor(workers, initializer=take_gpu)
    try:
        yield executor, workers
    finally:
        STOPPING.set()
        executor.shutdown(wait=False, cancel_futures=True)  # first, or a free thread goes on
        for worker in list(Worker.alive):
            worker.kill()
        executor.shutdown()


@contextmanager
def dask_pool(runs: list[Run], address: str) -> Iterator[tuple[Executor, int]]:
    """The workers of a Dask cluster; a run on ``cuda`` takes one of the resource ``GPU``.

    Raises:
        PoolError: Dask is not installed, there is no scheduler, or no worker has a GPU to give.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise PoolError("--scheduler needs Dask: pip install -e '.[cluster]'") from error
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise PoolError(f"There is no Dask scheduler at {address}: {error}") from error
    with client:
        needs = {"GPU": 1} if any(run.parameters["device"] == "cuda" for run in runs) else {}
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        able = [w for w in workers if w["resources"].get("GPU", 0) >= needs.get("GPU", 0)]
        if workers and not able:
            raise PoolError(
                "No worker of this cluster has a GPU to give. Start one worker a GPU with "
                "dask worker --nthreads 1 --resources GPU=1, or set device to cpu."
            )
        executor = client.get_executor(pure=False, resources=needs)
        yield executor, sum(w["nthreads"] for w in able) or 1
        executor.shutdown(wait=False)
