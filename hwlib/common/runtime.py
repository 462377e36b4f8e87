"""Where the notebook runs, where its files are kept there, and where its data may lie: on Kaggle,
in Colab or on a machine of one's own. Needs the standard library alone.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from hwlib.common.errors import HwlibError
from hwlib.common.files import user_path
from hwlib.common.project import ROOT, SPLITS

COLAB = Path("/content")
KAGGLE = Path("/kaggle")  # data sets are mounted below input/, and working/ is kept


class SetupError(HwlibError):
    """The notebook cannot run here; the message says what to do."""


class Runtime(NamedTuple):
    """A place that runs notebooks, its folder that outlives the session, and a sentence on it."""

    name: str
    storage: Path
    notice: str


def detect_runtime() -> Runtime:
    """Return where this process runs. Kaggle comes first, since it sets Colab's variables too."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "KAGGLE_URL_BASE" in os.environ:
        storage = KAGGLE / "working"
        return Runtime("Kaggle", storage, f"Kaggle: files are kept in {storage}, under Output.")
    if "COLAB_RELEASE_TAG" in os.environ or "COLAB_GPU" in os.environ:
        drive = COLAB / "drive" / "MyDrive"
        if drive.is_dir():
            return Runtime("Colab", drive, f"Colab: files are kept in your Drive, {drive}.")
        return Runtime(
            "Colab",
            COLAB,
            "Colab: Drive is not mounted, so files are lost with the session; the last cell offers "
            "them for download.",
        )
    return Runtime("local", Path.cwd(), "")


def requirements_text() -> str:
    """Return a line for each package that is required, as ``papermill>=2.5``: first the notebook's,
    then, after an empty line, those of the export. An installed ``hwlib`` keeps all together.
    """
    file = ROOT / "requirements.txt"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    return "\n".join(line for line in metadata.requires("hwlib") or [] if "extra ==" not in line)


def notebook_requirements() -> list[str]:
    """Return what the notebook requires."""
    lines = requirements_text().split("\n\n")[0].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def export_requirements() -> list[str]:
    """Return what the notebook and the export require."""
    lines = requirements_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def version_numbers(version: str) -> list[int]:
    """Return the first three numbers of a version."""
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def is_installed(requirement: str) -> bool:
    """Return whether the required package is installed in a version that is new enough."""
    name, _, least = requirement.partition(">=")
    try:
        return version_numbers(metadata.version(name)) >= version_numbers(least)
    except metadata.PackageNotFoundError:
        return False


def missing_packages(requirements: list[str]) -> list[str]:
    """Return those that are not installed. SetupError if torch or torchvision cannot be imported:
    these are never installed here, as the right build depends on the machine.
    """
    if absent := [name for name in ("torch", "torchvision") if not importlib.util.find_spec(name)]:
        raise SetupError(f"{' and '.join(absent)} cannot be imported; see https://pytorch.org.")
    others = [line for line in requirements if not line.startswith("torch")]
    return [requirement for requirement in others if not is_installed(requirement)]


def find_wheels() -> Path | None:
    """Return a folder of wheels in a data set attached on Kaggle, for notebooks without internet;
    None if there is none.
    """
    return next((path.parent for path in sorted((KAGGLE / "input").glob("**/*.whl"))), None)


