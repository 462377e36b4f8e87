"""The set-up of a Python environment, in real environments and a small project of one package."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from support import ROOT


def write_wheel(folder: Path, name: str) -> None:
    """A package of one module, as a wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-0.1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-0.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "answer = 42\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")


@pytest.fixture
def project(tmp_path) -> Path:
    """A checkout that needs one package, which lies beside it as a wheel."""
    folder = tmp_path / "home work"
    folder.mkdir()
    for name in ("environment.py", "setup.sh"):
        shutil.copy(ROOT / name, folder)
    (folder / "requirements.txt").write_text("# one package\ntiny_probe>=0.1\n")
    write_wheel(folder / "wheels", "tiny_probe")
    return folder


def set_up(project: Path, python: str = sys.executable, **variables: str):
    """Run environment.py; the finished process."""
    command = [python, str(project / "environment.py"), "requirements.txt"]
    env = os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | variables
    env.pop("PYTHONPATH", None)
    return subprocess.run(command, env=env, capture_output=True, text=True)


def answer(python: str) -> str:
    code = "import tiny_probe; print(tiny_probe.answer)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout


@pytest.mark.slow
def test_what_is_missing_is_installed_into_an_environment_and_found_again(project):
    first = set_up(project)
    python = first.stdout.strip()
    assert python == str(project / ".venv/bin/python") and answer(python) == "42\n"
    assert "Missing: tiny_probe" in first.stderr and "GB to download" in first.stderr
    again = set_up(project)
    assert again.stdout.strip() == python and again.stderr == ""


def test_a_python_that_has_everything_is_taken_as_it_is(project):
    (project / "requirements.txt").write_text("pytest\n")
    done = set_up(project)
    assert done.stdout.strip() == sys.executable and not (project / ".venv").exists()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_path_in_any_letters_is_printed_as_it_is_in_any_encoding(tmp_path, encoding):
    python = tmp_path / "שלום é/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    for name in ("environment.py", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    command = [python, tmp_path / "environment.py", "requirements.txt"]
    env = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    assert done.stdout == os.fsencode(python) + b"\n"


@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_made_anew(project):
    set_up(project)
    python = project / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    done = set_up(project)
    assert "made anew" in done.stderr and answer(done.stdout.strip()) == "42\n"


@pytest.mark.slow
def test_packages_of_an_active_environment_are_inherited_and_not_fetched_again(project, tmp_path):
    """A torch that is nothing but a name, in an environment that is not the base Python's."""
    venv.create(tmp_path / "active", with_pip=True, symlinks=True)
    active = str(tmp_path / "active/bin/python")
    for name in ("torch", "torchvision"):
        write_wheel(tmp_path / "torch", name)
        wheel = tmp_path / "torch" / f"{name}-0.1-py3-none-any.whl"
        subprocess.run([active, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    (project / "requirements.txt").write_text("torch\ntorchvision\ntiny_probe\n")
    done = set_up(project, active)
    python = done.stdout.strip()
    assert "Missing: tiny_probe.\n" in done.stderr and answer(python) == "42\n"
    where = "import torch; print(torch.__file__)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True).stdout
    assert found.startswith(str(tmp_path / "active"))
    assert answer(active) == ""  # the active environment is left as it was


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write")
def test_a_folder_that_cannot_be_written_gets_its_environment_in_the_cache(project, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    project.chmod(0o555)
    drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    command = [sys.executable, str(project / "environment.py"), "requirements.txt"]
    env = os.environ | {"PIP_NO_INDEX": "1", "XDG_CACHE_HOME": str(cache)}
    command = drop + command if os.geteuid() == 0 else command
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    project.chmod(0o755)
    assert done.stdout.startswith(str(cache)) and answer(done.stdout.strip()) == "42\n"


@pytest.mark.slow
def test_without_a_network_it_says_what_to_copy(project):
    shutil.rmtree(project / "wheels")
    done = set_up(project)
    assert done.returncode == 1 and done.stdout == ""
    assert "pip download -d wheels setuptools 'tiny_probe>=0.1'" in done.stderr
    assert str(project) in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_python_without_pip_and_venv_says_how_to_get_them(project, tmp_path):
    """As Debian's python3 without python3-venv: the modules cannot be imported."""
    missing = tmp_path / "missing"
    for name in ("pip", "venv", "ensurepip"):
        (missing / name).mkdir(parents=True)
        (missing / name / "__init__.py").write_text("raise ModuleNotFoundError(__name__)")
    command = [sys.executable, str(project / "environment.py"), "requirements.txt"]
    env = os.environ | {"PYTHONPATH": str(missing), "PATH": "/nowhere"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "sudo apt install python3-venv" in done.stderr
    assert not (project / ".venv").exists() and "Traceback" not in done.stderr


def test_scripts_have_the_line_ends_of_linux_in_every_checkout():
    shown = ["git", "check-attr", "eol", "export.sh", "setup.sh", "test.sh", ".ci/run"]
    said = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.count("eol: lf") == 4
