import os
import zipfile

import pytest
from grading.classes import from_a_mac, hand_in, honest, write_hand_in, zipped

from hwlib.grading.choice import choose_files
from hwlib.grading.hand_ins import (
    GradingError,
    HandIn,
    Member,
    Members,
    find_hand_ins,
    read_members,
    unpack_class,
)


def write_all(folder, files) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_moodle_s_download_with_folders_and_without(tmp_path):
    write_hand_in(honest, 1, tmp_path)
    flat = "Noa Levi_77_assignsubmission_file_"
    write_all(tmp_path, {flat + name: content for name, content in hand_in(2).items()})
    write_all(tmp_path, {"Noa Levi_77_assignsubmission_onlinetext/onlinetext.html": b"hello"})
    write_all(tmp_path, {"Thumbs.db": b"x", "__MACOSX/x": b"x", "Class 3.zip": b"x"})
    found = find_hand_ins(tmp_path)
    assert [one.name for one in found] == [
        "Class 3", "Honest 1_5001_assignsubmission_file_", flat,
    ]  # fmt: skip
    assert [one.moodle_number for one in found] == ["", "5001", "77"]
    names = [member.name for member in read_members(found[2]).files]
    assert sorted(names) == sorted(hand_in(2))


def test_a_folder_around_moodle_s_folders_is_looked_into(tmp_path):
    write_hand_in(honest, 1, tmp_path / "Course-Homework 1-99")
    assert [one.moodle_number for one in find_hand_ins(tmp_path)] == ["5001"]


def test_loose_files_belong_together_by_their_stem(tmp_path):
    write_all(tmp_path, hand_in(1) | hand_in(2))
    names = ["HW1_100000001_200000001", "HW1_100000002_200000002"]
    assert [one.name for one in find_hand_ins(tmp_path)] == names


def test_an_empty_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(GradingError, match="Download all submissions"):
        find_hand_ins(tmp_path)


def test_junk_and_one_level_of_zip_and_folder_are_peeled_off(tmp_path):
    write_all(tmp_path, from_a_mac(3))
    members = read_members(HandIn("x", (tmp_path,)))
    assert sorted(m.base for m in members.files) == sorted(hand_in(3))
    assert not members.problems


def test_links_and_pipes_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "hand-in"
    folder.mkdir()
    (folder / "HW1.ipynb").symlink_to(tmp_path / "secret")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "x.pdf")
    assert read_members(HandIn("hand-in", (folder,))).files == []


def test_a_zip_that_leads_outside_stays_inside(tmp_path):
    archive = tmp_path / "class.zip"
    archive.write_bytes(zipped({"../evil": b"x", "/evil": b"x", "a/b.txt": b"good"}))
    target = tmp_path / "target"
    target.mkdir()
    unpack_class(archive, target)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["class.zip", "b.txt"]
    archive.write_bytes(b"no zip")
    with pytest.raises(GradingError, match="not a readable zip"):
        unpack_class(archive, target)


def test_a_bomb_costs_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("hwlib.grading.hand_ins.MAX_BYTES", 10**6)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.pdf", b"0" * 10**8)
    members = read_members(HandIn("x", (tmp_path,)))
    assert sum(len(m.content) for m in members.files) <= 10**6
    assert "has more than" in members.problems[0]


@pytest.mark.parametrize("name", ["homework.rar", "homework.7z", "homework.tar.gz"])
def test_other_archives_are_asked_for_as_a_zip(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    assert "ask for a .zip" in read_members(HandIn("x", (tmp_path,))).problems[0]


def chosen(*names: str, contents: dict[str, bytes] | None = None):
    files = [Member(name, (contents or {}).get(name, name.encode())) for name in names]
    return choose_files(HandIn("x", ()), Members(files, [], []))


def test_files_are_found_by_kind_and_pickles_by_name():
    found = chosen("my.ipynb", "print.pdf", "net.py", "weights_q3.pt", "q4 best.pth")
    assert [m.name for m in found.files.values()] == [
        "my.ipynb", "print.pdf", "net.py", "weights_q3.pt", "q4 best.pth",
    ]  # fmt: skip
    assert not found.problems


def test_pickles_without_a_question_are_told_apart_by_their_tensors():
    contents = {"a.pkl": b"..conv.weight..", "b.pkl": b"..W1..W2.."}
    found = chosen("a.pkl", "b.pkl", contents=contents).files
    assert (found["_Q3.pkl"].name, found["_Q4.pkl"].name) == ("b.pkl", "a.pkl")


def test_of_several_the_well_named_one_is_taken_and_the_others_named():
    stem = "HW1_123456789_987654321"
    found = chosen(f"{stem} (1).ipynb", f"{stem}.ipynb", "old/draft.ipynb")
    assert found.files[".ipynb"].name == f"{stem}.ipynb"
    assert f"{stem} (1).ipynb, draft.ipynb was not looked at" in " ".join(found.remarks)
    assert found.ids == ("123456789", "987654321")


def test_what_is_missing_is_named():
    problems = chosen("a.ipynb").problems
    assert problems == [
        "The PDF is missing.", "The class file is missing.",
        "The pickle of Question 3 is missing.", "The pickle of Question 4 is missing.",
    ]  # fmt: skip
