"""Find or make a Python environment for the homework, and print the path of its Python.

setup.sh calls this before anything of the project can be imported, so it needs the standard library
alone:  python environment.py [--cpu] requirements.txt [MORE_REQUIREMENTS...]
"""

import argparse
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
BUILDS = "https://download.pytorch.org/whl/"  # of torch and torchvision: cpu, cu128...
CPU_INDEX = BUILDS + "cpu"
CHECK = """
import re, sys
from importlib.metadata import PackageNotFoundError, version
def numbers(text): return [int(part) for part in re.findall(r"[0-9]+", text)[:3]]
for line in sys.argv[1:]:
    name, _, least = line.partition(">=")
    try:
        if numbers(version(name)) < numbers(least): print(line)
    except PackageNotFoundError:
        print(line)
"""
FOLDERS = """
import os, sys
for path in sys.path:
    if path.endswith(("site-packages", "dist-packages")) and os.path.isdir(path): print(path)
"""
WHOLE = "import os, sysconfig; os.listdir(sysconfig.get_path('purelib'))"
TORCH = "from importlib.metadata import version; print('torch==' + version('torch'))"
PIP = "import os, pip; print(os.path.dirname(pip.__file__))"
ENSURE_PIP = "import ensurepip; ensurepip.bootstrap()"
NO_INSTALLER = """\
This Python can make no environment: it lacks pip and venv.
On Debian and Ubuntu: sudo apt install python3-venv
Elsewhere install Python from https://www.python.org, or uv from https://docs.astral.sh/uv.
Then run the same command again."""
NO_MATCH = """\
The torch of {base} is used, but no torchvision that was found runs with it.
Install one there that does, as https://pytorch.org says, and run the same command again."""
FAILED = """\
The installation into {folder} failed; the lines above say why.
If the network was the reason, run the same command again: what was downloaded is kept.
Without any network: run this on a machine that has one and the same system and Python {version},
  {command}
and copy the folder wheels/ into {root}."""


