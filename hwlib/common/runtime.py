"""Where the notebook runs, where its files are kept there, and where data may lie: on Kaggle, in
Colab or on a machine of one's own. Loads nothing that is not Python's own.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

NEEDED = {  # modules that the notebook imports, besides torch, and the packages that bring them
    "numpy": "numpy",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "matplotlib_inline": "matplotlib-inline",
    "scipy": "scipy",
    "PIL": "Pillow",
    "pygments": "Pygments",
    "tqdm": "tqdm",
    "filelock": "filelock",
    "nbformat": "nbformat",
    "mlxtend": "mlxtend",
}
SPLITS = ("train", "valid", "test")  # of the big cats


class PlaceError(RuntimeError):
    """The notebook cannot run here; the message says what to do."""


class Place(NamedTuple):
    """A place by name, the folder that outlives the session there, and a sentence about it."""

    name: str
    kept: Path
    notice: str


def kaggle() -> Path:
    """Where Kaggle mounts ``input`` and keeps ``working``."""
    return Path(os.environ.get("HWLIB_KAGGLE", "/kaggle"))


def find_place() -> Place:
    """Kaggle is asked for first: its machines carry Colab's variables as well."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "KAGGLE_URL_BASE" in os.environ:
        kept = kaggle() / "working"
        return Place("Kaggle", kept, f"Kaggle: files are kept in {kept}, under Output.")
    if "COLAB_RELEASE_TAG" in os.environ or "COLAB_GPU" in os.environ:
        content = Path(os.environ.get("HWLIB_COLAB", "/content"))
        drive = content / "drive" / "MyDrive"
        if drive.is_dir():
            return Place("Colab", drive, f"Colab: files are kept in your Drive, {drive}.")
        return Place(
            "Colab",
            content,
            "Colab: Drive is not mounted, so files are lost with the session; the last cell offers "
            "them for download.",
        )
    return Place("local", Path.cwd(), "")


def missing_packages() -> list[str]:
    """What has to be installed before the notebook can run, never torch: PlaceError where it or
    torchvision is missing, as the right build depends on the machine.
    """
    if lacking := [m for m in ("torch", "torchvision") if not importlib.util.find_spec(m)]:
        raise PlaceError(f"{' and '.join(lacking)} cannot be imported; see https://pytorch.org.")
    return [name for module, name in NEEDED.items() if not importlib.util.find_spec(module)]


def find_wheels() -> Path | None:
    """A folder of wheels in a data set attached on Kaggle, for a notebook without internet."""
    return next((path.parent for path in sorted((kaggle() / "input").glob("**/*.whl"))), None)


def has_splits(folder: Path) -> bool:
    """Whether the folder holds the big cats' three splits."""
    return all((folder / split).is_dir() for split in SPLITS)


def attached(name: str) -> Iterator[Path]:
    """Folders of this name in data sets that are attached on Kaggle, at most four folders deep."""
    for depth in range(1, 5):
        yield from (kaggle() / "input").glob("*/" * depth + name)


def find(name: str, data_dir: Path) -> Path | None:
    """The folder ``big_cats``, ``birds``, ``dogs`` or ``MNIST/raw`` below ``data_dir``, below its
    ``hw1_data``, or attached on Kaggle; None where it is nowhere.
    """
    candidates = [data_dir / name, data_dir / "hw1_data" / name, *attached(name)]
    found = [path for path in candidates if path.is_dir()]
    if name == "big_cats":  # Kaggle's own data set holds the splits without a folder around them
        found += [path.parent for path in attached("train") if has_splits(path.parent)]
    return found[0] if found else None


def install(packages: list[str]) -> None:
    """Install packages into the running Python, without touching what is there: from attached
    wheels where they are, otherwise from pip's index (unless ``HWLIB_OFFLINE`` is set);
    PlaceError where pip could not.
    """
    if not packages:
        return
    wheels = find_wheels()
    sources = [["--no-index", "--find-links", str(wheels)]] if wheels else []
    if not os.environ.get("HWLIB_OFFLINE"):
        sources.append(["--retries", "1", "--timeout", "15"])
    reason = "HWLIB_OFFLINE is set"
    for source in sources:
        command = [sys.executable, "-m", "pip", "install", "--quiet", *source, *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            importlib.invalidate_caches()
            return
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
    raise PlaceError(
        f"{', '.join(packages)} could not be installed ({reason}). Turn the internet on, or attach "
        "a data set that holds their wheels."
    )


def prepare(output_dir: str) -> Path:
    """Install what is missing, say where files are kept, and make ``output_dir`` there, or where it
    is absolute.
    """
    install(missing_packages())
    place = find_place()
    if place.notice:
        print(place.notice)
    output = place.kept / output_dir
    output.mkdir(parents=True, exist_ok=True)
    return Path(output_dir) if place.name == "local" else output


def offer(output: Path) -> None:
    """In Colab without a Drive, offer the run's files for download; elsewhere they are safe."""
    place = find_place()
    if place.name == "Colab" and place.kept.name != "MyDrive":
        from google.colab import files

        files.download(shutil.make_archive(str(output), "zip", output))
