"""Find the real data, and download what is missing: MNIST, the big cats, VGG16's weights.

pooch downloads, tries again and compares hashes; kagglehub brings the big cats. A file gets its
name when it is complete, and of several processes one downloads while the others wait.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from filelock import FileLock

from hwlib.common.errors import DataError
from hwlib.common.files import file_hash, replacing, user_path
from hwlib.common.progress import progress_bar
from hwlib.common.project import SPLITS
from hwlib.common.runtime import find_data, has_splits, split_folders

if TYPE_CHECKING:
    from pooch import Pooch

RETRIES = 3
TIMEOUT = 30.0  # seconds without a byte, after which a connection is given up
BIG_CATS = "gpiosenka/cats-in-the-wild-image-classification"  # on Kaggle, CC0
FETCH_NAMES = ("mnist", "big_cats", "birds", "dogs", "vgg16")  # what ``fetch`` knows


class RemoteFile(NamedTuple):
    """Where a file is downloaded from, and its SHA-256; of a file packed by gzip, unpacked."""

    url: str
    sha256: str


MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_FILES = {
    "train-images-idx3-ubyte": RemoteFile(
        MNIST_URL + "train-images-idx3-ubyte.gz",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": RemoteFile(
        MNIST_URL + "train-labels-idx1-ubyte.gz",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": RemoteFile(
        MNIST_URL + "t10k-images-idx3-ubyte.gz",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": RemoteFile(
        MNIST_URL + "t10k-labels-idx1-ubyte.gz",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
VGG16_FILES = {
    "vgg16-397923af.pth": RemoteFile(
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    )
}


def check_folder(data_dir: Path) -> None:
    """Check that there is a folder ``data_dir``, or data elsewhere, so that a mistyped name is not
    filled with downloads; DataError otherwise.
    """
    if not data_dir.is_dir() and not any(
        find_data(name, data_dir) for name in ("MNIST/raw", "big_cats")
    ):
        raise DataError(
            f"There is no folder {data_dir} (data_dir). If that is spelt right, `python -m hwlib "
            f"fetch all --data-dir {data_dir}` makes and fills it."
        )


def refuse_offline(offline: bool) -> None:
    """Raise DataError if nothing may be downloaded, by the argument or by the environment variable
    ``HWLIB_OFFLINE``, which the user sets.
    """
    if offline or os.environ.get("HWLIB_OFFLINE"):
        raise DataError("nothing is downloaded, as asked by --offline or HWLIB_OFFLINE.")


@contextmanager
def locked(folder: Path, parameter: str) -> Iterator[None]:
    """Let one process at a time write ``folder``, to which the setting ``parameter`` leads;
    DataError if it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            yield
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror or error}). Free space there, or set "
            f"{parameter} to another folder."
        ) from error


