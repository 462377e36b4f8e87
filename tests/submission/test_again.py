"""What is handed in, made by the notebook's last cell: a real export in a process of its own."""

import json
import zipfile

import nbformat
from support import STEM

from hwlib.common.project import CHECKPOINT, ENDINGS, NOTEBOOK, UNFINISHED
from hwlib.common.runtime import SetupError
from hwlib.submission import again
from hwlib.submission.carrier import CARRIER
from hwlib.submission.pack import with_library


def test_without_make_files_it_says_how_the_files_are_made(small_homework, tmp_path, capsys):
    assert again.files_to_hand_in(small_homework.parameters, tmp_path) == tmp_path
    assert "set make_files to True" in capsys.readouterr().out
    told = small_homework.parameters.model_copy(update={"command": "python -m hwlib export demo"})
    again.files_to_hand_in(told, tmp_path)
    assert capsys.readouterr().out == ""


def test_the_saved_notebook_is_exported_with_its_library(
    small_homework, tmp_path, monkeypatch, capsys
):
    saved = tmp_path / "mine.ipynb"
    own = with_library(nbformat.read(small_homework.notebook, as_version=4))
    own.cells.append(nbformat.v4.new_markdown_cell("A sentence of my own."))
    nbformat.write(own, saved)
    monkeypatch.setenv("JPY_SESSION_NAME", str(saved))
    asked = small_homework.parameters.model_copy(update={"make_files": True})
    made = again.files_to_hand_in(asked, tmp_path / "run")
    printed = capsys.readouterr().out
    assert "mine.ipynb is run once more, as it was saved at" in printed
    assert made == tmp_path / "run/hand_in" / f"{STEM}.zip", printed
    with zipfile.ZipFile(made) as archive:
        assert archive.namelist() == [STEM + ending for ending in ENDINGS]
        executed = nbformat.reads(archive.read(f"{STEM}.ipynb").decode(), as_version=4)
    assert executed.cells[-1].source == "A sentence of my own."
    assert CARRIER in [cell.id for cell in executed.cells]


def test_packages_that_cannot_be_installed_are_named_and_nothing_is_lost(
    small_homework, tmp_path, monkeypatch, capsys
):
    def install(packages):
        raise SetupError("typst could not be installed (no network).")

    monkeypatch.setattr(again, "install", install)
    asked = small_homework.parameters.model_copy(update={"make_files": True})
    assert again.files_to_hand_in(asked, tmp_path) == tmp_path
    printed = capsys.readouterr().out
    assert "typst could not be installed" in printed and "on any machine where" in printed


def test_the_training_is_handed_over(tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"epochs")
    again.copy_checkpoint(tmp_path, tmp_path / "out")
    assert (tmp_path / "out" / UNFINISHED / CHECKPOINT).read_bytes() == b"epochs"


def test_the_notebook_keeps_its_training_under_that_name():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert any(f'output / "{CHECKPOINT}"' in "".join(cell["source"]) for cell in cells)