def install(packages: list[str]) -> None:
    """Install packages into the running Python: from attached wheels if there are any, otherwise
    from pip's index (unless the user set ``HWLIB_OFFLINE``). SetupError if pip fails.
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
        reason = (done.stderr.strip().splitlines() or ["pip printed nothing"])[-1]
    raise SetupError(
        f"{', '.join(packages)} could not be installed ({reason}). Turn the internet on, or attach "
        "a data set that holds their wheels."
    )


def simplified(name: str) -> str:
    """Return a name without what people write in different ways: case, blanks, ``_`` and ``-``."""
    return re.sub(r"[\s_-]+", "", name).lower()


def folder_named(parent: Path, *names: str) -> Path | None:
    """Return the folder in ``parent`` that has one of these names, as it stands if there is one,
    otherwise in another spelling (``simplified``); None if there is none.
    """
    exact = [parent / name for name in names if (parent / name).is_dir()]
    wanted = [simplified(name) for name in names]
    return next(
        (path for path in (*exact, *subfolders(parent)) if simplified(path.name) in wanted), None
    )


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in ``folder``, sorted by name; none if it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def split_folders(folder: Path) -> dict[str, Path]:
    """Return the folders of those of the big cats' splits that are in ``folder``, by the names that
    we use: also ``Train``, and ``val`` or ``validation`` for ``valid``.
    """
    others = {"train": ("training",), "valid": ("val", "validation"), "test": ("testing",)}
    paths = {split: folder_named(folder, split, *others[split]) for split in SPLITS}
    return {split: path for split, path in paths.items() if path}


def has_splits(folder: Path) -> bool:
    """Return whether the folder holds the big cats' three splits."""
    return len(split_folders(folder)) == len(SPLITS)


def attached_folders(name: str) -> Iterator[Path]:
    """Yield the folders of this name in data sets attached on Kaggle, at most four folders deep."""
    for depth in range(1, 5):
        yield from (KAGGLE / "input").glob("*/" * depth + name)


def find_big_cats(base: Path) -> list[Path]:
    """Return the folders that may be the big cats below ``base``, the best one first: with all
    three splits, in ``big_cats``, one folder deeper, in another folder of cats, or in ``base``.
    """
    own = folder_named(base, "big_cats")
    of_cats = [path for path in subfolders(base) if "cats" in path.name.lower()]
    candidates = [*([own, *subfolders(own)] if own else []), *of_cats, base]
    return [path for path in candidates if has_splits(path)] or ([own] if own else [])


def find_mnist(base: Path) -> list[Path]:
    """Return the folders that may hold MNIST's files below ``base``, the best one first: with at
    least one file, in ``MNIST/raw``, ``MNIST`` or ``base``.
    """
    outer = folder_named(base, "MNIST")
    own = folder_named(outer, "raw") if outer else None
    candidates = [path for path in (own, outer, base) if path]
    return [path for path in candidates if any(path.glob("*-ubyte*"))] or ([own] if own else [])


def find_data(name: str, data_dir: Path) -> Path | None:
    """Return the folder ``big_cats``, ``birds``, ``dogs`` or ``MNIST/raw``, or what is spelt or
    laid out a little otherwise: below ``data_dir``, below its ``hw1_data``, or attached on Kaggle;
    None if it is nowhere.
    """
    folders: list[Path] = []
    for base in (data_dir, data_dir / "hw1_data"):
        if name == "big_cats":
            folders += find_big_cats(base)
        elif name == "MNIST/raw":
            folders += find_mnist(base)
        elif path := folder_named(base, name):
            folders.append(path)
    folders += [path for path in attached_folders(name) if path.is_dir()]
    if name == "big_cats":  # Kaggle's own data set holds the splits without a folder around them
        parents = [path.parent for path in attached_folders("train")]
        folders += [parent for parent in parents if has_splits(parent)]
    return folders[0] if folders else None


def prepare(output_dir: str) -> Path:
    """Install what is missing, say where files are kept, and make and return the output folder:
    ``output_dir`` there, or as it is if it is absolute.
    """
    install(missing_packages(notebook_requirements()))
    runtime = detect_runtime()
    if runtime.notice:
        print(runtime.notice)
    asked = user_path(output_dir)
    output = runtime.storage / asked
    output.mkdir(parents=True, exist_ok=True)
    return asked if runtime.name == "local" else output


def offer_download(path: Path) -> None:
    """Offer a file, or a folder as a zip, for download in Colab without a Drive; elsewhere it is
    safe.
    """
    runtime = detect_runtime()
    if runtime.name == "Colab" and runtime.storage == COLAB:
        from google.colab import files

        is_folder = path.is_dir()
        files.download(shutil.make_archive(str(path), "zip", path) if is_folder else str(path))
