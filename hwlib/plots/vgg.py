"""Figures of Question 4.II: pictures, what preprocessing makes of them, filters, responses."""

import numpy as np
import torch
from matplotlib.figure import Figure

from hwlib import vgg
from hwlib.plots.style import finish, new_figure, show_picture


def pictures(loaded: list[vgg.Picture]) -> Figure:
    """Pictures as they came, with name and size."""
    figure, axes = new_figure(1, len(loaded), 3.2 * len(loaded), 2.8)
    for place, picture in zip(axes, loaded, strict=True):
        pixels = torch.from_numpy(np.array(picture.image)).permute(2, 0, 1)
        show_picture(
            place, pixels, f"{picture.name}, {picture.image.width} × {picture.image.height}"
        )
    return finish(figure)


def preprocessed(loaded: list[vgg.Picture]) -> Figure:
    """What VGG16 gets to see of each picture: the centre crop, and its normalised values as a
    histogram a channel.
    """
    figure, axes = new_figure(1, 2 * len(loaded), 3.6 * len(loaded), 2.0)
    for n, picture in enumerate(loaded):
        x = vgg.preprocess(picture.image)
        show_picture(
            axes[2 * n],
            vgg.undo_normalisation(x),
            f"{picture.name}, centre {vgg.CROP} × {vgg.CROP}",
        )
        for channel, colour, style in zip(
            x, ("#D55E00", "#009E73", "#0072B2"), ("-", "--", ":"), strict=True
        ):
            counts, edges = np.histogram(channel.numpy(), bins=40)
            axes[2 * n + 1].plot(
                (edges[1:] + edges[:-1]) / 2, counts / 1000, color=colour, linestyle=style
            )
        axes[2 * n + 1].set(xlabel="normalised value", ylabel="thousand pixels")
    figure.legend(["red", "green", "blue"], loc="outside upper center", ncols=3, fontsize=7)
    return finish(figure)


def filter_responses(responses: vgg.Responses) -> Figure:
    """Each filter: its three colour planes as numbers and shades, and its response to the picture
    beside them.
    """
    count = len(responses.filters)
    figure, axes = new_figure(count, 4, 7.2, 1.95 * count)
    limit = responses.filters.abs().max().item()
    for n, (weights, response) in enumerate(
        zip(responses.filters, responses.responses, strict=True)
    ):
        row = axes[4 * n : 4 * n + 4]
        for place, plane, name in zip(row, weights, ("red", "green", "blue"), strict=False):
            place.imshow(plane, cmap="PuOr", vmin=-limit, vmax=limit)
            for (i, k), value in np.ndenumerate(plane.numpy()):
                colour = "white" if abs(value) > 0.6 * limit else "black"
                place.text(k, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
            place.set_title(f"filter {n + 1}, {name}", fontsize=8)
        strongest = response.abs().quantile(0.99).item()
        image = row[3].imshow(response, cmap="gray", vmin=-strongest, vmax=strongest)
        row[3].set_title(f"response of filter {n + 1}", fontsize=8)
        figure.colorbar(image, ax=row[3], shrink=0.8)
        for place in row:
            place.set(xticks=[], yticks=[])
            place.grid(False)
    return finish(figure)
