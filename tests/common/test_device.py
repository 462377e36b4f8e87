import random

import numpy as np
import pytest
import torch

from hwlib.common.device import choose_device, device_name, set_seed


def test_seed_reaches_every_generator():
    draws = []
    for _ in range(2):
        set_seed(11)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_an_absent_device_is_refused():
    with pytest.raises(ValueError, match="auto"):
        choose_device(f"cuda:{torch.cuda.device_count()}")
    assert choose_device("cpu").type == "cpu"


def test_the_description_of_a_device_counts_the_threads(use_threads):
    use_threads(1)
    assert device_name(torch.device("cpu")).startswith("cpu (1 thread of ")
