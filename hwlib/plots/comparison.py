"""Figures that compare the runs of a sweep. Their tables hold a run a row; a ``setting`` is what a
run tried, its seed aside.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hwlib.plots.style import COLOURS, LINE_STYLES, finish, new_figure

Look = dict[str, tuple[str, str | tuple]]
SPLITS = {"train": "training", "validation": "validation", "test": "test"}
MOST_NAMED = 16  # more settings than this are told apart by the table alone


def looks(settings: list[str]) -> Look:
    """Colour and line style of each setting, the same in all figures."""
    if len(settings) <= len(COLOURS):
        return dict(zip(settings, zip(COLOURS, LINE_STYLES, strict=True), strict=False))
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(settings)))
    return dict(zip(settings, zip(colours, cycle(LINE_STYLES[:4]), strict=False), strict=True))


def in_words(figure: str) -> str:
    """``q3_train_loss`` as ``training loss (nats)``."""
    split, _, quantity = figure.partition("_")[2].partition("_")
    if split not in SPLITS:
        return figure.partition("_")[2].replace("_", " ")
    return f"{SPLITS[split]} {quantity} ({'nats' if quantity == 'loss' else 'fraction'})"


def split_of(figure: str) -> str:
    """``q3_train_loss`` as ``training``."""
    return SPLITS[figure.split("_")[1]]


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
    """Every quantity of the training against the epoch: a setting's mean over its seeds, and a band
    of one standard deviation.
    """
    quantities = [q for q in histories if str(q).endswith(("_loss", "_accuracy"))]
    quantities.sort(key=lambda q: (q.endswith("accuracy"), list(SPLITS).index(q.split("_")[0])))
    look = looks(list(histories["setting"].unique()))
    legend = 0.1 * len(look) if len(look) <= MOST_NAMED else 0
    figure, axes = new_figure(2, len(quantities) // 2, 7.2, 5.0 + legend)
    for place, quantity in zip(axes, quantities, strict=True):
        for setting, part in histories.groupby("setting", sort=False):
            colour, line = look[setting]
            band = part.groupby("epoch")[quantity].agg(["mean", "std"])
            marker = "o" if len(band) == 1 else ""
            place.plot(
                band.index, band["mean"], color=colour, ls=line, marker=marker, label=setting
            )
            low, high = band["mean"] - band["std"], band["mean"] + band["std"]
            place.fill_between(band.index, low, high, color=colour, alpha=0.15, linewidth=0)
        place.set(xlabel="epoch", ylabel=in_words(f"_{quantity}"))
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
        if quantity.endswith("loss") and is_wide(histories[quantity]):
            place.set_yscale("log")
    for left, right in zip(axes[::2], axes[1::2], strict=True):
        right.sharey(left)
        left.autoscale(axis="y")
    legend_below(figure, axes[0])
    return finish(figure)


def against_parameter(table: pd.DataFrame, parameter: str, figures: list[str]) -> Figure:
    """Figures against a swept number: each run as a dot, means and standard deviations joined by
    a line.
    """
    units = {"loss": "nats", "accuracy": "fraction"}
    quantities = [q for q in units if any(name.endswith(q) for name in figures)]
    figure, axes = new_figure(1, len(quantities), 7.2, 3.0)
    for place, quantity in zip(axes, quantities, strict=True):
        names = [name for name in figures if name.endswith(quantity)]
        for name, colour, line in zip(names, COLOURS, LINE_STYLES, strict=False):
            means = table.groupby(parameter)[name].agg(["mean", "std"]).fillna(0)
            look = {"color": colour, "ls": line, "capsize": 3, "label": split_of(name)}
            place.plot(table[parameter], table[name], ".", color=colour, alpha=0.5)
            place.errorbar(means.index, means["mean"], means["std"], **look)
        place.set(xlabel=parameter.replace("_", " "), ylabel=f"{quantity} ({units[quantity]})")
        if is_wide(table[parameter]):
            place.set_xscale("log")
    legend_below(figure, axes[0])
    return finish(figure)


def parallel(table: pd.DataFrame, swept: list[str], figures: list[str], ranked_by: str) -> Figure:
    """Each run as a line through everything that was swept and all that came out, coloured by the
    figure that ranks.
    """
    columns = [*swept, *figures]
    figure, (axes,) = new_figure(1, 1, 7.2, 3.4)
    heights = {}
    for place, column in enumerate(columns):
        heights[column] = draw_axis(axes, place, table[column])
    rank = table[ranked_by]
    colours = plt.Normalize(rank.min(), rank.max())
    for row in table.index:
        line = [heights[column][row] for column in columns]
        axes.plot(line, "-", color=plt.get_cmap("cividis")(colours(rank[row])), alpha=0.8)
    labels = [in_words(c).split(" (")[0] if c in figures else c.replace("_", " ") for c in columns]
    axes.set_xticks(range(len(columns)), [label.replace(" ", "\n", 1) for label in labels])
    axes.set(yticks=[], xlim=(-0.25, len(columns) - 0.75 + 0.4), ylim=(-0.06, 1.06))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(False)
    shade = plt.cm.ScalarMappable(colours, "cividis")
    figure.colorbar(shade, ax=axes, label=in_words(ranked_by), pad=0.02)
    return finish(figure)


def draw_axis(axes: Axes, place: int, values: pd.Series) -> pd.Series:
    """One upright axis of the parallel comparison with its numbers; the values' heights on it."""
    axes.axvline(place, color="black", linewidth=0.8)
    if not pd.api.types.is_numeric_dtype(values) or values.nunique() <= 6:
        levels = sorted(values.dropna().unique())  # a loss that diverged is no number
        ticks = dict(zip(levels, np.linspace(0, 1, len(levels)), strict=True))
        heights = values.map(ticks)
    else:
        bend, unbend = (np.log10, lambda x: 10**x) if is_wide(values) else (float, float)
        low, high = bend(values.min()), bend(values.max())
        heights = (values.map(bend) - low) / (high - low)
        ticks = {unbend(low + part * (high - low)): part for part in (0, 0.5, 1)}
    for value, height in ticks.items():
        text = f"{value:.4g}" if isinstance(value, int | float | np.number) else str(value)
        axes.text(place + 0.04, height, text, fontsize=7, va="center", bbox=BOX, zorder=5)
    return heights


