"""A sweep from its plan to its runs: what is missing is performed, the rest is left alone."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from hwlib.parameters import Parameters
from hwlib.plan import Run, data_files
from hwlib.pool import PoolError, dask_pool, local_pool, perform
from hwlib.store import (
    describe,
    local_folder,
    publish,
    read_run,
    unfinished_folder,
)


class SweepError(RuntimeError):
    """The sweep cannot go on; the message says why and what to do next."""


ERRORS = (SweepError, PoolError)


@contextmanager
def sole_sweep(out: str) -> Iterator[None]:
    """One sweep at a time in a local folder, which is cleared of what earlier ones left unfinished.

    Raises:
        SweepError: another sweep is at work there, or the folder cannot be written.
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
    """Look for the data, once, before the first kernel starts; MNIST is downloaded where it can be.

    Raises:
        SweepError: something is missing.
    """
    parameters, questions = Parameters(**runs[0].parameters), runs[0].questions
    if parameters.data_source == "real" and not data_files(parameters.data_dir, questions):
        from hwlib.run import RunError, check_inputs  # with torch: seldom needed

        try:
            check_inputs(parameters.model_copy(update={"device": "cpu"}), questions)
        except RunError as error:
            raise SweepError(str(error)) from error


def outcome(run: Run, future: Future) -> dict[str, Any]:
    """The record of a run that has ended; one that could not be performed is recorded as failed."""
    record = None if future.exception() else read_run(run.out, run.key)
    if record:
        return record
    reason = future.exception() or PoolError(
        f"A worker performed this run, but it is not in {run.out}. Let all workers share a file "
        "system with this machine, or choose an address such as s3://... with --out."
    )
    record = describe(run, "failed", 0, str(reason))
    publish(unfinished_folder(run), run, record)
    return record


def follow(futures: dict[Future, Run], places: int, total: int) -> Iterator[tuple[Run, dict]]:
    """Each run with its record as it ends, under a bar of what is done, running, failed and left.

    Args:
        futures: of the runs to be performed.
        places: how many are performed at a time.
        total: number of runs with those that were there before.
    """
    left, failed = set(futures), 0
    done = total - len(left)
    with tqdm(total=total, initial=done, desc="sweep", unit="run", disable=None) as bar:
        while left:
            bar.set_postfix(running=min(places, len(left)), failed=failed)
            ended, left = wait(left, timeout=1, return_when=FIRST_COMPLETED)
            for future in ended:
                record = outcome(futures[future], future)
                failed += record["status"] != "done"
                bar.update()
                yield futures[future], record


def sweep(
    runs: list[Run],
    workers: int = 1,
    scheduler: str | None = None,
    threads: int = 1,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Perform whatever is missing or has failed.

    Args:
        runs: of one plan.
        workers: runs at a time on this machine.
        scheduler: address of a Dask scheduler whose workers perform the runs instead.
        threads: that a run may use.
        force: perform all of them.
        say: told of every run that has ended.

    Returns:
        how many runs were performed.

    Raises:
        SweepError: another sweep is at work in the folder, it cannot be written, or data are
            missing.
        PoolError: there is nobody to perform the runs.
    """
    with sole_sweep(runs[0].out):
        records = {} if force else {run.key: read_run(run.out, run.key) for run in runs}
        missing = [r for r in runs if (records.get(r.key) or {}).get("status") != "done"]
        if not missing:
            return 0
        check_data(missing)
        pool = dask_pool(missing, scheduler) if scheduler else local_pool(missing, workers)
        with pool as (executor, places):
            futures = {executor.submit(perform, run, threads): run for run in missing}
            for run, record in follow(futures, places, len(runs)):
                mark = "✓" if record["status"] == "done" else "✗"
                reason = record["traceback"].partition("\n")[0]
                say(f"{mark} {run}  {record['seconds']:.1f} s  {reason}".rstrip())
        return len(missing)