def download_file(url: str, target: str, source: Pooch) -> None:
    """Download one file for pooch, and unpack it if its name ends in ``.gz``; ValueError, after
    which pooch tries again, if that fails.
    """
    import requests  # loading it takes half a second
    from pooch import HTTPDownloader

    Path(target).chmod(0o644)  # pooch makes it readable for its owner alone
    packed = io.BytesIO()
    try:
        name = url.rsplit("/", 1)[1]
        with progress_bar(None, name, "B", total=1, unit_scale=True) as bar:  # pooch sets the total
            get = HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)
            get(url, packed if url.endswith(".gz") else target, source)
        if url.endswith(".gz"):
            Path(target).write_bytes(gzip.decompress(packed.getvalue()))
    except requests.HTTPError as error:
        raise ValueError(f"the server answers {str(error).split(' for url')[0]}") from error
    except requests.RequestException as error:
        raise ValueError(f"the connection fails: {type(error).__name__}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"the file arrives damaged: {error}") from error


def download(
    files: dict[str, RemoteFile], folder: Path, parameter: str, offline: bool = False
) -> None:
    """Download those of ``files`` that are missing or damaged in ``folder``, with a bar for each.
    DataError if that is impossible or not allowed; nothing incomplete is left then.

    Args:
        files: what is wanted, by the names of the files.
        folder: where they belong; made if need be.
        parameter: the name of the setting that leads to ``folder``, for messages.
        offline: download nothing.
    """
    refuse_offline(offline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without widgets for bars: ours need none
        import pooch

    pooch.get_logger().setLevel("WARNING")  # our bar says enough, and names no folder
    source = pooch.create(
        folder,
        base_url="",
        registry={name: file.sha256 for name, file in files.items()},
        urls={name: file.url for name, file in files.items()},
        retry_if_failed=RETRIES,
    )
    with locked(folder, parameter):
        for name, file in files.items():
            try:
                source.fetch(name, downloader=download_file)
            except ValueError as error:
                reason = str(error).split(". ")[0]
                raise DataError(f"{file.url} could not be downloaded ({reason}).") from error


def damaged_files(folder: Path, files: dict[str, RemoteFile]) -> list[str]:
    """Return the names of those of ``files`` that ``folder`` lacks, or has with another content."""
    return [
        name
        for name, file in files.items()
        if not (folder / name).is_file() or file_hash(folder / name) != file.sha256
    ]


def mnist_path(folder: Path, name: str) -> Path | None:
    """Return one of MNIST's files as it lies in ``folder``, unpacked or packed by gzip, also named
    as on Kaggle (``train-images.idx3-ubyte``); None if it is missing.
    """
    spellings = (name, name.replace("-idx", ".idx"))
    paths = [folder / (spelt + ending) for ending in ("", ".gz") for spelt in spellings]
    return next((path for path in paths if path.is_file()), None)


def read_mnist_file(folder: Path, name: str) -> bytes:
    """Return the unpacked content of one of MNIST's files, ``b""`` if it is missing or damaged."""
    path = mnist_path(folder, name)
    if path is None:
        return b""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error):  # of which BadGzipFile is one
        return b""


def damaged_mnist(folder: Path) -> list[str]:
    """Return the names of MNIST's files that ``folder`` lacks, or has with another content."""
    return [
        name
        for name, file in MNIST_FILES.items()
        if hashlib.sha256(read_mnist_file(folder, name)).hexdigest() != file.sha256
    ]


def fetch_mnist(data_dir: Path, offline: bool = False) -> Path:
    """Return the folder with MNIST's four files as they lie (``mnist_path``). If they are missing
    or damaged, they are downloaded to ``MNIST/raw`` below ``data_dir``; DataError if that fails.
    """
    existing = find_data("MNIST/raw", data_dir)
    damaged = damaged_mnist(existing) if existing else []
    if existing and not damaged:
        return existing
    folder = data_dir / "MNIST" / "raw"
    try:
        download(MNIST_FILES, folder, "data_dir", offline)
    except DataError as error:
        state = f"MNIST is not in {folder}"
        if existing:
            state = f"{existing} lacks a whole {', '.join(damaged)}"
            if any(mnist_path(existing, name) for name in damaged):
                state += " (by hash: other sets, as Fashion-MNIST, have files of the same names)"
        raise DataError(
            f"{state}, and {error} Put the four files of MNIST there, or set data_dir to "
            "the folder that holds MNIST/raw, or data_source to 'sample'."
        ) from error
    return folder


def refuse_packed(parent: Path, folder: Path) -> None:
    """Raise DataError if ``parent`` holds the zip of the big cats, ``archive.zip`` on Kaggle."""
    for packed in sorted(parent.glob("*.zip")):
        if re.search("cat|archive", packed.name, re.IGNORECASE):
            raise DataError(f"{packed} is still packed. Unpack it in {folder}.")


def find_splits(folder: Path) -> list[Path]:
    """Return the folders of the big cats' three splits; DataError if one is missing."""
    folders = split_folders(folder)
    missing = [split for split in SPLITS if split not in folders]
    if missing:
        refuse_packed(folder, folder)
        refuse_packed(folder.parent, folder)
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; it must hold train/, valid/ and test/. Unpack "
            f"{BIG_CATS} there again, or remove the folder."
        )
    return [folders[split] for split in SPLITS]


