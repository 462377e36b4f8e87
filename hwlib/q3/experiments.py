"""Experiments that explain a training run before one trusts it (Question 3.II.b)."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import pandas as pd
import torch

from hwlib.common.device import explain_device_errors
from hwlib.common.history import History
from hwlib.q3.activations import sigmoid, softmax
from hwlib.q3.mlp import Digits, FullyConnectedNetwork, cross_entropy, evaluate, train_epoch
from hwlib.q3.stacked import StackedNetwork

STARTS = {"N(0, 1), as required": False, "N(0, 1) / √fan-in": True}  # name: scaled or not
DRAWS = 20_000  # logits that predict the first loss


def untrained_network(
    digits: Digits, seed: int, scaled: bool = False, lr: float = 0.0
) -> FullyConnectedNetwork:
    """Return the assignment's network as it starts; ``scaled``: with weights / √fan-in."""
    torch.manual_seed(seed)
    network = FullyConnectedNetwork(
        digits.x_train.shape[1], digits.y_train.shape[1], 128, sigmoid, lr
    )
    if scaled:
        network.W1 /= math.sqrt(len(network.W1))
        network.W2 /= math.sqrt(len(network.W2))
    return network.to(digits.x_train.device)


def first_loss(digits: Digits, seed: int) -> pd.DataFrame:
    """Return the untrained network's loss, measured and predicted from the spread of its logits.

    Logit k is a sum of H terms h_j W2_jk: given h, normal with variance sum_j h_j^2 times that of
    the weights. The prediction draws such logits and averages their cross-entropy.
    """
    num_classes = digits.y_train.shape[1]
    rows = {}
    for name, scaled in STARTS.items():
        network = untrained_network(digits, seed, scaled)
        loss, _ = evaluate(network, digits.x_train, digits.y_train)
        h1 = network.activation_func(network.b1 + digits.x_train @ network.W1)
        deviation = 1 / math.sqrt(len(network.W2)) if scaled else 1
        spread = h1.square().sum(1).mean().sqrt().item() * deviation
        logits = spread * torch.randn(DRAWS, num_classes)
        labels = torch.zeros(DRAWS, dtype=torch.long)  # any class: all logits are drawn alike
        rows[name] = {
            "spread of the logits": spread,
            "predicted loss": cross_entropy(labels, softmax(logits)).item(),
            "measured loss": loss.item(),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").round(3)
    return table.assign(**{"ln K (all classes equal)": round(math.log(num_classes), 3)})


def largest_difference(first: History, second: History | None) -> str:
    """Return in words how far two histories are apart that should be the same."""
    if second is None:
        return "not trained again"

    def gap(quantity: str) -> float:
        names = [name for name in first if name.endswith(quantity)]
        pairs = [pair for name in names for pair in zip(first[name], second[name], strict=True)]
        return max(abs(a - b) for a, b in pairs)

    return f"largest difference: {gap('loss'):.1e} in loss, {gap('accuracy'):.1e} in accuracy"


def final_figures(histories: dict[float, History]) -> pd.DataFrame:
    """Return the last epoch's figures of each learning rate, and the training loss's fall in it."""
    rows = {
        f"lr = {lr:g}": {name.replace("_", " "): values[-1] for name, values in history.items()}
        | {"train loss, fall in the last epoch": loss[-2] - loss[-1]}
        for lr, history in sorted(histories.items())
        if len(loss := history["train_loss"]) > 1
    }
    return pd.DataFrame.from_dict(rows, orient="index").round(4)


def same_distance(histories: dict[float, History]) -> pd.DataFrame:
    """Return the test loss of neighbouring learning rates after equal products of rate and epochs.

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


def overfit(digits: Digits, seed: int) -> str:
    """Train on a handful of samples alone, and return in words how many are then right.

    A sound network with a sound gradient gets every one of them right.
    """
    samples, steps = 64, 200
    x, y = digits.x_train[:samples], digits.y_train[:samples]
    network = untrained_network(digits, seed, lr=0.5)
    for _ in range(steps):
        network.backward(x, y, network.forward(x))
    loss, accuracy = evaluate(network, x, y)
    return (
        f"{accuracy:.0%} of {samples} training digits right after {steps} steps on them alone, "
        f"loss {loss:.4f}"
    )


@explain_device_errors()
def learning_rate_range_test(
    digits: Digits,
    seed: int,
    epochs: int = 1,
    points: int = 16,
    progress: Callable[[str], Callable[[Iterable[int]], Iterable[int]]] = lambda description: iter,
) -> dict[str, pd.DataFrame]:
    """Train with learning rates from 1e-4 to 10 side by side, from the assignment's start and from
    the scaled one (a learning-rate range test).

    Returns:
        for each start a table with the columns ``lr``, ``train_loss``, ``train_accuracy`` and
        ``untrained_loss``, ``points`` rows.
    """
    rates = torch.logspace(-4, 1, points).tolist()
    tables = {}
    for name, scaled in STARTS.items():
        network = untrained_network(digits, seed, scaled=scaled)
        untrained, _ = evaluate(network, digits.x_train, digits.y_train)
        networks = StackedNetwork(network, rates)
        for _ in progress(name)(range(epochs)):
            train_epoch(networks, digits.x_train, digits.y_train)
        loss, accuracy = evaluate(networks, digits.x_train, digits.y_train)
        columns = {"lr": rates, "train_loss": loss.tolist(), "train_accuracy": accuracy.tolist()}
        tables[name] = pd.DataFrame(columns | {"untrained_loss": untrained.item()})
    return tables


def range_edges(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return for each start the untrained loss, the edge (the rate of the lowest loss: beyond it
    the loss rises again), and the figures there.
    """
    names = {
        "untrained_loss": "untrained loss",
        "lr": "edge, lr",
        "train_loss": "loss there",
        "train_accuracy": "accuracy there",
    }
    rows = {name: table.iloc[table["train_loss"].argmin()] for name, table in tables.items()}
    return pd.DataFrame.from_dict(rows, orient="index")[list(names)].rename(columns=names).round(3)
