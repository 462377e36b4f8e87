"""Activation functions and their derivatives, from tensor operations alone (Question 3.I).

``Activation`` pairs a function with its derivative, so that a network can be given both by one
name.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """Rectified linear unit max(x, 0), any shape."""
    return x.clamp(min=0)


def sigmoid(x: Tensor) -> Tensor:
    """Logistic function 1 / (1 + exp(-x)), any shape.

    Right for every finite ``x``: where exp(-x) overflows to infinity the quotient is 0, its correct
    limit.
    """
    return torch.reciprocal(1 + torch.exp(-x))


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent, any shape.

    The usual (exp(x) - exp(-x)) / (exp(x) + exp(-x)) is infinity over infinity from |x| = 89 on in
    float32, and loses all digits near 0. With u = exp(2x) - 1 it is u / (u + 2), which does
    neither. Beyond |x| = 20 it is 1 to the last digit, in float64 too: larger x are all the same.
    """
    u = torch.expm1(2 * x.clamp(-20, 20))
    return u / (u + 2)


def softmax(x: Tensor) -> Tensor:
    """Softmax over the last axis: exp(x_i) / sum_k exp(x_k), shape (..., N) to (..., N).

    The row's maximum is subtracted first: it cancels in the quotient, and no exponential overflows.
    """
    exponentials = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


def d_sigmoid(x: Tensor) -> Tensor:
    """Derivative of the logistic function, sigmoid(x) (1 - sigmoid(x)), elementwise.

    Written as sigmoid(x) sigmoid(-x), which is the same and keeps its digits where sigmoid(x)
    rounds to 1.
    """
    return sigmoid(x) * sigmoid(-x)


def d_tanh(x: Tensor) -> Tensor:
    """Derivative of the hyperbolic tangent, 1 - tanh(x)^2, elementwise.

    Written as 4 e / (1 + e)^2 with e = exp(-2|x|), which is the same and keeps its digits where
    tanh(x) rounds to 1.
    """
    e = torch.exp(-2 * x.abs())
    return 4 * e / (1 + e) ** 2


def d_softmax(x: Tensor) -> Tensor:
    """Jacobian of softmax, (..., N) to (..., N, N): J_ik = y_i (delta_ik - y_k), y = softmax(x)."""
    y = softmax(x)
    return torch.diag_embed(y) - y.unsqueeze(-1) * y.unsqueeze(-2)


class Activation(NamedTuple):
    """A hidden layer's activation: the function, and its derivative written with the function's own
    value.

    The backward pass has h = g(z) at hand, so g'(z) as a function of h saves an exponential a step.
    """

    function: Callable[[Tensor], Tensor]
    derivative_from_value: Callable[[Tensor], Tensor]


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda h: h * (1 - h)),
    "tanh": Activation(tanh, lambda h: 1 - h * h),
    "relu": Activation(relu, lambda h: (h > 0).to(h.dtype)),
}
