"""Derivatives held against two independent witnesses: autograd and central differences.

The homework's own networks never use this; it is how their mathematics is checked.
"""

from collections.abc import Callable
from copy import deepcopy

import pandas as pd
import torch
from torch import Tensor

from hwlib.q3.mlp import FullyConnectedNetwork, cross_entropy

Function = Callable[[Tensor], Tensor]
STEP = 1e-5  # of the finite differences, in the units of x


def finite_differences(function: Function, x: Tensor) -> Tensor:
    """Jacobian (*output shape, *shape of x) at a float64 ``x`` by central differences,
    (f(x + STEP e_k) - f(x - STEP e_k)) / (2 STEP), with error of order STEP^2.
    """
    shifts = STEP * torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape)
    columns = [(function(x + shift) - function(x - shift)) / (2 * STEP) for shift in shifts]
    return torch.stack(columns, dim=-1).reshape(*columns[0].shape, *x.shape)


def check_derivative(
    function: Function, derivative: Function, x: Tensor, name: str
) -> pd.DataFrame:
    """Largest difference between ``derivative(x)`` and both witnesses, one row.

    Args:
        function: f of a vector x (N,); its value is a scalar, or a vector (N,).
        derivative: the Jacobian of f, of shape (*output shape, N); for an elementwise f its
            diagonal (N,) will do.
        x: where to compare, float64 (N,).
        name: the row's label.
    """
    witnesses = {
        "autograd": torch.autograd.functional.jacobian(function, x),
        "finite differences": finite_differences(function, x),
    }
    mine, found = derivative(x), {}
    for witness, jacobian in witnesses.items():
        elementwise = jacobian.dim() == 2 and mine.dim() == 1
        found[f"largest difference from {witness}"] = (
            (mine - (jacobian.diagonal() if elementwise else jacobian)).abs().max()
        )
    return pd.DataFrame({column: f"{value:.1e}" for column, value in found.items()}, index=[name])


def autograd_gradients(network: FullyConnectedNetwork, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Gradients of the mean cross-entropy, by autograd through the network's own ``forward``."""
    network = deepcopy(network)
    leaves = {name: value.requires_grad_() for name, value in network.state_dict().items()}
    loss = cross_entropy(y, network.forward(x)).mean()
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def check_network(network: FullyConnectedNetwork, x: Tensor, y: Tensor) -> pd.DataFrame:
    """Per parameter: shape, largest gradient by hand, largest difference from autograd's."""
    expected = autograd_gradients(network, x, y)
    mine = network.gradients(x, y, network.forward(x))
    rows = {
        name: {
            "shape": " × ".join(map(str, mine[name].shape)),
            "largest gradient": f"{mine[name].abs().max():.1e}",
            "largest difference from autograd": f"{(mine[name] - expected[name]).abs().max():.1e}",
        }
        for name in mine
    }
    return pd.DataFrame.from_dict(rows, orient="index")
