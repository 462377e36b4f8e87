"""The values of parameters, from where they are written: the notebook's own cell, the files in
``params/`` and what they extend, and ``-p NAME VALUE`` of a command line.

Values arrive as text, from YAML and command line alike; the schema converts them. A relative path
is seen from the file that names it, or from the current folder if the command line does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hwlib.common.project import LOCATIONS, NOTEBOOK, PROFILES
from hwlib.run.parameters import (
    Axes,
    ParameterError,
    Parameters,
    check,
    expand,
    source_of,
    suggest,
)


class Placed(str):
    """A piece of text and where it was written, as ``params/demo.yaml, line 2``."""

    source: str

    def __new__(cls, text: str, source: str) -> "Placed":
        """Return the text, with its place."""
        placed = super().__new__(cls, text)
        placed.source = source
        return placed


PATHS = (*LOCATIONS, "vgg_weights")  # parameters that may be a path
Settings = dict[str, Any]  # values by names, which are ``Placed``


def parse_node(node: yaml.Node) -> Any:
    """Return what a piece of YAML holds, as lists and dictionaries of ``Placed`` text;
    ParameterError if a name in a dictionary is no text, or comes twice.
    """
    source = f"{node.start_mark.name}, line {node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        return Placed(node.value, source)
    if isinstance(node, yaml.SequenceNode):
        return [parse_node(item) for item in node.value]
    content: Settings = {}
    for key, value in node.value:
        name = parse_node(key)
        if not isinstance(name, Placed):
            raise ParameterError(f"{source}: a name must be a piece of text")
        if name in content:
            raise ParameterError(f"{name.source}: {name!r} stands here twice")
        content[name] = parse_node(value)
    return content


def read_yaml(path: Path) -> Settings:
    """Return what a YAML file of ``name: value`` lines holds; ParameterError if it holds something
    else, or a name twice.
    """
    try:
        with path.open(encoding="utf-8") as file:
            node = yaml.compose(file, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ParameterError(f"{path}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise ParameterError(f"{path}, line 1: must hold lines of the form 'name: value'")
    return place_paths(parse_node(node), path.parent)


def seen_from(folder: Path, value: Any) -> Any:
    """Return a path as seen from a folder, if it is a relative one, or a list of such paths."""
    if isinstance(value, list):
        return [seen_from(folder, item) for item in value]
    if not isinstance(value, Placed) or value in ("", "imagenet", "none") or value[0] in "~$":
        return value
    return Placed(str((folder / value).resolve()), value.source)


def place_paths(content: Settings, folder: Path) -> Settings:
    """Return what a file in ``folder`` holds, with the paths of its parameters as seen from there,
    those of a sweep too.
    """
    placed: Settings = {}
    for name, value in content.items():
        if name in ("grid", "zip") and isinstance(value, dict):
            placed[name] = place_paths(value, folder)
        else:
            placed[name] = seen_from(folder, value) if name in PATHS else value
    return placed


def parse_value(value: str) -> Any:
    """Return a value of the command line: text, or a list of texts if it is written like a list,
    ``[0.01, 0.1]``; ParameterError if the list is not closed.
    """
    try:
        listed = value.startswith("[")
        return yaml.load(value, Loader=yaml.BaseLoader) if listed else value  # noqa: S506 - text
    except yaml.YAMLError as error:
        raise ParameterError(f"{value!r} is not a list such as [0.01, 0.1]") from error


def profile_path(profile: str, folder: Path = Path()) -> Path:
    """Return a profile's file, by name or by path as seen from ``folder``; ParameterError if there
    is none.
    """
    is_path = profile.endswith((".yaml", ".yml"))
    path = folder / expand(profile) if is_path else PROFILES / f"{profile}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in PROFILES.glob("*.yaml"))
        if not is_path and not known:
            raise ParameterError(
                f"There is no folder {PROFILES}. Work in the folder of the homework, which holds "
                f"{NOTEBOOK.name} and {PROFILES.name}/."
            )
        if is_path:
            raise ParameterError(f"There is no file {path}. By name there are: {', '.join(known)}")
        raise ParameterError(f"There is no profile {profile!r}: {suggest(profile, known)}")
    return path


def override(below: Settings, above: Settings) -> Settings:
    """Return both settings; ``above`` wins. Names keep their places, which ``|`` would not do."""
    return {name: value for name, value in below.items() if name not in above} | above


def base_of(base: str, source: str, files: list[Path]) -> Path:
    """Return the file that the last of ``files`` extends, as it says at ``source``; ParameterError
    if there is none, or they extend each other in a circle.
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
    """Return every setting that differs from the notebook's defaults, not yet checked;
    ParameterError if a file is wrong or missing. Of ``overrides``, pairs of name and text, a later
    one wins.
    """
    files = [profile_path(profile)]
    settings = read_yaml(files[0])
    while "extends" in settings:
        source = next(source_of(name) for name in settings if name == "extends")
        files.append(base_of(str(settings.pop("extends")), source, files))
        settings = override(read_yaml(files[-1]), settings)
    profile_name: Settings = {Placed("profile", "the file's name"): files[0].stem}
    named = override(profile_name, settings)
    given: Settings = {Placed(name, f"-p {name}"): parse_value(value) for name, value in overrides}
    return override(named, given)


def split(settings: Settings) -> tuple[Settings, Settings]:
    """Return which settings are parameters, and which say how a sweep varies them."""
    axes = {name: value for name, value in settings.items() if name in Axes.model_fields}
    return {name: value for name, value in settings.items() if name not in axes}, axes


def load_profile(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> Parameters:
    """Return a profile's parameters, with overrides from the command line, as for ``collect``;
    ParameterError if anything is wrong, or the profile is a sweep.
    """
    parameters, axes = split(collect(profile, overrides))
    for name in axes:
        hint = f"{name!r} belongs to a sweep; run it with python -m hwlib sweep {profile}"
        raise ParameterError(f"{source_of(name)}: {hint}")
    return check(Parameters, parameters)


def explain(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> list[tuple[str, Any, str]]:
    """Return name, effective value and origin of every parameter; of a sweep those that its runs
    share. ParameterError if anything is wrong.
    """
    settings, _ = split(collect(profile, overrides))
    sources = {name: source_of(name) for name in settings}
    return [
        (name, value, sources.get(name, "the notebook's default"))
        for name, value in check(Parameters, settings).model_dump().items()
    ]
