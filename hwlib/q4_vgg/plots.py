"""Figures of Question 4.II: pictures, what preprocessing makes of them, filters, responses."""

import numpy as np
import torch
from matplotlib.figure import Figure

from hwlib.common.figures import finish, new_figure, show_picture, show_values
from hwlib.q4_vgg import vgg

CHANNELS = {"red": ("#D55E00", "-"), "green": ("#009E73", "--"), "blue": ("#0072B2", ":")}

HISTOGRAM = np.linspace(-2.2, 2.8, 51)  # normalised values, a tenth a step


def pictures(loaded: list[vgg.Picture]) -> Figure:
    """Pictures as they came, with name and size."""
    figure, axes = new_figure(1, len(loaded), 3.2 * len(loaded), 2.8)
    for place, (name, image) in zip(axes, loaded, strict=True):
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        show_picture(place, pixels, f"{name}, {image.width} × {image.height}")
    return finish(figure)


def preprocessed(loaded: list[vgg.Picture]) -> Figure:
    """What VGG16 gets to see: centre crops, and histograms of the values by channel."""
    figure, axes = new_figure(1, 2 * len(loaded), 3.6 * len(loaded), 2.0)
    for left, right, (name, image) in zip(axes[::2], axes[1::2], loaded, strict=True):
        x = vgg.preprocess(image)
        title = f"{name}, centre {vgg.CROP} × {vgg.CROP}"
        show_picture(left, vgg.undo_normalisation(x), title)
        for channel, (colour, style) in zip(x, CHANNELS.values(), strict=True):
            counts, edges = np.histogram(channel.numpy(), bins=HISTOGRAM)
            centres = (edges[1:] + edges[:-1]) / 2
            right.plot(centres, counts / 1000, color=colour, linestyle=style)
        right.set(xlabel="normalised value", ylabel="thousand pixels\nper 0.1")
    figure.legend(list(CHANNELS), loc="outside upper center", ncols=3, fontsize=7)
    return finish(figure)


def filter_responses(found: vgg.Responses) -> Figure:
    """Each filter's colour planes as numbers and shades, and its response to the picture."""
    figure, axes = new_figure(len(found.filters), 4, 7.2, 1.95 * len(found.filters))
    limit = found.filters.abs().max().item()
    scale = {"cmap": "PuOr", "vmin": -limit, "vmax": limit}
    for n, (weights, response) in enumerate(zip(found.filters, found.responses, strict=True)):
        *planes, last = axes[4 * n : 4 * n + 4]
        for place, plane, name in zip(planes, weights, CHANNELS, strict=True):
            show_values(place, plane, "{:.2f}".format, fontsize=7, **scale)
            place.set_title(f"filter {n + 1}, {name}", fontsize=8)
        strongest = response.abs().quantile(0.99).item()
        image = show_values(last, response, cmap="gray", vmin=-strongest, vmax=strongest)
        last.set_title(f"response of filter {n + 1}", fontsize=8)
        figure.colorbar(image, ax=last, shrink=0.8)
        for place in (*planes, last):
            place.set(xticks=[], yticks=[])
    return finish(figure)
