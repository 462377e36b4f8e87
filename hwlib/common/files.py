"""Files that are complete, or not there at all, and the hash of their content."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwlib.common.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the name ``path`` when the block ends without an error.

    After an error what was at ``path`` is still there and nothing else is left. The block may make
    a file or a folder; a folder does not replace one that holds files (OSError).
    """
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)


def user_path(path: str | Path) -> Path:
    """Return the path with ``~`` and variables as ``$HOME`` replaced, as a shell does it outside
    quotes; DataError if ``~`` names nobody.
    """
    try:
        return Path(os.path.expandvars(path)).expanduser()
    except RuntimeError as error:
        raise DataError(f"{path}: the home folder of ~ is not known. Write it in full.") from error


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; DataError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Replace or remove it."
        ) from error
    return digest.hexdigest()
