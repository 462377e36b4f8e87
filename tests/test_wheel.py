"""The library as a wheel, without the checkout that it was built from."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import FORGET, ROOT, STEM

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
def test_it_exports_from_a_folder_with_notebook_and_parameters(installed, tmp_path):
    """Two questions: that every file of the others is there, the test above says."""
    shutil.copy(NOTEBOOK, tmp_path)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    env = os.environ | {"PYTHONPATH": str(installed), "HOME": str(tmp_path)}
    words = ["export", "demo", "--only", "q1,q2", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "hwlib", *words],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out" / f"{STEM}.pdf").read_bytes().startswith(b"%PDF")
    assert str(installed) not in (tmp_path / "out" / f"{STEM}.ipynb").read_text()
