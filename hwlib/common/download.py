"""Finding the real data, and fetching what is not there: MNIST, the big cats, VGG16's weights.

What ``places.find`` does not find is downloaded. A download is tried again where that can
help, checked, and gets its name only when it is complete; two processes never do it twice.
"""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError

import torch
from filelock import FileLock
from torchvision.datasets import MNIST
from torchvision.datasets.utils import check_integrity, extract_archive
from torchvision.models import VGG16_Weights

from hwlib.common.runtime import SPLITS, find_data, has_splits

TRIES = 4
TIMEOUT = 30.0  # seconds without a byte
LONGEST_WAIT = 60.0  # seconds between two tries, whatever the server asks for
NO_RETRY = {400, 401, 403, 404, 410}  # answers that another try does not change
BIG_CATS = "gpiosenka/cats-in-the-wild-image-classification"  # on Kaggle, CC0
MNIST_BYTES = {  # of the unpacked files: a header, and a byte a pixel or a label
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}


class DataError(RuntimeError):
    """Data is missing or unreadable; the message names the place and the remedy."""


def offline() -> bool:
    """Whether nothing may be downloaded: ``HWLIB_OFFLINE`` is set."""
    return bool(os.environ.get("HWLIB_OFFLINE"))


def check_space(folder: Path, megabytes: int, setting: str = "data_dir") -> None:
    """Raises DataError where the folder's disk has no room for so much."""
    free = shutil.disk_usage(folder).free / 1e6
    if free < megabytes:
        raise DataError(
            f"{folder} has {free:.0f} MB left, {megabytes} MB are needed. Make room, or set "
            f"{setting} to a folder on another disk."
        )


def check_folder(data_dir: Path) -> None:
    """Raises DataError where there is no such folder, and no data elsewhere: a slip of the pen is
    not to be filled with downloads.
    """
    if not data_dir.is_dir() and not any(
        find_data(name, data_dir) for name in ("MNIST/raw", "big_cats")
    ):
        raise DataError(
            f"There is no folder {data_dir} (data_dir). If that is spelt right, `python -m hwlib "
            f"fetch all --data-dir {data_dir}` makes and fills it."
        )


