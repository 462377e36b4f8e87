"""A sweep from its plan to its runs: what is missing is performed, the rest is left alone.

Runs are performed by worker processes of this machine, or by the threads of a Dask cluster with a
worker process each. Both are a ``concurrent.futures.Executor`` here.
"""

import ctypes
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, ClassVar

from filelock import FileLock, Timeout
from tqdm import tqdm

from hwlib.common.project import ROOT
from hwlib.run.parameters import Parameters
from hwlib.sweep.plan import Run, local_folder, publish, read_run, unfinished_folder

ATTEMPTS = 3
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CAN_FORK = sys.platform == "linux"  # elsewhere forked processes may not use all of the system
PR_SET_PDEATHSIG = 1  # from linux/prctl.h
PRCTL = ctypes.CDLL(None).prctl if CAN_FORK else None
THREAD = threading.local()  # each thread has one worker process, and perhaps a GPU
STOPPING = threading.Event()


class SweepError(RuntimeError):
    """The sweep cannot go on; the message says why and what to do next."""


class WorkerDied(RuntimeError):  # noqa: N818 - it says what happened
    """A worker process ended before its run did; the message is the last it said."""


def die_with_parent() -> None:
    """Have Linux kill this process when the thread that started it ends, however that ends.

    To be called before anything slow, as long as the parent is surely alive.
    """
    if PRCTL:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


class Worker:
    """A worker process, seen from the thread that gives it runs.

    Args:
        threads: that torch may use in a run.
        gpu: the one that the process sees; None for whatever this process sees.
    """

    alive: ClassVar[set["Worker"]] = set()

    def __init__(self, threads: int, gpu: str | None):
        env = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        if gpu is not None:
            env["CUDA_VISIBLE_DEVICES"] = gpu
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hwlib.sweep.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=ROOT,
            env=env,
            text=True,
            preexec_fn=die_with_parent if CAN_FORK else None,
            start_new_session=True,  # Ctrl-C is for the sweep, which then ends the whole group
        )
        Worker.alive.add(self)

    def perform(self, run: Run) -> None:
        """Hand over a run and wait until it is published; WorkerDied where the process ended."""
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
        """End the process, and the kernel that it may have."""
        Worker.alive.discard(self)
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()


def perform(run: Run, threads: int) -> None:
    """Have a run performed by this thread's worker process, and by another one where that dies;
    WorkerDied where all did, or the sweep is interrupted.
    """
    for attempt in range(1, ATTEMPTS + 1):
        if STOPPING.is_set():
            raise WorkerDied("The sweep was interrupted.")
        try:
            if getattr(THREAD, "worker", None) is None:
                THREAD.worker = Worker(threads, getattr(THREAD, "gpu", None))
            return THREAD.worker.perform(run)
        except WorkerDied:
            THREAD.worker = None
            if attempt == ATTEMPTS:
                raise


