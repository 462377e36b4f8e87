"""The notebook's parameters, and what each may be.

Everything is checked here, without torch and before a kernel starts. Values may be text, which the
schema converts: ``1e-3`` is a number and the ID ``012345678`` keeps its zero.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from hwlib.common.errors import DataError, HwlibError
from hwlib.common.files import user_path
from hwlib.common.project import BY_HAND, ID_PATTERNS, QUESTIONS

Model = TypeVar("Model", bound=BaseModel)


class ParameterError(HwlibError, ValueError):  # pydantic collects a ValueError with its place
    """A parameter, profile or question is not what it must be; the message says what would be."""


def expand(path: str) -> str:
    """Return a path with ``~`` and ``$HOME`` replaced as a shell does, which does it in no file
    and in no quotes; ValueError if ``~`` names nobody.
    """
    try:
        return str(user_path(path)) if path.startswith("~") or "$" in path else path
    except DataError as error:
        raise ValueError("the home folder of ~ is not known") from error


def check_weights(value: str) -> str:
    """Return ``imagenet``, ``none`` or the path of a file; ValueError for anything else."""
    value = expand(value)
    if value not in ("imagenet", "none") and not Path(value).is_file():
        raise ValueError("must be imagenet, none or the path of an existing file")
    return value


def check_distinct(values: list[float]) -> list[float]:
    """Return the rates if none comes twice, since the curves are filed by their rate."""
    if len(set(values)) < len(values):
        raise ValueError("must all be different")
    return values


Id1 = Annotated[str, Field(pattern=f"^({ID_PATTERNS[0]})$", description="9 digits, or ID1")]
Id2 = Annotated[str, Field(pattern=f"^({ID_PATTERNS[1]})$", description="9 digits, or ID2")]
LearningRate = Annotated[
    float, Field(gt=0, allow_inf_nan=False, description="a finite number above 0, as 1e-3")
]
LearningRates = Annotated[
    list[LearningRate],
    Field(min_length=1, description="a list of different numbers above 0, as [0.01, 0.1]"),
    AfterValidator(check_distinct),
]
Epochs = Annotated[int, Field(ge=1, description="a whole number from 1 up")]
Text = Annotated[str, Field(min_length=1, description="a text that is not empty")]
Location = Annotated[
    str, AfterValidator(expand), Field(min_length=1, description="the path of a folder")
]
Seed = Annotated[int, Field(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")]
Device = Annotated[
    str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N")
]
DataSource = Annotated[Literal["real", "sample"], Field(description="real or sample")]
Weights = Annotated[
    str, AfterValidator(check_weights), Field(description="imagenet, none or a file's path")
]


CnnSize = Annotated[
    Literal["small", "medium", "large"], Field(description="small, medium or large")
]


class Parameters(BaseModel):
    """Every parameter of the notebook with its default, as in the notebook's own cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id1: Id1 = "ID1"
    id2: Id2 = "ID2"
    profile: Text = "notebook"
    seed: Seed = 42
    device: Device = "auto"
    data_dir: Location = "data"
    data_source: DataSource = "real"
    learning_rate: LearningRate = 0.01
    learning_rates: LearningRates = [0.001, 0.01, 0.1]
    mlp_epochs: Epochs = 16
    cnn_epochs: Epochs = 120
    cnn_size: CnnSize = "medium"
    vgg_weights: Weights = "imagenet"
    output_dir: Location = "out/notebook"
    make_files: bool = False
    command: Text = BY_HAND

    @model_validator(mode="after")
    def check_pair(self) -> "Parameters":
        """Refuse a pair whose IDs are equal, since two students have two."""
        if self.id1 == self.id2:
            raise ValueError(f"id1 and id2 are both {self.id1}; a pair has two different IDs")
        return self

    def changed(self) -> dict[str, Any]:
        """Return what differs from the notebook's defaults: all that a run has to be told."""
        return self.model_dump(exclude_defaults=True)


def check_questions(only: str | None) -> tuple[str, ...]:
    """Return the questions that ``"q1,q3"`` names, in the notebook's order, or all for ``None``;
    ParameterError for an unknown one.
    """
    if only is None:
        return QUESTIONS
    asked = {part.strip() for part in str(only).lower().split(",")} - {""}
    if not asked or asked - set(QUESTIONS):
        raise ParameterError(f"There is no question {only}: known are {', '.join(QUESTIONS)}")
    return tuple(question for question in QUESTIONS if question in asked)


Values = Annotated[list[Any], Field(min_length=1)]
Questions = Annotated[tuple[str, ...], BeforeValidator(check_questions)]


class Axes(BaseModel):
    """What a sweep file holds besides parameters."""

    only: Questions = Field(QUESTIONS, description="questions, as q3 or q1,q3")
    grid: dict[Any, Values] = Field({}, description="for each name a list of values")
    zip: dict[Any, Values] = Field({}, description="for each name a list of values")
    seeds: Values = Field([], description="a list of whole numbers, as [1, 2, 3]")

    @field_validator("zip")
    @classmethod
    def check_lengths(cls, lists: dict[Any, list[Any]]) -> dict[Any, list[Any]]:
        """Return lists that are equally long, since their values are taken side by side."""
        if len({len(values) for values in lists.values()}) > 1:
            lengths = ", ".join(f"{name} has {len(values)}" for name, values in lists.items())
            raise ValueError(f"the lists must be of one length: {lengths}")
        return lists


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean ...?`` if a known name is close, otherwise all the known names."""
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are: {', '.join(known)}"


def source_of(text: object) -> str:
    """Return where a name or value was written, if it remembers that, otherwise ``""``."""
    return getattr(text, "source", "")


def describe_errors(
    error: ValidationError, model: type[BaseModel], values: Mapping[str, Any]
) -> str:
    """Return a line for each thing that is wrong: where it was written, what it is, what is
    accepted.
    """
    sources = {name: source_of(name) for name in values}
    lines = []
    for detail in error.errors():
        name = ".".join(map(str, detail["loc"]))
        field = str(detail["loc"][0]) if name else "id2"  # what concerns both IDs has no place
        source = source_of(detail["input"]) or sources.get(field, "")
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"There is no parameter {name!r}: {suggest(name, model.model_fields)}"
        elif name:
            reason = "" if detail["type"] == "string_pattern_mismatch" else f" {message}."
            accepted = model.model_fields[field].description
            message = f"{name} = {detail['input']!r}:{reason} Accepted: {accepted}"
            if detail["type"] == "string_type" and isinstance(detail["input"], int):
                message += f". Papermill takes a number as text by -r {name} and not by -p {name}"
        lines.append(f"{source}: {message}" if source else message)
    return "\n".join(lines)


def check(model: type[Model], values: Mapping[str, Any], strict: bool = False) -> Model:
    """Convert and check values, whose names may remember where they were written (``source_of``);
    ParameterError lists every unknown name, wrong type and impossible value. If ``strict``, nothing
    is converted.
    """
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        raise ParameterError(describe_errors(error, model, values)) from error
