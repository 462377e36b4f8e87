"""A fully connected classifier by hand (Question 3.II): forward, backward, SGD by tensor products.

Nothing here uses automatic differentiation, built-in losses, activations, layers or optimisers.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from hwlib.common.device import explain_device_errors
from hwlib.common.files import replacing
from hwlib.common.functions import TensorFunction
from hwlib.common.history import History
from hwlib.q3.activations import derivative_of, softmax

FIGURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")  # of every epoch


class FullyConnectedNetwork:
    """Two layers, y_hat = softmax(g(x W1 + b1) W2 + b2), trained by plain SGD on the mean
    cross-entropy.

    Args:
        input_size: number of features D of a sample.
        output_size: number of classes K.
        hidden_size1: number of hidden units H.
        activation_func: the g of the hidden layer, an elementwise function such as ``sigmoid``; its
            derivative is ``derivative_of(activation_func)``.
        lr: learning rate of the SGD step.

    The weights are drawn from the standard normal distribution on the CPU, W1 (D, H) first, then W2
    (H, K): the same seed gives the same start on every device. The biases are zero.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hidden_size1: int,
        activation_func: TensorFunction,
        lr: float,
    ):
        self.activation_func = activation_func
        self.derivative = derivative_of(activation_func)
        self.lr = lr
        self.W1 = torch.randn(input_size, hidden_size1)
        self.W2 = torch.randn(hidden_size1, output_size)
        self.b1 = torch.zeros(hidden_size1)
        self.b2 = torch.zeros(output_size)

    def to(
        self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> "FullyConnectedNetwork":
        """Move the parameters, in place, and return the network."""
        for name, parameter in self.state_dict().items():
            setattr(self, name, parameter.to(device, dtype))
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """Return the parameters by name: W1 (D, H), W2 (H, K), b1 (H,), b2 (K,)."""
        return {"W1": self.W1, "W2": self.W2, "b1": self.b1, "b2": self.b2}

    def forward(self, x: Tensor) -> Tensor:
        """Return class probabilities y_hat (B, K) of x (B, D), and keep z1 and h1 (B, H)."""
        self.z1 = torch.addmm(self.b1, x, self.W1)
        self.h1 = self.activation_func(self.z1)
        z2 = torch.addmm(self.b2, self.h1, self.W2)
        return softmax(z2)

    def backward(self, x: Tensor, y: Tensor, y_hat: Tensor) -> None:
        """Take one SGD step, p - lr * d(mean cross-entropy)/dp for every parameter p.

        Args:
            x: the batch (B, D) that ``forward`` has just seen.
            y: labels (B,), or one-hot rows (B, K).
            y_hat: what ``forward`` returned for it (B, K).
        """
        parameters = self.state_dict()
        for name, gradient in self.gradients(x, y, y_hat).items():
            # Two operations, since the rounding of a product that also subtracts depends on the
            # processor.
            parameters[name] -= self.lr * gradient

    def layer_gradients(self, y: Tensor, y_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Return d(mean cross-entropy)/d z1 (B, H) and /d z2 (B, K), by the chain rule."""
        d_z2 = (y_hat - one_hot_rows(y, y_hat)) / len(y)  # Question 2.II; the mean over the batch
        d_h1 = d_z2 @ self.W2.T
        return d_h1 * self.derivative(self.z1, self.h1), d_z2

    def gradients(self, x: Tensor, y: Tensor, y_hat: Tensor) -> dict[str, Tensor]:
        """Return d(mean cross-entropy)/dp for every parameter p by name, each of its shape."""
        d_z1, d_z2 = self.layer_gradients(y, y_hat)
        return {"W1": x.T @ d_z1, "W2": self.h1.T @ d_z2, "b1": d_z1.sum(0), "b2": d_z2.sum(0)}


def one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return labels (N,) as rows of the identity, (N, num_classes)."""
    identity = torch.eye(num_classes, dtype=dtype, device=labels.device)
    return identity[labels.long()]  # bytes would select as a mask


def one_hot_rows(y: Tensor, y_hat: Tensor) -> Tensor:
    """Return ``y`` as one-hot rows that fit the probabilities ``y_hat`` (..., K).

    Labels, (B,) or () for a single sample, are converted; rows, (B, K) or (K,), are returned.
    """
    if y.dim() < min(y_hat.dim(), 2):
        return one_hot(y, y_hat.shape[-1], y_hat.dtype)
    return y


def sample_losses(y: Tensor, y_hat: Tensor) -> Tensor:
    """Return the cross-entropy -sum_i y_i log y_hat_i of each sample, (...) for y_hat (..., K).

    A probability that underflowed to 0 counts as the smallest normal number, so the loss stays
    finite (at most 87.3 in float32).
    """
    smallest = torch.finfo(y_hat.dtype).tiny
    return -(one_hot_rows(y, y_hat) * y_hat.clamp(min=smallest).log()).sum(dim=-1)


def cross_entropy(y: Tensor, y_hat: Tensor) -> Tensor:
    """Return the cross-entropy, averaged over the batch.

    Args:
        y: labels (B,), or one-hot rows (B, K); of a single sample () or (K,).
        y_hat: probabilities (B, K), those of R networks (R, B, K), or of a single sample (K,).

    Returns:
        a scalar, or (R,) for R networks.
    """
    return sample_losses(y, y_hat).mean(dim=-1)


def mean_loss_and_accuracy(y: Tensor, y_hat: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """Return the mean over the batches of the batch-mean cross-entropy, and the fraction of samples
    that are classified correctly.

    The last batch may be smaller and still counts as one batch, as in the assignment.

    Args:
        y: labels (N,), or one-hot rows (N, K).
        y_hat: probabilities (..., N, K), of one network or of several.
        batch_size: samples a batch.

    Returns:
        loss and accuracy, of shape (...) each.
    """
    y = one_hot_rows(y, y_hat)
    losses = sample_losses(y, y_hat)
    whole = len(y) // batch_size * batch_size
    batch_means = losses[..., :whole].unflatten(-1, (-1, batch_size)).mean(-1)
    if whole < len(y):
        batch_means = torch.cat([batch_means, losses[..., whole:].mean(-1, keepdim=True)], dim=-1)
    correct = (y_hat.argmax(dim=-1) == y.argmax(dim=-1)).sum(-1)
    return batch_means.mean(-1), correct.double() / len(y)


class Digits(NamedTuple):
    """A training set and a test set: pixels in [0, 1], (N, D), and one-hot labels, (N, K)."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor

    def summary(self) -> str:
        """Return in a sentence how many digits there are, of what size, on which device."""
        count, features = self.x_train.shape
        return (
            f"{count:,} training digits, {len(self.x_test):,} test digits, {features} pixels in "
            f"[{self.x_train.min():.0f}, {self.x_train.max():.0f}], on {self.x_train.device}"
        )


@explain_device_errors()
def prepare_digits(
    train_images: Tensor,
    train_labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    device: torch.device | str = "cpu",
    num_classes: int = 10,
) -> Digits:
    """Return images uint8 (N, 28, 28) and labels (N,) as network input on ``device``, in order."""
    return Digits(
        train_images.to(device).flatten(1) / 255,
        one_hot(train_labels.to(device), num_classes),
        test_images.to(device).flatten(1) / 255,
        one_hot(test_labels.to(device), num_classes),
    )


class Network(Protocol):
    """What can be trained here: one network, or a stack of several."""

    def forward(self, x: Tensor) -> Tensor:
        """Return probabilities (..., B, K) of a batch x (B, D)."""

    def backward(self, x: Tensor, y: Tensor, y_hat: Tensor) -> None:
        """Take one SGD step on the batch that ``forward`` has just seen."""


def train_epoch(
    network: Network, x: Tensor, y: Tensor, batch_size: int = 32
) -> tuple[Tensor, Tensor]:
    """Train for one pass over the samples in their order; return loss and accuracy, (...) each,
    taken before each step.
    """
    # One tensor for all predictions: small ones that stay would lie between the large ones of the
    # steps, and the process would grow by gigabytes.
    outputs = network.forward(x[:1]).repeat_interleave(len(x), dim=-2)
    batches = (x.split(batch_size), y.split(batch_size), outputs.split(batch_size, dim=-2))
    for x_batch, y_batch, output in zip(*batches, strict=True):
        y_hat = network.forward(x_batch)
        network.backward(x_batch, y_batch, y_hat)
        output.copy_(y_hat)
    return mean_loss_and_accuracy(y, outputs, batch_size)


def evaluate(network: Network, x: Tensor, y: Tensor, batch_size: int = 32) -> tuple[Tensor, Tensor]:
    """Return loss and accuracy, (...) each, of the network as it stands; every sample counts."""
    y_hat = torch.cat([network.forward(part) for part in x.split(10_000)], dim=-2)
    return mean_loss_and_accuracy(y, y_hat, batch_size)


@explain_device_errors()
def train_epochs(
    network: Network,
    digits: Digits,
    epochs: int,
    batch_size: int = 32,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> dict[str, Tensor]:
    """Train for ``epochs`` passes, and evaluate on the test set after each; return for each of
    ``FIGURES`` its values, (epochs,), or (epochs, R) for R networks. ``progress`` may wrap the
    epochs in a bar.
    """
    rows = []
    for _ in progress(range(epochs)):
        training = train_epoch(network, digits.x_train, digits.y_train, batch_size)
        rows.append(training + evaluate(network, digits.x_test, digits.y_test, batch_size))
    columns = zip(*rows, strict=True)
    return {name: torch.stack(values) for name, values in zip(FIGURES, columns, strict=True)}


def train(
    network: FullyConnectedNetwork,
    digits: Digits,
    epochs: int,
    batch_size: int = 32,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> History:
    """Train one network as ``train_epochs`` does, and return its history."""
    figures = train_epochs(network, digits, epochs, batch_size, progress)
    return {name: values.tolist() for name, values in figures.items()}


def save_network(network: FullyConnectedNetwork, path: Path) -> None:
    """Write the submission's Q3 pickle: ``{"W1", "W2", "b1", "b2"}``, on the CPU."""
    parameters = {name: parameter.cpu() for name, parameter in network.state_dict().items()}
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        torch.save(parameters, file)  # by the open file: a name would be written into the pickle
