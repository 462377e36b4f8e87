"""The notebook's parameters: what each may be, the profiles in ``params/``, and ``-p NAME VALUE``
from a command line.

Everything is checked here, without torch and before a kernel starts. Values arrive as text, from
YAML and command line alike, and the schema converts them: ``1e-3`` is a number and the ID
``012345678`` keeps its zero.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "HW1_ID1_ID2.ipynb"
PROFILES = ROOT / "params"
QUESTIONS = ("q1", "q2", "q3", "q4")


class ParameterError(ValueError):
    """A parameter, profile or question is not what it must be; the message says what would be."""


def check_id(value: str) -> str:
    """An ID is nine digits; ``ID1`` and ``ID2`` hold the students' places until then."""
    if value not in ("ID1", "ID2") and not (
        len(value) == 9 and value.isascii() and value.isdigit()
    ):
        raise ValueError("must be 9 digits")
    return value


def check_weights(value: str) -> str:
    """``imagenet``, ``none`` or a file."""
    if value not in ("imagenet", "none") and not Path(value).is_file():
        raise ValueError("must be imagenet, none or the path of an existing file")
    return value


def check_distinct(values: list[float]) -> list[float]:
    """No rate twice: the curves are filed by their rate."""
    if len(set(values)) < len(values):
        raise ValueError("must all be different")
    return values


StudentId = Annotated[str, AfterValidator(check_id)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Epochs = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


class Parameters(BaseModel):
    """Every parameter of the notebook with its default, as in the notebook's own cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id1: StudentId = "ID1"
    id2: StudentId = "ID2"
    profile: Text = "notebook"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    data_dir: Text = "data"
    data_source: Literal["real", "sample"] = "real"
    learning_rate: LearningRate = 0.01
    learning_rates: Annotated[
        list[LearningRate], Field(min_length=1), AfterValidator(check_distinct)
    ] = [0.001, 0.01, 0.1]
    mlp_epochs: Epochs = 16
    cnn_epochs: Epochs = 160
    vgg_weights: Annotated[str, AfterValidator(check_weights)] = "imagenet"
    output_dir: Text = "out/notebook"

    @model_validator(mode="after")
    def check_pair(self) -> "Parameters":
        """Two students have two IDs."""
        if self.id1 == self.id2:
            raise ValueError(f"id1 and id2 are both {self.id1}; a pair has two different IDs")
        return self

    def changed(self) -> dict[str, Any]:
        """What differs from the notebook's defaults: all that a run has to be told."""
        return self.model_dump(exclude_defaults=True)


def suggest(name: str, known: Iterable[str]) -> str:
    """``(did you mean ...?)`` where a known name is close, otherwise all the known names."""
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are: {', '.join(known)}"


def profile_path(profile: str) -> Path:
    """The YAML file of a profile, given by name (``demo``) or by path.

    Raises:
        ParameterError: there is no such profile.
    """
    path = Path(profile) if profile.endswith((".yaml", ".yml")) else PROFILES / f"{profile}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in PROFILES.glob("*.yaml") if not p.stem.startswith("sweep"))
        raise ParameterError(f"There is no profile {profile!r}: {suggest(profile, known)}")
    return path


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file of ``name: value`` lines, scalars left as text.

    Raises:
        ParameterError: the file is no such list, or a name stands in it twice.
    """
    try:
        node = yaml.compose(path.read_text(), Loader=yaml.BaseLoader)
        content = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path} must hold lines of the form 'name: value'")
    if len(content) < len(node.value):
        raise ParameterError(f"{path} names a parameter twice")
    return content


def parse_value(value: str) -> Any:
    """A command-line value: text, or a list of texts where it is written as one, ``[0.01, 0.1]``.

    Raises:
        ParameterError: the list is not closed.
    """
    if not value.startswith("["):
        return value
    try:
        return yaml.load(value, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ParameterError(f"{value!r} is not a list such as [0.01, 0.1]") from error


def describe_errors(error: ValidationError) -> str:
    """One line for each thing that is wrong, with a suggestion for misspelt names."""
    lines = []
    for detail in error.errors():
        name = ".".join(map(str, detail["loc"]))
        if detail["type"] == "extra_forbidden":
            lines.append(
                f"There is no parameter {name!r}: {suggest(name, Parameters.model_fields)}"
            )
        else:
            message = detail["msg"].removeprefix("Value error, ")
            lines.append(f"{name} = {detail['input']!r}: {message}" if name else message)
    return "\n".join(lines)


def check(values: dict[str, Any]) -> Parameters:
    """Convert and check.

    Raises:
        ParameterError: a name is unknown, a type is wrong or a value impossible; all of them are
            listed.
    """
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        raise ParameterError(describe_errors(error)) from error


def load_profile(
    profile: str, overrides: Sequence[tuple[str, str]] = (), output_dir: str | None = None
) -> Parameters:
    """A profile's parameters, with overrides from the command line.

    Args:
        profile: name of a file in ``params/``, or the path of a YAML file.
        overrides: pairs of name and text value; a later one wins.
        output_dir: where the run writes, where neither profile nor overrides say.

    Raises:
        ParameterError: as for ``check``, and when there is no such profile.
    """
    path = profile_path(profile)
    values = {
        "profile": path.stem,
        **read_yaml(path),
        **{name: parse_value(value) for name, value in overrides},
    }
    return check(values | ({"output_dir": output_dir} if output_dir else {}))


def check_questions(only: str | None) -> tuple[str, ...]:
    """``"q1,q3"`` as a tuple in the notebook's order; all four for ``None``.

    Raises:
        ParameterError: a question does not exist.
    """
    if only is None:
        return QUESTIONS
    asked = [part.strip().lower() for part in only.split(",") if part.strip()]
    unknown = [part for part in asked if part not in QUESTIONS]
    if unknown or not asked:
        raise ParameterError(
            f"There is no question {', '.join(unknown) or only!r}: known are {', '.join(QUESTIONS)}"
        )
    return tuple(question for question in QUESTIONS if question in asked)
