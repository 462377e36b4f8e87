"""A sweep file as a list of runs."""

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hwlib.common.fingerprint import code_hash
from hwlib.common.project import NOTEBOOK, PROFILES, ROOT
from hwlib.run.parameters import Axes, ParameterError, Parameters, check, source_of, suggest
from hwlib.run.profiles import (
    Placed,
    Settings,
    collect,
    override,
    profile_path,
    read_yaml,
    split,
)
from hwlib.sweep.store import Run, Value, run_key


class Plan(NamedTuple):
    """The runs of a sweep, and how they differ."""

    runs: list[Run]  # in the file's order
    axes: list[list[str]]  # names of parameters; those that vary together are in one list
    command: str  # that makes the runs
    out: str  # the sweep's folder, or an address that fsspec knows


def sweep_names() -> list[str]:
    """Return the names of the sweeps in ``params/``."""
    paths = sorted(PROFILES.glob("*.yaml"))
    return [path.stem for path in paths if {"grid", "zip", "seeds"} & set(read_yaml(path))]


def sweep_path(sweep_file: str) -> Path:
    """Return the path of a sweep, given as a path or as a name in ``params/``; ParameterError names
    the sweeps that exist if this one does not.
    """
    try:
        return profile_path(sweep_file)
    except ParameterError as error:
        is_path = sweep_file.endswith((".yaml", ".yml"))
        missing = f"There is no file {sweep_file}" if is_path else f"There is no sweep {sweep_file}"
        hint = suggest(Path(sweep_file).stem, sweep_names())
        raise ParameterError(f"{missing} ({hint})") from error


def axes_of(lists: Axes) -> list[list[Settings]]:
    """Return what is combined with what: each ``grid`` line, all of ``zip`` together, the seeds."""
    rows = zip(*lists.zip.values(), strict=True)
    axes = [
        *([{name: value} for value in values] for name, values in lists.grid.items()),
        [dict(zip(lists.zip, row, strict=True)) for row in rows],
        [{Placed("seed", getattr(seed, "source", "seeds")): seed} for seed in lists.seeds],
    ]
    return [axis for axis in axes if axis]


def check_swept(swept: Sequence[str], shared: Settings) -> None:
    """Raise ParameterError unless every name is swept once, and not set by ``-p`` as well."""
    for i, name in enumerate(swept):
        if name in swept[:i]:
            raise ParameterError(f"{source_of(name)}: {name} is swept twice")
        if any(name == other and source_of(other).startswith("-p") for other in shared):
            raise ParameterError(f"-p {name}: it is swept already ({source_of(name)})")


def portable(parameters: Parameters) -> Parameters:
    """Return the parameters with paths that hold in any folder; ParameterError for ``cuda:N``."""
    if parameters.device.startswith("cuda:"):
        raise ParameterError(f"device = {parameters.device!r}: say cuda; runs get a GPU each")
    paths = {"data_dir": str(Path(parameters.data_dir).resolve())}
    if parameters.vgg_weights not in ("imagenet", "none"):
        paths["vgg_weights"] = str(Path(parameters.vgg_weights).resolve())
    return parameters.model_copy(update=paths)


def value_of(parameters: Parameters, name: str) -> Value:
    """Return the value of a parameter as tables show it: lists as text."""
    value = getattr(parameters, name)
    return value if isinstance(value, int | float | str) else str(value)


def relative_to_checkout(notebook: Path) -> str:
    """Return a path that holds on other machines too, if the notebook is part of the checkout."""
    notebook = notebook.resolve()
    return str(notebook.relative_to(ROOT) if notebook.is_relative_to(ROOT) else notebook)


def combine(
    axes: list[list[Settings]],
    shared: Settings,
    questions: tuple[str, ...],
    out: str,
    notebook: Path,
) -> list[Run]:
    """Return a run for every combination of the axes, in their order; ParameterError if a value is
    impossible, or two runs are the same.
    """
    code = code_hash(notebook)
    runs: dict[str, Run] = {}
    names = [name for axis in axes for name in axis[0]]
    for settings in itertools.product(*axes):
        merged = functools.reduce(override, settings, shared)
        parameters = portable(check(Parameters, merged))
        key = run_key(parameters, questions, code)
        if key in runs:
            raise ParameterError(f"two runs are the same: {runs[key]}")
        swept = {str(name): value_of(parameters, name) for name in names}
        path = relative_to_checkout(notebook)
        runs[key] = Run(key, parameters, swept, questions, out, path, code)
    return list(runs.values())


def plan(
    sweep_file: str,
    overrides: Sequence[tuple[str, str]] = (),
    only: str | None = None,
    out: str | None = None,
    notebook: Path = NOTEBOOK,
    command: str = "",
) -> Plan:
    """Return every run of a sweep; ParameterError if anything is wrong.

    ``only`` names questions, as in ``"q3"``, instead of the file's own; ``out`` is ``out/`` and the
    file's name by default; ``command`` is recorded with the runs.
    """
    path = sweep_path(sweep_file)
    shared, lists = split(collect(sweep_file, overrides))
    checked = check(Axes, override(lists, {Placed("only", "--only"): only} if only else {}))
    axes = axes_of(checked)
    if not axes:
        raise ParameterError(f"{path}, line 1: nothing to sweep; a sweep has grid, zip or seeds")
    check_swept([name for axis in axes for name in axis[0]], shared)
    if command:
        shared = override(shared, {Placed("command", "the command line"): command})
    out = out or f"out/{path.stem}"
    out = out if "://" in out else str(Path(out).resolve())
    runs = combine(axes, shared, checked.only, out, notebook)
    return Plan(runs, [[str(name) for name in axis[0]] for axis in axes], command, out)
