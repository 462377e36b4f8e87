"""One seed for every random generator, and the choice of the device."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def set_seed(seed: int = 42) -> None:
    """Seed Python, NumPy and torch, on every device, and ask cuDNN for repeatable kernels.

    PYTHONHASHSEED is not set, since a Python that already runs does not read it. It changes the
    order of sets of strings; no figure here depends on one.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def choose_device(device: str = "auto") -> torch.device:
    """Return the device ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``; ``"auto"`` is CUDA if
    there is any. ValueError if CUDA is asked for by name and there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(device)
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA "
            "devices here; set device to 'auto' or 'cpu'"
        )
    return chosen


def device_name(device: torch.device) -> str:
    """Describe a device for readers: ``"cpu (2 threads of 2 cores)"``, ``"cuda (NVIDIA T4)"``."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"cpu ({threads} thread{'s' * (threads > 1)} of {os.cpu_count()} cores)"


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads in the block, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
