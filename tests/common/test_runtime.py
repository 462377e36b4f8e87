"""The notebook's first and last cells in imitations of Colab and Kaggle: their variables, their
folders, no repository beside it, and every installed ``hwlib`` hidden from the kernel.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from support import ROOT, homework_frame, small_notebook

from hwlib.common import runtime
from hwlib.common.project import NOTEBOOK
from hwlib.submission.carrier import carrier_source, library_files

HIDE = """
import os, sys
sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, "hwlib"))]
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]
sys.path_hooks[:] = [hook for hook in sys.path_hooks if "__editable__" not in str(hook)]
"""
FILES = "def download(path):\n    open('downloaded', 'w').write(path)\n"  # google.colab's
VARIABLES = ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_URL_BASE", "COLAB_RELEASE_TAG", "COLAB_GPU")


@pytest.fixture
def elsewhere(tmp_path):
    """A folder whose ``site`` hides the library and knows a ``google.colab``."""
    package = tmp_path / "site" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "files.py").write_text(FILES)
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDE)
    return tmp_path


def relocate(text: str, elsewhere: Path) -> str:
    """Let code look for Kaggle's and Colab's folders in ``elsewhere``."""
    return re.sub(r'"(/kaggle|/content)', rf'"{elsewhere}\1', text)


def copy_library(target: Path, elsewhere: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "hwlib", target / "hwlib", ignore=ignored)
    shutil.copy(ROOT / "requirements.txt", target)
    module = target / "hwlib" / "common" / "runtime.py"
    module.write_text(relocate(module.read_text(), elsewhere))
    assert module.read_text().count(str(elsewhere)) == 2


def carrying_cell(elsewhere: Path) -> NotebookNode:
    """The cell that carries the library, which looks for its folders in ``elsewhere``."""
    files = dict(library_files())
    name = "hwlib/common/runtime.py"
    files[name] = relocate(files[name].decode(), elsewhere).encode()
    return new_code_cell(carrier_source(files))


def run_frame(elsewhere: Path, cwd: Path, *carried: NotebookNode, **variables: object) -> str:
    """Run the cells that belong to no question by papermill; what it prints."""
    parameters, *others = homework_frame()
    cells = [parameters, *carried, *others]
    for cell in cells:
        cell.source = relocate(cell.source, elsewhere)
    notebook = small_notebook(elsewhere / "frame.ipynb", cells)
    cwd.mkdir(parents=True, exist_ok=True)
    hidden = ("KAGGLE", "COLAB", "HWLIB", "XDG", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env |= {"HOME": str(elsewhere / "home"), "PYTHONPATH": str(elsewhere / "site")}
    env |= {name: str(value) for name, value in variables.items()}
    command = [sys.executable, "-m", "papermill", str(notebook), "run.ipynb", "--no-progress-bar"]
    values = {"data_source": "sample", "vgg_weights": "none"}
    command += ["-y", json.dumps(values)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_in_colab_it_runs_with_the_library_that_it_carries_and_offers_the_files(elsewhere):
    content = elsewhere / "content"
    cell = carrying_cell(elsewhere)
    printed = run_frame(elsewhere, content, cell, COLAB_RELEASE_TAG="release")
    assert (content / "out/notebook/results.json").is_file(), printed[-2000:]
    offered = Path((content / "downloaded").read_text())
    with zipfile.ZipFile(offered) as archive:
        assert "results.json" in archive.namelist()


def test_on_kaggle_without_internet_it_takes_the_library_from_a_data_set(elsewhere):
    kaggle = elsewhere / "kaggle"
    copy_library(kaggle / "input/homework-1/homework-1", elsewhere)
    variables = {
        "KAGGLE_KERNEL_RUN_TYPE": "Interactive",
        "COLAB_RELEASE_TAG": "release",  # Kaggle's machines set it as well
        "HWLIB_OFFLINE": 1,
    }
    printed = run_frame(elsewhere, kaggle / "working", **variables)
    assert (kaggle / "working/out/notebook/results.json").is_file(), printed[-2000:]
    assert not (kaggle / "working/homework-1").exists()
    executed = (kaggle / "working/run.ipynb").read_text()
    assert "Kaggle: files are kept in" in executed and '"name": "stderr"' not in executed


def test_a_library_that_is_nowhere_is_asked_for_and_the_folders_are_named(elsewhere):
    printed = run_frame(elsewhere, elsewhere / "x")
    assert f"The library hwlib is not in {elsewhere / 'x'}" in printed
    assert "python -m hwlib pack" in printed


def test_the_library_is_found_from_the_folder_around_it(elsewhere):
    """As in VS Code, which may run a notebook in the root of its workspace."""
    copy_library(elsewhere / "workspace" / "homework-1", elsewhere)
    printed = run_frame(elsewhere, elsewhere / "workspace", HWLIB_OFFLINE=1)
    assert (elsewhere / "workspace/out/notebook/results.json").is_file(), printed[-2000:]


def test_kaggle_and_colab_are_told_apart_and_kaggle_comes_first(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert runtime.detect_runtime().name == "local"
    monkeypatch.setattr(runtime, "COLAB", tmp_path)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    assert "offers them for download" in runtime.detect_runtime().notice
    (tmp_path / "drive/MyDrive").mkdir(parents=True)
    assert runtime.detect_runtime().storage == tmp_path / "drive/MyDrive"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    assert runtime.detect_runtime().name == "Kaggle"


def test_data_are_found_among_what_is_attached_on_kaggle(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "KAGGLE", tmp_path / "kaggle")
    cats = tmp_path / "kaggle/input/cats-in-the-wild-image-classification"
    for split in ("train", "valid", "test"):
        (cats / split).mkdir(parents=True)
    birds = tmp_path / "kaggle/input/datasets/somebody/homework/hw1_data/birds"
    birds.mkdir(parents=True)
    assert runtime.find_data("big_cats", tmp_path) == cats
    assert runtime.find_data("birds", tmp_path) == birds
    assert runtime.find_data("dogs", tmp_path) is None


def imported_packages(sources: list[str]) -> set[str]:
    """The packages, as pip names them, that bring what these sources import at any place."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    brought_by = metadata.packages_distributions()
    modules = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"hwlib"}
    return {name.lower() for module in modules for name in brought_by.get(module, [module])}


