"""A sweep file as a list of runs, each with a name that says all that its figures depend on."""

import functools
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwlib.parameters import (
    NOTEBOOK,
    QUESTIONS,
    ROOT,
    ParameterError,
    Parameters,
    check_questions,
)
from hwlib.profiles import SWEEP_KEYS, Setting, check_settings, collect, profile_path

Axis = list[dict[str, Setting]]  # settings that are tried one after the other

DATA = {"q3": ("MNIST/raw",), "q4": ("big_cats", "birds", "dogs")}  # below data_dir


@dataclass(frozen=True)
class Run:
    """One execution of the notebook, as it is sent to whoever performs it.

    Args:
        key: the run's name: a hash of notebook, library, parameters, questions and data.
        parameters: all of them, by name.
        swept: those that tell the runs of a sweep apart.
        questions: whose cells are run.
        out: the sweep's folder, or an address that fsspec knows.
        code: hash of notebook and library.
    """

    key: str
    parameters: dict[str, Any]
    swept: dict[str, Any]
    questions: tuple[str, ...]
    out: str
    code: str

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
    folder = Path(data_dir)
    names = [name for question in questions for name in DATA.get(question, ())]
    paths = [path for name in names for path in sorted((folder / name).rglob("*"))]
    return [
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in paths
        if path.is_file()
    ]


def fingerprint(content: dict[str, Any], questions: tuple[str, ...], code: str) -> str:
    """The name of a run: a hash of code, parameters, questions and data; where the data lie and
    where the figures go makes no difference.
    """
    decisive = {name: v for name, v in content.items() if name not in ("data_dir", "output_dir")}
    facts: list[Any] = [code, decisive, questions]
    if content["data_source"] == "real":  # samples are made by the library itself
        facts.append(data_files(content["data_dir"], questions))
    return sha256(json.dumps(facts).encode())


def named_lists(setting: Setting, key: str) -> dict[str, list[Any]]:
    """What ``grid`` and ``zip`` hold.

    Raises:
        ParameterError: it is something else.
    """
    value, source = setting
    if not isinstance(value, dict) or not value:
        raise ParameterError(f"{source}: {key} must hold lines of the form 'name: [value, value]'")
    for name, values in value.items():
        if not isinstance(values, list) or not values:
            raise ParameterError(
                f"{name.source}: {name} in {key} must be a list of values, as [value, value]"
            )
    return value


def axes(settings: dict[str, Setting]) -> list[Axis]:
    """What is combined with what: each ``grid`` line, all of ``zip`` together, the seeds.

    Raises:
        ParameterError: one of them is not of the right form.
    """
    found: list[Axis] = []
    for name, values in named_lists(settings["grid"], "grid").items() if "grid" in settings else ():
        found.append([{str(name): Setting(value, name.source)} for value in values])
    if "zip" in settings:
        lists = named_lists(settings["zip"], "zip")
        if len({len(values) for values in lists.values()}) > 1:
            lengths = ", ".join(f"{name} has {len(values)}" for name, values in lists.items())
            raise ParameterError(
                f"{settings['zip'].source}: the lists in zip must be of one length: {lengths}"
            )
        rows = zip(*lists.values(), strict=True)
        found.append(
            [{str(n): Setting(v, n.source) for n, v in zip(lists, r, strict=True)} for r in rows]
        )
    if "seeds" in settings:
        seeds, source = settings["seeds"]
        if not isinstance(seeds, list) or not seeds:
            raise ParameterError(f"{source}: seeds must be a list of whole numbers, as [1, 2, 3]")
        found.append([{"seed": Setting(seed, source)} for seed in seeds])
    return found


def expand(settings: dict[str, Setting], path: Path) -> tuple[list[str], list[Parameters]]:
    """The names that are swept, and the checked parameters of every combination.

    Raises:
        ParameterError: a value is wrong, a name is swept twice or also given by ``-p``, or there is
            nothing to sweep.
    """
    found = axes(settings)
    shared = {name: setting for name, setting in settings.items() if name not in SWEEP_KEYS}
    check_settings(shared)
    swept = [name for axis in found for name in axis[0]]
    sources = {name: setting.source for axis in found for name, setting in axis[0].items()}
    if not found:
        raise ParameterError(f"{path}, line 1: nothing to sweep; a sweep has grid, zip or seeds")
    for name in swept:
        if swept.count(name) > 1:
            raise ParameterError(f"{sources[name]}: {name} is swept twice")
        if name in shared and shared[name].source.startswith("-p"):
            raise ParameterError(f"-p {name}: it is swept already ({sources[name]})")
    combinations = [
        {name: setting for part in parts for name, setting in part.items()}
        for parts in itertools.product(*found)
    ]
    return swept, [check_settings(shared | combination) for combination in combinations]


def portable(parameters: Parameters) -> dict[str, Any]:
    """All parameters, with paths that hold in any working folder."""
    content = parameters.model_dump() | {"data_dir": str(Path(parameters.data_dir).resolve())}
    if parameters.vgg_weights not in ("imagenet", "none"):
        content["vgg_weights"] = str(Path(parameters.vgg_weights).resolve())
    return content


def plan(
    sweep_file: str, overrides: Sequence[tuple[str, str]], only: str | None, out: str | None
) -> list[Run]:
    """Every run of a sweep, in the file's order.

    Args:
        sweep_file: name of a file in ``params/``, or the path of a YAML file.
        overrides: pairs of name and text value, for all runs.
        only: questions, as in ``"q3"``, instead of the file's own.
        out: the sweep's folder; default: ``out/`` and the file's name.

    Raises:
        ParameterError: anything is wrong.
    """
    path = profile_path(sweep_file)
    settings = collect(sweep_file, overrides)
    asked = Setting(only, "--only") if only else settings.get("only", Setting(None, ""))
    try:
        questions = check_questions(asked.value)
    except (ParameterError, AttributeError) as error:
        known = f"only must name questions, as q3 or q1,q3; known are {', '.join(QUESTIONS)}"
        raise ParameterError(f"{asked.source}: {known}") from error
    swept, combinations = expand(settings, path)
    out = out or f"out/{path.stem}"
    out = out if "://" in out else str(Path(out).resolve())
    code, runs = code_hash(), {}
    for parameters in combinations:
        if parameters.device.startswith("cuda:"):
            raise ParameterError(f"device = {parameters.device!r}: say cuda; runs get a GPU each")
        content = portable(parameters)
        key = fingerprint(content, questions, code)
        if key in runs:
            raise ParameterError(f"{path}: two runs are the same: {runs[key]}")
        values = {name: content[name] for name in swept}
        runs[key] = Run(key, content, values, questions, out, code)
    return list(runs.values())
