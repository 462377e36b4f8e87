# ruff: noqa: E501
"""The worksheet and the zip as Moodle's own sources write and read them (``mod/assign``:
``gradingtable.php``, ``feedback/offline/importgradeslib.php``, ``feedback/file/importziplib.php``).
"""

import csv
import io
import re
import zipfile

import pytest

from hwlib.grading.hand_ins import GradingError
from hwlib.grading.moodle import fill_worksheet, read_worksheet, write_feedback_zip
from hwlib.grading.record import Record

ENGLISH = """Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 5001","Noa ""N"" Levi",noa@example.org,"Submitted for grading",,100.00,Yes,"Sunday, 1 March 2026, 10:00 PM",-,
"Participant 5002","Dan, Bar",dan@example.org,"No submission",55.00,100.00,Yes,-,-,"said before"
"Participant 50","Another",other@example.org,"Submitted for grading",,100.00,Yes,-,-,
"""
HEBREW = """מזהה,"שם מלא",מצב,ציון,"ציון מירבי","ניתן לשנות את הציון","עדכון אחרון (הגשה)","עדכון אחרון (ציון)"
משתתף:5001,"נועה לוי",הוגש,,100.00,כן,-,-
משתתף:5002,"דן בר","לא הוגש",55.00,100.00,כן,-,-
"""
UNKNOWN = ENGLISH.replace(",Grade,", ",Hodnocení,").replace("Maximum Grade", "Nejvyšší známka")


def parsed(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def moodle_grades(content: bytes, grade: str, identifier: str, hidden_user: str) -> dict:
    """What Moodle's importer would read: grades by the participants' numbers."""
    header, *rows = parsed(content)
    place, first = header.index(grade), header.index(identifier)
    return {row[first][len(hidden_user) :]: row[place] for row in rows}


def records(*numbers: str) -> list[Record]:
    names = [f"X_{number}_assignsubmission_file_" for number in numbers]
    pairs = zip(names, numbers, strict=True)
    return [Record(key="", submission=name, moodle_number=number) for name, number in pairs]


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        (ENGLISH, ("Grade", "Identifier", "Participant ")),
        (HEBREW, ("ציון", "מזהה", "משתתף:")),
        (UNKNOWN, ("Hodnocení", "Identifier", "Participant ")),
    ],
)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_only_the_grade_changes(tmp_path, text, headers, bom, line_end):
    source, target = tmp_path / "sheet.csv", tmp_path / "grades.csv"
    source.write_bytes((bom + text.replace("\n", line_end)).encode())
    one, other = records("5001", "7")
    filled = fill_worksheet(source, target, {one.submission: 87.5}, [one, other])
    assert filled == (1, [other.submission])
    before, after = source.read_bytes(), target.read_bytes()
    assert after.startswith(b"\xef\xbb\xbf") == bool(bom)
    assert after.count(b"\r\n") == before.count(b"\r\n")
    grades = moodle_grades(after, *headers)
    assert grades["5001"] == "87.5" and grades["5002"] == "55.00"
    changed = [
        (old, new)
        for row_before, row_after in zip(parsed(before), parsed(after), strict=True)
        for old, new in zip(row_before, row_after, strict=True)
        if old != new
    ]
    assert changed == [("", "87.5")]


def test_both_students_of_a_pair_get_the_grade(tmp_path):
    source, target = tmp_path / "sheet.csv", tmp_path / "grades.csv"
    source.write_text(
        "Identifier,Full name,ID number,Grade,Maximum Grade\n"
        "Participant 1,A,111111111,,100\nParticipant 2,B,222222222,,100\n"
        "Participant 3,C,333333333,,100\n"
    )
    pair = Record(key="", submission="p", moodle_number="1", id1="111111111", id2="222222222")
    assert fill_worksheet(source, target, {"p": 90}, [pair]).rows == 2
    assert [row[3] for row in parsed(target.read_bytes())[1:]] == ["90", "90", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("שם".encode("cp1255"), "not in UTF-8"),
        (b"a\n", "no columns"),
        (b"a,b,c,d\n1,2,x,y\n2,3,z,q\n", "Download grading worksheet"),
    ],
)
def test_what_is_no_worksheet_is_refused(tmp_path, content, message):
    source = tmp_path / "sheet.csv"
    source.write_bytes(content)
    with pytest.raises(GradingError, match=message):
        read_worksheet(source)
        fill_worksheet(source, tmp_path / "grades.csv", {}, [])


def test_feedback_is_named_as_moodle_wants_it(tmp_path):
    names = ["Noa Levi_5001_assignsubmission_file_", "Dan Bar_5002_assignsubmission_file"]
    for target in ("a.zip", "b.zip"):
        write_feedback_zip(tmp_path / target, [(name, f"<p>{name}") for name in names])
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for name, path in zip(names, archive.namelist(), strict=True):
            folder = path.split("/")[0]
            assert folder == name
            parts = folder.split("_", 4)  # as importziplib.php parts it
            assert re.fullmatch(r"\d+", parts[1]) and parts[2:4] == ["assignsubmission", "file"]