def say(text: str) -> None:
    """Print for people; standard output is for the path alone."""
    print(text, file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    """Say what is wrong and end."""
    say(text)
    sys.exit(1)


def read_requirements(names: list[str]) -> list[str]:
    """Return the lines of these files beside this one that name a package."""
    lines = [line for name in names for line in (ROOT / name).read_text("utf-8").splitlines()]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def ask(python: str, code: str, *arguments: str) -> list[str] | None:
    """Return the lines that ``code`` prints, or None if this Python does not run."""
    utf8 = os.environ | {"PYTHONIOENCODING": "utf-8:surrogateescape"}  # paths in any letters
    try:
        done = subprocess.run([python, "-c", code, *arguments], capture_output=True, env=utf8)
    except OSError:
        return None
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    return lines if done.returncode == 0 else None


def environment_folder() -> Path:
    """Return where the environment belongs: beside this file, or in the user's cache folder if
    nothing can be written here.
    """
    if os.access(ROOT, os.W_OK):
        return ROOT / ".venv"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "hwlib" / ("venv-" + re.sub(r"\W+", "-", str(ROOT)).strip("-"))


def name_of(requirement: str) -> str:
    """Return the package that a line requires."""
    return re.split("[<>=]", requirement)[0]


def own_torch(base: str, requirements: list[str]) -> list[str]:
    """Return the torch that ``base`` has and that is new enough, as ``torch==2.9.1``, if one is
    required; otherwise nothing.
    """
    lines = [line for line in requirements if name_of(line) == "torch"]
    return (ask(base, TORCH) or []) if lines and ask(base, CHECK, *lines) == [] else []


def beside(torch: list[str]) -> list[str]:
    """Return what pip is told so that it finds a torchvision for this torch, and no other torch:
    its version, and where builds of its kind are if it names one, as in ``torch==2.9.1+cpu``.
    """
    builds = [BUILDS + line.partition("+")[2] for line in torch if "+" in line]
    return [*torch, *(word for build in builds for word in ("--extra-index-url", build))]


def announce(missing: list[str], folder: Path, cpu: bool) -> None:
    """Say what is about to be downloaded, how much that is, and into which folder."""
    names = ", ".join(map(name_of, missing))
    cuda = platform.system() == "Linux" and platform.machine() == "x86_64" and not cpu
    download, disk = "0.2", "0.6"
    if "torch" in map(name_of, missing):
        download, disk = ("3", "6.5") if cuda else ("0.4", "1.5")
        if cuda and not shutil.which("nvidia-smi"):
            say("There is no NVIDIA GPU here; with --cpu a torch without CUDA is taken, 1.5 GB.")
    say(f"Missing: {names}.")
    say(f"Installing into {folder}: {download} GB to download, {disk} GB on the disk.")


def make_environment(base: str, folder: Path) -> None:
    """Make an empty environment; one whose Python is gone or another one is replaced."""
    if folder.exists():
        say(f"The Python of {folder} is gone or another one now; the folder is made anew.")
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for flags in ([], ["--without-pip"]):
        done = subprocess.run([base, "-m", "venv", *flags, str(folder)], capture_output=True)
        if done.returncode == 0:
            return
    shutil.rmtree(folder, ignore_errors=True)
    if not shutil.which("uv"):
        stop(NO_INSTALLER)
    subprocess.run(["uv", "venv", "--quiet", "--python", base, str(folder)], check=True)


def site_packages(folder: Path) -> Path:
    """Return where the packages of an environment lie."""
    (target,) = folder.glob("lib/python3*/site-packages")
    return target


def inherit(base: str, folder: Path) -> None:
    """Let the environment see the packages of ``base``, which is itself an environment perhaps:
    a torch that is there already is never fetched again.
    """
    target = site_packages(folder)
    paths = [path for path in ask(base, FOLDERS) or [] if path != str(target)]
    (target / "_inherited.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")


def get_pip(base: str, folder: Path) -> None:
    """Give the environment a pip: Python's own, that of ``base``, which runs from any folder, as on
    Debian without python3-venv, or one that uv fetches.
    """
    python = str(folder / "bin" / "python")
    if ask(python, ENSURE_PIP) is not None:
        return
    if own := ask(base, PIP):
        shutil.copytree(own[0], site_packages(folder) / "pip")
    elif shutil.which("uv"):
        run_installer(["uv", "pip", "install", "--python", python, "pip"])
    else:
        stop(NO_INSTALLER)


def installer(base: str, folder: Path, inherits: bool) -> list[str]:
    """Return the command that installs packages: uv if it is there, since it is much faster, but
    not into an environment that inherits, whose packages it does not see; otherwise pip.
    """
    python = str(folder / "bin" / "python")
    if shutil.which("uv") and not inherits:
        return ["uv", "pip", "install", "--python", python]
    if ask(python, PIP) is None:
        get_pip(base, folder)
    # Python compiles what is used when it is used; all at once would take a minute or more.
    quick = ["--disable-pip-version-check", "--no-input", "--no-compile"]
    return [python, "-m", "pip", "install", *quick]


def notice(line: str) -> str:
    """Return what a line of pip means for people who wait; "" if it is nothing to them."""
    if large := re.search(r"(\w+)-[^/ ]* \((\d{2,}\.\d MB|[\d.]+ GB)\)", line):
        return f"  downloading {large[1]}, {large[2]}"
    if line.startswith("Installing collected packages"):
        return f"  installing all {line.count(',') + 1}, which may take some minutes"
    return "  no connection; trying again" if line.startswith("WARNING: Retrying") else ""


def run_installer(command: list[str]) -> bool:
    """Run pip and show its large downloads as they begin; after a failure, the end of what it
    printed. uv shows its own progress. Whether it worked.
    """
    if command[0] == "uv":
        return subprocess.run(command, stdout=sys.stderr).returncode == 0
    lines: list[str] = []
    said = ""
    shown = [*command, "--progress-bar", "off"]
    with subprocess.Popen(
        shown, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            if (new := notice(line)) and new != said:
                say(said := new)
            elif not new:
                lines.append(line.rstrip())
    if process.returncode:
        say("\n".join(lines[-12:]))
    return process.returncode == 0


def install(command: list[str], targets: list[str], cpu: bool) -> bool:
    """Install everything, torch without CUDA first if that is asked for; whether it worked."""
    wheels = ["--find-links", str(ROOT / "wheels")] if (ROOT / "wheels").is_dir() else []
    if wheels and run_installer([*command, "--no-index", *wheels, *targets]):
        return True
    if cpu and not run_installer([*command, "--index-url", CPU_INDEX, "torch", "torchvision"]):
        stop(f"{CPU_INDEX} cannot be reached. Run the same command without --cpu.")
    return run_installer([*command, *wheels, *targets])


def check_torchvision(base: str, folder: Path) -> None:
    """End and leave no environment if its torchvision does not run with the torch of ``base``."""
    if ask(str(folder / "bin" / "python"), "import torchvision") is None:
        shutil.rmtree(folder)
        stop(NO_MATCH.format(base=base))


def install_project(command: list[str]) -> None:
    """Install hwlib itself, as a link to this folder, for ``nbconvert --to typstpdf``. Everything
    else works without that, so a failure is only said.
    """
    linked = [*command, "--no-deps", "-e", str(ROOT)]
    if os.access(ROOT, os.W_OK) and subprocess.run(linked, capture_output=True).returncode:
        say("hwlib itself could not be installed; use it from this folder, as python -m hwlib.")


def follow_move(python: str, folder: Path) -> None:
    """Write what names the environment's own folder again if that was moved or renamed:
    ``activate`` and the link to hwlib.
    """
    own = (folder / "bin" / "activate").read_bytes()
    if not any(os.fsencode(path) in own for path in (str(folder), shlex.quote(str(folder)))):
        say(f"{folder} was moved; what is in it is adapted.")
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], capture_output=True)
        install_project(installer(python, folder, False))