def wait_for(error: Exception, attempt: int) -> float:
    """Seconds until the next try: what the server asks for, otherwise 1, 2, 4, ..."""
    asked = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) else ""
    return min(float(asked) if asked.isdigit() else 2.0**attempt, LONGEST_WAIT)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """New connections give up after so many seconds without a byte."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def download(url: str, target: Path, md5: str | None = None, sha256: str | None = None) -> None:
    """Download a file to ``target``, with a bar; up to ``TRIES`` times, each from the beginning.
    DataError where it cannot be had; nothing is left behind then.

    Args:
        url: where it is.
        target: gets its name only when the file is complete and its hash is right.
        md5: of the whole file.
        sha256: its first digits.
    """
    reason: Exception | None = None
    for attempt in range(TRIES):
        if reason:
            time.sleep(wait_for(reason, attempt - 1))
        try:
            with patience(TIMEOUT):
                torch.hub.download_url_to_file(url, str(target), hash_prefix=sha256)
            if check_integrity(target, md5):
                return
            reason = RuntimeError("it is not the file that it should be: its checksum differs")
        except (RuntimeError, URLError, OSError, HTTPException) as error:
            reason = error
            if isinstance(error, HTTPError) and error.code in NO_RETRY:
                break
        target.unlink(missing_ok=True)
    sentence = str(reason).splitlines()[0].rstrip(".")
    raise DataError(f"{url} could not be downloaded ({sentence}).") from reason


@contextmanager
def locked(folder: Path, setting: str = "data_dir") -> Iterator[Path]:
    """A temporary folder beside what will be ``folder``, for one process at a time; DataError where
    it cannot be written, or nothing is to be fetched.
    """
    if offline():
        raise DataError("nothing is fetched offline, as asked by --offline or HWLIB_OFFLINE.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(folder.parent / f".{folder.name}.lock"),
            TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as unfinished,
        ):
            yield Path(unfinished)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error}). Set {setting} to a folder that can."
        ) from error


def damaged_mnist(raw: Path) -> list[str]:
    """The files of MNIST that are missing or have not their published length."""
    return [
        name
        for name, size in MNIST_BYTES.items()
        if not (raw / name).is_file() or (raw / name).stat().st_size != size
    ]


def mnist(data_dir: Path) -> Path:
    """The folder that holds ``MNIST/raw``, complete; downloaded below ``data_dir`` where there is
    none. DataError where it is damaged, or cannot be had.
    """
    found = find_data("MNIST/raw", data_dir)
    if found and not damaged_mnist(found):
        return found.parents[1]
    raw = data_dir / "MNIST" / "raw"
    try:
        with locked(raw) as unfinished:
            if damaged_mnist(raw):  # another process may have fetched it meanwhile
                check_space(unfinished, 80)
                for name, md5 in MNIST.resources:
                    download(MNIST.mirrors[0] + name, unfinished / name, md5)
                    extract_archive(str(unfinished / name), str(unfinished))
                raw.mkdir(exist_ok=True)
                for name in MNIST_BYTES:
                    os.replace(unfinished / name, raw / name)
    except DataError as error:
        state = f"{', '.join(damaged_mnist(found))} in {found} is cut short, and" if found else (
            f"MNIST is not in {raw} and")  # fmt: skip
        raise DataError(
            f"{state} could not be downloaded: {error} Put the four unpacked files of MNIST there, "
            "or set data_dir to the folder that holds MNIST/raw, or data_source to 'sample'."
        ) from error
    return data_dir


def big_cats(data_dir: Path) -> Path:
    """The big cats' three splits, from Kaggle where there is none; DataError if not to be had."""
    if found := find_data("big_cats", data_dir):
        return found
    remedy = (
        f"There is no folder {data_dir / 'big_cats'}. Download {BIG_CATS} from Kaggle and unpack "
        "it there (data/README.md), set data_dir to the folder that holds big_cats/, or "
        "data_source to 'sample'."
    )
    try:
        import kagglehub
    except ImportError as error:
        pip = f"{sys.executable} -m pip install kagglehub"
        raise DataError(f"{remedy} After `{pip}` this is done for you.") from error
    if offline():
        raise DataError(f"{remedy} HWLIB_OFFLINE is set, so nothing was downloaded.")
    try:
        fetched = Path(kagglehub.dataset_download(BIG_CATS))  # resumes, checks, shows a bar
    except Exception as error:  # of many kinds: requests', Kaggle's, the file system's
        raise DataError(f"{remedy} kagglehub could not ({error}).") from error
    if not has_splits(fetched):
        raise DataError(f"{remedy} What kagglehub brought lacks train, valid or test.")
    target = data_dir / "big_cats"
    with locked(target) as unfinished:
        if not target.is_dir():
            for split in SPLITS:
                shutil.copytree(fetched / split, unfinished / "big_cats" / split)
            (unfinished / "big_cats").rename(target)
    return target


def pictures(name: str, data_dir: Path) -> Path:
    """The folder ``birds`` or ``dogs``, which nobody offers for download; DataError without it."""
    if found := find_data(name, data_dir):
        return found
    raise DataError(
        f"There is no folder {data_dir / name}. Put the course's pictures there, or your own, set "
        f"data_dir to the folder that holds {name}/, or data_source to 'sample'."
    )


def vgg16_file() -> Path:
    """Where torch keeps VGG16's ImageNet weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / VGG16_Weights.DEFAULT.url.rsplit("/", 1)[1]


def vgg16() -> Path:
    """VGG16's ImageNet weights in torch's cache, downloaded if need be; DataError without them."""
    target = vgg16_file()
    if target.is_file():
        return target
    try:
        with locked(target, "TORCH_HOME"):
            if not target.is_file():  # another process may have fetched it meanwhile
                check_space(target.parent, 600, "TORCH_HOME")
                digits = target.stem.rsplit("-", 1)[1]
                download(VGG16_Weights.DEFAULT.url, target, sha256=digits)
    except DataError as error:
        raise DataError(
            f"VGG16's weights are not in {target}: {error} Set vgg_weights to the path of "
            "torchvision's vgg16 state dict, or to 'none'."
        ) from error
    return target


WAYS: dict[str, Callable[[Path], Path]] = {
    "mnist": lambda data_dir: mnist(data_dir) / "MNIST" / "raw",
    "big_cats": big_cats,
    "birds": partial(pictures, "birds"),
    "dogs": partial(pictures, "dogs"),
    "vgg16": lambda _: vgg16(),
}


def fetch(name: str, data_dir: Path) -> Path:
    """Find or fetch one of ``WAYS``; where it is. DataError where it cannot be had."""
    return WAYS[name](data_dir)
