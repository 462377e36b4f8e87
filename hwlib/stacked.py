"""Several networks trained at once as one: the same start and the same batches, a learning rate
each (Question 3.II.b).

The first layers of all R networks meet the same batch, so they are one matrix product (B, D) by (D,
R·H). Rounding differs from that of R separate runs, which is why the homework's reported figures
come from separate runs.
"""

import torch
from torch import Tensor

from hwlib.activations import softmax
from hwlib.mlp import Digits, FullyConnectedNetwork, cross_entropy


class StackedNetwork:
    """R copies of ``network`` as they stand, each with a learning rate of its own.

    Args:
        network: the common start.
        learning_rates: R rates.
    """

    def __init__(self, network: FullyConnectedNetwork, learning_rates: list[float]):
        self.count = len(learning_rates)
        self.activation = network.activation
        self.W1 = network.W1.repeat(1, self.count)  # (D, R·H)
        self.b1 = network.b1.repeat(self.count)  # (R·H,)
        self.W2 = network.W2.repeat(self.count, 1, 1)  # (R, H, K)
        self.b2 = network.b2.repeat(self.count, 1, 1)  # (R, 1, K)
        self.lr = torch.tensor(learning_rates, device=self.W1.device, dtype=self.W1.dtype).view(
            -1, 1, 1
        )

    def forward(self, x: Tensor) -> Tensor:
        """Class probabilities y_hat (R, B, K) of a batch x (B, D)."""
        z1 = torch.addmm(self.b1, x, self.W1)
        self.h1 = (
            self.activation.function(z1).view(len(x), self.count, -1).transpose(0, 1)
        )  # (R, B, H)
        return softmax(torch.baddbmm(self.b2, self.h1, self.W2))

    def backward(self, x: Tensor, y: Tensor, y_hat: Tensor) -> None:
        """One SGD step of each network: labels y (B, K) one-hot, y_hat (R, B, K) from ``forward``.

        The learning rate multiplies the small d_z2 and so reaches every gradient.
        """
        d_z2 = (y_hat - y) * (self.lr / len(x))
        d_z1 = d_z2 @ self.W2.transpose(1, 2) * self.activation.derivative_from_value(self.h1)
        d_z1 = d_z1.transpose(0, 1).reshape(len(x), -1)  # (B, R·H)
        self.W2.baddbmm_(self.h1.transpose(1, 2), d_z2, alpha=-1)
        self.b2.sub_(d_z2.sum(1, keepdim=True))
        self.W1.addmm_(x.T, d_z1, alpha=-1)
        self.b1.sub_(d_z1.sum(0))


def train_stacked(
    network: StackedNetwork, digits: Digits, epochs: int, batch_size: int = 32
) -> dict[str, list[float]]:
    """Train all R networks for ``epochs`` passes in data-set order.

    Returns:
        ``train_loss`` and ``train_accuracy`` of each network, R values, on the whole training set
        after the last step.
    """
    for _ in range(epochs):
        for x, y in zip(
            digits.x_train.split(batch_size), digits.y_train.split(batch_size), strict=True
        ):
            network.backward(x, y, network.forward(x))
    y_hat = network.forward(digits.x_train)
    correct = y_hat.argmax(-1) == digits.y_train.argmax(-1)
    return {
        "train_loss": cross_entropy(digits.y_train, y_hat).mean(1).tolist(),
        "train_accuracy": correct.float().mean(1).tolist(),
    }
