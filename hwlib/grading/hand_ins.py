"""What a class handed in: Moodle's download as it is, or any folder of hand-ins."""

import io
import re
import stat
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from hwlib.common.errors import HwlibError
from hwlib.common.project import STEM
from hwlib.common.text import without_controls
from hwlib.submission.bundle import MAX_BYTES

# Moodle names a folder "Full Name_12345_assignsubmission_file" with an underscore at its end before
# version 4.1; without folders, that is the beginning of every file's name.
MOODLE = re.compile(
    r"(?P<begin>(?P<who>.+)_(?P<number>\d+)_assignsubmission_file_?)(?P<rest>.*)", re.S
)
OTHER_PLUGIN = re.compile(r".+_\d+_assignsubmission_(?!file).+", re.S)  # as an online text
LEFT_BEHIND = {
    "__macosx",
    ".ds_store",
    "thumbs.db",
    "desktop.ini",
    "__pycache__",
    ".ipynb_checkpoints",
}
OTHER_ARCHIVES = {".rar", ".7z", ".gz", ".tar", ".tgz", ".bz2", ".xz"}
MOST_FILES = 2_000  # of one hand-in
DEPTH = 2  # of zips within zips
MAX_CLASS_BYTES = 100_000_000_000  # that Moodle's download may unpack to
COPIED_AT_ONCE = 1 << 20
ID = re.compile(r"(?<!\d)\d{9}(?!\d)")

ZIP_ERRORS = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


class GradingError(HwlibError):
    """A class cannot be graded; the message says why and what to do next."""


class HandIn(NamedTuple):
    """One hand-in: its folder's or file's own name, and the paths of what it is made of."""

    name: str
    paths: tuple[Path, ...]

    @property
    def moodle_number(self) -> str:
        """The number that Moodle gives the hand-in; empty if it is not from Moodle."""
        match = MOODLE.fullmatch(self.name)
        return match["number"] if match else ""


class Member(NamedTuple):
    """A file of a hand-in."""

    name: str  # with the folders that it was found in
    content: bytes

    @property
    def base(self) -> str:
        """The name without folders."""
        return PurePosixPath(self.name).name


class Members(NamedTuple):
    """The files of a hand-in, what else is to be said, and what could not be read."""

    files: list[Member]
    remarks: list[str]
    problems: list[str]


def is_junk(path: PurePosixPath | Path) -> bool:
    """Whether a path is one of those that systems leave behind, and nobody wrote."""
    return any(
        part.casefold() in LEFT_BEHIND or part.startswith((".", "~$")) for part in path.parts
    )


def parts_of(folder: Path) -> list[Path]:
    """Return what a folder holds besides junk, sorted."""
    return sorted(path for path in folder.iterdir() if not is_junk(Path(path.name)))


def find_hand_ins(folder: Path) -> list[HandIn]:
    """Return the hand-ins in a folder, sorted by name; GradingError if there are none.

    A folder in it is a hand-in. Loose files belong together if Moodle's prefix or the stem
    ``HW1_<ID1>_<ID2>`` of their names is the same; a zip is a hand-in by itself. If there is
    only one folder, and it holds folders with Moodle's names, these are the hand-ins.
    """
    entries = parts_of(folder)
    if len(entries) == 1 and entries[0].is_dir():
        inner = parts_of(entries[0])
        if any(MOODLE.fullmatch(path.name) for path in inner):
            entries = inner
    found: dict[str, list[Path]] = defaultdict(list)
    for path in entries:
        if OTHER_PLUGIN.fullmatch(path.name):
            continue
        moodle, stem = MOODLE.fullmatch(path.name), STEM.match(path.name)
        if path.is_dir():
            found[path.name].append(path)
        elif moodle:
            found[moodle["begin"]].append(path)
        elif path.suffix.lower() == ".zip":
            found[path.stem].append(path)
        elif stem:
            found[stem[0]].append(path)
    if not found:
        raise GradingError(
            f"There are no hand-ins in {folder}. It should hold a folder or a zip for each, as "
            "Moodle's 'Download all submissions' gives them."
        )
    return [HandIn(name, tuple(paths)) for name, paths in sorted(found.items())]


