"""Activation functions and their derivatives, from tensor operations alone (Question 3.I).

A derivative g'(x) takes the value g(x) as a second argument if that is known already: a backward
pass has it from the forward pass, and no exponential is computed twice.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from hwlib.common.functions import TensorFunction

Derivative = Callable[[Tensor, Tensor], Tensor]  # g'(x) of x and g(x)


def relu(x: Tensor) -> Tensor:
    """Return the rectified linear unit max(x, 0), any shape."""
    return x.clamp(min=0)


def sigmoid(x: Tensor) -> Tensor:
    """Return the logistic function 1 / (1 + exp(-x)), any shape.

    It is right for every finite ``x``: if exp(-x) overflows to infinity, the quotient is 0.
    """
    return torch.reciprocal(1 + torch.exp(-x))


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent, any shape.

    The usual (exp(x) - exp(-x)) / (exp(x) + exp(-x)) is infinity over infinity from |x| = 89 on in
    float32, and loses all digits near 0. With u = exp(2x) - 1 it is u / (u + 2), which does
    neither. Beyond |x| = 20 it is 1 to the last digit, in float64 too: larger x are all the same.
    """
    u = torch.expm1(2 * x.clamp(-20, 20))
    return u / (u + 2)


def softmax(x: Tensor) -> Tensor:
    """Return softmax over the last axis: exp(x_i) / sum_k exp(x_k), shape (..., N) to (..., N).

    The row's maximum is subtracted first: it cancels in the quotient, and no exponential overflows.
    """
    exponentials = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


def d_relu(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return the derivative of max(x, 0), elementwise: 1 if x > 0, else 0 (at the kink too)."""
    return (x > 0).to(x.dtype)


def d_sigmoid(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return the derivative of the logistic function, y - y^2 with y = sigmoid(x) if not given."""
    y = sigmoid(x) if y is None else y
    return y - y * y


def d_tanh(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return the derivative of the hyperbolic tangent, 1 - y^2 with y = tanh(x) if not given."""
    y = tanh(x) if y is None else y
    return 1 - y * y


def d_softmax(x: Tensor) -> Tensor:
    """Return softmax's Jacobian, (..., N) to (..., N, N): y_i (delta_ik - y_k), y = softmax(x)."""
    y = softmax(x)
    return torch.diag_embed(y) - y.unsqueeze(-1) * y.unsqueeze(-2)


DERIVATIVES: dict[TensorFunction, Derivative] = {relu: d_relu, sigmoid: d_sigmoid, tanh: d_tanh}


def derivative_of(function: TensorFunction) -> Derivative:
    """Return the derivative of an elementwise function: the one above, or else a numerical one.

    The numerical one is the central difference (g(x + s) - g(x - s)) / 2s, in double precision.
    """
    step = 1e-5

    def central_difference(x: Tensor, y: Tensor) -> Tensor:
        precise = x.double()
        difference = function(precise + step) - function(precise - step)
        return (difference / (2 * step)).to(x.dtype)

    return DERIVATIVES.get(function, central_difference)
