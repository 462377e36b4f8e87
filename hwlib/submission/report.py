"""What a verification found: a checklist, and the figures that were computed again."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from hwlib.submission.bundle import BundleError


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

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def check(self, name: str, task: Callable[[], str]) -> bool:
        """Run one check, which returns its message or raises, and note the outcome."""
        try:
            self.checks.append(Check(name, True, task()))
        except BundleError as error:
            self.checks.append(Check(name, False, str(error)))
        except Exception as error:  # whatever a malformed file leads to, it is refused
            reason = f"This part of the bundle is malformed ({type(error).__name__}: {error})."
            self.checks.append(Check(name, False, reason))
        return self.checks[-1].ok

    def as_dict(self) -> dict[str, Any]:
        """Return the report as ``verify --json`` prints it."""
        return {
            "ok": self.ok,
            "checks": [check._asdict() for check in self.checks],
            "q3": asdict(self.q3) if self.q3 else {},
            "q4": asdict(self.q4) if self.q4 else {},
        }
