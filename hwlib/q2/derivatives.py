"""Derivatives compared with two independent checks: autograd, and central differences."""

import pandas as pd
import torch
from torch import Tensor

from hwlib.common.functions import TensorFunction

STEP = 1e-5  # of the finite differences, in the units of x


def finite_differences(function: TensorFunction, x: Tensor) -> Tensor:
    """Return the Jacobian (*output shape, *shape of x) at a float64 ``x`` by central differences,
    (f(x + STEP e_k) - f(x - STEP e_k)) / (2 STEP), with an error of order STEP^2.
    """
    shifts = STEP * torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape)
    columns = [(function(x + shift) - function(x - shift)) / (2 * STEP) for shift in shifts]
    return torch.stack(columns, dim=-1).reshape(*columns[0].shape, *x.shape)


def check_derivative(
    function: TensorFunction, derivative: TensorFunction, x: Tensor, name: str
) -> pd.DataFrame:
    """Return the largest difference of ``derivative(x)`` from each independent check, in one row.

    Args:
        function: f of a vector x (N,); its value is a scalar, or a vector (N,).
        derivative: the Jacobian of f, of shape (*output shape, N); for an elementwise f its
            diagonal (N,) will do.
        x: where to compare, float64 (N,).
        name: the row's label.
    """
    value = derivative(x)
    jacobians: dict[str, Tensor] = {
        "autograd": torch.autograd.functional.jacobian(function, x),
        "finite differences": finite_differences(function, x),
    }
    row = {}
    for check, jacobian in jacobians.items():
        elementwise = jacobian.dim() == 2 and value.dim() == 1
        expected = jacobian.diagonal() if elementwise else jacobian
        row[f"largest difference from {check}"] = f"{(value - expected).abs().max():.1e}"
    return pd.DataFrame(row, index=[name])
