"""What tests share: real data where there is any, and one export that many of them look at."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from support import run_hwlib


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not os.environ.get("HW1_DATA"):
        pytest.skip("HW1_DATA is not set: no real data here")
    return Path(os.environ["HW1_DATA"])


@pytest.fixture
def use_threads() -> Iterator[Callable[[int], None]]:
    """Sets how many threads torch uses, until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """The folder of a short demo export."""
    out = tmp_path_factory.mktemp("export") / "demo"
    done = run_hwlib("export", "demo", "-p", "cnn_epochs", 2, "-p", "mlp_epochs", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    return out