def unpack_class(archive: Path, target: Path) -> None:
    """Unpack Moodle's download into a new folder; GradingError if it is no readable zip."""
    written = 0
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                name = PurePosixPath(entry.filename)
                regular = not entry.is_dir() and not stat.S_ISLNK(entry.external_attr >> 16)
                if name.is_absolute() or ".." in name.parts or is_junk(name) or not regular:
                    continue
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, path.open("wb") as sink:
                    while block := source.read(COPIED_AT_ONCE):
                        written += len(block)
                        if written > MAX_CLASS_BYTES:
                            raise GradingError(f"{archive} unpacks to more than 100 GB.")
                        sink.write(block)
    except ZIP_ERRORS as error:
        raise GradingError(f"{archive} is not a readable zip: {error}.") from error


def regular_files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a hand-in with their names in it, without links, pipes and junk."""
    if path.is_symlink():
        return
    candidates = sorted(path.rglob("*")) if path.is_dir() else [path]
    base = path if path.is_dir() else path.parent
    for candidate in candidates:
        name = candidate.relative_to(base)
        if not is_junk(name) and stat.S_ISREG(candidate.lstat().st_mode):
            match = MOODLE.fullmatch(str(name)) if candidate is path else None
            yield (match["rest"] if match else str(name)), candidate


class Reading:
    """Reads a hand-in's files, and the zips among them, into memory, within bounds."""

    def __init__(self) -> None:
        self.members = Members([], [], [])
        self.bytes_left = MAX_BYTES

    def add(self, name: str, content: bytes, depth: int) -> None:
        """Take a file, or what a zip holds."""
        suffix = PurePosixPath(name).suffix.lower()
        if suffix == ".zip" and depth < DEPTH:
            self.open_zip(name, content, depth + 1)
        elif suffix in OTHER_ARCHIVES:
            self.problem(f"{name} is an archive that is not opened here; ask for a .zip.")
        else:
            self.members.files.append(Member(name, content))

    def problem(self, text: str) -> None:
        """Note what could not be read."""
        self.members.problems.append(without_controls(text))

    def open_zip(self, name: str, content: bytes, depth: int) -> None:
        """Take what a zip holds."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for entry in archive.infolist()[:MOST_FILES]:
                    inner = PurePosixPath(entry.filename)
                    if entry.is_dir() or is_junk(inner):
                        continue
                    if stat.S_ISLNK(entry.external_attr >> 16):
                        self.problem(f"{inner} in {name} is a link to another file, not a file.")
                        continue
                    with archive.open(entry) as source:
                        self.add(str(inner), self.read(source, str(inner)), depth)
        except ZIP_ERRORS as error:
            reason = "it has a password" if "password" in str(error) else str(error)
            self.problem(f"{name} is not a readable zip: {reason}.")

    def read(self, source: IO[bytes], name: str) -> bytes:
        """Return a file's content; nothing if the hand-in is too large with it."""
        content = source.read(self.bytes_left + 1)
        if len(content) > self.bytes_left:
            self.problem(f"{name} was not read: the hand-in has more than {MAX_BYTES >> 20} MB.")
            return b""
        self.bytes_left -= len(content)
        return content


def read_members(hand_in: HandIn) -> Members:
    """Return the files of a hand-in, those in its zips among them."""
    reading = Reading()
    paths = [pair for path in hand_in.paths for pair in regular_files(path)]
    if len(paths) > MOST_FILES:
        reading.problem(f"It holds more than {MOST_FILES:,} files; only so many were read.")
    for name, path in paths[:MOST_FILES]:
        try:
            with path.open("rb") as file:
                reading.add(name, reading.read(file, name), 0)
        except OSError as error:
            reading.problem(f"{name} cannot be read: {error.strerror}.")
    return reading.members
