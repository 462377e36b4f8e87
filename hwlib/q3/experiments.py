"""Experiments that explain a training run before one trusts it (Question 3.II.b)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import pandas as pd
import torch

from hwlib.common.device import explain_device_errors, set_seed
from hwlib.common.history import SPLIT_LABELS, History
from hwlib.common.sentences import signed
from hwlib.q3.activations import sigmoid, softmax
from hwlib.q3.mlp import (
    Digits,
    FullyConnectedNetwork,
    cross_entropy,
    evaluate,
    train,
    train_epoch,
)
from hwlib.q3.stacked import StackedNetwork

Bars = Callable[[str], Callable[[Iterable[int]], Iterable[int]]]  # of a text: bar of epochs
STARTS = {"N(0, 1), as required": False, "N(0, 1) / √fan-in": True}  # name: scaled or not
DRAWS = 20_000  # logits that predict the first loss
FLAT = 0.01  # within this distance of 0 or 1 a sigmoid has nearly no slope
STILL_FALLING = 0.01  # share of the loss that an epoch takes off before convergence


def untrained_network(
    digits: Digits, seed: int, scaled: bool = False, lr: float = 0.0
) -> FullyConnectedNetwork:
    """Return the assignment's network as it starts; ``scaled``: with weights / √fan-in."""
    set_seed(seed)
    network = FullyConnectedNetwork(
        digits.x_train.shape[1], digits.y_train.shape[1], 128, sigmoid, lr
    )
    if scaled:
        network.W1 /= math.sqrt(len(network.W1))
        network.W2 /= math.sqrt(len(network.W2))
    return network.to(digits.x_train.device)


