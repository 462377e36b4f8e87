"""Points of every hand-in, part by part: computed ones, and those that people write into
``points.csv``.
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

POINTS = "points.csv"


class Awarded(NamedTuple):
    """The points of a hand-in by the names of the parts; None for what nobody has graded yet."""

    parts: dict[str, float | None]

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


def read_points(out: Path, rubric: Rubric) -> dict[str, dict[str, float | None]]:
    """Return what people wrote into ``points.csv``, by hand-in and part; nothing if there is no
    such file yet.
    """
    path = out / POINTS
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8-sig")
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    by_people = [part for part in rubric.parts if part.figure is None]
    return {
        row["submission"]: {
            part.name: read_cell(row.get(part.name) or "", part, row["submission"])
            for part in by_people
        }
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        if row.get("submission")
    }


def award(records: list[Record], rubric: Rubric, out: Path) -> dict[str, Awarded]:
    """Return the points of each hand-in, and write all into ``points.csv`` for people to go on."""
    written = read_points(out, rubric)
    awarded = {
        record.submission: Awarded(
            {
                part.name: part.computed(record)
                if part.figure
                else written.get(record.submission, {}).get(part.name)
                for part in rubric.parts
            }
        )
        for record in records
    }
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["submission", *(part.name for part in rubric.parts)])
    for name, points in awarded.items():
        cells = ["" if p is None else plain_number(p) for p in points.parts.values()]
        writer.writerow([name, *cells])
    with replacing(out / POINTS) as unfinished:
        unfinished.write_text(BOM + table.getvalue(), encoding="utf-8")
    return awarded
