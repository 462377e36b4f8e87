"""Read folders of pictures of any format as tensors; decoded pictures are cached."""

import hashlib
import os
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, features
from PIL import __version__ as pillow_version
from torch import Tensor

from hwlib.common.errors import DataError
from hwlib.common.files import file_hash, replacing
from hwlib.common.progress import progress_bar

IMAGE_ENDINGS = {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
if "avif" in features.get_supported():  # from Pillow 11.3 on
    IMAGE_ENDINGS.add(".avif")
OTHER_ENDINGS = {".avif", ".heic", ".heif", ".jxl"} - IMAGE_ENDINGS  # pictures Pillow cannot read
JUNK = {"thumbs.db", "desktop.ini", "__macosx", "@eadir"}  # which systems leave beside pictures
MAX_PIXELS = 80_000_000  # a photograph has a third of that; more is a mistake or an attack
# What Pillow raises for a damaged file, RuntimeError for an AVIF.
DECODER_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)
PICTURES_AT_ONCE = 256  # pictures that are floats at the same time
CACHED_SETS = 12  # decoded sets of pictures that are kept: train, valid and test at a few sizes


class ImageSet(NamedTuple):
    """Pictures of one size: images uint8 (N, 3, S, S), labels int64 (N,) into ``class_names``."""

    images: Tensor
    labels: Tensor
    paths: list[Path]
    class_names: list[str]

    def sha256(self) -> str:
        """Return a hash of pictures and labels, whatever their files are called."""
        digest = hashlib.sha256(self.images.cpu().contiguous().numpy().data)
        digest.update(self.labels.cpu().contiguous().numpy().data)
        return digest.hexdigest()


def in_chunks(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return ``function`` of many pictures, uint8 (N, 3, S, S), computed for some at a time as
    floats: a set of two thousand would take a gigabyte.
    """
    return torch.cat([function(chunk.float()) for chunk in images.split(PICTURES_AT_ONCE)])


def visible_paths(folder: Path) -> list[Path]:
    """Return what is not hidden in ``folder``, sorted by name; DataError if it cannot be read."""
    try:
        visible = [path for path in sorted(folder.iterdir()) if path.name[0] != "."]
        return [path for path in visible if path.name.lower() not in JUNK]
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read ({error.strerror}).") from error


def image_paths(folder: Path) -> list[Path]:
    """Return the pictures directly in ``folder``, sorted by name, without hidden files, and with a
    warning without other files. DataError if there is none, or one of a kind Pillow cannot read.
    """
    visible = visible_paths(folder)
    if unreadable := [path for path in visible if path.suffix.lower() in OTHER_ENDINGS]:
        raise DataError(
            f"{unreadable[0]} is a picture that Pillow cannot read here. Convert it to JPEG or PNG."
        )
    paths = [path for path in visible if path.suffix.lower() in IMAGE_ENDINGS]
    if not paths:
        kinds = ", ".join(sorted(IMAGE_ENDINGS))
        names = ", ".join(path.name for path in visible[:3])
        raise DataError(
            f"There is no image ({kinds}) in {folder}{f', only {names}' if names else ''}. "
            "Put pictures directly there."
        )
    if others := [path.name for path in visible if path not in paths]:
        warnings.warn(f"{folder}: left out, as no picture: {', '.join(others)}", stacklevel=2)
    return paths


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the picture upright and in RGB, however it is stored; 16 bits keep their upper 8."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    elif image.mode == "P":
        image = image.convert("RGBA")
    return ImageOps.exif_transpose(image).convert("RGB")


def read_image(path: Path) -> Image.Image:
    """Read a picture as upright RGB; DataError if it is unreadable or exceeds ``MAX_PIXELS``."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} × {image.height} pixels are too many")
            return to_rgb(image)
    except DECODER_ERRORS as error:
        raise DataError(
            f"{path} cannot be read as an image ({error}). Replace or remove it."
        ) from error


def check_readable(path: Path) -> None:
    """Raise DataError if a picture is unreadable or cut short. A JPEG is decoded to an eighth of
    its size, which reads all its bytes in a fraction of the time.
    """
    try:
        with Image.open(path) as image:
            if image.format == "JPEG" and image.width * image.height <= MAX_PIXELS:
                image.draft("RGB", (1, 1))
                image.load()
                return
    except DECODER_ERRORS:
        pass  # said below
    read_image(path)


def read_resized(path: Path, size: int) -> np.ndarray:
    """Read a picture as uint8 (size, size, 3), scaled with antialiasing."""
    return np.asarray(read_image(path).resize((size, size), Image.Resampling.BILINEAR))