def test_the_first_paragraph_of_the_requirements_is_what_the_notebook_imports(monkeypatch):
    def not_installed(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(runtime.metadata, "requires", not_installed)
    lines = runtime.notebook_requirements()
    required = {line.split(">=")[0].lower() for line in lines}
    parts = ("common", "q1", "q2", "q3", "q4_cats", "q4_vgg")
    modules = [path for part in parts for path in (ROOT / "hwlib" / part).rglob("*.py")]
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    imported = imported_packages([path.read_text() for path in modules] + code)
    there_anyway = {"ipython"}  # with any notebook's kernel
    on_its_platform_alone = {"google.colab", "google", "kagglehub"}
    assert required | there_anyway == imported - on_its_platform_alone


def test_an_installed_library_knows_its_requirements_without_the_file(monkeypatch, tmp_path):
    lines = ["numpy", "papermill>=2.5", 'distributed>=2025.7; extra == "cluster"']
    monkeypatch.setattr(runtime.metadata, "requires", lambda name: lines)
    monkeypatch.setattr(runtime, "ROOT", tmp_path)
    assert runtime.notebook_requirements() == ["numpy", "papermill>=2.5"]


def test_a_package_that_is_too_old_is_missing(monkeypatch):
    """Colab's or Kaggle's own one, say, with which the notebook or the export would fail."""
    monkeypatch.setattr(runtime.metadata, "version", {"pypdfium2": "4.30.0"}.__getitem__)
    assert not runtime.is_installed("pypdfium2>=5.0") and runtime.is_installed("pypdfium2>=4.9.1")


def test_torch_is_never_installed(monkeypatch):
    lines = ["torch", "torchvision>=0.1", "numpy", "no-such-package>=1.0"]
    assert runtime.missing_packages(lines) == ["no-such-package>=1.0"]
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: name != "torch" or None)
    with pytest.raises(runtime.SetupError, match=r"torch cannot be imported.*pytorch\.org"):
        runtime.missing_packages(lines)


def write_wheel(folder: Path) -> None:
    """A package of one module, as a wheel."""
    folder.mkdir(parents=True)
    info = "tiny_probe-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_probe-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_probe.py", "answer = 42\n")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-probe\nVersion: 1.0\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"tiny_probe.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")


def test_without_internet_packages_come_from_attached_wheels(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "KAGGLE", tmp_path)
    monkeypatch.setenv("HWLIB_OFFLINE", "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    write_wheel(tmp_path / "input" / "wheels")
    runtime.install(["tiny-probe>=0.5"])
    assert (tmp_path / "site" / "tiny_probe.py").is_file()
    with pytest.raises(runtime.SetupError, match="attach a data set that holds their wheels"):
        runtime.install(["no-such-package-anywhere-at-all"])
