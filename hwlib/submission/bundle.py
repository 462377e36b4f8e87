"""The zip that is handed in: five files under their agreed names, always the same bytes."""

import stat
import zipfile
import zlib
from pathlib import Path

from hwlib.common.errors import HwlibError
from hwlib.common.files import replacing
from hwlib.common.project import ENDINGS, STEM

MAX_BYTES = 500_000_000  # of all files together; a bundle of ours is below ten million


class BundleError(HwlibError):
    """A bundle is not what it must be, or not what it claims to be; the message is a sentence."""


def write_bundle(folder: Path, stem: str) -> Path:
    """Zip the five files of ``folder``, equal ones to equal bytes, and return the zip's path;
    BundleError if one is missing.
    """
    names = [stem + ending for ending in ENDINGS]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise BundleError(f"{', '.join(missing)}: missing in {folder}; nothing was zipped.")
    target = folder / f"{stem}.zip"
    with replacing(target) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)  # dated 1980
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return target


def check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Raise BundleError unless the zip's name, its entries' names, kind and size are as agreed."""
    names = [entry.filename for entry in entries]
    wanted = {path.stem + ending for ending in ENDINGS}
    if not STEM.fullmatch(path.stem):
        raise BundleError(f"{path.name} is not named HW1_<ID1>_<ID2>.zip, two IDs of 9 digits.")
    for name in names:
        if name not in wanted:
            raise BundleError(f"The bundle holds {name!r}, which is none of its five files.")
    if missing := sorted(wanted - set(names)):
        raise BundleError(f"The bundle lacks {', '.join(missing)}.")
    if len(names) != len(wanted):
        raise BundleError("The bundle holds a file twice.")
    for entry in entries:
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise BundleError(f"{entry.filename} is a link to another file, not a file.")
        if entry.flag_bits & 1:
            raise BundleError(f"{entry.filename} is encrypted; hand in a zip without a password.")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise BundleError(f"The bundle unpacks to more than {MAX_BYTES // 10**6} MB.")


def read_bundle(path: Path) -> dict[str, bytes]:
    """Return the content of the bundle's files by ending; BundleError if it is no zip, is damaged
    or too large, or its names are not as agreed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            check_entries(path, entries)
            return {e.filename.removeprefix(path.stem): archive.read(e) for e in entries}
    except FileNotFoundError as error:
        raise BundleError(f"There is no file {path}.") from error
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise BundleError(f"{path} is not a readable zip: {error}.") from error