def cache_folder() -> Path:
    """Return where decoded pictures are kept between runs: ``hwlib`` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hwlib"


def write_cache(pixels: np.ndarray, target: Path) -> None:
    """Keep decoded pictures; the oldest of more than ``CACHED_SETS`` files are deleted.

    If the disk is full or the folder cannot be written, nothing is kept: the cache only saves time.
    """
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as unfinished, unfinished.open("wb") as file:
            np.save(file, pixels)
        files = sorted(target.parent.glob("*.npy"), key=lambda path: -path.stat().st_mtime)
        for old in files[CACHED_SETS:]:
            old.unlink(missing_ok=True)


def read_pictures(paths: list[Path], size: int) -> np.ndarray:
    """Read pictures as uint8 (N, 3, size, size), in the order of ``paths``.

    Decoding them is slow, so the result is cached under a hash of the files' bytes: a file that is
    added, removed, renamed or changed makes another hash.
    """
    digest = hashlib.sha256(f"{size} {pillow_version}".encode())
    for path in paths:
        digest.update(file_hash(path).encode())
    target = cache_folder() / f"{digest.hexdigest()[:32]}.npy"
    if target.is_file():
        with suppress(OSError, ValueError):  # a damaged file is made again
            cached: np.ndarray = np.load(target)
            return cached
    name = paths[0].parents[1].name
    with ThreadPoolExecutor() as pool:
        resized: Iterable[np.ndarray] = pool.map(read_resized, paths, [size] * len(paths))
        rows = list(
            progress_bar(resized, f"reading {name}", "picture", total=len(paths), leave=False)
        )
    pixels = np.ascontiguousarray(np.stack(rows).transpose(0, 3, 1, 2))
    write_cache(pixels, target)
    return pixels


def class_key(name: str) -> str:
    """Return a class's name in the form that ignores case, plural, spellings of Unicode, and what
    stands between words: ``snow_leopard`` is SNOW LEOPARD and LION is LIONS.
    """
    words = re.split(r"[\s_-]+", unicodedata.normalize("NFC", name).casefold().strip())
    return " ".join(words).removesuffix("s")


def class_folders(folder: Path) -> dict[str, Path]:
    """Return the visible folders in ``folder`` by their ``class_key``; DataError if ``folder``
    cannot be read, or two of them are the same class.
    """
    folders: dict[str, Path] = {}
    for path in (path for path in visible_paths(folder) if path.is_dir()):
        other = folders.setdefault(class_key(path.name), path)
        if other != path:
            raise DataError(f"{other} and {path} are one class in two folders. Merge them.")
    return folders


class PictureList(NamedTuple):
    """The pictures of a folder of class folders, not yet read: one list of paths a class."""

    by_class: list[list[Path]]
    class_names: list[str]
    remarks: list[str]  # on folders whose names are spelt otherwise

    def paths(self) -> list[Path]:
        """Return the pictures in the order of their classes."""
        return [path for class_paths in self.by_class for path in class_paths]


def list_pictures(
    folder: Path, class_names: Sequence[str] | None = None, partial: bool = False
) -> PictureList:
    """Find the pictures of class folders, with arguments as for ``load_image_set``; DataError if a
    class folder is missing, unknown or empty.
    """
    folders = class_folders(folder)
    names = list(class_names or sorted(path.name for path in folders.values()))
    wanted = {class_key(name): name for name in names}
    if len(wanted) < len(names):
        raise DataError(f"One class comes twice among {', '.join(names)}. Name each class once.")
    unknown = [path.name for key, path in folders.items() if key not in wanted]
    missing = [name for key, name in wanted.items() if key not in folders]
    if unknown or not folders or (missing and not partial):
        parts = {"missing": missing or (not folders and ["all of them"]), "unknown": unknown}
        listed = "; ".join(f"{part}: {', '.join(some)}" for part, some in parts.items() if some)
        raise DataError(
            f"{folder} must hold one folder a class, and no others ({listed}). Rename, add or "
            "remove folders."
        )
    by_class = [image_paths(folders[key]) if key in folders else [] for key in wanted]
    spelt = [(folders[key].name, name) for key, name in wanted.items() if key in folders]
    remarks = [f"{other} is taken for {name}" for other, name in spelt if other != name]
    return PictureList(by_class, names, remarks)


def check_pictures(pictures: PictureList) -> int:
    """Check that every picture can be read, some 2,000 in a second, and return how many there are;
    DataError names one that cannot.
    """
    with ThreadPoolExecutor() as pool:
        return len(list(pool.map(check_readable, pictures.paths())))


def load_image_set(
    folder: Path, size: int, class_names: Sequence[str] | None = None, partial: bool = False
) -> ImageSet:
    """Read a folder of class folders into one tensor; DataError if a class folder is missing,
    unknown or empty, or a picture is unreadable.

    Args:
        folder: holds one folder of pictures a class.
        size: width and height that every picture is scaled to, in pixels.
        class_names: the classes in the order of their labels; default: the folder names, sorted.
        partial: some of ``class_names`` may have no folder.
    """
    pictures = list_pictures(folder, class_names, partial)
    paths, names = pictures.paths(), pictures.class_names
    counts = torch.tensor([len(class_paths) for class_paths in pictures.by_class])
    labels = torch.repeat_interleave(torch.arange(len(names)), counts)
    return ImageSet(torch.from_numpy(read_pictures(paths, size)), labels, paths, names)
