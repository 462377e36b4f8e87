"""The points of the assignment, and the score of its competition, as a YAML file says them."""

import math
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwlib.grading.hand_ins import GradingError
from hwlib.grading.record import Record

DEFAULT = Path(__file__).with_name("rubric.yaml")


class Strict(BaseModel):
    """The base of a rubric's parts: an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RubricPart(Strict):
    """A part of the assignment. ``steps`` gives the points from a figure's value on; a part without
    a figure is for people.
    """

    name: str = Field(min_length=1)
    points: float = Field(gt=0)
    figure: Literal["q3_accuracy", "q4_accuracy"] | None = None
    steps: dict[float, float] = {}

    def computed(self, record: Record) -> float | None:
        """Return the points of a hand-in; None for a part that people must grade, and for one that
        could not be scored on this machine.
        """
        if self.figure is None or self.figure[:2] in record.unscored_here:
            return None
        value = getattr(record, self.figure)
        reached = [points for least, points in self.steps.items() if (value or 0) >= least]
        return max(reached, default=0.0)


class Competition(Strict):
    """What a doubling of the parameters costs, in points of accuracy."""

    per_doubling: float = Field(default=1.4, ge=0)
    reference: int = Field(default=100_000, gt=0)

    def score(self, record: Record) -> float | None:
        """Return 100 * accuracy less the price of the parameters; None without an accuracy."""
        if record.q4_accuracy is None or not record.parameters:
            return None
        doublings = math.log2(record.parameters / self.reference)
        return 100 * record.q4_accuracy - self.per_doubling * doublings


class Rubric(Strict):
    """All parts, and the competition."""

    parts: list[RubricPart] = Field(min_length=1)
    competition: Competition = Competition()

    @property
    def total(self) -> float:
        """The points of all parts."""
        return sum(part.points for part in self.parts)


def read_rubric(path: Path) -> Rubric:
    """Return the rubric in a YAML file; GradingError, which names what is wrong, if it is none."""
    try:
        return Rubric.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise GradingError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GradingError(f"{path} is no YAML file: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise GradingError(f"{path} is no rubric: {place}: {first['msg']}.") from error