def fetch_big_cats(data_dir: Path, offline: bool = False) -> Path:
    """Return the folder of the big cats' three splits, which kagglehub downloads if it is missing.
    DataError if that fails.
    """
    if existing := find_data("big_cats", data_dir):
        return existing
    folder = data_dir / "big_cats"
    refuse_packed(data_dir, folder)
    remedy = (
        f"There is no folder {folder}. Download {BIG_CATS} from Kaggle and unpack it there "
        "(data/README.md), set data_dir to the folder that holds big_cats/, or data_source to "
        "'sample'."
    )
    try:
        refuse_offline(offline)
        import kagglehub

        downloaded = Path(kagglehub.dataset_download(BIG_CATS))  # resumes, checks, shows a bar
    except ImportError as error:
        pip = f"{sys.executable} -m pip install kagglehub"
        raise DataError(f"{remedy} After `{pip}` this is done for you.") from error
    except Exception as error:  # of many kinds: ours, requests', Kaggle's, the file system's
        raise DataError(f"{remedy} It was not downloaded ({error}).") from error
    if not has_splits(downloaded):
        raise DataError(f"{remedy} What kagglehub downloaded lacks train, valid or test.")
    with locked(folder, "data_dir"):
        if not folder.is_dir():  # another process may have copied it meanwhile
            with replacing(folder) as unfinished:
                for split, path in split_folders(downloaded).items():
                    shutil.copytree(path, unfinished / split)
    return folder


def find_photographs(name: str, data_dir: Path) -> Path:
    """Return the folder ``birds`` or ``dogs``, which nobody offers for download; DataError if it
    is missing.
    """
    if existing := find_data(name, data_dir):
        return existing
    raise DataError(
        f"There is no folder {data_dir / name}. Put the course's pictures there, or your own, set "
        f"data_dir to the folder that holds {name}/, or data_source to 'sample'."
    )


def vgg16_file() -> Path:
    """Return where torch keeps VGG16's ImageNet weights, whether they are there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / next(iter(VGG16_FILES))


def usable_weights(weights: str, source: str) -> str:
    """Return what the parameter ``vgg_weights`` comes to, a path without ``~``. With ``"sample"``
    data nothing is downloaded, so ``"imagenet"`` without weights in torch's cache is ``"none"``.
    """
    if weights not in ("imagenet", "none"):
        return str(user_path(weights))
    missing = weights == "imagenet" and not vgg16_file().is_file()
    return "none" if missing and source == "sample" else weights


def fetch_vgg16(offline: bool = False) -> Path:
    """Return the file of VGG16's ImageNet weights in torch's cache, which is downloaded if it is
    missing. DataError if that fails.
    """
    file = vgg16_file()
    if file.is_file():
        return file
    try:
        download(VGG16_FILES, file.parent, "TORCH_HOME", offline)
    except DataError as error:
        raise DataError(
            f"VGG16's weights are not in {file}, and {error} Set vgg_weights to the path of "
            "torchvision's vgg16 state dict, or to 'none'."
        ) from error
    return file


def fetch(name: str, data_dir: Path, offline: bool = False) -> Path:
    """Return the file or folder of one of ``FETCH_NAMES``, which is downloaded if it is missing.
    DataError if that fails, or if it is missing and ``offline``.
    """
    if name == "mnist":
        return fetch_mnist(data_dir, offline)
    if name == "big_cats":
        return fetch_big_cats(data_dir, offline)
    if name == "vgg16":
        return fetch_vgg16(offline)
    return find_photographs(name, data_dir)
