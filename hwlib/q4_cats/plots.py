"""Figures of Question 4.I: the pictures, the confusion matrix, the mistakes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hwlib.common.figures import (
    PAGE_WIDTH,
    finish,
    new_figure,
    picture_grid,
    show_picture,
    show_values,
    stand_close,
)
from hwlib.common.images import ImageSet
from hwlib.q4_cats import study
from hwlib.q4_cats.cnn import BigCatsNet
from hwlib.q4_cats.evaluation import Score, class_activation_maps, confusion_matrix, mistakes

PER_ROW = 10  # pictures, a page wide


def class_labels(class_names: Iterable[str]) -> list[str]:
    """Return the class names as the figures spell them, in small letters."""
    return [name.lower() for name in class_names]


def sample_grid(part: ImageSet) -> Figure:
    """Show the first two pictures of every class: the first of each, then the second."""
    labels = pd.Series(part.labels.numpy())
    number = labels.groupby(labels).cumcount()  # among the pictures of its class
    chosen = [*number.index[number == 0], *number.index[number == 1]]
    names = class_labels(part.class_names)
    titles = [names[labels[index]].replace(" ", "\n") for index in chosen]
    caption = "Training pictures, two of each class."
    return picture_grid(part.images[chosen], titles, caption, title_lines=2, per_row=PER_ROW)


def class_colours(statistics: pd.DataFrame) -> Figure:
    """Draw each class's mean colour as a bar as long as it is bright, with its deviation."""
    colours = statistics[["red", "green", "blue"]]
    fig, (ax,) = new_figure(1, 1, 6.0, 1.8)
    ax.barh(
        class_labels(statistics.index),
        colours.mean(axis=1),
        xerr=statistics["brightness, deviation"],
        capsize=2,
        color=colours.to_numpy().tolist(),
        edgecolor="black",
        linewidth=0.5,
    )
    ax.invert_yaxis()
    ax.set_xlabel("mean brightness (0 black, 1 white) ± one standard deviation between images")
    ax.set_xlim(0, None)
    caption = "Mean brightness of the training pictures by class, in the class's mean colour."
    return finish(fig, caption)


def confusion(score: Score, class_names: list[str]) -> Figure:
    """Draw the confusion matrix with its counts; empty cells are left blank."""
    counts, names = confusion_matrix(score), class_labels(class_names)
    fig, (ax,) = new_figure(1, 1, 5.4, 2.9)
    style: dict[str, Any] = {"dark": 0.5, "cmap": "Blues", "vmin": 0, "aspect": "auto"}
    image = show_values(ax, counts, lambda n: str(n or ""), **style)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    fig.colorbar(image, ax=ax, label="images", shrink=0.8)
    return finish(fig, "Confusion matrix: the true species in rows, the answers in columns.")


def mistake_grid(score: Score, part: ImageSet) -> Figure | None:
    """Show up to ten mistakes, the most confident one first; nothing if there is none."""
    chosen = mistakes(score)[:10]
    if not chosen:
        return None
    names = class_labels(part.class_names)
    labels, answers = part.labels[chosen], score.probabilities[chosen].max(dim=1)
    titles = [
        f"{names[label]}\ntaken for\n{names[answer]}\n({probability:.0%})"
        for label, probability, answer in zip(labels, *answers, strict=True)
    ]
    caption = "Mistakes on the test set, the most confident one first."
    return picture_grid(part.images[chosen], titles, caption, title_lines=4)


def class_activation(network: BigCatsNet, score: Score, part: ImageSet) -> Figure:
    """Show what the network looks at: one picture of every class, and below it the map of evidence
    for the class that the network named, bright where it speaks for that class. All have one scale,
    up to the median of the maps' maxima; what exceeds it is as bright.
    """
    names = class_labels(part.class_names)
    first = [part.labels.tolist().index(label) for label in range(len(names))]
    images, answers = part.images[first], score.probabilities[first].argmax(1)
    maps = class_activation_maps(network, images, answers)
    titles = [
        (names[label] if answer == label else f"{names[label]}, named {names[answer]}")
        for label, answer in enumerate(answers.tolist())
    ]
    lines = max(title.count(" ") + 1 for title in titles)
    rows = -(-len(first) // PER_ROW)
    fig, axes = new_figure(2 * rows, PER_ROW, PAGE_WIDTH, (1.6 + 0.16 * lines) * rows)
    stand_close(fig)
    highest = max(0.1, maps.amax((1, 2)).median().item())  # hardly trained, it may find none
    for label, (image, title, evidence) in enumerate(zip(images, titles, maps, strict=True)):
        index = 2 * PER_ROW * (label // PER_ROW) + label % PER_ROW
        show_picture(axes[index], image, title.replace(" ", "\n"))
        heat_map = show_values(axes[index + PER_ROW], evidence, vmin=0, vmax=highest)
        axes[index + PER_ROW].axis("off")
    label_text = "evidence (logits)"
    fig.colorbar(heat_map, ax=axes, label=label_text, shrink=0.8, aspect=20, extend="max")
    caption = (
        "A picture of each species, and below it where the network finds evidence for the class it "
        "names (class activation map, in logits)."
    )
    return finish(fig, caption)


def accuracy_by_size(summary: pd.DataFrame) -> Figure:
    """Draw held-out accuracy with its 95% interval against the number of parameters (log axis), one
    line for each recipe and length of the training, the front, which is the best for the
    parameters, and a published pretrained network for orientation.
    """
    fig, (ax,) = new_figure(1, 1, 6.4, 2.8)
    best = study.front(summary)
    sizes = [*best["parameters"], summary["parameters"].max()]
    heights = [*best["accuracy"], best["accuracy"].max()]
    front: dict[str, Any] = {"color": "black", "linewidth": 0.8, "label": "best for its size"}
    ax.step(sizes, 100 * np.array(heights), where="post", **front)
    pretrained: dict[str, Any] = {"color": "grey", "linestyle": ":"}
    pretrained["label"] = "pretrained, 86 million parameters"
    ax.axhline(100 * study.PRETRAINED_ACCURACY, **pretrained)
    lines = summary.groupby(["line", "epochs"])
    for number, (((line, epochs), part), marker) in enumerate(zip(lines, "osD^v", strict=False)):
        percent = 100 * part["accuracy"]
        low, high = 100 * np.array(part["interval"].tolist()).T
        style: dict[str, Any] = {"marker": marker, "label": f"{line}, {epochs} epochs"}
        errors = [percent - low, high - percent]
        # Side by side, since many differ by little: 4% of the parameters are not seen otherwise.
        beside = part["parameters"] * 1.04 ** (number - len(lines) / 2)
        ax.errorbar(beside, percent, errors, capsize=3, **style)
    # The labels of two sizes that are nearly the same would overlap: the larger one has one.
    places: list[int] = []
    for size in sorted(summary["parameters"], reverse=True):
        if not places or size <= places[-1] / 1.2:
            places.append(size)
    ticks = {f"{size / 1000:.0f}": size for size in places}
    ax.set(
        xscale="log", xlabel="parameters (thousands, logarithmic)", ylabel="held-out accuracy (%)"
    )
    ax.set_xticks(list(ticks.values()), list(ticks))
    ax.minorticks_off()
    ax.margins(x=0.12)
    fig.legend(loc="outside upper center", ncols=2)
    caption = (
        "Accuracy on the first fold's 418 pictures against the number of parameters, with 95% "
        "intervals; points at one number stand side by side. Stored runs on the real pictures. "
        "The dotted line is a published accuracy on other pictures of these species."
    )
    return finish(fig, caption)
