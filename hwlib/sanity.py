"""Experiments that explain a training run before one trusts it (Question 3.II.b)."""

import math
from itertools import pairwise

import pandas as pd
import torch

from hwlib.mlp import Digits, FullyConnectedNetwork, History, cross_entropy, evaluate
from hwlib.stacked import StackedNetwork, train_stacked


def first_loss(
    digits: Digits, seed: int, hidden_size: int = 128, draws: int = 20000
) -> pd.DataFrame:
    """The untrained network's loss, measured and predicted from the spread of its logits.

    With weights from N(0, 1), logit k is a sum of H terms h_j W2_jk: given h, normal with variance
    sum_j h_j^2. The prediction draws such logits and averages their cross-entropy. ``scaled`` draws
    W / sqrt(fan-in) instead.
    """
    rows = {}
    for name, scaled in (("N(0, 1), as required", False), ("N(0, 1) / √fan-in", True)):
        torch.manual_seed(seed)
        network = FullyConnectedNetwork(
            digits.x_train.shape[1], digits.y_train.shape[1], hidden_size, "sigmoid", 0.0
        )
        network.to(digits.x_train.device)
        if scaled:
            network.W1 /= math.sqrt(len(network.W1))
            network.W2 /= math.sqrt(len(network.W2))
        loss, _ = evaluate(network, digits.x_train, digits.y_train)
        spread = network.h1.square().sum(1).mean().sqrt().item() * (
            1 / math.sqrt(hidden_size) if scaled else 1
        )
        logits = spread * torch.randn(draws, digits.y_train.shape[1])
        predicted = (logits.logsumexp(1) - logits[:, 0]).mean().item()
        rows[name] = {
            "spread of the logits": spread,
            "predicted loss": predicted,
            "measured loss": loss,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").round(3)
    return table.assign(**{"ln K (all classes equal)": round(math.log(digits.y_train.shape[1]), 3)})


def final_figures(histories: dict[float, History]) -> pd.DataFrame:
    """Last epoch's figures of each learning rate, and how much the training loss fell in that
    epoch.
    """
    rows = {
        f"lr = {lr:g}": {name.replace("_", " "): values[-1] for name, values in history.items()}
        | {"fall in the last epoch": history["train_loss"][-2] - history["train_loss"][-1]}
        for lr, history in sorted(histories.items())
        if len(history["train_loss"]) > 1
    }
    return pd.DataFrame.from_dict(rows, orient="index").round(4)


def same_distance(histories: dict[float, History]) -> pd.DataFrame:
    """Test loss of neighbouring learning rates after equal products of rate and epochs.

    For small steps SGD follows the gradient flow, and rate × steps is the distance in its time.
    Pairs whose rates do not differ by a whole factor within the epochs at hand are left out.
    """
    rates = sorted(histories)
    rows = {}
    for slow, fast in pairwise(rates):
        factor = round(fast / slow)
        if math.isclose(factor * slow, fast) and factor <= len(histories[slow]["test_loss"]):
            rows[f"{slow:g} × {factor} epochs = {fast:g} × 1 epoch"] = {
                "test loss, slow": histories[slow]["test_loss"][factor - 1],
                "test loss, fast": histories[fast]["test_loss"][0],
                "test accuracy, slow": histories[slow]["test_accuracy"][factor - 1],
                "test accuracy, fast": histories[fast]["test_accuracy"][0],
            }
    return pd.DataFrame.from_dict(rows, orient="index").round(4)


def overfit(
    digits: Digits, seed: int, samples: int = 64, epochs: int = 200, lr: float = 0.5
) -> str:
    """Train on a handful of samples alone: a sound network and gradient reach every one of them."""
    torch.manual_seed(seed)
    x, y = digits.x_train[:samples], digits.y_train[:samples]
    network = FullyConnectedNetwork(x.shape[1], y.shape[1], 128, "sigmoid", lr).to(x.device)
    for _ in range(epochs):
        network.backward(x, y, network.forward(x))
    loss, accuracy = evaluate(network, x, y)
    return (
        f"{accuracy:.0%} of {samples} training digits right after {epochs} steps on them alone, "
        f"loss {loss:.4f}"
    )


def learning_rate_range(digits: Digits, seed: int, epochs: int, points: int = 16) -> pd.DataFrame:
    """Learning rates from 1e-4 to 10, trained side by side from one start; training loss and
    accuracy of each.

    Returns:
        columns ``lr``, ``train_loss``, ``train_accuracy``; ``points`` rows.
    """
    torch.manual_seed(seed)
    network = FullyConnectedNetwork(
        digits.x_train.shape[1], digits.y_train.shape[1], 128, "sigmoid", 0.0
    )
    rates = torch.logspace(-4, 1, points).tolist()
    figures = train_stacked(
        StackedNetwork(network.to(digits.x_train.device), rates), digits, epochs
    )
    untrained = cross_entropy(digits.y_train, network.forward(digits.x_train)).mean().item()
    return pd.DataFrame({"lr": rates, **figures, "untrained_loss": untrained})
