"""One notebook that carries the library: written, read again, and run in an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from support import FORGET, ROOT, small_notebook

from hwlib.common.project import NOTEBOOK
from hwlib.pdf.cells import is_hidden
from hwlib.run.cells import own_values, parameter_cell, tags_of
from hwlib.run.parameters import Parameters
from hwlib.submission import carrier
from hwlib.submission.changes import compare_library
from hwlib.submission.pack import PackError, pack, replace_values, with_library


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """The homework with few epochs on sample data, and without the files that are handed in."""
    parameters = Parameters(data_source="sample", vgg_weights="none", cnn_epochs=1, mlp_epochs=1)
    return pack(parameters, tmp_path_factory.mktemp("packed") / "one.ipynb")


def carrier_of(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    (cell,) = [cell for cell in notebook.cells if carrier.CARRIER in tags_of(cell)]
    return cell


def run_cell(source: str, home: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run code in an empty folder, by a Python that does not know this checkout."""
    home.mkdir(exist_ok=True)
    (home / "sitecustomize.py").write_text(FORGET)
    shown = "\nimport hwlib\nprint(hwlib.__file__)"
    env = os.environ | {"HOME": str(home), "PYTHONPATH": os.pathsep.join([str(home), path])}
    return subprocess.run(
        [sys.executable], input=source + shown, cwd=home, env=env, capture_output=True, text=True
    )


def test_the_packed_notebook_is_the_homework_with_one_more_cell(packed):
    content, homework = (nbformat.read(path, as_version=4) for path in (packed, NOTEBOOK))
    nbformat.validate(content)
    others = [cell for cell in content.cells if carrier.CARRIER not in tags_of(cell)]
    assert [cell.id for cell in others] == [cell.id for cell in homework.cells]
    changed = [a.id for a, b in zip(others, homework.cells, strict=True) if a != b]
    assert changed == [parameter_cell(homework).id]
    assert packed.stat().st_size < 600_000


def test_its_parameters_are_those_asked_for_and_papermill_reads_them(packed):
    content = nbformat.read(packed, as_version=4)
    asked = {"data_source": "sample", "cnn_epochs": 1, "make_files": True}
    assert own_values(content) == Parameters().model_dump() | asked | {
        "vgg_weights": "none",
        "mlp_epochs": 1,
    }
    inferred = papermill.inspect_notebook(str(packed))
    assert inferred["cnn_epochs"]["default"] == "1"
    assert inferred["id1"]["inferred_type_name"] == "str"


def test_the_form_of_colab_names_every_choice():
    source = parameter_cell(nbformat.read(NOTEBOOK, as_version=4)).source
    assert source.startswith("# @title")
    choices = json.loads(source.split("cnn_size")[1].split("@param ")[1].split(" #")[0])
    assert choices == ["small", "medium", "large"]


def test_the_carrying_cell_shows_no_source():
    cell = carrier_of(with_library(nbformat.read(NOTEBOOK, as_version=4)))
    assert is_hidden(cell, "input", {})
    assert cell.metadata["cellView"] == "form"


def test_a_library_that_is_carried_already_is_replaced(tmp_path):
    content = nbformat.read(small_notebook(tmp_path / "n.ipynb", []), as_version=4)
    once = with_library(content)
    carrier_of(once).source = "an older one"
    assert with_library(once).cells == with_library(content).cells


def test_the_cell_unpacks_the_library_once_and_repairs_what_was_damaged(tmp_path):
    source = carrier.carrier_source(carrier.library_files())
    done = run_cell(source, tmp_path / "home")
    assert "is unpacked" in done.stdout, done.stderr
    module = Path(done.stdout.split()[-1])
    assert module.is_relative_to(tmp_path / "home" / ".cache" / "hwlib")
    module.write_text("raise SystemExit('damaged')")
    assert run_cell(source, tmp_path / "home").stdout == done.stdout
    assert module.read_bytes() == (ROOT / "hwlib/__init__.py").read_bytes()


def test_the_same_library_is_used_where_it_is_and_another_one_is_not(tmp_path):
    files = carrier.library_files()
    elsewhere = tmp_path / "site"
    for name, content in files.items():
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_bytes(content)
    source = carrier.carrier_source(files)
    done = run_cell(source, tmp_path / "home", str(elsewhere))
    assert done.stdout.strip() == str(elsewhere / "hwlib/__init__.py"), done.stderr
    (elsewhere / "hwlib/q3/mlp.py").write_text("# older")
    done = run_cell(source, tmp_path / "home", str(elsewhere))
    assert ".cache" in done.stdout.split()[-1]


def test_a_damaged_cell_says_so(tmp_path):
    source = carrier.carrier_source({"hwlib/__init__.py": b""})
    text = source.split('"""')[1]
    broken = source.replace(text, text[:40] + ("A" if text[40] != "A" else "B") + text[41:])
    done = run_cell(broken, tmp_path / "home")
    assert "get the notebook again" in done.stderr
    assert carrier.carried_files(broken) is None


def test_what_is_carried_is_read_again_and_nothing_else_passes_for_it():
    files = {"hwlib/__init__.py": b"x = 1", "requirements.txt": b"numpy"}
    source = carrier.carrier_source(files)
    assert carrier.carried_files(source) == files
    assert carrier.carried_files(source + "\nimport os") is None
    assert carrier.carried_files("print(1)") is None


def test_equal_files_give_equal_text():
    files = {"b": b"1", "a": b"2"}
    assert carrier.carrier_source(files) == carrier.carrier_source(dict(sorted(files.items())))


def test_too_large_a_library_is_not_unpacked(monkeypatch):
    source = carrier.carrier_source({"hwlib/big.py": bytes(100_000)})
    monkeypatch.setattr(carrier, "MOST_BYTES", 50_000)
    assert carrier.carried_files(source) is None


def test_a_changed_library_is_named():
    own = carrier.file_hashes(carrier.library_files())
    assert compare_library(own) == "with the library that is here"
    assert compare_library({}) == ""
    changed = compare_library(own | {"hwlib/q3/mlp.py": "0", "hwlib/\x1b[31m.py": "0"})
    assert changed.startswith("with a library that differs in hwlib/") and "mlp.py" in changed
    assert "\x1b" not in changed


def test_values_are_replaced_and_comments_kept():
    source = 'a: str = "é"  # @param {type:"string"} # first\nb: list = [1, 2]  # second\nc = 3'
    assert replace_values(source, {"a": 'ü"', "b": [3]}) == (
        'a: str = "ü\\""  # @param {type:"string"} # first\nb: list = [3]  # second\nc = 3'
    )
    with pytest.raises(PackError, match="no parameter d"):
        replace_values(source, {"d": 1})


@pytest.mark.slow
@pytest.mark.long
def test_it_runs_in_an_empty_folder_and_makes_what_is_handed_in(packed, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FORGET)
    env = os.environ | {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path / "site")}
    env |= {"HWLIB_OFFLINE": "1"}
    folder = tmp_path / "empty"
    folder.mkdir()
    command = [sys.executable, "-m", "papermill", str(packed), "out.ipynb", "--no-progress-bar"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    last = nbformat.read(folder / "out.ipynb", as_version=4).cells[-1]
    assert (folder / "out/notebook/hand_in/HW1_ID1_ID2.zip").is_file(), last.outputs
