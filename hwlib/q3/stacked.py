"""Several networks trained at once: the same start and the same batches, a learning rate each
(for the range of rates in Question 3.II.b).

The code is that of ``FullyConnectedNetwork`` with one more dimension in front, R networks. Each of
their matrix products is done as it would be alone, so on a CPU the figures of R separate runs come
out, at a fraction of the overhead.
"""

import torch
from torch import Tensor

from hwlib.q3.activations import softmax
from hwlib.q3.mlp import FullyConnectedNetwork, one_hot_rows


class StackedNetwork:
    """R copies of ``network`` as it stands, each with one of the R learning rates."""

    def __init__(self, network: FullyConnectedNetwork, learning_rates: list[float]):
        self.count = len(learning_rates)
        self.activation_func = network.activation_func
        self.derivative = network.derivative
        self.W1 = network.W1.repeat(self.count, 1, 1)  # (R, D, H)
        self.b1 = network.b1.repeat(self.count, 1, 1)  # (R, 1, H)
        self.W2 = network.W2.repeat(self.count, 1, 1)  # (R, H, K)
        self.b2 = network.b2.repeat(self.count, 1, 1)  # (R, 1, K)
        self.lr = torch.tensor(learning_rates).to(self.W1).view(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return class probabilities y_hat (R, B, K) of x (B, D), and keep z1 and h1 (R, B, H)."""
        self.z1 = torch.baddbmm(self.b1, x.expand(self.count, -1, -1), self.W1)
        self.h1 = self.activation_func(self.z1)
        z2 = torch.baddbmm(self.b2, self.h1, self.W2)
        return softmax(z2)

    def backward(self, x: Tensor, y: Tensor, y_hat: Tensor) -> None:
        """Take one SGD step of each network.

        Args:
            x: the batch (B, D) that ``forward`` has just seen.
            y: labels (B,), or one-hot rows (B, K).
            y_hat: what ``forward`` returned for it (R, B, K).
        """
        d_z2 = (y_hat - one_hot_rows(y, y_hat)) / len(y)
        d_h1 = d_z2 @ self.W2.mT
        d_z1 = d_h1 * self.derivative(self.z1, self.h1)
        self.W2 -= self.lr * (self.h1.mT @ d_z2)
        self.b2 -= self.lr * d_z2.sum(1, keepdim=True)
        self.W1 -= self.lr * (x.T @ d_z1)
        self.b1 -= self.lr * d_z1.sum(1, keepdim=True)
