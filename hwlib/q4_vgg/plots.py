"""Figures of Question 4.II: pictures, what preprocessing makes of them, filters, responses."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from hwlib.common.figures import finish, new_figure, show_picture, show_values
from hwlib.q4_vgg.vgg import CROP, Picture, Responses, preprocess, undo_normalisation

CHANNELS = {"red": ("#D55E00", "-"), "green": ("#009E73", "--"), "blue": ("#0072B2", ":")}
BINS = np.linspace(-2.2, 2.8, 51)  # of normalised values, a tenth each


def picture_row(pictures: list[Picture]) -> Figure:
    """Show pictures as their files hold them, with name and size."""
    fig, axes = new_figure(1, len(pictures), 2.6 * len(pictures), 1.6)
    for ax, (name, image) in zip(axes, pictures, strict=True):
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        show_picture(ax, pixels, f"{name}, {image.width} × {image.height}")
    number = "Pictures" if len(pictures) > 1 else "The picture"
    return finish(fig, f"{number} as loaded, with file name and size in pixels.")


def preprocessed(pictures: list[Picture]) -> Figure:
    """Show what VGG16 sees: centre crops, and histograms of the values by channel."""
    fig, axes = new_figure(1, 2 * len(pictures), 3.6 * len(pictures), 1.9)
    for left, right, (name, image) in zip(axes[::2], axes[1::2], pictures, strict=True):
        x = preprocess(image)
        show_picture(left, undo_normalisation(x), f"{name}, centre {CROP} × {CROP}")
        for channel, (colour, style) in zip(x, CHANNELS.values(), strict=True):
            counts, edges = np.histogram(channel.numpy(), bins=BINS)
            centres = (edges[1:] + edges[:-1]) / 2
            right.plot(centres, counts / 1000, color=colour, linestyle=style)
        right.set(xlabel="normalised value", ylabel="thousand pixels\nper 0.1")
    fig.legend(list(CHANNELS), loc="outside upper center", ncols=3, fontsize=8.5)
    caption = "What VGG16 sees of each bird, and the distribution of its normalised values."
    return finish(fig, caption)


def filter_responses(first: Responses) -> Figure:
    """Show each filter's colour planes as numbers and shades, and its response to the picture."""
    fig, axes = new_figure(len(first.filters), 4, 6.4, 1.1 * len(first.filters))
    limit = first.filters.abs().max().item()
    shades: dict[str, Any] = {"cmap": "PuOr", "vmin": -limit, "vmax": limit, "aspect": "auto"}
    for n, (weights, response) in enumerate(zip(first.filters, first.responses, strict=True)):
        *planes, last = axes[4 * n : 4 * n + 4]
        for ax, plane, name in zip(planes, weights, CHANNELS, strict=True):
            show_values(ax, plane, "{:.2f}".format, fontsize=8, **shades)
            ax.set_title(f"filter {n + 1}, {name}", fontsize=8)
        strongest = response.abs().quantile(0.99).item()
        image = show_values(last, response, cmap="gray", vmin=-strongest, vmax=strongest)
        last.set_title(f"response of filter {n + 1}", fontsize=8)
        fig.colorbar(image, ax=last, shrink=0.8)
        for ax in (*planes, last):
            ax.set(xticks=[], yticks=[])
    return finish(fig, "The first filters by colour, and their responses to the picture.")
