"""What is known of a hand-in after it was looked at: ``report.json`` in its folder."""

import hashlib
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from hwlib.common.files import replacing
from hwlib.grading.hand_ins import MOODLE

REPORT = "report.json"
PDF = "homework.pdf"  # the hand-in's PDF, for people who grade
MAX_NAME = 120  # characters of a folder's name, which file systems bound


class Finding(BaseModel):
    """A line of the checklist."""

    name: str
    ok: bool
    message: str


class Record(BaseModel):
    """A hand-in's scores, and all that is to be said about it.

    ``answers`` holds the class that was answered for each test picture, in the order of the
    pictures' names; ``right`` says "1" for each right one.
    """

    key: str  # of all that it depends on: the files, the pictures, this library
    submission: str
    moodle_number: str = ""
    id1: str = ""
    id2: str = ""
    files: dict[str, str] = {}  # names by endings
    checks: list[Finding] = []
    problems: list[str] = []
    remarks: list[str] = []
    diff: str = ""
    data: Literal["real", "sample", "own"] = "real"  # the pictures that Question 4 was scored on
    q3_accuracy: float | None = None
    q4_correct: int | None = None
    q4_total: int | None = None
    parameters: int | None = None
    unscored_here: list[str] = []  # questions that this machine could not score: no fault of theirs
    answers: list[str] = []
    right: str = ""
    weights: str = ""  # hash of the Q4 pickle's numbers
    spectrum: list[float] = []  # singular values of its larger tensors
    shapes: str = ""  # hash of all shapes: networks of one architecture have the same
    shingles: list[int] = []  # hashes of its own words, five at a time
    seconds: float = 0.0

    @property
    def q4_accuracy(self) -> float | None:
        """The share of right answers; None if it was not scored."""
        if self.q4_total is None or self.q4_correct is None:
            return None
        return self.q4_correct / self.q4_total

    @property
    def title(self) -> str:
        """What people call it: the name without Moodle's additions."""
        match = MOODLE.fullmatch(self.submission)
        return f"{match['who']} ({match['number']})" if match else self.submission

    @property
    def folder(self) -> str:
        """The name of its folder among the results: its own, as far as a file system takes it."""
        plain = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", self.submission).strip(". ") or "_"
        if plain == self.submission and len(plain.encode()) <= MAX_NAME:
            return plain
        digest = hashlib.sha256(self.submission.encode(errors="replace")).hexdigest()[:8]
        return f"{plain.encode()[:MAX_NAME].decode(errors='ignore')}-{digest}"


def write_record(record: Record, out: Path) -> None:
    """Write a hand-in's report into its folder."""
    folder = out / record.folder
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / REPORT) as unfinished:
        unfinished.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record | None:
    """Return the report in a folder; None if there is none that is whole."""
    try:
        return Record.model_validate_json((folder / REPORT).read_bytes())
    except (OSError, ValidationError):
        return None
