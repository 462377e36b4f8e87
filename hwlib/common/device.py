"""One seed for every random generator; the choice of the device, and its errors in a sentence."""

import os
import random
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from hwlib.common.errors import HwlibError

GPU_FAILURE = re.compile("CUDA|cuDNN|cuBLAS|NVIDIA|NCCL", re.IGNORECASE)  # in a driver's messages


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


class DeviceError(HwlibError):
    """A device is missing, or fails; the message says why and what to do."""


@contextmanager
def explain_device_errors() -> Iterator[None]:
    """Raise what a GPU or its driver reports in the block, or in a function that this decorates, as
    a DeviceError of one sentence.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(
            f"The GPU's memory is full ({first_sentence(error)}): end other programs and notebooks "
            "that use it (nvidia-smi lists them), or set device to 'cpu'."
        ) from error
    except RuntimeError as error:
        if not GPU_FAILURE.search(str(error)):
            raise
        raise DeviceError(
            f"The GPU cannot be used ({first_sentence(error)}): restart the kernel; if that does "
            "not help, install a torch that fits the card and its driver, or set device to 'cpu'."
        ) from error


def first_sentence(error: Exception) -> str:
    """Return the first sentence of an error's message, without the final stop."""
    return str(error).strip().split("\n")[0].split(". ")[0].rstrip(".")


def find_device(device: str = "auto") -> torch.device:
    """Return the device ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"`` without touching it;
    ``"auto"`` is CUDA if there is any. DeviceError if it is none of these or is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "mps":
        raise DeviceError(
            "The device 'mps' is not supported, since no training was ever tried on an Apple GPU: "
            "set device to 'cpu'."
        )
    if device != "cpu" and not re.fullmatch(r"cuda(:\d+)?", device):
        raise DeviceError(f"There is no device {device!r}: set it to auto, cpu, cuda or cuda:N.")
    number, count = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    if device != "cpu" and number >= count:
        cards = ", ".join(f"cuda:{n}" for n in range(count)) or "no CUDA device"
        raise DeviceError(
            f"The device {device!r} is not there, torch sees {cards} on this machine: set device "
            "to 'auto' or 'cpu'."
        )
    return torch.device(device)


@explain_device_errors()
def check_device(device: torch.device) -> None:
    """Compute something on a device; DeviceError if its driver or torch's build fails."""
    torch.zeros(2, device=device).sum().item()


def choose_device(device: str = "auto") -> torch.device:
    """Return the device as ``find_device`` does, after it has computed something: a card that
    torch's build does not know, or whose memory others fill, is seen at once. ``"auto"`` then is
    the CPU, with a warning; a device asked for by name is a DeviceError.
    """
    chosen = find_device(device)
    try:
        check_device(chosen)
    except DeviceError as error:
        if device != "auto":
            raise
        warnings.warn(f"{error} Until then the CPU does the work.", stacklevel=2)
        return torch.device("cpu")
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
