"""The code cell that carries the library within a notebook: how it is written, and read again.

The cell needs nothing but Python's standard library. It unpacks the library into the user's cache
folder, unless the very same one can be imported already.
"""

import base64
import hashlib
import io
import lzma
import re
import textwrap
import zipfile
from collections.abc import Mapping
from functools import cache

from hwlib import __version__
from hwlib.common.project import HOMEWORK, NOTEBOOK, PROFILES, ROOT
from hwlib.common.runtime import requirements_text

CARRIER = "library"  # the tag and the id of the cell
LINE = 20_000  # characters of a line of packed text: few lines, since not every viewer folds them
MOST_BYTES = 20_000_000  # of a library, unpacked; ours has less than one million
UNPACK = '''\
# @title The library hwlib {version}: packed text, nothing to read or to change
import base64
import hashlib
import importlib.util
import io
import lzma
import sys
import zipfile
from pathlib import Path

LIBRARY = """
{text}
"""
packed = base64.b64decode(LIBRARY)
digest = hashlib.sha256(packed).hexdigest()
assert digest == "{sha256}", (
    "The library in this cell is damaged: get the notebook again."
)
archive = zipfile.ZipFile(io.BytesIO(lzma.decompress(packed)))
modules = [name for name in archive.namelist() if name.startswith("hwlib/")]


def is_at(folder):
    """Whether this very library is in a folder."""
    files = [folder / name for name in modules]
    return all(f.is_file() and f.read_bytes() == archive.read(n) for f, n in zip(files, modules))


spec = importlib.util.find_spec("hwlib")
if not (spec and spec.origin and is_at(Path(spec.origin).parents[1])):
    folder = Path.home() / ".cache" / "hwlib" / digest[:16]
    is_at(folder) or archive.extractall(folder)
    sys.path.insert(0, str(folder))
    print("The library hwlib {version} is unpacked from this notebook.")
'''
CARRIED = re.compile(r'hwlib (\S+):.*\nLIBRARY = """\n(.*)\n"""\n.*== "([0-9a-f]{64})"', re.DOTALL)


@cache
def library_files() -> dict[str, bytes]:
    """Return what the cell carries, by name: the library, and what it needs to export: the
    notebook itself, the profiles and the names of the packages.
    """
    package = ROOT / "hwlib"
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    homework = [*PROFILES.glob("*.yaml"), *([NOTEBOOK] if NOTEBOOK.is_file() else [])]
    files |= {path.relative_to(HOMEWORK).as_posix(): path.read_bytes() for path in homework}
    files["requirements.txt"] = requirements_text().encode()
    return files


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """Return files as a compressed archive; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored, since it is smaller compressed whole
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name])  # dated 1980
    return lzma.compress(buffer.getvalue(), preset=9)


def carrier_source(files: Mapping[str, bytes]) -> str:
    """Return the code that carries and unpacks these files."""
    packed = pack_files(files)
    text = "\n".join(textwrap.wrap(base64.b64encode(packed).decode(), LINE))
    sha256 = hashlib.sha256(packed).hexdigest()
    return UNPACK.format(version=__version__, text=text, sha256=sha256).rstrip("\n")


def file_hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of files, by their names."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def unpack_files(text: str) -> dict[str, bytes]:
    """Return the files of packed text. ValueError if it is damaged or holds too much."""
    try:
        unpacker = lzma.LZMADecompressor()
        content = unpacker.decompress(base64.b64decode(text), max_length=MOST_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(entry.compress_type for entry in archive.infolist()):
                raise ValueError("its files are compressed twice")
            return {name: archive.read(name) for name in archive.namelist()}
    except (lzma.LZMAError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise ValueError(str(error)) from error


def carried_files(source: str) -> dict[str, bytes] | None:
    """Return the files that a cell carries, if it is a cell that does this and nothing else; None
    if it is another cell, or damaged.
    """
    found = CARRIED.search(source)
    if not found:
        return None
    version, text, sha256 = found.groups()
    if UNPACK.format(version=version, text=text, sha256=sha256).rstrip("\n") != source.rstrip("\n"):
        return None
    try:
        return unpack_files(text)
    except ValueError:
        return None
