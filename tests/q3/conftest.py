"""What the tests of Question 3 share: a few genuine digits."""

import pytest

from hwlib.common.data import load_mnist
from hwlib.q3.mlp import Digits, prepare_digits


@pytest.fixture(scope="session")
def digits() -> Digits:
    """640 digits to train on, 100 to test."""
    full = prepare_digits(*load_mnist("unused", "sample"))
    return Digits(full.x_train[:640], full.y_train[:640], full.x_test[:100], full.y_test[:100])
