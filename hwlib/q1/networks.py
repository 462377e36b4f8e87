"""Networks small enough to be read: s = W2 g(W1 x + b1) + b2 (Question 1)."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from hwlib.common.functions import TensorFunction


class ToyNetwork:
    """One hidden layer and one output, y = g_output(W2 g(W1 x + b1) + b2), with the given matrices.

    Args:
        W1: rows of the first layer, (H, D).
        W2: weights of the output, (H,).
        g: the hidden activation.
        b1: hidden biases (H,), zero if not given.
        b2: the output's bias.
        g_output: applied to s; the identity if not given.
    """

    def __init__(
        self,
        W1: Sequence[Sequence[float]],
        W2: Sequence[float],
        g: TensorFunction,
        b1: Sequence[float] | None = None,
        b2: float = 0.0,
        g_output: TensorFunction | None = None,
    ):
        self.W1 = torch.tensor(W1, dtype=torch.float64)
        self.W2 = torch.tensor(W2, dtype=torch.float64)
        self.b1 = torch.tensor(b1 or [0.0] * len(W2), dtype=torch.float64)
        self.b2 = b2
        self.g = g
        self.g_output = g_output or (lambda s: s)

    def hidden(self, x: Tensor) -> Tensor:
        """Return the hidden values h (..., H) of inputs x (..., D)."""
        return self.g(x.to(self.W1.dtype) @ self.W1.T + self.b1)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the output (...) of inputs x (..., D)."""
        return self.g_output(self.hidden(x) @ self.W2 + self.b2)


def random_points(count: int, dimension: int, low: float = -3, high: float = 3) -> Tensor:
    """Return uniform points in a cube, float64 (count, dimension), the same every time."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(count, dimension, dtype=torch.float64, generator=generator)
    return low + (high - low) * points


class Statement(NamedTuple):
    """A network, the function that it is said to compute, and that function's name."""

    network: ToyNetwork
    function: TensorFunction
    name: str


def compare(statements: Sequence[Statement], points: int = 1000) -> pd.DataFrame:
    """Return for each statement its function, the number of inputs, and the largest difference
    between network and function at that many random points.
    """
    rows = []
    for network, function, name in statements:
        x = random_points(points, network.W1.shape[1])
        difference = (network(x) - function(x)).abs().max()
        rows.append((name, x.shape[1], f"{points:,}", f"{difference:.1e}"))
    columns = ["function", "inputs", "random points", "largest difference"]
    return pd.DataFrame(rows, columns=columns).set_index("function").rename_axis(None)


def truth_table(network: ToyNetwork) -> pd.DataFrame:
    """Return the hidden values and the output for each of the four pairs of binary inputs."""
    x = torch.tensor(list(product((0, 1), repeat=2)), dtype=torch.float64)
    hidden, output = network.hidden(x), network(x)
    columns = {"x1": x[:, 0].int(), "x2": x[:, 1].int(), "h1": hidden[:, 0], "h2": hidden[:, 1]}
    table = pd.DataFrame(
        {name: values.numpy() for name, values in columns.items()} | {"output": output.numpy()}
    )
    formatted = {name: table[name].map("{:.6f}".format) for name in ("h1", "h2", "output")}
    return table.assign(**formatted, rounded=output.round().int().numpy())
