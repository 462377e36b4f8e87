"""Figures of Question 3: activations with their derivatives, and trainings by learning rate."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from hwlib.common.figures import (
    UNITS,
    finish,
    legend_above,
    new_figure,
    plot_epochs,
    show_values,
)
from hwlib.common.functions import TensorFunction
from hwlib.common.history import SPLIT_LABELS, History


def activations(
    functions: Mapping[str, tuple[TensorFunction, TensorFunction]], jacobian: Tensor
) -> Figure:
    """Draw each function beside its derivative, from -6 to 6, and softmax's Jacobian (N, N)."""
    x = torch.linspace(-6, 6, 241)
    fig, (*axes, last) = new_figure(1, len(functions) + 1, 2.4 * (len(functions) + 1), 2.0)
    for ax, (name, (function, derivative)) in zip(axes, functions.items(), strict=True):
        ax.plot(x, function(x), label="function")
        ax.plot(x, derivative(x), label="derivative")
        ax.set(xlabel="x", ylabel="value", title=name)
    limit, places = jacobian.abs().max().item(), range(len(jacobian))
    scale: dict[str, Any] = {"cmap": "PuOr", "vmin": -limit, "vmax": limit, "aspect": "auto"}
    show_values(last, jacobian, "{:.3f}".format, fontsize=7.5, **scale)
    last.set(title="Jacobian of softmax", xlabel="column k", ylabel="row i")
    last.set_xticks(places, [str(k + 1) for k in places])
    last.set_yticks(places, [str(i + 1) for i in places])
    legend_above(fig, axes[0])
    caption = (
        f"The functions {' and '.join(functions)} with their derivatives, and the Jacobian of "
        f"softmax for a vector of {len(jacobian)}."
    )
    return finish(fig, caption)


def learning_rates(histories: dict[float, History]) -> Figure:
    """Draw loss and accuracy by split against the epoch, one curve for each rate."""
    fig, axes = new_figure(2, 2, 7.2, 3.4)
    for pair, (quantity, unit) in zip((axes[:2], axes[2:]), UNITS.items(), strict=True):
        for ax, split in zip(pair, ("train", "test"), strict=True):
            curves = zip(sorted(histories.items()), cycle("osD^v"), strict=False)
            for (lr, history), marker in curves:
                style: dict[str, Any] = {"marker": marker, "markersize": 3, "label": f"lr = {lr:g}"}
                plot_epochs(ax, history[f"{split}_{quantity}"], **style)
            ax.set(ylabel=f"{quantity} ({unit})", title=f"{SPLIT_LABELS[split]} {quantity}")
        pair[1].sharey(pair[0])
        pair[0].autoscale()
    axes[0].set_yscale("log")
    for ax in axes[:2]:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    legend_above(fig, axes[0])
    caption = "Loss (logarithmic) and accuracy by learning rate, on training and test digits."
    return finish(fig, caption)


def learning_rate_range(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw training loss and accuracy against the learning rate (log axis), one curve for each
    start. The rate of the lowest loss from the first start is marked.
    """
    fig, (left, right) = new_figure(1, 2, 7.2, 2.2)
    for (name, table), marker in zip(tables.items(), "os", strict=True):
        left.loglog(table["lr"], table["train_loss"], marker=marker, markersize=3, label=name)
        right.semilogx(table["lr"], table["train_accuracy"], marker=marker, markersize=3)
    first = next(iter(tables.values()))
    best = first.loc[first["train_loss"].idxmin(), "lr"]
    for ax, (quantity, unit) in zip((left, right), UNITS.items(), strict=True):
        ax.axvline(best, color="black", linestyle=":", label=f"lowest loss, lr = {best:.2g}")
        ax.axvspan(best, first["lr"].max(), color="grey", alpha=0.15)
        ax.set(xlabel="learning rate", ylabel=f"training {quantity} ({unit})")
    legend_above(fig, left, fontsize=8)
    caption = (
        "Training loss and accuracy after one epoch, by learning rate, from two starts. Dotted: "
        "the rate of the lowest loss from the required start; shaded: larger rates."
    )
    return finish(fig, caption)
