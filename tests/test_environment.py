"""The set-up of a Python environment, in real environments and a small project of one package."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT))
import environment

DEBIAN_VENV = """
import sys
from pathlib import Path
if "--without-pip" not in sys.argv:
    sys.exit("ensurepip is not available")
sys.path.remove(str(Path(__file__).parent))
import venv
venv.main(sys.argv[1:])
"""


def write_wheel(folder: Path, name: str, version: str = "0.1", code: str = "answer = 42") -> None:
    """A package of one module, as a wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"{code}\n")
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", about)
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


def test_every_requirement_says_the_oldest_version_that_was_tried():
    """And no newest one, which would replace Colab's or Kaggle's torch and numpy."""
    lines = environment.read_requirements(["requirements.txt"])
    assert len(lines) > 25
    assert [line for line in lines if not re.fullmatch(r"[\w-]+>=\d[\d.]*", line)] == []


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
def test_an_environment_of_another_version_of_python_is_made_anew(project):
    """As after an update of the system: the packages lie in the folder of the old version."""
    set_up(project)
    (library,) = (project / ".venv/lib").glob("python3*")
    library.rename(library.with_name("python3.1"))
    done = set_up(project)
    assert "made anew" in done.stderr and answer(done.stdout.strip()) == "42\n"


@pytest.mark.slow
def test_an_environment_can_be_activated_where_it_was_moved(project, tmp_path):
    set_up(project)
    moved = project.rename(tmp_path / "else's where")
    assert "was moved" in set_up(moved).stderr
    activated = ["bash", "-c", f'source "{moved}/.venv/bin/activate" && which python']
    found = subprocess.run(activated, capture_output=True, text=True, check=True).stdout
    assert found.strip() == str(moved / ".venv/bin/python")
    assert set_up(moved).stderr == ""


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
def test_a_torch_without_torchvision_is_inherited_too_if_one_is_found_that_runs_with_it(
    project, tmp_path
):
    write_wheel(tmp_path / "torch", "torch", "0.1+cpu")
    venv.create(tmp_path / "active", with_pip=True, symlinks=True)
    active = str(tmp_path / "active/bin/python")
    (wheel,) = (tmp_path / "torch").iterdir()
    subprocess.run([active, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)
    (project / "requirements.txt").write_text("torch>=0.1\ntorchvision\n")
    write_wheel(project / "wheels", "torch", "0.2")
    write_wheel(project / "wheels", "torchvision", code="raise RuntimeError('no such operator')")
    done = set_up(project, active)
    assert done.returncode == 1 and "no torchvision that was found runs with it" in done.stderr
    assert "Missing: torchvision.\n" in done.stderr and not (project / ".venv").exists()
    write_wheel(project / "wheels", "torchvision")
    python = set_up(project, active).stdout.strip()
    where = "import torch, torchvision; print(torch.__file__)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True).stdout
    assert found.startswith(str(tmp_path / "active"))


def test_a_torchvision_is_looked_for_among_builds_like_those_of_the_torch():
    builds = ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]
    assert environment.beside(["torch==2.9.1+cpu"]) == ["torch==2.9.1+cpu", *builds]
    assert environment.beside(["torch==2.9.1"]) == ["torch==2.9.1"]
    assert environment.beside([]) == []


def test_what_pip_prints_is_told_to_people_if_it_makes_them_wait():
    name = "torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert environment.notice(f"Downloading {name} (899.8 MB)") == "  downloading torch, 899.8 MB"
    assert environment.notice(f"  Downloading {name} (1.1 GB)") == "  downloading torch, 1.1 GB"
    assert environment.notice(f"Downloading {name}.metadata (30 kB)") == ""
    assert environment.notice("WARNING: Retrying (Retry(total=4") == "  no connection; trying again"
    assert "all 2," in environment.notice("Installing collected packages: mpmath, torch")


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


@pytest.mark.slow
def test_a_python_without_ensurepip_uses_its_own_pip_or_says_what_is_missing(project, tmp_path):
    """As Debian's python3 without python3-venv: venv is there and makes an empty environment. The
    same command goes on after the advice was followed.
    """
    missing = tmp_path / "missing"
    (missing / "ensurepip").mkdir(parents=True)
    (missing / "ensurepip/__init__.py").write_text("raise ModuleNotFoundError(__name__)")
    (missing / "venv.py").write_text(DEBIAN_VENV)
    venv.create(tmp_path / "without pip", symlinks=True)
    python = str(tmp_path / "without pip/bin/python")
    env = os.environ | {"PIP_NO_INDEX": "1", "PATH": "/nowhere"}

    def run(python: str, path: str) -> subprocess.CompletedProcess:
        command = [python, str(project / "environment.py"), "requirements.txt"]
        return subprocess.run(
            command, env=env | {"PYTHONPATH": path}, capture_output=True, text=True
        )

    done = run(python, str(missing))
    assert done.returncode == 1 and "sudo apt install python3-venv" in done.stderr
    assert answer(run(python, "").stdout.strip()) == "42\n"
    shutil.rmtree(project / ".venv")
    assert answer(run(sys.executable, str(missing)).stdout.strip()) == "42\n"


def test_files_have_the_line_ends_of_linux_in_every_checkout():
    """A script does not run otherwise; and a library that was packed on Windows would differ from
    ours in every file.
    """
    names = ["export.sh", ".ci/run", "hwlib/cli.py", "params/demo.yaml", "HW1_ID1_ID2.ipynb"]
    shown = ["git", "check-attr", "eol", *names]
    said = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.count("eol: lf") == len(names)
