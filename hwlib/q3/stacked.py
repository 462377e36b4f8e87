"""Several networks trained at once: the same start and the same batches, a learning rate each
(Question 3.II.b).

The code is that of ``FullyConnectedNetwork`` with one more dimension in front, R networks. Each of
their matrix products is done as it would be alone, so on a CPU the figures of R separate runs come
out, at a fraction of the overhead.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from hwlib.common.device import set_seed
from hwlib.q3.activations import softmax
from hwlib.q3.mlp import Digits, FullyConnectedNetwork, History, train


class StackedNetwork:
    """R copies of ``network`` as it stands, each with one of the R learning rates."""

    def __init__(self, network: FullyConnectedNetwork, learning_rates: list[float]):
        self.count = len(learning_rates)
        self.activation = network.activation
        self.W1 = network.W1.repeat(self.count, 1, 1)  # (R, D, H)
        self.b1 = network.b1.repeat(self.count, 1, 1)  # (R, 1, H)
        self.W2 = network.W2.repeat(self.count, 1, 1)  # (R, H, K)
        self.b2 = network.b2.repeat(self.count, 1, 1)  # (R, 1, K)
        self.lr = torch.tensor(learning_rates).to(self.W1).view(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Class probabilities y_hat (R, B, K) of a batch x (B, D)."""
        z1 = torch.baddbmm(self.b1, x.expand(self.count, -1, -1), self.W1)
        self.h1 = self.activation.function(z1)
        z2 = torch.baddbmm(self.b2, self.h1, self.W2)
        return softmax(z2)

    def backward(self, x: Tensor, y: Tensor, y_hat: Tensor) -> None:
        """One SGD step of each network: y (B, K) one-hot, y_hat (R, B, K) from ``forward``."""
        d_z2 = (y_hat - y) / len(y)
        d_h1 = d_z2 @ self.W2.mT
        d_z1 = d_h1 * self.activation.derivative_from_value(self.h1)
        self.W2 -= self.lr * (self.h1.mT @ d_z2)
        self.b2 -= self.lr * d_z2.sum(1, keepdim=True)
        self.W1.baddbmm_(x.T.expand(self.count, -1, -1), self.lr * d_z1, alpha=-1)
        self.b1 -= self.lr * d_z1.sum(1, keepdim=True)


def train_each_rate(
    learning_rates: list[float],
    digits: Digits,
    epochs: int,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> dict[float, History]:
    """Train the assignment's network with each rate, from the same start; histories by rate."""
    set_seed(seed)
    start = FullyConnectedNetwork(
        digits.x_train.shape[1], digits.y_train.shape[1], 128, "sigmoid", lr=0.0
    )
    networks = StackedNetwork(start.to(digits.x_train.device), learning_rates)
    history = train(networks, digits, epochs, progress=progress)
    return {
        lr: {name: [figures[place] for figures in values] for name, values in history.items()}
        for place, lr in enumerate(learning_rates)
    }