def visible_gpus() -> list[str]:
    """The GPUs that CUDA would show to this process, without loading torch."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        named = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        return [gpu for gpu in named if gpu not in ("", "-1")]  # -1 hides all
    if not shutil.which("nvidia-smi"):
        return []
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return re.findall(r"^GPU (\d+)", listing.stdout, re.MULTILINE)


@contextmanager
def local_pool(runs: list[Run], workers: int) -> Iterator[Executor]:
    """Threads of this process, each with a worker process and, where there are any, a GPU; then
    there are no more of them than GPUs.
    """
    gpus = visible_gpus() if any(run.parameters["device"] != "cpu" for run in runs) else []
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for gpu in gpus:
        free.put(gpu)

    def take_gpu() -> None:
        THREAD.gpu = free.get() if gpus else None

    STOPPING.clear()
    executor = ThreadPoolExecutor(min(workers, len(gpus) or workers), initializer=take_gpu)
    try:
        yield executor
    finally:
        STOPPING.set()
        executor.shutdown(wait=False, cancel_futures=True)  # first, or a free thread goes on
        for worker in list(Worker.alive):
            worker.kill()
        executor.shutdown()


@contextmanager
def dask_pool(runs: list[Run], address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster; a run on ``cuda`` takes one of the resource ``GPU``.
    SweepError where Dask is not installed, there is no scheduler, or no worker has a GPU to give.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise SweepError("--scheduler needs Dask: pip install -e '.[cluster]'") from error
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SweepError(f"There is no Dask scheduler at {address}: {error}") from error
    with client:
        needs = {"GPU": 1} if any(run.parameters["device"] == "cuda" for run in runs) else {}
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if needs and workers and not any(worker["resources"].get("GPU") for worker in workers):
            raise SweepError(
                "No worker of this cluster has a GPU to give. Start one worker a GPU with "
                "dask worker --nthreads 1 --resources GPU=1, or set device to cpu."
            )
        executor = client.get_executor(pure=False, resources=needs)
        yield executor
        executor.shutdown(wait=False)


@contextmanager
def sole_sweep(out: str) -> Iterator[None]:
    """One sweep at a time in a local folder, which is cleared of what earlier ones left unfinished;
    SweepError where another is at work there, or the folder cannot be written.
    """
    runs = local_folder(out)
    if runs is None:
        yield
        return
    lock = FileLock(runs / ".lock", timeout=0)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise SweepError(f"Another sweep is writing to {out}. Wait, or choose --out.") from error
    except OSError as error:
        raise SweepError(f"{out} cannot be written ({error}). Choose another --out.") from error
    with lock:
        for unfinished in runs.glob(".*-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        yield


def check_data(runs: list[Run]) -> None:
    """Look for the data and weights that the runs read before the first kernel starts, once for
    each; what can be downloaded is. SweepError where something is missing.
    """
    from hwlib.run.notebook import RunError, check_inputs  # with torch

    read = ("data_dir", "data_source", "vgg_weights")
    for values in {tuple(run.parameters[name] for name in read) for run in runs}:
        parameters = Parameters(**dict(zip(read, values, strict=True)), device="cpu")
        try:
            check_inputs(parameters, runs[0].questions)
        except RunError as error:
            raise SweepError(str(error)) from error


def outcome(run: Run, future: Future) -> dict[str, Any]:
    """The record of a run that has ended; one that could not be performed is recorded as failed."""
    record = None if future.exception() else read_run(run.out, run.key)
    if record:
        return record
    reason = future.exception() or SweepError(
        f"A worker performed this run, but it is not in {run.out}. Let all workers share a file "
        "system with this machine, or choose an address such as s3://... with --out."
    )
    with unfinished_folder(run) as folder:
        publish(folder, run, 0, str(reason) or repr(reason))
    return read_run(run.out, run.key)


def sweep(
    runs: list[Run],
    workers: int = 1,
    scheduler: str | None = None,
    threads: int = 1,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Perform the runs that are missing or have failed, with ``force`` all; how many that was.

    ``workers`` is how many at a time on this machine, ``scheduler`` the address of a Dask scheduler
    whose workers perform them instead, ``threads`` what a run may use. SweepError where another
    sweep is at work in the folder, it cannot be written, data are missing, or nobody performs runs.
    """
    with sole_sweep(runs[0].out):
        records = {} if force else {run.key: read_run(run.out, run.key) for run in runs}
        missing = [r for r in runs if (records.get(r.key) or {}).get("status") != "done"]
        if not missing:
            return 0
        check_data(missing)
        there = len(runs) - len(missing)
        say(f"{len(missing)} of {len(runs)} runs to do")
        with (
            dask_pool(missing, scheduler) if scheduler else local_pool(missing, workers) as pool,
            tqdm(total=len(runs), initial=there, desc="sweep", unit="run", disable=None) as bar,
        ):
            futures = {pool.submit(perform, run, threads): run for run in missing}
            for future in as_completed(futures):
                record = outcome(futures[future], future)
                mark = "✓" if record["status"] == "done" else "✗"
                reason = record["traceback"].partition("\n")[0]
                say(f"{mark} {futures[future]}  {record['seconds']:.1f} s  {reason}".rstrip())
                bar.update()
        return len(missing)
