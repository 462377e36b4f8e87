"""A sweep file as a list of runs, and where each run's files are kept.

A run is named by all that its figures depend on. It stands in a folder of its own, ``runs/NAME``
in the sweep's folder, complete or not at all. The sweep's folder may be an address that fsspec
knows, as ``s3://bucket/sweep``.
"""

import functools
import hashlib
import itertools
import json
import os
import platform
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from hwlib.common.files import replacing
from hwlib.common.project import NOTEBOOK, ROOT, WITHOUT_EFFECT
from hwlib.common.results import package_versions
from hwlib.common.runtime import find_data
from hwlib.run.parameters import Axes, ParameterError, Parameters, check
from hwlib.run.profiles import Placed, Settings, collect, override, profile_path, split

DATA = {"q3": ("MNIST/raw",), "q4": ("big_cats", "birds", "dogs")}  # for find_data
RECORD = "run.json"


@dataclass(frozen=True)
class Run:
    """One execution of the notebook, as it is sent to whoever performs it."""

    key: str  # the run's name: a hash of notebook, library, parameters, questions and data
    parameters: dict[str, Any]  # all of them
    swept: dict[str, Any]  # those that tell the runs of a sweep apart, for people
    questions: tuple[str, ...]  # whose cells are run
    out: str  # the sweep's folder, or an address that fsspec knows
    code: str  # hash of notebook and library

    def __str__(self) -> str:
        """``learning_rate 0.1  seed 42``."""
        return "  ".join(f"{name} {value}" for name, value in self.swept.items())


def sha256(content: bytes) -> str:
    """The first 16 digits are enough to tell files apart."""
    return hashlib.sha256(content).hexdigest()[:16]


def code_hash() -> str:
    """Hash of the notebook and of every module of the library."""
    files = [NOTEBOOK, *sorted((ROOT / "hwlib").rglob("*.py"))]
    return sha256("".join(sha256(path.read_bytes()) for path in files).encode())


