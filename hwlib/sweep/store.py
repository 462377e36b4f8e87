"""Where the files of a run are kept, and what names it.

A run is named by all that its figures depend on. It stands in a folder of its own, ``runs/NAME``
in the sweep's folder, complete or not at all. The sweep's folder may be an address that fsspec
knows, as ``s3://bucket/sweep``.
"""

import functools
import json
import os
import platform
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel, ValidationError

from hwlib.common.files import replacing
from hwlib.common.fingerprint import file_stamps, short_hash
from hwlib.common.project import DATA, RESULTS, ROOT, WITHOUT_EFFECT
from hwlib.common.results import RunResults, package_versions
from hwlib.common.runtime import find_data
from hwlib.run.parameters import Parameters

RECORD = "run.json"
RUNS = "runs"  # the folder of all runs in the sweep's folder

Value = int | float | str


@dataclass(frozen=True)
class Run:
    """One execution of the notebook, as it is sent to whoever performs it."""

    key: str  # the run's name: a hash of notebook, library, parameters, questions and data
    parameters: Parameters
    swept: dict[str, Value]  # the parameters that tell the runs of a sweep apart
    questions: tuple[str, ...]  # whose cells are run
    out: str  # the sweep's folder, or an address that fsspec knows
    notebook: str  # its path, as seen from the checkout
    code: str  # hash of notebook and library

    def __str__(self) -> str:
        """``learning_rate 0.1  seed 42``."""
        return "  ".join(f"{name} {value}" for name, value in self.swept.items())

    @property
    def notebook_path(self) -> Path:
        """The notebook on this machine."""
        return ROOT / self.notebook


class Failure(NamedTuple):
    """Why a run failed: in a sentence, and in full."""

    reason: str
    traceback: str


class RunRecord(BaseModel):
    """``run.json``: what was run, where, and how it ended."""

    key: str
    status: Literal["done", "failed"]
    reason: str  # why it failed, in a sentence
    traceback: str
    seconds: float
    swept: dict[str, Value]
    parameters: dict[str, Any]
    questions: tuple[str, ...]
    notebook: str
    versions: dict[str, str]
    device: str
    host: str
    finished: datetime
    files: dict[str, str]  # names of the run's other files, and their hashes


class StoredRun(NamedTuple):
    """A run's record and what its ``results.json`` says; None if it failed."""

    record: RunRecord
    results: RunResults | None


@functools.cache
def data_files(data_dir: str, questions: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of every file that these questions read: cheap, and
    different as soon as a file is replaced.
    """
    names = [name for question in questions for name in DATA.get(question, ())]
    found = [folder for name in names if (folder := find_data(name, Path(data_dir)))]
    return file_stamps(found)


def run_key(parameters: Parameters, questions: tuple[str, ...], code: str) -> str:
    """Return the name of a run, in which all is hashed that its figures depend on."""
    decisive = parameters.model_dump(exclude=set(WITHOUT_EFFECT))
    if (weights := Path(parameters.vgg_weights)).is_file():
        decisive["vgg_weights"] = (weights.stat().st_size, weights.stat().st_mtime_ns)
    facts: list[Any] = [code, decisive, questions]
    if parameters.data_source == "real":  # samples are made by the library itself
        facts.append(data_files(parameters.data_dir, questions))
    return short_hash(json.dumps(facts).encode())


def local_folder(out: str) -> Path | None:
    """Return the sweep's folder as a path, or None if it is an address of another machine."""
    files, root = fsspec.url_to_fs(out)
    return Path(root) if isinstance(files, LocalFileSystem) else None


def write_file(out: str, name: str, content: str) -> None:
    """Write a file of the sweep, so that readers find the old one or the new one whole."""
    folder = local_folder(out)
    if folder is None:
        files, root = fsspec.url_to_fs(out)
        files.pipe_file(f"{root}/{name}", content.encode())
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / name) as unfinished:
        unfinished.write_bytes(content.encode())


@contextmanager
def unfinished_folder(run: Run) -> Iterator[Path]:
    """Yield a new folder for a run's files, on the file system of its final place if that is here;
    what is not published is deleted.
    """
    sweep_folder = local_folder(run.out)
    parent = sweep_folder / RUNS if sweep_folder else Path(tempfile.gettempdir())
    folder = parent / f".{run.key}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(sweep_folder: Path) -> None:
    """Delete what runs that were killed left in a local folder."""
    for folder in (sweep_folder / RUNS).glob(".*-*"):
        shutil.rmtree(folder, ignore_errors=True)


def read_results(contents: dict[str, bytes]) -> RunResults | None:
    """Return what ``results.json`` says, if it is among these files; ValidationError if it does not
    say what it must.
    """
    return RunResults.model_validate_json(contents[RESULTS]) if RESULTS in contents else None


def record_of(
    run: Run, contents: dict[str, bytes], seconds: float, failure: Failure | None
) -> RunRecord:
    """Return the record of a run that has ended just now and left these files."""
    results = read_results(contents)
    reason, traceback = failure or ("", "")
    return RunRecord(
        key=run.key,
        status="failed" if failure else "done",
        reason=reason,
        traceback=traceback,
        seconds=round(seconds, 2),
        swept=run.swept,
        parameters=run.parameters.model_dump(),
        questions=run.questions,
        notebook=run.notebook_path.name,
        versions=package_versions(),
        device=results.device if results else run.parameters.device,
        host=platform.node(),
        finished=datetime.now(timezone.utc).replace(microsecond=0),
        files={name: short_hash(content) for name, content in contents.items()},
    )


def publish_run(
    folder: Path, run: Run, seconds: float, failure: Failure | None = None
) -> RunRecord:
    """Write ``run.json`` into a run's folder, move it to its final place, over an older one, and
    return the record.
    """
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    record = record_of(run, contents, seconds, failure)
    (folder / RECORD).write_text(record.model_dump_json(indent=1) + "\n")
    files, root = fsspec.url_to_fs(f"{run.out}/{RUNS}/{run.key}")
    with suppress(FileNotFoundError):
        files.rm(root, recursive=True)
    if local_folder(run.out):
        os.replace(folder, root)
    else:
        files.put(f"{folder}/", f"{root}/", recursive=True)
    return record


def read_run(out: str, key: str) -> StoredRun | None:
    """Return a run; None if it is missing, or any of its files is not as it was."""
    files, root = fsspec.url_to_fs(f"{out}/{RUNS}/{key}")
    try:
        record = RunRecord.model_validate_json(files.cat_file(f"{root}/{RECORD}"))
        contents = {name: files.cat_file(f"{root}/{name}") for name in record.files}
        results = read_results(contents)
    except (OSError, ValidationError):
        return None
    hashes = {name: short_hash(content) for name, content in contents.items()}
    if hashes != record.files:
        return None
    return StoredRun(record, results if record.status == "done" else None)
