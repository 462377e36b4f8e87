"""Folders of pictures as tensors: whatever format they come in, read once and cached."""

import hashlib
import os
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from hwlib.common.download import DataError

IMAGE_ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
JUNK = {"Thumbs.db", "desktop.ini"}  # which Windows leaves in folders of pictures
MAX_PIXELS = 80_000_000  # a photograph has a third of that; more is a mistake or an attack
CACHED_SETS = 12  # decoded sets of pictures that are kept: train, valid and test at a few sizes


class ImageSet(NamedTuple):
    """Pictures of one size: images uint8 (N, 3, S, S), labels int64 (N,) into ``class_names``."""

    images: Tensor
    labels: Tensor
    paths: list[Path]
    class_names: list[str]

    def sha256(self) -> str:
        """Hash of pictures and labels, whatever their files are called."""
        content = self.images.cpu().numpy().tobytes() + self.labels.cpu().numpy().tobytes()
        return hashlib.sha256(content).hexdigest()


def listing(folder: Path) -> list[Path]:
    """What is visible in ``folder``, sorted by name; DataError where that cannot be looked into."""
    try:
        return [p for p in sorted(folder.iterdir()) if p.name not in JUNK and p.name[0] != "."]
    except OSError as error:
        raise DataError(f"There is no folder {folder} to read ({error.strerror}).") from error


def image_paths(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, sorted by name; hidden files are left out, and so is
    what is no picture, with a warning. DataError where there is none.
    """
    shown = listing(folder)
    paths = [p for p in shown if p.suffix.lower() in IMAGE_ENDINGS]
    if not paths:
        raise DataError(f"There is no image ({', '.join(sorted(IMAGE_ENDINGS))}) in {folder}.")
    if left_out := [p.name for p in shown if p.suffix.lower() not in IMAGE_ENDINGS]:
        warnings.warn(f"{folder}: left out, as no picture: {', '.join(left_out)}", stacklevel=2)
    return paths


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture upright and in RGB, whatever it is stored in; 16 bits keep their upper 8."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    elif image.mode == "P":
        image = image.convert("RGBA")
    return ImageOps.exif_transpose(image).convert("RGB")


def read_image(path: Path) -> Image.Image:
    """One picture as upright RGB; DataError if unreadable, or of more than ``MAX_PIXELS``."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} × {image.height} pixels are too many")
            return to_rgb(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} cannot be read as an image ({error}). Replace or remove it."
        ) from error


def read_resized(path: Path, size: int) -> np.ndarray:
    """One picture as uint8 (size, size, 3), scaled with antialiasing."""
    return np.asarray(read_image(path).resize((size, size), Image.Resampling.BILINEAR))


def cache_folder() -> Path:
    """Where decoded pictures are kept between runs: ``hwlib`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hwlib"


def keep(pixels: np.ndarray, target: Path) -> None:
    """Cache decoded pictures under a temporary name first; the oldest of more than ``CACHED_SETS``
    files go.

    Without room, or where the folder cannot be written, nothing is kept: the cache only saves time.
    """
    unfinished = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.save(file, pixels)
        os.replace(unfinished, target)
        files = sorted(target.parent.glob("*.npy"), key=lambda path: -path.stat().st_mtime)
        for old in files[CACHED_SETS:]:
            old.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()


def file_hash(path: Path) -> bytes:
    """SHA-256 of a file; DataError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Mend or remove it.") from error


def read_all(paths: list[Path], size: int) -> np.ndarray:
    """Pictures as uint8 (N, 3, size, size), in the order of ``paths``.

    Decoding them is slow, so the result is cached under a hash of the files' bytes: a file that is
    added, removed, renamed or changed makes another hash.
    """
    digest = hashlib.sha256(f"{size} {Image.__version__}".encode())
    for path in paths:
        digest.update(file_hash(path))
    target = cache_folder() / f"{digest.hexdigest()[:32]}.npy"
    if target.is_file():
        with suppress(OSError, ValueError):  # a damaged file is made again
            return np.load(target)
    name = paths[0].parents[1].name
    with ThreadPoolExecutor() as pool:
        read: Iterable[np.ndarray] = pool.map(read_resized, paths, [size] * len(paths))
        rows = list(tqdm(read, total=len(paths), desc=f"reading {name}", leave=False))
    pixels = np.ascontiguousarray(np.stack(rows).transpose(0, 3, 1, 2))
    keep(pixels, target)
    return pixels


def class_key(name: str) -> str:
    """What a class is known by: its name without regard to case, blanks and Unicode's spellings."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def class_folders(folder: Path) -> dict[str, Path]:
    """The visible folders in ``folder``, by ``class_key``; DataError where there is no such
    folder, or two are the same class.
    """
    found: dict[str, Path] = {}
    for path in (path for path in listing(folder) if path.is_dir()):
        other = found.setdefault(class_key(path.name), path)
        if other != path:
            raise DataError(f"{other} and {path} are one class in two folders. Merge them.")
    return found


def load_image_set(
    folder: Path, size: int, class_names: Sequence[str] | None = None, partial: bool = False
) -> ImageSet:
    """Read a folder of class folders into one tensor; DataError where a class folder is missing,
    unknown or empty, or a picture is unreadable.

    Args:
        folder: holds one folder of pictures a class.
        size: width and height that every picture is scaled to, in pixels.
        class_names: the classes in the order of their labels; default: the folder names, sorted.
        partial: some of ``class_names`` may have no folder.
    """
    folders = class_folders(folder)
    names = list(class_names or sorted(path.name for path in folders.values()))
    wanted = {class_key(name): name for name in names}
    unknown = [path.name for key, path in folders.items() if key not in wanted]
    missing = [name for key, name in wanted.items() if key not in folders]
    if unknown or not folders or (missing and not partial):
        listed = ", ".join(sorted(unknown + missing)) or "all of them"
        raise DataError(f"{folder} must hold one folder a class; missing or unknown: {listed}.")
    by_class = [image_paths(folders[key]) if key in folders else [] for key in wanted]
    paths = [path for class_paths in by_class for path in class_paths]
    labels = torch.repeat_interleave(
        torch.arange(len(names)), torch.tensor([len(p) for p in by_class])
    )
    return ImageSet(torch.from_numpy(read_all(paths, size)), labels, paths, names)
