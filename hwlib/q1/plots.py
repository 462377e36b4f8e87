"""Figures of Question 1: a small network against the function it is said to compute."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from hwlib.common.figures import finish, new_figure, show_values
from hwlib.q1.networks import Function, ToyNetwork


def plane(low: float, high: float) -> Tensor:
    """Grid points of a square, float64 (101 * 101, 2), x1 fastest."""
    line = torch.linspace(low, high, 101, dtype=torch.float64)
    return torch.cartesian_prod(line, line).flip(1)


def line_comparison(network: ToyNetwork, function: Function, name: str) -> Figure:
    """A network of one input: its hidden values, and its output over the function's graph."""
    x = torch.linspace(-3, 3, 121, dtype=torch.float64).unsqueeze(1)
    hidden = network.hidden(x)
    figure, (left, right) = new_figure(1, 2, 7.2, 2.6)
    for unit in range(hidden.shape[1]):
        left.plot(x, hidden[:, unit], label=f"$h_{unit + 1}$")
    right.plot(x, network(x), label="network s")
    right.plot(x[::8], function(x)[::8], "o", markersize=4, markerfacecolor="none", label=name)
    left.set(title="hidden units", xlabel="x", ylabel="$h_k$")
    right.set(title="output and function", xlabel="x", ylabel="s")
    for axes in (left, right):
        axes.legend()
    return finish(figure)


def surface_comparison(network: ToyNetwork, function: Function, name: str) -> Figure:
    """A network of two inputs: its contours, the function's, and the difference."""
    x = plane(-3, 3)
    surfaces = {"network s": network(x), name: function(x), "difference": network(x) - function(x)}
    figure, axes = new_figure(1, 3, 7.2, 2.5)
    for place, (title, values), limit in zip(axes, surfaces.items(), (3, 3, 1), strict=True):
        square = values.view(101, 101)
        scale = {"origin": "lower", "extent": (-3, 3, -3, 3), "vmin": -limit, "vmax": limit}
        figure.colorbar(show_values(place, square, **scale), ax=place, shrink=0.8, label="value")
        place.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
        if title != "difference":
            lines = {"levels": 6, "colors": "white", "linewidths": 0.7}
            place.contour(*x.T.view(2, 101, 101), square, **lines)
    return finish(figure)


def distance_scatter(network: ToyNetwork, function: Function, x: Tensor, name: str) -> Figure:
    """Output against function at the points x (N, D); equality is the diagonal."""
    figure, (axes,) = new_figure(1, 1, 3.4, 3.0)
    limit = function(x).max().item()
    axes.plot([0, limit], [0, limit], color="black", linestyle="-", linewidth=0.8, label="equality")
    dots = {"markersize": 3, "markerfacecolor": "none", "label": f"{len(x)} random points"}
    axes.plot(function(x), network(x), "o", **dots)
    axes.set(xlabel=name, ylabel="network s")
    axes.legend()
    return finish(figure)


def output_plane(network: ToyNetwork) -> Figure:
    """Two binary inputs, drawn over the whole square; the rounded output at its corners."""
    low, high = -0.25, 1.25
    figure, (axes,) = new_figure(1, 1, 3.6, 2.9)
    values = network(plane(low, high)).view(101, 101)
    scale = {"origin": "lower", "extent": (low, high, low, high), "vmin": 0, "vmax": 1}
    figure.colorbar(show_values(axes, values, **scale), ax=axes, label="network output")
    corners = torch.cartesian_prod(torch.arange(2), torch.arange(2)).double()
    circle = {"facecolor": "white", "boxstyle": "circle"}
    style = {"ha": "center", "va": "center", "fontsize": 13, "fontweight": "bold", "bbox": circle}
    for corner, output in zip(corners.tolist(), network(corners), strict=True):
        axes.text(*corner, f"{output:.0f}", **style)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[0, 1], yticks=[0, 1])
    return finish(figure)
