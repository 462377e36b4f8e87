"""Hashes by which results are told apart: of the library, and of data files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hwlib.common.project import ROOT


def short_hash(content: bytes) -> str:
    """Return 16 digits of the SHA-256, enough to tell files apart."""
    return hashlib.sha256(content).hexdigest()[:16]


def code_hash(notebook: Path) -> str:
    """Return the hash of a notebook and of every module of the library."""
    files = [notebook, *sorted((ROOT / "hwlib").rglob("*.py"))]
    hashes = (short_hash(path.read_bytes()) for path in files if path.is_file())
    return short_hash("".join(hashes).encode())


def file_stamps(folders: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of every file in these folders: cheap, and different as
    soon as a file is replaced.
    """
    return [
        (f"{folder.name}/{path.relative_to(folder)}", path.stat().st_size, path.stat().st_mtime_ns)
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
