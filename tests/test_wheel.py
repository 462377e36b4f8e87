"""The library as a wheel, without the checkout that it was built from."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import FORGET, ROOT

from hwlib.common.project import NOTEBOOK


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds what the wheel holds, and nothing of this checkout."""
    pytest.importorskip("setuptools", "68")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    copy = folder / "source"  # building leaves files in the folder of the sources
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    subprocess.run([*pip, "--wheel-dir", str(folder), str(copy)], check=True)
    site = folder / "site"
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    (site / "sitecustomize.py").write_text(FORGET)
    return site


def test_the_wheel_holds_every_module_and_data_file(installed):
    tracked = ["git", "ls-files", "hwlib"]
    listed = subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert len(listed.split()) > 50
    assert [name for name in listed.split() if not (installed / name).is_file()] == []
    assert not (installed / "tests").exists()


@pytest.mark.slow
def test_the_notebook_runs_to_its_end_from_an_empty_folder(installed, tmp_path):
    values = {"data_source": "sample", "cnn_epochs": "1", "mlp_epochs": "1"}
    given = [word for pair in values.items() for word in ("-p", *pair)]
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar", str(NOTEBOOK), "run.ipynb"]
    env = os.environ | {"PYTHONPATH": str(installed), "HOME": str(tmp_path)}
    done = subprocess.run(
        [*papermill, *given], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out/notebook/results.json").is_file()
    assert str(installed / "hwlib/q4_cats") not in (tmp_path / "run.ipynb").read_text()
