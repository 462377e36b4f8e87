import random
import warnings

import numpy as np
import pytest
import torch

from hwlib.common import device
from hwlib.common.device import DeviceError, choose_device, device_name, find_device, set_seed

NO_KERNEL = (
    "CUDA error: no kernel image is available for execution on the device\n"
    "CUDA kernel errors might be asynchronously reported at some other API call."
)
FULL = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 14.74 GiB."


def fail(error: Exception):
    """A function that a GPU lets down."""

    def compute(*_, **__):
        raise error

    return compute


@pytest.fixture
def one_card(monkeypatch):
    """Torch believes in a CUDA card; the first thing computed on it fails."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "zeros", fail(RuntimeError(NO_KERNEL)))


def test_seed_reaches_every_generator():
    draws = []
    for _ in range(2):
        set_seed(11)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_an_absent_device_is_refused():
    absent = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(
        DeviceError, match=rf"{absent}' is not there.*set device to 'auto' or 'cpu'"
    ):
        choose_device(absent)
    assert choose_device("cpu").type == "cpu"


def test_the_cards_that_are_there_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match="torch sees cuda:0, cuda:1 on this machine"):
        find_device("cuda:7")
    assert find_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mps", "ever tried on an Apple GPU: set device to 'cpu'"),
        ("tpu9", "set it to auto, cpu, cuda or cuda:N"),
        ("cuda:-1", "set it to auto"),
        ("", "set it to auto"),
    ],
)
def test_other_devices_are_refused_in_a_sentence(name, reason):
    with pytest.raises(DeviceError, match=reason):
        choose_device(name)


def test_a_card_that_torch_cannot_use_is_left_alone_or_refused(one_card):
    with pytest.warns(UserWarning, match="no kernel image.*the CPU does the work"):
        assert choose_device("auto").type == "cpu"
    with pytest.raises(DeviceError, match="no kernel image"):
        choose_device("cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_device("auto").type == "cuda"  # which touches nothing


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            torch.cuda.OutOfMemoryError(FULL),
            "The GPU's memory is full (CUDA out of memory): end other programs and notebooks that "
            "use it (nvidia-smi lists them), or set device to 'cpu'.",
        ),
        (
            RuntimeError(NO_KERNEL),
            "The GPU cannot be used (CUDA error: no kernel image is available for execution on the "
            "device): restart the kernel; if that does not help, install a torch that fits the "
            "card and its driver, or set device to 'cpu'.",
        ),
        (
            RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
            "The GPU cannot be used (cuDNN error: CUDNN_STATUS_EXECUTION_FAILED): restart the "
            "kernel; if that does not help, install a torch that fits the card and its driver, or "
            "set device to 'cpu'.",
        ),
    ],
)
def test_what_a_gpu_reports_is_raised_as_a_sentence(error, sentence):
    with pytest.raises(DeviceError) as raised:
        device.explain_device_errors()(fail(error))()
    assert str(raised.value) == sentence and raised.value.__cause__ is error


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), ZeroDivisionError("CUDA")])
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as raised, device.explain_device_errors():
        raise error
    assert raised.value is error


def test_the_description_of_a_device_counts_the_threads(use_threads):
    use_threads(1)
    assert device_name(torch.device("cpu")).startswith("cpu (1 thread of ")
