"""Where parameter values come from: the notebook's own cell, the files in ``params/`` and what they
extend, and ``-p NAME VALUE`` from a command line.

Values arrive as text, from YAML and command line alike, each with the place where it stood; the
schema converts them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hwlib.parameters import PROFILES, ParameterError, Parameters, check, suggest

SWEEP_KEYS = ("only", "grid", "zip", "seeds")  # what a sweep file may hold besides parameters


class Setting(NamedTuple):
    """A value as it was written, and where: ``params/demo.yaml, line 2``."""

    value: Any
    source: str


class Text(str):
    """A piece of a YAML file that remembers its place."""

    source = ""


class Loader(yaml.BaseLoader):
    """Leaves every scalar as text with its place, and refuses a name that stands twice."""

    def construct_scalar(self, node: yaml.ScalarNode) -> Text:
        """The scalar as it was written."""
        text = Text(super().construct_scalar(node))
        text.source = f"{node.start_mark.name}, line {node.start_mark.line + 1}"
        return text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A dictionary; its keys are ``Text``."""
        names = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in names:
                problem = f"{key.value!r} stands here twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[Text, Any]:
    """A YAML file of ``name: value`` lines.

    Raises:
        ParameterError: the file is no such list, or a name stands in it twice.
    """
    try:
        with path.open(encoding="utf-8") as file:
            content = yaml.load(file, Loader=Loader)  # noqa: S506 - builds nothing but text
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1
        raise ParameterError(f"{path}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path}, line 1: must hold lines of the form 'name: value'")
    return content


def parse_value(value: str) -> Any:
    """A command-line value: text, or a list of texts where it is written as one, ``[0.01, 0.1]``.

    Raises:
        ParameterError: the list is not closed.
    """
    if not value.startswith("["):
        return value
    try:
        return yaml.load(value, Loader=yaml.BaseLoader)  # noqa: S506 - the same
    except yaml.YAMLError as error:
        raise ParameterError(f"{value!r} is not a list such as [0.01, 0.1]") from error


def profile_path(profile: str, folder: Path = Path()) -> Path:
    """The YAML file of a profile, given by name (``demo``) or by path as seen from ``folder``.

    Raises:
        ParameterError: there is no such profile.
    """
    is_path = profile.endswith((".yaml", ".yml"))
    path = folder / profile if is_path else PROFILES / f"{profile}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in PROFILES.glob("*.yaml"))
        raise ParameterError(f"There is no profile {profile!r}: {suggest(profile, known)}")
    return path


def read_chain(path: Path, below: tuple[Path, ...] = ()) -> dict[str, Setting]:
    """A file's settings on top of those of the files that it extends.

    Args:
        path: of the YAML file.
        below: the files that led here, each extending the next.

    Raises:
        ParameterError: a file is wrong or missing, or the files extend each other in a circle.
    """
    content = read_yaml(path)
    settings = {str(name): Setting(value, name.source) for name, value in content.items()}
    if "extends" not in settings:
        return settings
    base, source = settings.pop("extends")
    below = (*below, path.resolve())
    try:
        if not isinstance(base, str):
            raise ParameterError("extends takes the name or the path of one profile")
        parent = profile_path(base, path.parent)
        if parent.resolve() in below:
            circle = " → ".join(p.name for p in (*below, parent))
            raise ParameterError(f"extends goes round in a circle: {circle}")
    except ParameterError as error:
        raise ParameterError(f"{source}: {error}") from error
    return read_chain(parent, below) | settings


def collect(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> dict[str, Setting]:
    """Every setting that differs from the notebook's defaults, with its place; not yet checked.

    Args:
        profile: name of a file in ``params/``, or the path of a YAML file.
        overrides: pairs of name and text value; a later one wins.

    Raises:
        ParameterError: a file is wrong or missing.
    """
    path = profile_path(profile)
    settings = {"profile": Setting(path.stem, "the file's name")} | read_chain(path)
    return settings | {name: Setting(parse_value(v), f"-p {name}") for name, v in overrides}


def check_settings(settings: dict[str, Setting]) -> Parameters:
    """Convert and check.

    Raises:
        ParameterError: as for ``parameters.check``, each line with its place.
    """
    values = {name: setting.value for name, setting in settings.items()}
    return check(values, {name: setting.source for name, setting in settings.items()})


def load_profile(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> Parameters:
    """A profile's parameters, with overrides from the command line; arguments as for ``collect``.

    Raises:
        ParameterError: anything is wrong, or the profile is a sweep.
    """
    settings = collect(profile, overrides)
    for key in SWEEP_KEYS:
        if key in settings and key not in Parameters.model_fields:
            raise ParameterError(
                f"{settings[key].source}: {key!r} belongs to a sweep; run it with "
                f"python -m hwlib sweep {profile}"
            )
    return check_settings(settings)


def explain(profile: str, overrides: Sequence[tuple[str, str]] = ()) -> list[tuple[str, Any, str]]:
    """Name, effective value and origin of every parameter; a sweep's are those that its runs share.

    Raises:
        ParameterError: anything is wrong.
    """
    settings = collect(profile, overrides)
    parameters = {name: value for name, value in settings.items() if name not in SWEEP_KEYS}
    checked = check_settings(parameters)
    return [
        (name, value, settings[name].source if name in settings else "the notebook's default")
        for name, value in checked.model_dump().items()
    ]
