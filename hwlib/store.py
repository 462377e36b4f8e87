"""Runs in a sweep's folder: each in its own folder, complete or not there at all.

The folder may be an address that fsspec knows, as ``s3://bucket/sweep``; then a run's files are
uploaded one by one, ``run.json`` last.
"""

import json
import os
import platform
import shutil
import tempfile
import uuid
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from hwlib.plan import Run, sha256
from hwlib.results import versions, write_json

RECORD = "run.json"


def local_folder(out: str) -> Path | None:
    """The folder of runs as a path, where it is one."""
    files, root = fsspec.url_to_fs(out)
    return Path(root) / "runs" if isinstance(files, LocalFileSystem) else None


def unfinished_folder(run: Run) -> Path:
    """A new folder for a run's files: beside its final place where that can be renamed into."""
    parent = local_folder(run.out) or Path(tempfile.gettempdir())
    folder = parent / f".{run.key}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    return folder


def describe(run: Run, status: str, seconds: float, traceback: str = "") -> dict[str, Any]:
    """What ``run.json`` says."""
    return {
        "key": run.key,
        "status": status,
        "seconds": round(seconds, 2),
        "swept": run.swept,
        "parameters": run.parameters,
        "questions": run.questions,
        "traceback": traceback,
        "versions": versions(),
        "device": run.parameters["device"],
        "host": platform.node(),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def replace_folder(folder: Path, final: Path) -> None:
    """Rename; what has the final name so far gives way."""
    old = folder.with_name(f"{folder.name}-old")
    with suppress(OSError):  # there is none, or somebody else is just replacing it
        os.replace(final, old)
    with suppress(OSError):  # somebody else performed the same run and was faster
        os.replace(folder, final)
    for left in (old, folder):
        shutil.rmtree(left, ignore_errors=True)


def publish(folder: Path, run: Run, record: dict[str, Any]) -> None:
    """Write ``run.json`` and give the run its final name, in place of what may be there."""
    files = {path.name: sha256(path.read_bytes()) for path in folder.iterdir() if path.is_file()}
    write_json(record | {"files": files}, folder / RECORD)
    runs = local_folder(run.out)
    if runs:
        replace_folder(folder, runs / run.key)
        return
    remote, root = fsspec.url_to_fs(run.out)
    for name in [*files, RECORD]:
        remote.put_file(str(folder / name), f"{root}/runs/{run.key}/{name}")
    shutil.rmtree(folder)


def read_run(out: str, key: str) -> dict[str, Any] | None:
    """A run's record; None where the run is missing, or any of its files is not as it was."""
    try:
        record = json.loads(read_file(out, key, RECORD))
        whole = all(
            sha256(read_file(out, key, name)) == digest for name, digest in record["files"].items()
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return record if whole else None


def read_file(out: str, key: str, name: str) -> bytes:
    """A file of a run.

    Raises:
        FileNotFoundError: there is none.
    """
    files, root = fsspec.url_to_fs(out)
    return files.cat_file(f"{root}/runs/{key}/{name}")
