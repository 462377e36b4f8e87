"""The look of all figures: readable on paper, in black and white, and by colour-blind eyes."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.core.pylabtools import print_figure
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.rcsetup import cycler
from matplotlib.ticker import MaxNLocator

from hwlib.common.history import SPLIT_LABELS, History

if TYPE_CHECKING:
    from torch import Tensor

# Okabe and Ito's colour-blind safe palette (2008), darkest first; line styles tell the curves apart
# without colour.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), "-"]
PNG_DPI = 96  # a browser shows it as large as the SVG
# nbconvert's page leaves pictures of this kind wider than a telephone.
SCREEN_CSS = ".jp-RenderedSVG img { max-width: 100%; height: auto }"
PAGE_WIDTH = 7.2  # inches; a wider figure is shrunk in the PDF, its letters too
UNITS = {"loss": "nats", "accuracy": "fraction"}
STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.prop_cycle": cycler(color=COLOURS, linestyle=LINE_STYLES),
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
    """Set fonts and colours, let the notebook show figures by ``show_figure``, and tables with
    their cells uncut.
    """
    plt.rcParams.update(STYLE)
    pd.set_option("display.max_colwidth", None)
    if shell := get_ipython():
        shell.display_formatter.ipython_display_formatter.for_type(Figure, show_figure)
        display({"text/html": f"<style>{SCREEN_CSS}</style>"}, raw=True)


def show_figure(fig: Figure) -> None:
    """Display a figure and, below it, its caption, which the PDF takes for its own.

    It is kept as SVG and as PNG: the PDF takes the SVG, and browsers show the PNG in notebooks from
    elsewhere, whose SVG they do not trust. The bytes are the same every time: without date, and
    without the version of matplotlib. On a narrow screen it shrinks.
    """
    svg = print_figure(fig, fmt="svg", metadata={"Date": None, "Creator": None})
    png = print_figure(fig, fmt="png", base64=True, dpi=PNG_DPI, metadata={"Software": None})
    svg = svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)
    caption = str(fig.get_label())
    forms = {"image/svg+xml": svg, "image/png": png, "text/plain": f"<Figure: {caption}>"}
    alternative = {mime: {"alt": caption} for mime in forms if mime.startswith("image/")}
    display(forms, metadata=alternative, raw=True)
    style = "font-size: 90%; margin: 0 0 1em"
    text = f'<figcaption style="{style}">{html.escape(caption)}</figcaption>'
    if caption:
        display({"text/html": text, "text/plain": caption}, raw=True)


def new_figure(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of the given size in inches, and its axes row by row."""
    fig, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    return fig, list(axes.flat)


def finish(fig: Figure, caption: str = "") -> Figure:
    """Give the figure its caption and close it, so that the notebook shows it once, as the value of
    its cell.
    """
    fig.set_label(caption)
    plt.close(fig)
    return fig


def stand_close(fig: Figure) -> None:
    """Leave little space between the axes, which show pictures."""
    fig.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)


def legend_above(fig: Figure, ax: Axes, **options: Any) -> None:
    """Draw one legend for all axes that show the same curves as ``ax``, in a row above them."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels), **options)


def show_values(
    ax: Axes,
    values: Tensor,
    text: Callable[[float], str] | None = None,
    dark: float = 0.6,
    fontsize: float = 9,
    **options: Any,
) -> AxesImage:
    """Draw a matrix (H, W) as shades by ``imshow`` and its options, with numbers if ``text`` makes
    them: white ones beyond the share ``dark`` of the largest shade.
    """
    ax.grid(False)
    image = ax.imshow(values.numpy(), **options)
    if text is None:
        return image
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": fontsize}
    largest = image.get_clim()[1]
    for (i, k), value in np.ndenumerate(values.numpy()):
        colour = "white" if abs(value) > dark * largest else "black"
        label = text(value)
        shown = label if label.strip("-0.") else label.removeprefix("-")  # no minus before zero
        ax.text(k, i, shown, color=colour, **style)
    return image


def show_picture(ax: Axes, pixels: Tensor, title: str = "") -> None:
    """Draw one picture (3, H, W), uint8 or in [0, 1], without axes."""
    ax.imshow(pixels.permute(1, 2, 0).numpy(), interpolation="antialiased")
    ax.set_title(title, fontsize=8)
    ax.axis("off")


def picture_grid(
    images: Tensor, titles: list[str], caption: str, title_lines: int = 1, per_row: int = 5
) -> Figure:
    """Draw pictures (N, 3, S, S) row by row, each under its title."""
    rows, columns = -(-len(images) // per_row), min(len(images), per_row)
    width = min(1.05, PAGE_WIDTH / per_row)
    height = width + 0.1 + 0.16 * title_lines
    fig, axes = new_figure(rows, columns, columns * width, rows * height)
    stand_close(fig)
    for ax in axes:
        ax.axis("off")
    for ax, image, title in zip(axes, images, titles, strict=False):
        show_picture(ax, image, title)
    return finish(fig, caption)


def plot_epochs(ax: Axes, values: list[float], **options: Any) -> None:
    """Draw one curve against the epoch, which counts from 1."""
    ax.plot(range(1, len(values) + 1), values, **options)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(history: History, growth: Sequence[int] = ()) -> Figure:
    """Draw loss and accuracy of both splits against the epoch, with a mark at the end of the last
    epochs before the images grow.
    """
    fig, axes = new_figure(1, 2, 7.2, 2.2)
    for ax, (quantity, unit) in zip(axes, UNITS.items(), strict=True):
        for key in (key for key in history if key.endswith(quantity)):
            plot_epochs(ax, history[key], label=SPLIT_LABELS[key.split("_")[0]])
        for number, epoch in enumerate(growth):
            label = "_" if number else "pictures grow"  # "_" keeps it out of the legend
            ax.axvline(epoch + 0.5, color="black", linestyle="-.", linewidth=0.6, label=label)
        ax.set(ylabel=f"{quantity} ({unit})", title=quantity)
    legend_above(fig, axes[0], fontsize=8)
    splits = [SPLIT_LABELS[key.split("_")[0]] for key in history if key.endswith("loss")]
    return finish(fig, f"Loss and accuracy against the epoch: {' and '.join(splits)}.")
