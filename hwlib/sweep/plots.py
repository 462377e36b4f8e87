"""Figures of a sweep, from tables of a run a row; a ``setting`` is what it tried, its seed aside.

Each is small enough for a telephone; the page lays them out. A colour means a setting in all.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from hwlib.common.figures import COLOURS, UNITS, finish, new_figure
from hwlib.common.history import SPLIT_LABELS
from hwlib.sweep.leaderboard import heading

WIDTH, HEIGHT = 4.4, 2.9  # inches
GREY = "#767676"  # for what concerns all settings
DASHES = {"-": "", "--": "6 3", "-.": "6 2 1.5 2", ":": "1.5 2"}  # line styles, as SVG writes them


class LineStyle(NamedTuple):
    """How a setting is drawn."""

    color: str
    linestyle: str


class Panel(NamedTuple):
    """A figure, and a sentence for those who cannot see it."""

    figure: Figure
    alt: str


Styles = Mapping[str, LineStyle]


def line_styles(settings: Sequence[str]) -> dict[str, LineStyle]:
    """Return each setting's style; many settings go from dark to light."""
    colours = COLOURS
    if len(settings) > len(COLOURS):
        shades = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(settings)))
        colours = [to_hex(shade) for shade in shades]
    pairs = zip(colours, cycle(DASHES), strict=False)
    return {name: LineStyle(*style) for name, style in zip(settings, pairs, strict=False)}


def label_of(figure: str) -> str:
    """Return ``training loss (nats)`` for ``q3_train_loss``."""
    split, quantity = figure.split("_")[-2:]
    return f"{SPLIT_LABELS[split]} {quantity} ({UNITS[quantity]})"


def is_wide(values: pd.Series) -> bool:
    """Return whether values are positive and span more than a factor of ten."""
    return bool(values.min() > 0 and values.max() > 10 * values.min())


def make_logarithmic(ax: Axes, axis: Axis) -> None:
    """Give one axis of a plot a logarithmic scale with plain numbers, as 0.2 and 0.5."""
    (ax.set_xscale if axis is ax.xaxis else ax.set_yscale)("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_curves(ax: Axes, histories: pd.DataFrame, figure_name: str, styles: Styles) -> None:
    """Draw a figure against the epoch: the mean over the seeds ± a standard deviation."""
    for setting, part in histories.groupby("setting", sort=False):
        style = styles[setting]
        band = part.groupby("epoch")[figure_name].agg(["mean", "std"])
        # Floats, since an older matplotlib cannot fill between what pandas keeps as objects.
        epochs, mean, std = (
            values.to_numpy(float) for values in (band.index, band["mean"], band["std"])
        )
        ax.plot(epochs, mean, marker=".", **style._asdict())
        ax.fill_between(epochs, mean - std, mean + std, color=style.color, alpha=0.15, linewidth=0)
    ax.set(xlabel="epoch", ylabel=label_of(figure_name))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def curves(histories: pd.DataFrame, styles: Styles) -> list[Panel]:
    """Return a panel for each figure that has an epoch's values; those of one quantity have the
    same scale.
    """
    panels = []
    for quantity in UNITS:
        names = [name for split in SPLIT_LABELS if (name := f"{split}_{quantity}") in histories]
        drawn = [new_figure(1, 1, WIDTH, HEIGHT) for _ in names]
        axes = [ax for _, (ax,) in drawn]
        for ax, name in zip(axes, names, strict=True):
            draw_curves(ax, histories, name, styles)
            if quantity == "loss" and is_wide(histories[names].stack()):
                make_logarithmic(ax, ax.yaxis)
        limits = [ax.get_ylim() for ax in axes]
        for (figure, (ax,)), name in zip(drawn, names, strict=True):
            ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
            alt = f"{label_of(name)} against the epoch, a line for each setting."
            panels.append(Panel(finish(figure), alt))
    return panels


def seed_dots(table: pd.DataFrame, figure_name: str, styles: Styles) -> Panel:
    """Return a figure of every run as a dot, and of each setting the mean ± a standard deviation;
    the settings stand by their number on the leaderboard.
    """
    figure, (ax,) = new_figure(1, 1, WIDTH, 0.8 + 0.28 * len(styles))
    for number, (setting, style) in enumerate(styles.items(), 1):
        values = table.loc[table["setting"] == setting, figure_name]
        deviation = values.std() if len(values) > 1 else 0
        ax.plot(
            values, [number + 0.2] * len(values), "o", color=style.color, ms=4, alpha=0.5, mew=0
        )
        ax.errorbar(
            values.mean(), number, xerr=deviation, fmt="D", color=style.color, ms=4, capsize=3
        )
    ax.set(xlabel=label_of(figure_name), ylabel="setting", ylim=(len(styles) + 0.6, 0.4))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    alt = f"{label_of(figure_name)} of every run, and mean ± standard deviation of each setting."
    return Panel(finish(figure), alt)


def against_parameter(
    table: pd.DataFrame, parameter: str, figure_name: str, styles: Styles
) -> Panel:
    """Return a figure against a number: each run a dot, the means joined by a line."""
    figure, (ax,) = new_figure(1, 1, WIDTH, HEIGHT)
    means = table.groupby(parameter)[figure_name].mean()
    ax.plot(means.index, means, "-", color=GREY, linewidth=1)
    colours = [styles[setting].color for setting in table["setting"]]
    dots: dict[str, Any] = {"s": 18, "c": colours, "alpha": 0.8, "linewidths": 0, "zorder": 3}
    ax.scatter(table[parameter], table[figure_name], **dots)
    ax.set(xlabel=heading(parameter), ylabel=label_of(figure_name))
    if is_wide(table[parameter]):
        make_logarithmic(ax, ax.xaxis)
    alt = f"{label_of(figure_name)} against {heading(parameter)}: every run a dot."
    return Panel(finish(figure), alt)


def parallel(table: pd.DataFrame, columns: Sequence[str], styles: Styles) -> Panel:
    """Return each run as a line through the columns. On every axis the values stand in their order
    at equal distances, so one that is far off hides no others.
    """
    figure, (ax,) = new_figure(1, 1, 1.5 + 1.1 * len(columns), 3.4)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.6}
    heights = {}
    for i, column in enumerate(columns):
        levels = sorted(table[column].dropna().unique())  # a loss that diverged is no number
        ticks = dict(zip(levels, np.linspace(0, 1, len(levels)), strict=True))
        heights[column] = table[column].map(ticks)
        ax.axvline(i, color="black", linewidth=0.8)
        for level in levels if len(levels) <= 6 else levels[:: len(levels) - 1]:
            text = level if isinstance(level, str) else f"{level:.4g}"
            ax.text(i + 0.04, ticks[level], text, fontsize=7, va="center", bbox=box, zorder=5)
    for row, line in pd.DataFrame(heights).iterrows():
        style = styles[table.loc[row, "setting"]]
        ax.plot(range(len(columns)), line, alpha=0.8, **style._asdict())
    ax.set_xticks(range(len(columns)), [name.replace("_", "\n") for name in columns])
    ax.set(yticks=[], xlim=(-0.25, len(columns) - 0.35), ylim=(-0.06, 1.06))
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.grid(False)
    return Panel(finish(figure), "Every run as a line through what was swept and what came out.")
