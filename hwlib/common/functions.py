"""The type of a function of a tensor, as the questions share it."""

from collections.abc import Callable

from torch import Tensor

TensorFunction = Callable[[Tensor], Tensor]  # an activation, a loss, or what a network computes
