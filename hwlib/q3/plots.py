"""Figures of functions and of training, loss and accuracy against the epoch."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from torch import Tensor

from hwlib.common.figures import (
    COLOURS,
    SPLITS,
    UNITS,
    finish,
    legend_above,
    new_figure,
    show_values,
)
from hwlib.q3.mlp import History

Elementwise = Callable[[Tensor], Tensor]


def activations(functions: dict[str, tuple[Elementwise, Elementwise]]) -> Figure:
    """Each function beside its derivative, from -6 to 6."""
    x = torch.linspace(-6, 6, 241)
    figure, axes = new_figure(1, len(functions), 3.6 * len(functions), 2.5)
    for place, (name, (function, derivative)) in zip(axes, functions.items(), strict=True):
        place.plot(x, function(x), label=name)
        place.plot(x, derivative(x), label=f"d {name} / dx")
        place.set(xlabel="x", ylabel="value", title=name)
        place.legend()
    return finish(figure)


def jacobian(x: Tensor, y: Tensor, matrix: Tensor) -> Figure:
    """A vector x (N,), its softmax y (N,) and the Jacobian (N, N) with its numbers."""
    figure, (left, right) = new_figure(1, 2, 7.2, 2.7)
    numbers = range(1, len(x) + 1)
    left.bar(numbers, y, color=COLOURS[0])
    left.set(title="softmax(x)", xlabel="component i", ylabel="probability")
    left.set_xticks(numbers, [f"{i}\n$x_{i}$={value:g}" for i, value in enumerate(x.tolist(), 1)])
    limit = matrix.abs().max().item()
    scale = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    image = show_values(right, matrix, "{:.2f}".format, fontsize=8, **scale)
    right.set(title="Jacobian", xlabel="k", ylabel="i")
    right.set_xticks(range(len(x)), numbers)
    right.set_yticks(range(len(x)), numbers)
    figure.colorbar(image, ax=right, label="derivative")
    return finish(figure)


def plot_epochs(axes: Axes, values: list[float], **options: Any) -> None:
    """One curve against the epoch, from 1."""
    axes.plot(range(1, len(values) + 1), values, **options)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(
    history: History, best_epoch: int | None = None, growth: Sequence[int] = ()
) -> Figure:
    """Loss and accuracy of both splits against the epoch; ``best_epoch`` is marked, and the last
    epochs before the pictures grow.
    """
    figure, axes = new_figure(1, 2, 7.2, 2.8)
    for place, (quantity, unit) in zip(axes, UNITS.items(), strict=True):
        for key in (key for key in history if key.endswith(quantity)):
            plot_epochs(place, history[key], label=SPLITS[key.split("_")[0]])
        if best_epoch:
            label = f"best epoch ({best_epoch})"
            place.axvline(best_epoch, color="grey", linestyle=":", label=label)
        for number, epoch in enumerate(growth):
            label = None if number else "pictures grow"
            place.axvline(epoch + 0.5, color="black", linestyle="-.", linewidth=0.6, label=label)
        place.set(ylabel=f"{quantity} ({unit})", title=quantity)
    legend_above(figure, axes[0], fontsize=8)
    return finish(figure)


def learning_rates(histories: dict[float, History]) -> Figure:
    """Loss and accuracy by split against the epoch, one curve a rate, on common axes."""
    figure, axes = new_figure(2, 2, 7.2, 5.0)
    for pair, (quantity, unit) in zip((axes[:2], axes[2:]), UNITS.items(), strict=True):
        for place, split in zip(pair, ("train", "test"), strict=True):
            for lr, history in sorted(histories.items()):
                plot_epochs(place, history[f"{split}_{quantity}"], marker=".", label=f"lr = {lr:g}")
            place.set(ylabel=f"{quantity} ({unit})", title=f"{SPLITS[split]} {quantity}")
        pair[1].sharey(pair[0])
        pair[0].autoscale()
    axes[0].set_yscale("log")
    for place in axes[:2]:
        place.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        place.yaxis.set_major_formatter("{x:g}")
        place.minorticks_off()
    legend_above(figure, axes[0])
    return finish(figure)


def learning_rate_range(tables: dict[str, pd.DataFrame]) -> Figure:
    """Training loss and accuracy against the learning rate (log axis), one curve a start; the rate
    of the lowest loss is the edge of the first start, and shaded beyond.
    """
    figure, (left, right) = new_figure(1, 2, 7.2, 3.1)
    for (name, table), marker in zip(tables.items(), "os", strict=True):
        left.loglog(table["lr"], table["train_loss"], marker=marker, markersize=3, label=name)
        right.semilogx(table["lr"], table["train_accuracy"], marker=marker, markersize=3)
    first = next(iter(tables.values()))
    edge = first.loc[first["train_loss"].idxmin(), "lr"]
    for place, (quantity, unit) in zip((left, right), UNITS.items(), strict=True):
        place.axvline(edge, color="black", linestyle=":", label=f"edge, lr = {edge:.2g}")
        place.axvspan(edge, first["lr"].max(), color="grey", alpha=0.15, label="beyond the edge")
        place.set(xlabel="learning rate", ylabel=f"training {quantity} ({unit})")
    legend_above(figure, left, fontsize=8)
    return finish(figure)
