"""A class from its folder to its results: what is new or changed is looked at, the rest is not."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from hwlib.common.errors import DataError
from hwlib.common.files import file_hash
from hwlib.common.fingerprint import code_hash, file_stamps, short_hash
from hwlib.common.project import DATA, NOTEBOOK
from hwlib.common.runtime import find_data
from hwlib.grading.assess import Task, assess, failed_record
from hwlib.grading.hand_ins import (
    GradingError,
    HandIn,
    find_hand_ins,
    regular_files,
    unpack_class,
)
from hwlib.grading.record import Record, read_record, write_record
from hwlib.jobs.pool import Submit, environments, local_pool, perform_all, thread_limits
from hwlib.submission.sandbox import available_level
from hwlib.submission.score import NO_LOCK, ScoreRequest

ALL_BUT_CLASS_FILE = 300.0  # seconds that all but the class file may take


class GradingOptions(NamedTuple):
    """How a class is graded."""

    data_dir: Path = Path("data")
    big_cats: Path | None = None
    workers: int = 1
    scheduler: str | None = None
    time_limit: float = 120.0  # seconds of a class file
    trust: bool = False


class Graded(NamedTuple):
    """The records of all hand-ins, and how many of them were looked at now."""

    records: list[Record]
    looked_at: int


def holds(hand_in: HandIn, out: Path) -> bool:
    """Whether the results are written into this folder, which is then no hand-in."""
    return any(out.resolve().is_relative_to(path.resolve()) for path in hand_in.paths)


def hand_in_hash(hand_in: HandIn) -> str:
    """Return the hash of all files of a hand-in and their names."""
    digest = hashlib.sha256(hand_in.name.encode(errors="replace"))
    for name, path in (pair for part in hand_in.paths for pair in regular_files(part)):
        with suppress(DataError):  # one that cannot be read is a problem of the hand-in
            digest.update(f"{name}\0{file_hash(path)}\0".encode(errors="replace"))
    return digest.hexdigest()


def lacks_a_lock(options: GradingOptions) -> bool:
    """Return whether this machine scores nothing because it cannot lock class files in."""
    return not (options.scheduler or options.trust or available_level().confined)


def conditions_hash(options: GradingOptions) -> str:
    """Return the hash of what every score depends on: this library, the pictures, the digits, how
    long a class file may take, and whether anything can lock it in.
    """
    names = [name for names in DATA.values() for name in names]
    found = [folder for name in names if (folder := find_data(name, options.data_dir))]
    folders = [*found, options.big_cats] if options.big_cats else found
    unlocked = lacks_a_lock(options)
    facts = (code_hash(NOTEBOOK), file_stamps(folders), options.time_limit, options.trust, unlocked)
    return short_hash(json.dumps(facts).encode())


def plan_tasks(hand_ins: list[HandIn], out: Path, options: GradingOptions) -> list[Task]:
    """Return a task for each hand-in."""
    missing = {"q3": not find_data("MNIST/raw", options.data_dir)}
    missing["q4"] = not (options.big_cats or find_data("big_cats", options.data_dir))
    request = ScoreRequest(
        options.data_dir.absolute(),
        "real",
        options.big_cats.absolute() if options.big_cats else None,
        options.trust,
        options.time_limit,
        threads=1 if options.workers > 1 or options.scheduler else os.cpu_count() or 1,
    )
    conditions = conditions_hash(options)
    return [
        Task(
            hand_in,
            short_hash(f"{conditions} {hand_in_hash(hand_in)}".encode()),
            str(out.absolute()),
            request,
            frozenset(question for question, is_missing in missing.items() if is_missing),
        )
        for hand_in in hand_ins
    ]


@contextmanager
def opened(source: Path, out: Path) -> Iterator[Path]:
    """Yield the folder of hand-ins: ``source``, or what Moodle's zip of that name holds;
    GradingError if it is neither.
    """
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise GradingError(f"There is no folder or zip {source}.")
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=out) as folder:
        unpack_class(source, Path(folder))
        yield Path(folder)


@contextmanager
def sole_grading(out: Path) -> Iterator[None]:
    """Let one grading at a time into a folder; GradingError if another is at work there, or it
    cannot be written.
    """
    lock = FileLock(out / ".lock", timeout=0)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise GradingError(
            f"Another grading is writing to {out}. Wait, or choose --out."
        ) from error
    except OSError as error:
        raise GradingError(f"{out} cannot be written ({error}). Choose another --out.") from error
    with lock:
        yield
    (out / ".lock").unlink(missing_ok=True)


def open_workers(options: GradingOptions) -> AbstractContextManager[Submit]:
    """Return the pool that looks at hand-ins; GradingError if Dask is asked for, not installed."""
    limit = 2 * options.time_limit + ALL_BUT_CLASS_FILE  # a class file may be run in two sizes
    if options.scheduler is None:
        return local_pool(environments(options.workers, threads=1), limit)
    try:
        from hwlib.jobs.cluster import dask_pool
    except ImportError as error:
        raise GradingError("--scheduler needs Dask: pip install -e '.[cluster]'") from error
    return dask_pool(options.scheduler, thread_limits(1), False, limit)


def look_at_all(tasks: list[Task], total: int, options: GradingOptions) -> None:
    """Look at hand-ins; one that hangs, or ends its process, costs itself."""
    with open_workers(options) as submit:
        for task, future in perform_all(submit, assess, tasks, "hand-ins", total):
            if error := future.exception():
                write_record(failed_record(task, str(error) or repr(error)), Path(task.out))


def stored_record(task: Task) -> Record | None:
    """Return the record that a task would make, if it is there already."""
    folder = Path(task.out) / Record(key="", submission=task.hand_in.name).folder
    record = read_record(folder)
    return record if record and record.key == task.key else None


def grade(
    source: Path,
    out: Path,
    options: GradingOptions,
    announce: Callable[[str], None] = lambda _: None,
) -> Graded:
    """Look at every hand-in in a folder or in Moodle's zip, and return all records; those that are
    there and have not changed are not looked at again. GradingError if that cannot be done.
    """
    with sole_grading(out), opened(source, out) as folder:
        hand_ins = [one for one in find_hand_ins(folder) if not holds(one, out)]
        tasks = plan_tasks(hand_ins, out, options)
        missing = [task for task in tasks if stored_record(task) is None]
        if missing and tasks[0].missing:
            announce(
                f"The real data are not in {options.data_dir}, so what was made on them is not "
                "scored. hwlib fetch all finds or downloads them."
            )
        if missing and lacks_a_lock(options):
            announce(NO_LOCK)
        if missing:
            announce(f"{len(missing)} of {len(tasks)} hand-ins to look at")
            look_at_all(missing, len(tasks), options)
        records = [record for task in tasks if (record := stored_record(task))]
    if len(records) < len(tasks):
        raise GradingError(
            f"{len(tasks) - len(records)} reports are not in {out}. Let all workers share a file "
            "system with this machine."
        )
    return Graded(records, len(missing))
