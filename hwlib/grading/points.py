"""Points of every hand-in, part by part: computed ones, and those that people write into
``points.csv``, with a comment for the student.
"""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from hwlib.common.files import replacing
from hwlib.grading.hand_ins import GradingError
from hwlib.grading.moodle import BOM, plain_number
from hwlib.grading.record import Record
from hwlib.grading.rubric import Rubric, RubricPart

POINTS, NAME, COMMENT = "points.csv", "submission", "comment"
PointsRow = dict[str, str]  # a line of points.csv, by its columns


class Awarded(NamedTuple):
    """The points of a hand-in by the names of the parts, None for what nobody has graded yet; and
    what its feedback says in a grader's words.
    """

    parts: dict[str, float | None]
    comment: str = ""

    @property
    def total(self) -> float | None:
        """The sum; None as long as a part is not graded."""
        given = [points for points in self.parts.values() if points is not None]
        return sum(given) if len(given) == len(self.parts) else None


def read_cell(text: str, part: RubricPart, submission: str) -> float | None:
    """Return the points in a cell; GradingError if they are none of this part."""
    if not text.strip():
        return None
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = float("nan")
    if not 0 <= points <= part.points:
        raise GradingError(
            f"{POINTS}: {text!r} for {submission}, {part.name}, is not from 0 to "
            f"{plain_number(part.points)}."
        )
    return points


def read_rows(path: Path) -> dict[str, PointsRow]:
    """Return the lines of ``points.csv`` by hand-in; nothing if there is no such file yet.

    GradingError if it is not the table that was written.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GradingError(
            f'{path} is not in UTF-8. Save it as "CSV UTF-8", or with LibreOffice.'
        ) from error
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    if rows and NAME not in rows[0]:
        raise GradingError(f"{path} has no column {NAME!r}. Give it back, or move the file away.")
    return {
        row[NAME]: {column: value or "" for column, value in row.items() if column}
        for row in rows
        if row[NAME]
    }


def points_of(record: Record, rubric: Rubric, row: PointsRow) -> Awarded:
    """Return the points of a hand-in: computed, or as its line says if they cannot be."""
    parts = {}
    for part in rubric.parts:
        points = part.computed(record)
        if points is None:
            points = read_cell(row.get(part.name, ""), part, record.submission)
        parts[part.name] = points
    return Awarded(parts, row.get(COMMENT, "").strip())


def award(records: list[Record], rubric: Rubric, out: Path) -> dict[str, Awarded]:
    """Return the points of each hand-in, and write all into ``points.csv`` for people to go on.
    Lines of hand-ins that are not among the records, and columns that the rubric does not know,
    stay as they are.
    """
    rows = read_rows(out / POINTS)
    awarded = {r.submission: points_of(r, rubric, rows.get(r.submission, {})) for r in records}
    for name, points in awarded.items():
        cells = {
            part: "" if given is None else plain_number(given)
            for part, given in points.parts.items()
        }
        rows[name] = {COMMENT: ""} | rows.get(name, {}) | {NAME: name} | cells
    first = [NAME, *(part.name for part in rubric.parts), COMMENT]
    columns = list(dict.fromkeys([*first, *(column for row in rows.values() for column in row)]))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, restval="", lineterminator="\n")
    writer.writeheader()
    others = [name for name in rows if name not in awarded]
    writer.writerows(rows[name] for name in [*awarded, *others])
    with replacing(out / POINTS) as unfinished:
        unfinished.write_text(BOM + table.getvalue(), encoding="utf-8")
    return awarded