def prepare(base: str, requirements: list[str], cpu: bool) -> str:
    """Return the Python of an environment that has everything; made or completed if need be."""
    folder = environment_folder()
    python = str(folder / "bin" / "python")
    whole = ask(python, WHOLE) is not None  # not one of a Python that is gone, or was replaced
    missing = ask(python, CHECK, *requirements) if whole else None
    if missing == []:
        follow_move(python, folder)
        return python
    inherited = own_torch(base, requirements)
    if missing is None:
        missing = ask(base, CHECK, *requirements) or [] if inherited else requirements
        announce(missing, folder, cpu)
        make_environment(base, folder)
    else:
        announce(missing, folder, cpu)
    if inherited:
        inherit(base, folder)
    command = installer(base, folder, bool(inherited))
    done = install(command, [*requirements, *beside(inherited)], cpu and not inherited)
    if not done or ask(python, CHECK, *requirements) != []:
        left = " ".join(f"'{line}'" for line in ask(python, CHECK, *requirements) or [])
        wheels = f"python3 -m pip download -d wheels setuptools {left}"
        stop(
            FAILED.format(folder=folder, root=ROOT, command=wheels, version=sys.version.split()[0])
        )
    if inherited and "torchvision" in map(name_of, requirements):
        check_torchvision(base, folder)
    install_project(command)
    return python


def main() -> None:
    """Print the path of a Python that has everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="take a torch without CUDA")
    parser.add_argument("requirements", nargs="+", help="files with one requirement a line")
    given = parser.parse_args()
    requirements = read_requirements(given.requirements)
    has_all = ask(sys.executable, CHECK, *requirements) == []
    python = sys.executable if has_all else prepare(sys.executable, requirements, given.cpu)
    sys.stdout.buffer.write(os.fsencode(python) + b"\n")  # a path's own bytes, in any encoding


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("\nInterrupted. The same command goes on: what was downloaded is kept.")
