"""What a verification found: a checklist, and the scores that were computed again."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeVar

from hwlib.common.errors import HwlibError
from hwlib.common.text import without_controls

Found = TypeVar("Found")


class Check(NamedTuple):
    """One line of the checklist."""

    name: str
    ok: bool
    message: str


@dataclass(frozen=True)
class DigitScore:
    """Question 3, scored again: the fraction of MNIST's test digits that are classified right."""

    test_accuracy: float


@dataclass(frozen=True)
class CatScore:
    """Question 4.I, scored again; ``pictures`` is the hash of the pictures that were shown."""

    accuracy: float
    correct: int
    total: int
    parameters: int
    pictures: str


@dataclass
class Report:
    """The checklist, and the scores; a question that could not be scored is None."""

    checks: list[Check] = field(default_factory=list)
    q3: DigitScore | None = None
    q4: CatScore | None = None
    diff: str = ""  # of the code cells, against the homework's own

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def refuse(self, name: str, message: str) -> None:
        """Note a check that fails."""
        self.checks.append(Check(name, False, without_controls(message)))

    def read(
        self, name: str, task: Callable[[], Found], describe: Callable[[Found], str]
    ) -> Found | None:
        """Return what a task finds, and note its description, or None, and note why it failed."""
        try:
            found = task()
            self.checks.append(Check(name, True, without_controls(describe(found))))
            return found
        except HwlibError as error:
            self.refuse(name, str(error))
        except Exception as error:  # whatever a malformed file leads to, it is refused
            reason = f"{type(error).__name__}: {error}"
            self.refuse(name, f"This part of the bundle is malformed ({reason}).")
        return None

    def check(self, name: str, task: Callable[[], str]) -> bool:
        """Note what a task says, which raises an error if the check fails, and return whether it
        holds.
        """
        return self.read(name, task, str) is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as ``verify --json`` prints it."""
        return {
            "ok": self.ok,
            "checks": [check._asdict() for check in self.checks],
            "q3": asdict(self.q3) if self.q3 else {},
            "q4": asdict(self.q4) if self.q4 else {},
        }