BOX = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.6}


def seeds(table: pd.DataFrame, figures: list[str], order: list[str]) -> Figure:
    """For each setting, best first: mean and standard deviation as a bar, each seed as a dot."""
    figure, axes = new_figure(1, len(figures), 7.2, 0.9 + 0.32 * len(order))
    heights = {setting: -place for place, setting in enumerate(order)}
    for place, name in zip(axes, figures, strict=True):
        spread = table.groupby("setting")[name].agg(["mean", "std"]).loc[order].fillna(0)
        below = table["setting"].map(heights) - 0.22
        place.plot(table[name], below, "o", color=COLOURS[1], ms=4, alpha=0.6, mew=0)
        place.errorbar(
            *(spread["mean"], list(heights.values())),
            **{"xerr": spread["std"], "fmt": "D", "color": COLOURS[0], "ms": 4, "capsize": 3},
        )
        place.set(xlabel=in_words(name), yticks=list(heights.values()), yticklabels=[])
        place.set_ylim(-len(order) + 0.4, 0.4)
    axes[0].set_yticklabels(order)
    return finish(figure)


def accuracy_against_parameters(table: pd.DataFrame) -> Figure:
    """Accuracy of the big-cats networks against their number of parameters."""
    figure, (axes,) = new_figure(1, 1, 7.2, 3.0)
    for split, marker in (("validation", "o"), ("test", "x")):
        name = f"q4_{split}_accuracy"
        axes.plot(table["q4_parameters"], table[name], marker, ls="", label=split)
    axes.set(xlabel="parameters of the network", ylabel="accuracy (fraction)")
    legend_below(figure, axes)
    return finish(figure)
