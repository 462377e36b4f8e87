"""Progress bars of long loops."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm

LOG_INTERVAL = 30  # seconds between two lines of a bar that goes into a file


def progress_bar(
    items: Iterable[Any] | None, description: str, unit: str, **options: Any
) -> "tqdm[Any]":
    """Return a bar around ``items``; one that is moved by hand if they are None. It is on standard
    error, and in a notebook on standard output: notebooks show the other in the red box of errors.
    In a file, which keeps every state of a bar, it is written rarely.
    """
    in_notebook = type(sys.stdout).__module__ == "ipykernel.iostream"
    file = sys.stdout if in_notebook else sys.stderr
    if not in_notebook and not file.isatty():
        options = {"mininterval": LOG_INTERVAL} | options
    return tqdm(items, description, unit=unit, file=file, **options)


def progress(description: str) -> Callable[[Iterable[int]], Iterable[int]]:
    """Return a progress bar over epochs, for a training function."""
    return lambda epochs: progress_bar(epochs, description, "epoch")
