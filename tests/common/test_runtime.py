"""The notebook in imitations of Colab and Kaggle: their variables, their folders, no repository
beside it, and this checkout hidden from the kernel.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from support import ROOT

from hwlib.common import runtime as places
from hwlib.common.project import NOTEBOOK

HIDE = f"""
import sys
sys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]
sys.path_hooks[:] = [hook for hook in sys.path_hooks if "__editable__" not in str(hook)]
"""
COLAB = "def download(path):\n    open('downloaded', 'w').write(path)\n"
LIBRARY = ("hwlib", "benchmarks/results", "requirements.txt")


@pytest.fixture
def elsewhere(tmp_path):
    """A folder whose ``site`` hides this checkout and knows a ``google.colab``."""
    package = tmp_path / "site" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "files.py").write_text(COLAB)
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDE)
    return tmp_path


def copy_library(target: Path) -> None:
    for name in LIBRARY:
        if (ROOT / name).is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, target / name)


def bare_repository(folder: Path) -> Path:
    """The library as it stands, in a bare Git repository."""
    copy_library(folder / "work")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "All of it"]):
        subprocess.run(["git", *command], cwd=folder / "work", check=True)
    subprocess.run(["git", "clone", "-q", "--bare", "work", "bare.git"], cwd=folder, check=True)
    return folder / "bare.git"


def run_notebook(elsewhere: Path, cwd: Path, variables: dict[str, object], url: object) -> str:
    """Papermill in ``cwd`` with these variables; what it says."""
    cwd.mkdir(parents=True, exist_ok=True)
    hidden = ("KAGGLE", "COLAB", "HWLIB", "XDG", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env |= {"HOME": str(elsewhere / "home"), "PYTHONPATH": str(elsewhere / "site")}
    env |= {name: str(value) for name, value in variables.items()}
    values = {"data_source": "sample", "vgg_weights": "none", "mlp_epochs": 1, "cnn_epochs": 1}
    values |= {"learning_rates": [0.1], "hwlib_url": str(url)}
    papermill = [sys.executable, "-m", "papermill", str(NOTEBOOK), "run.ipynb", "--no-progress-bar"]
    command = [*papermill, "-y", json.dumps(values)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_in_colab_it_clones_the_library_and_offers_the_files(elsewhere):
    content = elsewhere / "content"
    variables = {"COLAB_RELEASE_TAG": "release", "HWLIB_COLAB": content}
    said = run_notebook(elsewhere, content, variables, bare_repository(elsewhere))
    assert (content / "out/notebook/results.json").is_file(), said[-2000:]
    assert (content / "homework-1/hwlib/mlp.py").is_file()
    offered = Path((content / "downloaded").read_text())
    with zipfile.ZipFile(offered) as archive:
        assert {"results.json", "HW1_ID1_ID2_Q4.pkl"} <= set(archive.namelist())


def test_on_kaggle_without_internet_it_takes_the_library_from_a_data_set(elsewhere):
    kaggle = elsewhere / "kaggle"
    copy_library(kaggle / "input/homework-1/homework-1")
    variables = {
        "KAGGLE_KERNEL_RUN_TYPE": "Interactive",
        "COLAB_RELEASE_TAG": "release",  # Kaggle's machines carry it as well
        "HWLIB_KAGGLE": kaggle,
        "HWLIB_OFFLINE": 1,
    }
    said = run_notebook(elsewhere, kaggle / "working", variables, "no/such/address")
    assert (kaggle / "working/out/notebook/results.json").is_file(), said[-2000:]
    assert not (kaggle / "working/homework-1").exists()
    assert "Kaggle: files are kept in" in (kaggle / "working/run.ipynb").read_text()


def test_an_address_that_cannot_be_cloned_is_named(elsewhere):
    said = run_notebook(elsewhere, elsewhere / "x", {"COLAB_GPU": ""}, "no/such/address")
    assert "no/such/address cannot be cloned: turn the internet on" in said


def test_places_are_told_apart_and_kaggle_comes_first(monkeypatch, tmp_path):
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_URL_BASE", "COLAB_RELEASE_TAG", "COLAB_GPU"):
        monkeypatch.delenv(name, raising=False)
    assert places.find_place().name == "local"
    monkeypatch.setenv("HWLIB_COLAB", str(tmp_path))
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    assert "offers them for download" in places.find_place().notice
    (tmp_path / "drive/MyDrive").mkdir(parents=True)
    assert places.find_place().kept == tmp_path / "drive/MyDrive"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
    assert places.find_place().name == "Kaggle"


def test_torch_is_never_installed(monkeypatch):
    assert not {"torch", "torchvision"} & set(places.NEEDED.values())
    monkeypatch.setitem(places.NEEDED, "no_such_module", "no-such-package")
    assert places.missing_packages() == ["no-such-package"]
    find_spec = places.importlib.util.find_spec
    monkeypatch.setattr(
        places.importlib.util, "find_spec", lambda n: None if n == "torch" else find_spec(n)
    )
    with pytest.raises(places.PlaceError, match=r"torch cannot be imported.*pytorch\.org"):
        places.missing_packages()


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
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    monkeypatch.setattr(places.sys, "executable", str(python))
    monkeypatch.setenv("HWLIB_KAGGLE", str(tmp_path))
    write_wheel(tmp_path / "input" / "wheels")
    places.install(["tiny-probe"])
    asked = subprocess.run([python, "-c", "import tiny_probe; print(tiny_probe.answer)"],
                           capture_output=True, text=True)  # fmt: skip
    assert asked.stdout == "42\n"
    with pytest.raises(places.PlaceError, match="attach a data set that holds their wheels"):
        places.install(["no-such-package-anywhere-at-all"])
