"""Figures of functions and of training: activations and derivatives, loss and accuracy against the
epoch.
"""

from collections.abc import Callable

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from torch import Tensor

from hwlib.plots.style import finish, new_figure

History = dict[str, list[float]]
SPLIT_NAMES = {"train": "training", "test": "test", "validation": "validation"}


def activations(
    functions: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]],
) -> Figure:
    """Each function beside its derivative, from -6 to 6."""
    x = torch.linspace(-6, 6, 241)
    figure, axes = new_figure(1, len(functions), 3.6 * len(functions), 2.5)
    for place, (name, (function, derivative)) in zip(axes, functions.items(), strict=True):
        place.plot(x, function(x), label=name)
        place.plot(x, derivative(x), label=f"d {name} / dx")
        place.set(xlabel="x", title=name)
        place.legend()
    return finish(figure)


def jacobian(x: Tensor, y: Tensor, matrix: Tensor) -> Figure:
    """A vector x (N,), its softmax y (N,) and the Jacobian (N, N) with its numbers."""
    figure, (left, right) = new_figure(1, 2, 7.2, 2.7)
    positions = range(1, len(x) + 1)
    left.bar(positions, y, color="#0072B2")
    left.set(
        title="softmax(x)",
        xlabel="component i",
        xticks=list(positions),
        xticklabels=[
            f"{i}\n$x_{i}$={value:g}" for i, value in zip(positions, x.tolist(), strict=True)
        ],
    )
    limit = matrix.abs().max().item()
    image = right.imshow(matrix, cmap="PuOr", vmin=-limit, vmax=limit)
    for i, row in enumerate(matrix.tolist()):
        for k, value in enumerate(row):
            colour = "white" if abs(value) > 0.6 * limit else "black"
            right.text(k, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    right.set(
        title="Jacobian",
        xlabel="k",
        ylabel="i",
        xticks=range(len(x)),
        yticks=range(len(x)),
        xticklabels=positions,
        yticklabels=positions,
    )
    right.grid(False)
    figure.colorbar(image, ax=right)
    return finish(figure)


def label_epochs(axes: Axes, quantity: str, title: str = "") -> None:
    """Axis labels of a curve against the epoch."""
    axes.set(
        xlabel="epoch",
        ylabel=f"{quantity} (fraction)" if quantity == "accuracy" else f"{quantity} (nats)",
    )
    axes.set_title(title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(history: History, best_epoch: int | None = None) -> Figure:
    """Loss and accuracy of both splits against the epoch; ``best_epoch`` is marked."""
    figure, axes = new_figure(1, 2, 7.2, 2.8)
    for place, quantity in zip(axes, ("loss", "accuracy"), strict=True):
        for key in (key for key in history if key.endswith(quantity)):
            values = history[key]
            place.plot(range(1, len(values) + 1), values, label=SPLIT_NAMES[key.split("_")[0]])
        if best_epoch:
            place.axvline(
                best_epoch, color="grey", linestyle=":", label=f"best epoch ({best_epoch})"
            )
        label_epochs(place, quantity, quantity)
        place.legend()
    return finish(figure)


def learning_rates(histories: dict[float, History]) -> Figure:
    """Loss and accuracy on both splits against the epoch, one curve a learning rate, on common
    axes.
    """
    figure, axes = new_figure(2, 2, 7.2, 5.0)
    for row, quantity in enumerate(("loss", "accuracy")):
        left, right = axes[2 * row : 2 * row + 2]
        for place, split in ((left, "train"), (right, "test")):
            for lr, history in sorted(histories.items()):
                values = history[f"{split}_{quantity}"]
                place.plot(range(1, len(values) + 1), values, marker=".", label=f"lr = {lr:g}")
            label_epochs(place, quantity, f"{SPLIT_NAMES[split]} {quantity}")
        right.sharey(left)
        left.autoscale()
        if quantity == "loss":
            left.set_yscale("log")
            for place in (left, right):
                place.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                place.yaxis.set_major_formatter("{x:g}")
                place.minorticks_off()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return finish(figure)


def learning_rate_range(tables: dict[str, pd.DataFrame]) -> Figure:
    """Training loss and accuracy against the learning rate (log axis), one curve a start; the rate
    of the lowest loss is the stable edge of the first start, and shaded beyond.
    """
    figure, (left, right) = new_figure(1, 2, 7.2, 3.1)
    for (name, table), marker in zip(tables.items(), "os", strict=True):
        left.loglog(table["lr"], table["train_loss"], marker=marker, markersize=3, label=name)
        right.semilogx(table["lr"], table["train_accuracy"], marker=marker, markersize=3)
    first = next(iter(tables.values()))
    edge = first.loc[first["train_loss"].idxmin(), "lr"]
    for place, quantity in ((left, "loss (nats)"), (right, "accuracy (fraction)")):
        place.axvline(edge, color="black", linestyle=":", label=f"stable edge, lr = {edge:.2g}")
        place.axvspan(edge, first["lr"].max(), color="grey", alpha=0.15, label="steps too long")
        place.set(xlabel="learning rate", ylabel=f"training {quantity}")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8)
    return finish(figure)