@functools.cache
def data_files(data_dir: str, questions: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file that these questions read: cheap, and different
    as soon as a file is replaced.
    """
    names = [name for question in questions for name in DATA.get(question, ())]
    folders = [folder for name in names if (folder := find_data(name, Path(data_dir)))]
    return [
        (f"{folder.name}/{path.relative_to(folder)}", path.stat().st_size, path.stat().st_mtime_ns)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def fingerprint(content: dict[str, Any], questions: tuple[str, ...], code: str) -> str:
    """The name of a run; where files lie and where the figures go makes no difference."""
    decisive = {name: value for name, value in content.items() if name not in WITHOUT_EFFECT}
    if (weights := Path(content["vgg_weights"])).is_file():
        decisive["vgg_weights"] = (weights.stat().st_size, weights.stat().st_mtime_ns)
    facts: list[Any] = [code, decisive, questions]
    if content["data_source"] == "real":  # samples are made by the library itself
        facts.append(data_files(content["data_dir"], questions))
    return sha256(json.dumps(facts).encode())


def axes_of(found: Axes) -> list[list[Settings]]:
    """What is combined with what: each ``grid`` line, all of ``zip`` together, the seeds."""
    rows = zip(*found.zip.values(), strict=True)
    axes = [
        *([{name: value} for value in values] for name, values in found.grid.items()),
        [dict(zip(found.zip, row, strict=True)) for row in rows],
        [{Placed("seed", getattr(seed, "source", "seeds")): seed} for seed in found.seeds],
    ]
    return [axis for axis in axes if axis]


def check_swept(swept: list[Placed], shared: Settings) -> None:
    """Raise ParameterError unless every name is swept once, and not set by ``-p`` as well."""
    for i, name in enumerate(swept):
        if name in swept[:i]:
            raise ParameterError(f"{name.source}: {name} is swept twice")
        if any(name == other and other.source.startswith("-p") for other in shared):
            raise ParameterError(f"-p {name}: it is swept already ({name.source})")


def portable(parameters: Parameters) -> dict[str, Any]:
    """All parameters, with paths that hold in any working folder; ParameterError for ``cuda:N``."""
    if parameters.device.startswith("cuda:"):
        raise ParameterError(f"device = {parameters.device!r}: say cuda; runs get a GPU each")
    content = parameters.model_dump() | {"data_dir": str(Path(parameters.data_dir).resolve())}
    if parameters.vgg_weights not in ("imagenet", "none"):
        content["vgg_weights"] = str(Path(parameters.vgg_weights).resolve())
    return content


def plan(
    sweep_file: str, overrides: Sequence[tuple[str, str]], only: str | None, out: str | None
) -> list[Run]:
    """Every run of a sweep, in the file's order; ParameterError where anything is wrong.

    ``only`` names questions, as in ``"q3"``, instead of the file's own; ``out`` is ``out/`` and the
    file's name by default.
    """
    path = profile_path(sweep_file)
    shared, lists = split(collect(sweep_file, overrides))
    found = check(Axes, override(lists, {Placed("only", "--only"): only} if only else {}))
    axes = axes_of(found)
    if not axes:
        raise ParameterError(f"{path}, line 1: nothing to sweep; a sweep has grid, zip or seeds")
    swept = [name for axis in axes for name in axis[0]]
    check_swept(swept, shared)
    out = out or f"out/{path.stem}"
    out = out if "://" in out else str(Path(out).resolve())
    code, runs = code_hash(), {}
    for settings in itertools.product(*axes):
        content = portable(check(Parameters, functools.reduce(override, settings, shared)))
        key = fingerprint(content, found.only, code)
        if key in runs:
            raise ParameterError(f"{path}: two runs are the same: {runs[key]}")
        tried = {str(name): content[name] for name in swept}
        tried |= {name: str(value) for name, value in tried.items() if isinstance(value, list)}
        runs[key] = Run(key, content, tried, found.only, out, code)
    return list(runs.values())


def local_folder(out: str) -> Path | None:
    """The folder of runs as a path, where it is one."""
    files, root = fsspec.url_to_fs(out)
    return Path(root, "runs") if isinstance(files, LocalFileSystem) else None


@contextmanager
def unfinished_folder(run: Run) -> Iterator[Path]:
    """A new folder for a run's files, beside its final place where it can be renamed into that;
    what is not published is deleted.
    """
    parent = local_folder(run.out) or Path(tempfile.gettempdir())
    folder = parent / f".{run.key}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, run: Run, seconds: float, traceback: str = "") -> None:
    """Write ``run.json`` into a run's folder and move it to its final place, where another may be.

    A traceback says that the run failed.
    """
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    results = json.loads(contents.get("results.json", "{}"))
    record = {
        "key": run.key,
        "status": "failed" if traceback else "done",
        "seconds": round(seconds, 2),
        "swept": run.swept,
        "parameters": run.parameters,
        "questions": run.questions,
        "traceback": traceback,
        "versions": package_versions(),
        "device": results.get("device", run.parameters["device"]),
        "host": platform.node(),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "files": {name: sha256(content) for name, content in contents.items()},
    }
    with replacing(folder / RECORD) as unfinished:
        unfinished.write_text(json.dumps(record, indent=1))
    files, root = fsspec.url_to_fs(f"{run.out}/runs/{run.key}")
    with suppress(FileNotFoundError):
        files.rm(root, recursive=True)
    if local_folder(run.out):
        os.replace(folder, root)
    else:
        files.put(f"{folder}/", f"{root}/", recursive=True)


def read_run(out: str, key: str) -> dict[str, Any] | None:
    """A run's record, with what its ``results.json`` says as ``results``; None where the run is
    missing, or any of its files is not as it was.
    """
    files, root = fsspec.url_to_fs(f"{out}/runs/{key}")
    try:
        record = json.loads(files.cat_file(f"{root}/{RECORD}"))
        contents = {name: files.cat_file(f"{root}/{name}") for name in record["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if {name: sha256(content) for name, content in contents.items()} != record["files"]:
        return None
    return record | {"results": json.loads(contents.get("results.json", "{}"))}
