"""Figures of a sweep from tables of a run a row; a ``setting`` is what it tried, its seed aside."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hwlib.common.figures import COLOURS, LINE_STYLES, SPLIT_LABELS, UNITS, finish, new_figure

MOST_NAMED = 16  # more settings than this are told apart by the table alone


def looks(settings: list[str]) -> dict[str, dict]:
    """Colour and line style of each setting."""
    colours = COLOURS
    if len(settings) > len(COLOURS):
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(settings)))
    pairs = zip(colours, cycle(LINE_STYLES), strict=False)
    return {s: {"color": c, "ls": ls} for s, (c, ls) in zip(settings, pairs, strict=False)}


def in_words(figure: str) -> str:
    """``q3_train_loss`` as ``training loss (nats)``."""
    split, quantity = figure.split("_")[-2:]
    return f"{SPLIT_LABELS[split]} {quantity} ({UNITS[quantity]})"


def is_wide(values: pd.Series) -> bool:
    """Whether values are positive and span more than a factor of ten: better logarithmic."""
    return values.min() > 0 and values.max() > 10 * values.min()


def legend_below(figure: Figure, axes: Axes) -> None:
    """One legend for all panels."""
    handles, labels = axes.get_legend_handles_labels()
    if 1 < len(labels) <= MOST_NAMED:
        columns = max(1, min(4, 110 // (max(map(len, labels)) + 8)))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def curves(histories: pd.DataFrame) -> Figure:
    """Every quantity against the epoch: a setting's mean over its seeds ± a standard deviation."""
    figures = [f"{split}_{quantity}" for quantity in UNITS for split in SPLIT_LABELS]
    figures = [name for name in figures if name in histories]
    look = looks(list(histories["setting"].unique()))
    legend = 0.1 * len(look) if len(look) <= MOST_NAMED else 0
    figure, axes = new_figure(2, len(figures) // 2, 7.2, 5.0 + legend)
    for place, name in zip(axes, figures, strict=True):
        for setting, part in histories.groupby("setting", sort=False):
            band = part.groupby("epoch")[name].agg(["mean", "std"])
            low, high = band["mean"] - band["std"], band["mean"] + band["std"]
            place.plot(band.index, band["mean"], marker=".", label=setting, **look[setting])
            shade = {"color": look[setting]["color"], "alpha": 0.15, "linewidth": 0}
            place.fill_between(band.index, low, high, **shade)
        place.set(xlabel="epoch", ylabel=in_words(name))
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
        if name.endswith("loss") and is_wide(histories[name]):
            place.set_yscale("log")
    for left, right in zip(axes[::2], axes[1::2], strict=True):
        right.sharey(left)
        left.autoscale(axis="y")
    legend_below(figure, axes[0])
    return finish(figure)


def against_parameter(table: pd.DataFrame, parameter: str, figures: list[str]) -> Figure:
    """Figures against a number: each run a dot, means and standard deviations joined by a line."""
    quantities = [q for q in UNITS if any(name.endswith(q) for name in figures)]
    figure, axes = new_figure(1, len(quantities), 7.2, 3.0)
    for place, quantity in zip(axes, quantities, strict=True):
        names = [name for name in figures if name.endswith(quantity)]
        for name, look in looks(names).items():
            means = table.groupby(parameter)[name].agg(["mean", "std"]).fillna(0)
            label = SPLIT_LABELS[name.split("_")[1]]
            place.plot(table[parameter], table[name], ".", color=look["color"], alpha=0.5)
            place.errorbar(means.index, means["mean"], means["std"], capsize=3, label=label, **look)
        place.set(xlabel=parameter.replace("_", " "), ylabel=f"{quantity} ({UNITS[quantity]})")
        if is_wide(table[parameter]):
            place.set_xscale("log")
    legend_below(figure, axes[0])
    return finish(figure)


def parallel(table: pd.DataFrame, columns: list[str], ranked_by: str) -> Figure:
    """Each run as a line through the columns, coloured by the figure that ranks. On every axis the
    values stand in their order at equal distances, so one that is far off hides no others.
    """
    figure, (axes,) = new_figure(1, 1, 7.2, 3.4)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.6}
    heights = {}
    for place, column in enumerate(columns):
        levels = sorted(table[column].dropna().unique())  # a loss that diverged is no number
        ticks = dict(zip(levels, np.linspace(0, 1, len(levels)), strict=True))
        heights[column] = table[column].map(ticks)
        axes.axvline(place, color="black", linewidth=0.8)
        for level in levels if len(levels) <= 6 else levels[:: len(levels) - 1]:
            text = level if isinstance(level, str) else f"{level:.4g}"
            axes.text(place + 0.04, ticks[level], text, fontsize=7, va="center", bbox=box, zorder=5)
    rank = table[ranked_by]
    shade = plt.cm.ScalarMappable(plt.Normalize(rank.min(), rank.max()), "cividis")
    for row, line in pd.DataFrame(heights).iterrows():
        axes.plot(range(len(columns)), line, "-", color=shade.to_rgba(rank[row]), alpha=0.8)
    axes.set_xticks(range(len(columns)), [name.replace("_", "\n") for name in columns])
    axes.set(yticks=[], xlim=(-0.25, len(columns) - 0.35), ylim=(-0.06, 1.06))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(False)
    figure.colorbar(shade, ax=axes, label=in_words(ranked_by), pad=0.02)
    return finish(figure)


def seeds(table: pd.DataFrame, figures: list[str], order: list[str]) -> Figure:
    """For each setting, best first: mean and standard deviation as a bar, each seed as a dot."""
    figure, axes = new_figure(1, len(figures), 7.2, 0.9 + 0.32 * len(order))
    heights = pd.Series(range(0, -len(order), -1), index=order)
    for place, name in zip(axes, figures, strict=True):
        spread = table.groupby("setting")[name].agg(["mean", "std"]).loc[order].fillna(0)
        below = table["setting"].map(heights) - 0.22
        place.plot(table[name], below, "o", color=COLOURS[1], ms=4, alpha=0.6, mew=0)
        bar = {"fmt": "D", "color": COLOURS[0], "ms": 4, "capsize": 3}
        place.errorbar(spread["mean"], heights, xerr=spread["std"], **bar)
        place.set(xlabel=in_words(name), yticks=heights, yticklabels=[])
        place.set_ylim(-len(order) + 0.4, 0.4)
    axes[0].set_yticklabels(order)
    return finish(figure)
