"""Where parameter values come from: the notebook's own cell, the files in ``params/`` and what they
extend, and ``-p NAME VALUE`` from a command line.

Values arrive as text, from YAML and command line alike; the schema converts them. Settings are
dictionaries whose names remember where they were written.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hwlib.common.project import PROFILES
from hwlib.run.parameters import Axes, ParameterError, Parameters, check, suggest


class Placed(str):
    """A piece of text and where it was written, as ``params/demo.yaml, line 2``."""

    source: str

    def __new__(cls, text: str, source: str) -> "Placed":
        """The text, with its place."""
        placed = super().__new__(cls, text)
        placed.source = source
        return placed


Settings = dict[Placed, Any]


def placed(node: yaml.Node) -> Any:
    """What a piece of YAML says: lists and dictionaries of text, with its places; ParameterError
    where a name in a dictionary is no text, or stands there twice.
    """
    source = f"{node.start_mark.name}, line {node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        return Placed(node.value, source)
    if isinstance(node, yaml.SequenceNode):
        return [placed(item) for item in node.value]
    content: Settings = {}
    for key, value in node.value:
        name = placed(key)
        if not isinstance(name, Placed):
            raise ParameterError(f"{source}: a name must be a piece of text")
        if name in content:
            raise ParameterError(f"{name.source}: {name!r} stands here twice")
        content[name] = placed(value)
    return content


def read_yaml(path: Path) -> Settings:
    """A YAML file of ``name: value`` lines; ParameterError if it is none, or a name comes twice."""
    try:
        with path.open(encoding="utf-8") as file:
            node = yaml.compose(file, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise ParameterError(f"{path}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise ParameterError(f"{path}, line 1: must hold lines of the form 'name: value'")
    return placed(node)


def parse_value(value: str) -> Any:
    """A command-line value: text, or a list of texts where it is written as one, ``[0.01, 0.1]``;
    ParameterError where the list is not closed.
    """
    try:
        listed = value.startswith("[")
        return yaml.load(value, Loader=yaml.BaseLoader) if listed else value  # noqa: S506 - text
    except yaml.YAMLError as error:
        raise ParameterError(f"{value!r} is not a list such as [0.01, 0.1]") from error


def profile_path(profile: str, folder: Path = Path()) -> Path:
    """A profile's file, by name or by path as seen from ``folder``; ParameterError without one."""
    is_path = profile.endswith((".yaml", ".yml"))
    path = folder / profile if is_path else PROFILES / f"{profile}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in PROFILES.glob("*.yaml"))
        raise ParameterError(f"There is no profile {profile!r}: {suggest(profile, known)}")
    return path


def override(below: Settings, above: Settings) -> Settings:
    """Both; ``above`` wins with its places, where ``below | above`` keeps those of ``below``."""
    return {name: value for name, value in below.items() if name not in above} | above


def base_of(base: str, source: str, files: list[Path]) -> Path:
    """The file that the last of ``files`` extends, as it says at ``source``; ParameterError where
    there is none, or they extend each other in a circle.
    """
    try:
        path = profile_path(base, files[-1].parent)
        if path.resolve() in [file.resolve() for file in files]:
            circle = " → ".join(file.name for file in (*files, path))
            raise ParameterError(f"extends goes round in a circle: {circle}")
    except ParameterError as error:
        raise ParameterError(f"{source}: {error}") from error
    return path


def collect(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> Settings:
    """Every setting that differs from the notebook's defaults, not yet checked; ParameterError
    where a file is wrong or missing. Of ``overrides``, pairs of name and text, a later one wins.
    """
    files = [profile_path(profile)]
    settings = read_yaml(files[0])
    while "extends" in settings:
        source = next(name.source for name in settings if name == "extends")
        files.append(base_of(str(settings.pop("extends")), source, files))
        settings = override(read_yaml(files[-1]), settings)
    named = override({Placed("profile", "the file's name"): files[0].stem}, settings)
    given = {Placed(name, f"-p {name}"): parse_value(value) for name, value in overrides}
    return override(named, given)


def split(settings: Settings) -> tuple[Settings, Settings]:
    """What are parameters, and what a sweep does with them."""
    axes = {name: value for name, value in settings.items() if name in Axes.model_fields}
    return {name: value for name, value in settings.items() if name not in axes}, axes


def load_profile(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> Parameters:
    """A profile's parameters, with overrides from the command line; arguments as for ``collect``.
    ParameterError where anything is wrong, or the profile is a sweep.
    """
    parameters, axes = split(collect(profile, overrides))
    for name in axes:
        hint = f"{name!r} belongs to a sweep; run it with python -m hwlib sweep {profile}"
        raise ParameterError(f"{name.source}: {hint}")
    return check(Parameters, parameters)


def explain(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> list[tuple[str, Any, str]]:
    """Name, effective value and origin of every parameter; a sweep's are those that its runs share.
    ParameterError where anything is wrong.
    """
    settings, _ = split(collect(profile, overrides))
    sources = {name: name.source for name in settings}
    return [
        (name, value, sources.get(name, "the notebook's default"))
        for name, value in check(Parameters, settings).model_dump().items()
    ]
