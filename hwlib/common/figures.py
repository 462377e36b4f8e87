"""The look of all figures: readable on paper, in black and white, and by colour-blind eyes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from matplotlib_inline.backend_inline import set_matplotlib_formats

from hwlib.common.history import History

if TYPE_CHECKING:
    from torch import Tensor

# Okabe and Ito's colour-blind safe palette (2008), darkest first; line styles tell the curves apart
# without colour.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), "-"]
SPLITS = {"train": "training", "validation": "validation", "test": "test"}  # as figures name them
UNITS = {"loss": "nats", "accuracy": "fraction"}
STYLE = {
    "axes.grid": True,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS, linestyle=LINE_STYLES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.size": 9,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "svg.hashsalt": "hwlib",
}


def use_style() -> None:
    """Set fonts, colours and the notebook's figure format (SVG, the same bytes every time)."""
    plt.rcParams.update(STYLE)
    set_matplotlib_formats("svg", metadata={"Date": None})


def new_figure(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of the given size in inches, and its axes row by row."""
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    return figure, list(axes.flat)


def finish(figure: Figure) -> Figure:
    """Close the figure, so that the notebook shows it once, as the value of its cell."""
    plt.close(figure)
    return figure


def legend_above(figure: Figure, axes: Axes, **options: Any) -> None:
    """One legend for all axes that show the same curves as ``axes``, in a row above them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), **options)


def show_values(
    axes: Axes,
    values: Tensor,
    text: Callable[[float], str] | None = None,
    dark: float = 0.6,
    fontsize: float = 9,
    **options: Any,
) -> AxesImage:
    """A matrix (H, W) as shades by ``imshow`` and its options, with numbers where ``text`` makes
    them: white ones beyond the share ``dark`` of the largest shade.
    """
    axes.grid(False)
    image = axes.imshow(values, **options)
    if text is None:
        return image
    style = {"ha": "center", "va": "center", "fontsize": fontsize}
    for (i, k), value in np.ndenumerate(values.numpy()):
        colour = "white" if abs(value) > dark * image.norm.vmax else "black"
        label = text(value)
        shown = label if label.strip("-0.") else label.removeprefix("-")  # no minus before zero
        axes.text(k, i, shown, color=colour, **style)
    return image


def show_picture(axes: Axes, pixels: Tensor, title: str = "") -> None:
    """One picture (3, H, W), uint8 or in [0, 1], without axes."""
    axes.imshow(pixels.permute(1, 2, 0).numpy(), interpolation="antialiased")
    axes.set_title(title, fontsize=7)
    axes.axis("off")


def picture_grid(images: Tensor, titles: list[str], title_lines: int = 1) -> Figure:
    """Pictures (N, 3, S, S) row by row, five in each, each under its title."""
    rows, columns = -(-len(images) // 5), min(len(images), 5)
    width, height = 7.2 / 5, 7.2 / 5 + 0.15 * title_lines
    figure, axes = new_figure(rows, columns, columns * width, rows * height)
    for place in axes:
        place.axis("off")
    for place, image, title in zip(axes, images, titles, strict=False):
        show_picture(place, image, title)
    return finish(figure)


def plot_epochs(ax: Axes, values: list[float], **options: Any) -> None:
    """Draw one curve against the epoch, which counts from 1."""
    ax.plot(range(1, len(values) + 1), values, **options)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(
    history: History, best_epoch: int | None = None, growth: Sequence[int] = ()
) -> Figure:
    """Draw loss and accuracy of both splits against the epoch. Marked are ``best_epoch``, and the
    last epochs before the images grow.
    """
    fig, axes = new_figure(1, 2, 7.2, 2.8)
    for ax, (quantity, unit) in zip(axes, UNITS.items(), strict=True):
        for key in (key for key in history if key.endswith(quantity)):
            plot_epochs(ax, history[key], label=SPLITS[key.split("_")[0]])
        if best_epoch:
            label = f"best epoch ({best_epoch})"
            ax.axvline(best_epoch, color="grey", linestyle=":", label=label)
        for number, epoch in enumerate(growth):
            label = "_" if number else "pictures grow"  # "_" keeps it out of the legend
            ax.axvline(epoch + 0.5, color="black", linestyle="-.", linewidth=0.6, label=label)
        ax.set(ylabel=f"{quantity} ({unit})", title=quantity)
    legend_above(fig, axes[0], fontsize=8)
    return finish(fig)
