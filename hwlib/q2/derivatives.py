"""Derivatives compared with two independent checks: autograd, and central differences."""

from collections.abc import Mapping

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


def check_derivatives(
    functions: Mapping[str, tuple[TensorFunction, TensorFunction]], x: Tensor
) -> pd.DataFrame:
    """Return for each function and its derivative, by name, how far the derivative is at most from
    each independent check.

    A function is one of a vector x (N,), float64; its value is a scalar or a vector (N,). Its
    derivative has the shape (*output shape, N); an elementwise function's diagonal (N,) will do.
    """
    rows = {}
    for name, (function, derivative) in functions.items():
        value = derivative(x)
        jacobians: dict[str, Tensor] = {
            "autograd": torch.autograd.functional.jacobian(function, x),
            "finite differences": finite_differences(function, x),
        }
        rows[name] = {
            f"largest difference from {check}": f"{largest_difference(value, jacobian):.1e}"
            for check, jacobian in jacobians.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def largest_difference(value: Tensor, jacobian: Tensor) -> float:
    """Return the largest difference of a derivative, or of its diagonal, from the Jacobian."""
    elementwise = jacobian.dim() == 2 and value.dim() == 1
    expected = jacobian.diagonal() if elementwise else jacobian
    return (value - expected).abs().max().item()
