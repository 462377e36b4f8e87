"""Files that Moodle takes back: its grading worksheet with the grades in it, and feedback.

The rules of import are those of Moodle's own sources: ``mod/assign/feedback/offline``
(``importgradeslib.php``, ``locallib.php``) and ``mod/assign/feedback/file`` (``importziplib.php``).
Columns are found by their headers, which are in the language of the person who downloads, so none
may be renamed; a participant is known by the number at the end of the first column; an empty grade
is skipped; a feedback file belongs to the participant whose number is in its folder's name.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hwlib.common.files import replacing
from hwlib.grading.hand_ins import GradingError
from hwlib.grading.record import Record

BOM = "\ufeff"
NUMBER_AT_END = re.compile(r"(\d+)$")
CSV_SEPARATORS = ",;\t"
# The header of the grade in the language packs of Moodle: English and Hebrew, and some more.
GRADE_HEADERS = {
    "Grade", "ציון", "Bewertung", "Calificación", "Note", "Valutazione", "Cijfer", "Nota", "Оценка",
    "العلامة", "评分", "成绩",
}  # fmt: skip
FEEDBACK = "feedback.html"


class Worksheet(NamedTuple):
    """Moodle's grading worksheet: its rows with the header first, and how the file is written."""

    rows: list[list[str]]
    delimiter: str
    has_bom: bool
    line_end: str


def read_worksheet(path: Path) -> Worksheet:
    """Return a worksheet; GradingError if it is none."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise GradingError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise GradingError(
            f"{path} is not in UTF-8. Give the file as Moodle wrote it, not as Excel saved it."
        ) from error
    plain = text.removeprefix(BOM)
    first = plain.split("\n", 1)[0]
    delimiter = max(CSV_SEPARATORS, key=first.count)
    rows = list(csv.reader(io.StringIO(plain, newline=""), delimiter=delimiter))
    line_end = "\r\n" if "\r\n" in plain else "\n"
    if not rows or len(rows[0]) < 3:
        raise GradingError(f"{path} is no grading worksheet: it has no columns.")
    return Worksheet(rows, delimiter, text.startswith(BOM), line_end)


def grade_column(rows: list[list[str]]) -> int:
    """Return the place of the grade's column: by its header, or because the column after it holds
    the highest grade, which is the same number in every row. GradingError if it is not found.
    """
    header = [name.strip() for name in rows[0]]
    for place, name in enumerate(header):
        if name in GRADE_HEADERS:
            return place
    body = [row for row in rows[1:] if len(row) == len(header)]
    for place in range(2, len(header)):
        values = {row[place] for row in body}
        if len(values) == 1 and re.fullmatch(r"\d+([.,]\d+)?", next(iter(values))):
            return place - 1
    raise GradingError(
        "The worksheet has no column for the grade. Download it again with 'Download grading "
        "worksheet', after 'Offline grading worksheet' is switched on in the assignment's settings."
    )


def number_of(row: list[str]) -> str:
    """Return the participant's number of a row: "Participant 12345" ends with it."""
    match = NUMBER_AT_END.search(row[0].strip()) if row else None
    return match[1] if match else ""


def is_row_of(record: Record, row: list[str]) -> bool:
    """Whether a row is one of the hand-in's students: by Moodle's number, or by an ID in it."""
    if record.moodle_number and number_of(row) == record.moodle_number:
        return True
    return any(cell.strip() in (record.id1, record.id2) for cell in row[1:] if cell.strip())


def plain_number(value: float) -> str:
    """Return points without needless zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Filled(NamedTuple):
    """A worksheet with grades: how many rows got one, and the hand-ins that have no row."""

    rows: int
    without_row: list[str]


def fill_worksheet(
    path: Path, target: Path, grades: dict[str, float], records: list[Record]
) -> Filled:
    """Write Moodle's worksheet with grades, which are given by the hand-ins' names; all else stays
    as it is, so that Moodle takes it back.
    """
    sheet = read_worksheet(path)
    column = grade_column(sheet.rows)
    filled, found = 0, set[str]()
    for row in sheet.rows[1:]:
        for record in records:
            if len(row) > column and is_row_of(record, row):
                found.add(record.submission)
                if record.submission in grades:
                    row[column] = plain_number(grades[record.submission])
                    filled += 1
                break
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=sheet.delimiter, lineterminator=sheet.line_end)
    writer.writerows(sheet.rows)
    text = BOM * sheet.has_bom + written.getvalue()
    with replacing(target) as unfinished:
        unfinished.write_bytes(text.encode("utf-8"))
    names = [record.submission for record in records]
    return Filled(filled, [name for name in names if name not in found])


def write_feedback_zip(target: Path, pages: Iterable[tuple[str, str]]) -> None:
    """Write pairs of a hand-in's name, as Moodle gave it, and its page into the zip that Moodle's
    "Upload multiple feedback files in a zip" takes; equal ones to equal bytes.
    """
    with replacing(target) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        for name, page in pages:
            entry = zipfile.ZipInfo(f"{name}/{FEEDBACK}")  # dated 1980
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, page.encode("utf-8"), zipfile.ZIP_DEFLATED)
