"""Progress bars of long loops."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(
    items: Iterable[Any] | None, description: str, unit: str, **options: Any
) -> "tqdm[Any]":
    """Return a bar around ``items``; one that is moved by hand if they are None. It is on standard
    error, and in a notebook on standard output: notebooks show the other in the red box of errors.
    """
    in_notebook = type(sys.stdout).__module__ == "ipykernel.iostream"
    file = sys.stdout if in_notebook else sys.stderr
    return tqdm(items, description, unit=unit, file=file, **options)


def progress(description: str) -> Callable[[Iterable[int]], Iterable[int]]:
    """Return a progress bar over epochs, for a training function."""
    return lambda epochs: progress_bar(epochs, description, "epoch")
