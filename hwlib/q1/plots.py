"""Figures of Question 1: a small network against the function that it computes."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from hwlib.common.figures import finish, new_figure, show_values
from hwlib.common.functions import TensorFunction
from hwlib.q1.networks import ToyNetwork


def plane(low: float, high: float) -> Tensor:
    """Return grid points of a square, float64 (101 * 101, 2), x1 fastest."""
    line = torch.linspace(low, high, 101, dtype=torch.float64)
    return torch.cartesian_prod(line, line).flip(1)


def line_comparison(network: ToyNetwork, function: TensorFunction, name: str) -> Figure:
    """Draw a network of one input: its hidden values, and its output over the function's graph."""
    x = torch.linspace(-3, 3, 121, dtype=torch.float64).unsqueeze(1)
    hidden = network.hidden(x)
    fig, (left, right) = new_figure(1, 2, 7.2, 1.7)
    for unit in range(hidden.shape[1]):
        left.plot(x, hidden[:, unit], label=f"$h_{unit + 1}$")
    right.plot(x, network(x), label="network s")
    right.plot(x[::8], function(x)[::8], "o", markersize=4, markerfacecolor="none", label=name)
    left.set(title="hidden units", xlabel="x", ylabel="$h_k$")
    right.set(title="output and function", xlabel="x", ylabel="s")
    for ax in (left, right):
        ax.legend()
    return finish(fig, f"The hidden units of the network, and its output beside {name}.")


def surface_comparison(network: ToyNetwork, function: TensorFunction, name: str) -> Figure:
    """Draw a network of two inputs: its values with contours, and those of the function."""
    x = plane(-3, 3)
    horizontal, vertical = x.T.view(2, 101, 101)
    scale: dict[str, Any] = {"extent": (-3, 3, -3, 3), "vmin": -3, "vmax": 3}
    fig, axes = new_figure(1, 2, 5.4, 1.9)
    for ax, (title, values) in zip(
        axes, [("network s", network(x)), (name, function(x))], strict=True
    ):
        square = values.view(101, 101)
        image = show_values(ax, square, origin="lower", **scale)
        ax.contour(
            horizontal, vertical, square, levels=range(-2, 3), colors="white", linewidths=0.7
        )
        ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
    fig.colorbar(image, ax=axes, label="value")
    return finish(fig, "The network's output and the function, with contours at whole numbers.")


def distance_scatter(network: ToyNetwork, function: TensorFunction, name: str, x: Tensor) -> Figure:
    """Draw output against function at the points x (N, D); equality is the diagonal."""
    fig, (ax,) = new_figure(1, 1, 3.4, 1.8)
    limit = function(x).max().item()
    ax.plot([0, limit], [0, limit], color="black", linestyle="-", linewidth=0.8, label="equality")
    label = f"{len(x)} random points"
    ax.plot(function(x), network(x), "o", markersize=3, markerfacecolor="none", label=label)
    ax.set(xlabel=name, ylabel="network s")
    ax.legend()
    return finish(fig, f"Output of the network against the {name}.")


def output_plane(network: ToyNetwork) -> Figure:
    """Draw the output over the square of two inputs, and the rounded output at its corners."""
    low, high = -0.25, 1.25
    fig, (ax,) = new_figure(1, 1, 3.4, 1.9)
    values = network(plane(low, high)).view(101, 101)
    extent = (low, high, low, high)
    image = show_values(ax, values, origin="lower", extent=extent, vmin=0, vmax=1)
    fig.colorbar(image, ax=ax, label="network output")
    corners = torch.cartesian_prod(torch.arange(2), torch.arange(2)).double()
    circle = {"facecolor": "white", "boxstyle": "circle"}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 13, "bbox": circle}
    for (x1, x2), output in zip(corners.tolist(), network(corners), strict=True):
        ax.text(x1, x2, f"{output:.0f}", fontweight="bold", **style)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[0, 1], yticks=[0, 1])
    caption = "Output of the network around the unit square; the circles are the truth table."
    return finish(fig, caption)
