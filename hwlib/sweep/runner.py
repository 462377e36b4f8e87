"""A sweep from its plan to its runs: what is missing is performed, the rest is left alone."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from filelock import FileLock, Timeout

from hwlib.common.errors import HwlibError
from hwlib.jobs.pool import (
    JobError,
    Submit,
    environments,
    local_pool,
    perform_all,
    thread_limits,
    visible_gpus,
)
from hwlib.sweep.leaderboard import figures_of, heading
from hwlib.sweep.store import (
    RUNS,
    Failure,
    Run,
    StoredRun,
    local_folder,
    publish_run,
    read_run,
    remove_unfinished,
    unfinished_folder,
)


class SweepError(HwlibError):
    """The sweep cannot go on; the message says why and what to do next."""


class Options(NamedTuple):
    """How the runs of a sweep are performed."""

    workers: int = 1  # runs at a time on this machine
    scheduler: str | None = None  # address of a Dask scheduler whose workers perform them instead
    threads: int = 1  # that a run may use
    time_limit: float | None = None  # seconds after which a run is ended
    force: bool = False  # perform also what is there already


@contextmanager
def sole_sweep(out: str) -> Iterator[None]:
    """Let one sweep at a time into a local folder, and delete what it or an earlier one leaves
    unfinished there; SweepError if another is at work there, or the folder cannot be written.
    """
    folder = local_folder(out)
    if folder is None:
        yield
        return
    lock = FileLock(folder / RUNS / ".lock", timeout=0)
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise SweepError(f"Another sweep is writing to {out}. Wait, or choose --out.") from error
    except OSError as error:
        raise SweepError(f"{out} cannot be written ({error}). Choose another --out.") from error
    with lock:
        remove_unfinished(folder)
        try:
            yield
        finally:
            remove_unfinished(folder)


def check_data(runs: Sequence[Run]) -> list[str]:
    """Look for the data and weights that the runs read before the first kernel starts, once for
    each; what can be downloaded is. A sentence on each folder of real pictures, as before an
    export. SweepError if something is missing.
    """
    from hwlib.run.errors import RunError
    from hwlib.run.inputs import check_inputs  # with torch

    def inputs(run: Run) -> tuple[str, str, str]:
        chosen = run.parameters
        return chosen.data_dir, chosen.data_source, chosen.vgg_weights

    sentences: list[str] = []
    for run in {inputs(run): run for run in runs}.values():
        try:
            chosen = run.parameters.model_copy(update={"device": "cpu"})
            sentences += check_inputs(chosen, run.questions)
        except RunError as error:
            raise SweepError(str(error)) from error
    return list(dict.fromkeys(sentences))


def open_pool(runs: Sequence[Run], options: Options) -> AbstractContextManager[Submit]:
    """Return the pool that performs the runs; SweepError if Dask is asked for and not installed."""
    devices = {run.parameters.device for run in runs}
    if options.scheduler is None:
        gpus = visible_gpus() if devices != {"cpu"} else []
        return local_pool(environments(options.workers, options.threads, gpus), options.time_limit)
    try:
        from hwlib.jobs.cluster import dask_pool
    except ImportError as error:
        raise SweepError("--scheduler needs Dask: pip install -e '.[cluster]'") from error
    limits = thread_limits(options.threads)
    return dask_pool(options.scheduler, limits, "cuda" in devices, options.time_limit)


def stored_run(run: Run, future: Future[None]) -> StoredRun:
    """Return a run that has ended; one that could not be performed is stored as failed."""
    performed = None if future.exception() else read_run(run.out, run.key)
    if performed:
        return performed
    error = future.exception() or JobError(
        f"A worker performed this run, but it is not in {run.out}. Let all workers share a file "
        "system with this machine, or choose an address such as s3://... with --out."
    )
    failure = Failure(str(error) or repr(error), getattr(error, "traceback", ""))
    with unfinished_folder(run) as folder:
        return StoredRun(publish_run(folder, run, 0, failure), None)


def progress_line(run: Run, ended: StoredRun) -> str:
    """Return a line about a run that has ended: its settings, seconds, and losses or the reason."""
    record = ended.record
    parts = ["✓" if record.status == "done" else "✗", str(run), f"{record.seconds:.1f} s"]
    figures = figures_of(ended.results) if ended.results else {}
    losses = {name: value for name, value in figures.items() if name.endswith("loss")}
    parts += [f"{heading(name)} {value:.4f}" for name, value in losses.items()]
    return "  ".join([*parts, record.reason]).rstrip()


def is_done(run: Run) -> bool:
    """Return whether a run is there, whole and without a failure."""
    earlier = read_run(run.out, run.key)
    return earlier is not None and earlier.record.status == "done"


def perform_missing(
    runs: Sequence[Run], options: Options, log: Callable[[str], None] = lambda _: None
) -> int:
    """Perform the runs that are missing or have failed, and return how many they were.

    ``log`` gets a line for each. SweepError or JobError if another sweep is at work in the folder,
    it cannot be written, data are missing, or nobody performs runs.
    """
    with sole_sweep(runs[0].out):
        missing = [run for run in runs if options.force or not is_done(run)]
        if not missing:
            return 0
        for sentence in check_data(missing):
            log(sentence)
        from hwlib.sweep.execution import execute_run  # with torch

        log(f"{len(missing)} of {len(runs)} runs to do")
        with open_pool(missing, options) as submit:
            for run, future in perform_all(submit, execute_run, missing, "sweep", len(runs)):
                log(progress_line(run, stored_run(run, future)))
    return len(missing)
