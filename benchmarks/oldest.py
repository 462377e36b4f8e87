"""Try the oldest versions that requirements.txt allows: the demonstration and the fast tests.

    python benchmarks/oldest.py [--python python3.10] [--folder DIR] [--newest] [TEST...]

Makes an environment with just the lowest version of every requirement (by pip or uv: 3 GB to
download, 7 GB on the disk), runs a short demonstration there from the notebook to the scored zip,
then pytest on the files or folders TEST (default: all fast tests), and prints the versions and what
failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import environment  # noqa: E402

TESTS = ["pytest", "pytest-xdist", "distributed", "setuptools", "pip"]  # in any version
VERSIONS = """
import platform, sys
from importlib.metadata import version
print(f"Python {platform.python_version()}", *(f"{n} {version(n)}" for n in sys.argv[1:]), sep=", ")
"""
SHORT = ["-p", "cnn_epochs", "1", "-p", "mlp_epochs", "1"]
PYTEST = ["-q", "-n", "2", "--dist", "worksteal", "-m", "not slow and not long", "--tb", "line"]


def lowest(requirement: str) -> str:
    """Return a requirement of the lowest version that this one allows; it must name one."""
    if ">=" not in requirement:
        sys.exit(f"requirements.txt names no lowest version: {requirement}")
    return requirement.replace(">=", "==")


def make(python: str, folder: Path, requirements: list[str]) -> str:
    """Make an environment of these requirements in a folder, unless it is there; its Python."""
    own = str(folder / "bin" / "python")
    if not folder.is_dir():
        environment.make_environment(python, folder)
    if not environment.run_installer(
        [*environment.installer(python, folder, False), *requirements, *TESTS]
    ):
        sys.exit("These versions cannot be installed together; the lines above say why.")
    return own


def passes(title: str, *command: str) -> bool:
    """Run a command with the library of this checkout and show what it prints; whether it ended
    well.
    """
    print(f"\n== {title}", flush=True)
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=env).returncode == 0


def main() -> None:
    """Make the environment, and run the demonstration and the tests in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="its Python (this one)")
    parser.add_argument("--folder", type=Path, help="keep the environment in this folder")
    parser.add_argument("--newest", action="store_true", help="take the newest versions instead")
    parser.add_argument("tests", nargs="*", metavar="TEST", default=["tests"])
    given = parser.parse_args()
    lines = environment.read_requirements(["requirements.txt"])
    with tempfile.TemporaryDirectory(prefix="oldest-") as temporary:
        folder = (given.folder or Path(temporary) / "venv").resolve()
        python = make(given.python, folder, lines if given.newest else list(map(lowest, lines)))
        out = str(Path(temporary) / "out")
        ended_well = [
            passes("Demonstration", python, "-m", "hwlib", "export", *SHORT, "--out", out),
            passes("Tests", python, "-m", "pytest", *PYTEST, *given.tests),
        ]
        passes("Versions", python, "-c", VERSIONS, *map(environment.name_of, lines))
    for name, well in zip(["Demonstration", "Tests"], ended_well, strict=True):
        print(f"{name}: {'ended well' if well else 'FAILED'}")
    sys.exit(0 if all(ended_well) else 1)


if __name__ == "__main__":
    main()