def first_loss(digits: Digits, seed: int) -> pd.DataFrame:
    """Return the untrained network's share of flat hidden units, and its loss, measured and
    predicted from the spread of its logits.

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
        flat = (h1 < FLAT) | (h1 > 1 - FLAT)
        rows[name] = {
            "saturated hidden units": f"{flat.double().mean():.0%}",
            "spread of the logits": spread,
            "predicted loss": cross_entropy(labels, softmax(logits)).item(),
            "measured loss": loss.item(),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table["ln K (all classes equal)"] = math.log(num_classes)
    return table.round(3)


def train_each_rate(
    learning_rates: Sequence[float],
    digits: Digits,
    epochs: int,
    seed: int,
    known: Mapping[float, History],
    progress: Bars = lambda description: iter,
) -> dict[float, History]:
    """Train the assignment's network once with each rate, always from the same start; return the
    histories by rate. Those that are ``known`` are not computed again.
    """
    histories = dict(known)
    for lr in (rate for rate in learning_rates if rate not in known):
        network = untrained_network(digits, seed, lr=lr)  # calls set_seed(seed)
        histories[lr] = train(network, digits, epochs, progress=progress(f"lr {lr:g}"))
    return {lr: histories[lr] for lr in learning_rates}


def final_figures(histories: dict[float, History]) -> pd.DataFrame:
    """Return the last epoch's figures of each learning rate, the difference of test and training
    loss, and the share of the training loss that the last epoch took off.
    """
    rows = {}
    for lr, history in sorted(histories.items()):
        last = {name.replace("_", " "): f"{values[-1]:.4f}" for name, values in history.items()}
        loss = history["train_loss"]
        gap = history["test_loss"][-1] - loss[-1]
        fall = f"{(loss[-2] - loss[-1]) / loss[-2]:.1%}" if len(loss) > 1 else "–"
        extra = {"test − train loss": f"{gap:+.4f}", "fall in the last epoch": fall}
        rows[f"lr = {lr:g}"] = last | extra
    return pd.DataFrame.from_dict(rows, orient="index")


def change_text(name: str, values: Sequence[float]) -> str:
    """Return in words how a figure changed from the first epoch to the last."""
    first, last = values[0], values[-1]
    verb = "falls" if last < first else "rises" if last > first else "stays"
    split, quantity = name.split("_")
    return f"the {SPLIT_LABELS[split]} {quantity} {verb} from {first:.4f} to {last:.4f}"


def curves_text(history: History) -> str:
    """Return in sentences how the figures changed, how far the sets are apart in the last epoch,
    and whether the training loss was still falling there.
    """
    *changes, last = [change_text(name, values) for name, values in history.items()]
    loss = history["test_loss"][-1] - history["train_loss"][-1]
    points = 100 * (history["test_accuracy"][-1] - history["train_accuracy"][-1])
    return (
        f"From the first epoch to the last {', '.join(changes)}, and {last}.\n"
        f"In the last epoch the test loss is {abs(loss):.3f} {'above' if loss > 0 else 'below'} "
        f"the training loss, and the test accuracy is {abs(points):.1f} percentage points "
        f"{'above' if points > 0 else 'below'} the training accuracy. "
        f"{falling_text({'this rate': history})}"
    )


def falling_text(histories: Mapping[str, History]) -> str:
    """Return in a sentence in which trainings the loss still fell in the last epoch, by name."""
    losses = {name: history["train_loss"] for name, history in histories.items()}
    falling = [
        name
        for name, loss in losses.items()
        if len(loss) > 1 and loss[-1] < (1 - STILL_FALLING) * loss[-2]
    ]
    limit = f"by more than {STILL_FALLING:.0%}"
    if not falling:
        return f"In the last epoch the training loss did not fall {limit}: it has levelled off."
    return (
        f"In the last epoch the training loss still fell {limit} at {', '.join(falling)}: the "
        "training was stopped before it had converged."
    )


def rates_text(histories: dict[float, History]) -> str:
    """Return in sentences the order of the rates by the last epoch's test loss, whether the other
    epochs and the test accuracy have the same order, which rates had not converged, and which one
    has the largest difference of test and training loss.
    """
    last = {lr: (h["test_loss"][-1], -h["test_accuracy"][-1]) for lr, h in histories.items()}
    by_loss, by_accuracy = (sorted(last, key=lambda lr: last[lr][k]) for k in (0, 1))
    epochs = list(zip(*(histories[lr]["test_loss"] for lr in by_loss), strict=True))
    alike = sum(list(losses) == sorted(losses) for losses in epochs)
    same = "the same" if by_loss == by_accuracy else "another"
    return (
        f"Test loss after {len(epochs)} epochs, the lowest first: "
        f"{', '.join(f'{last[lr][0]:.3f} (lr {lr:g})' for lr in by_loss)}. "
        f"The order is the same in {alike} of {len(epochs)} epochs. "
        f"The order by test accuracy is {same}.\n"
        f"{falling_text({f'lr {lr:g}': histories[lr] for lr in sorted(histories)})}"
    )


def gap_text(histories: dict[float, History]) -> str:
    """Return in sentences where the test loss is furthest above the training loss, what both do in
    the last quarter of the epochs there, and which rate ends with the lowest losses.
    """
    gaps = {lr: h["test_loss"][-1] - h["train_loss"][-1] for lr, h in histories.items()}
    widest = max(gaps, key=lambda lr: gaps[lr])
    others = [gap for lr, gap in gaps.items() if lr != widest]
    beside = f"; at most {signed(max(others), '+.3f')} at the other rates" if others else ""
    train, test = (histories[widest][f"{split}_loss"] for split in ("train", "test"))
    first = max(0, len(test) - max(2, len(test) // 4))
    lowest = {
        split: min(histories, key=lambda lr: histories[lr][f"{split}_loss"][-1])
        for split in ("train", "test")
    }
    same = lowest["train"] == lowest["test"]
    as_well = "and the lowest test loss" if same else f"lr {lowest['test']:g} the lowest test loss"
    return (
        f"Test loss minus training loss is largest at lr {widest:g} "
        f"({signed(gaps[widest], '+.3f')}{beside}). From epoch {first + 1} to {len(test)} the "
        f"training loss goes there from {train[first]:.3f} to {train[-1]:.3f}, the test loss from "
        f"{test[first]:.3f} to {test[-1]:.3f}.\n"
        f"After the last epoch lr {lowest['train']:g} has the lowest training loss, {as_well}."
    )


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
    if not rows:
        return pd.DataFrame({"": "–"}, index=["no two rates to compare within these epochs"])
    return pd.DataFrame.from_dict(rows, orient="index").map("{:.4f}".format)


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
        f"After {steps} steps at a rate of {network.lr:g} on {samples} training digits alone, "
        f"{accuracy:.0%} of them are classified correctly (loss {loss:.4f})."
    )


@explain_device_errors()
def learning_rate_range_test(
    digits: Digits,
    seed: int,
    epochs: int = 1,
    points: int = 19,
    progress: Bars = lambda description: iter,
) -> dict[str, pd.DataFrame]:
    """Train with learning rates from 1e-4 to 100 side by side, from the assignment's start and from
    the scaled one (a learning-rate range test).

    Returns:
        for each start a table with the columns ``lr``, ``train_loss``, ``train_accuracy`` and
        ``untrained_loss``, ``points`` rows.
    """
    rates = torch.logspace(-4, 2, points).tolist()
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


def rates_between(rates: pd.Series) -> str:
    """Return the ends of a range of rates as text, or its only rate."""
    low, high = f"{rates.min():.2g}", f"{rates.max():.2g}"
    return f"{low} alone" if low == high else f"{low} to {high}"


def best_rates(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return for each start the untrained loss, the rate of the lowest loss, the figures there, and
    the range of rates whose loss is at most a tenth above the lowest.
    """
    rows = {}
    for name, table in tables.items():
        best = table.loc[table["train_loss"].idxmin()]
        near = table.loc[table["train_loss"] <= 1.1 * best["train_loss"], "lr"]
        rows[name] = {
            "untrained loss": f"{best['untrained_loss']:.3f}",
            "lowest loss": f"{best['train_loss']:.3f}",
            "at lr": f"{best['lr']:.2g}",
            "accuracy there": f"{best['train_accuracy']:.4f}",
            "at most a tenth higher": f"lr {rates_between(near)}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def range_text(tables: dict[str, pd.DataFrame], learning_rates: Sequence[float]) -> str:
    """Return in a sentence how the largest compared rate lies to the range of good rates from the
    required start.
    """
    table, largest = next(iter(tables.values())), max(learning_rates)
    good = table.loc[table["train_loss"] <= 1.1 * table["train_loss"].min(), "lr"]
    low, high = good.min(), good.max()
    place = "below" if largest < low else "above" if largest > high else "in"
    meaning = {
        "below": "a larger rate learns faster in the first epoch",
        "in": "no rate learns much faster in the first epoch",
        "above": "a smaller rate learns faster in the first epoch",
    }
    return (
        f"The largest rate compared above, {largest:g}, is {place} the range of the best rates "
        f"from the required start ({rates_between(good)}): {meaning[place]}."
    )
