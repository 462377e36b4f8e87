"""Figures of Question 4.I: the pictures, the confusion matrix, the mistakes."""

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from hwlib.common.figures import finish, new_figure, picture_grid, show_picture, show_values
from hwlib.common.images import ImageSet
from hwlib.q4_cats import evaluation
from hwlib.q4_cats.cnn import BigCatsNet
from hwlib.q4_cats.evaluation import Score, class_activation_maps, confusion_matrix
from hwlib.q4_cats.study import REFERENCE

PER_ROW = 5  # pictures with their maps of evidence


def lower(class_names: list[str]) -> list[str]:
    """The class names as the figures spell them."""
    return [name.lower() for name in class_names]


def sample_grid(part: ImageSet) -> Figure:
    """The first two pictures of every class: the first of each, then the second."""
    labels = pd.Series(part.labels.numpy())
    place = labels.groupby(labels).cumcount()  # among the pictures of its class
    chosen = [*place.index[place == 0], *place.index[place == 1]]
    names = lower(part.class_names)
    return picture_grid(part.images[chosen], [names[labels[index]] for index in chosen])


def class_colours(statistics: pd.DataFrame) -> Figure:
    """Each class's mean colour as a bar; as long as it is bright, the whisker its deviation."""
    colours = statistics[["red", "green", "blue"]]
    figure, (axes,) = new_figure(1, 1, 6.0, 2.9)
    style = {"color": colours.to_numpy().tolist(), "edgecolor": "black", "linewidth": 0.5}
    whiskers = {"xerr": statistics["brightness, deviation"], "capsize": 2}
    axes.barh(lower(statistics.index), colours.mean(axis=1), **style, **whiskers)
    axes.invert_yaxis()
    axes.set_xlabel("mean brightness (0 black, 1 white) ± one standard deviation between images")
    axes.set_xlim(0, None)
    return finish(figure)


def confusion(result: Score, class_names: list[str]) -> Figure:
    """The confusion matrix with its counts; empty cells are left blank."""
    counts, names = confusion_matrix(result), lower(class_names)
    figure, (axes,) = new_figure(1, 1, 5.4, 4.4)
    image = show_values(axes, counts, lambda n: str(n or ""), dark=0.5, cmap="Blues", vmin=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.set_yticks(range(len(names)), names)
    figure.colorbar(image, ax=axes, label="images", shrink=0.8)
    return finish(figure)


def mistakes(result: Score, part: ImageSet) -> Figure | Markdown:
    """Up to ten mistakes, the most confident one first, or a sentence for none."""
    chosen = evaluation.mistakes(result)[:10]
    if not chosen:
        return Markdown(f"No mistake among {result.total} pictures.")
    names = lower(part.class_names)
    labels, answers = part.labels[chosen], result.probabilities[chosen].max(dim=1)
    titles = [
        f"{names[label]}\ntaken for\n{names[answer]} ({probability:.0%})"
        for label, probability, answer in zip(labels, *answers, strict=True)
    ]
    return picture_grid(part.images[chosen], titles, title_lines=3)


def class_activation(network: BigCatsNet, result: Score, part: ImageSet) -> Figure:
    """What the network looks at: one picture of every class, and below it the map of evidence for
    the class that the network named, bright where it speaks for that class; one scale for all, up
    to the median of the maps' maxima and brightest beyond.
    """
    names = lower(part.class_names)
    first = [part.labels.tolist().index(label) for label in range(len(names))]
    images, answers = part.images[first], result.probabilities[first].argmax(1)
    maps = class_activation_maps(network, images, answers)
    rows = -(-len(first) // PER_ROW)
    figure, axes = new_figure(2 * rows, PER_ROW, 6.6, 2.75 * rows)
    highest = max(0.1, maps.amax((1, 2)).median().item())  # hardly trained, it may find none
    for label, (image, answer, evidence) in enumerate(zip(images, answers, maps, strict=True)):
        place = 2 * PER_ROW * (label // PER_ROW) + label % PER_ROW
        title = names[label] if answer == label else f"{names[label]}\nnamed {names[answer]}"
        show_picture(axes[place], image, title)
        shown = show_values(axes[place + PER_ROW], evidence, vmin=0, vmax=highest)
        axes[place + PER_ROW].axis("off")
    style = {"label": "evidence (logits)", "shrink": 0.5, "aspect": 30, "extend": "max"}
    figure.colorbar(shown, ax=axes, **style)
    return finish(figure)


def frontier(summary: pd.DataFrame) -> Figure:
    """Held-out accuracy with its 95% interval against the number of parameters (log axis), one line
    for each length of the training; the known solution apart.
    """
    figure, (axes,) = new_figure(1, 1, 6.4, 3.6)
    curves = summary.groupby([summary["variant"] == REFERENCE, "epochs"])
    for ((known, epochs), part), marker in zip(curves, "osD^v", strict=False):
        who = "known solution" if known else "ours"
        percent = 100 * part["accuracy"]
        low, high = 100 * np.array(part["interval"].tolist()).T
        style = {"marker": marker, "capsize": 3, "label": f"{who}, {epochs} epochs"}
        axes.errorbar(part["parameters"], percent, [percent - low, high - percent], **style)
        for point in zip(part["parameters"], percent, strict=True):
            place = {"xytext": (-5, 5), "textcoords": "offset points", "ha": "right", "fontsize": 8}
            axes.annotate(f"{point[1]:.1f}", point, **place)
    sizes = sorted(set(summary["parameters"]))
    axes.set(
        xscale="log", xlabel="parameters (thousands, logarithmic)", ylabel="held-out accuracy (%)"
    )
    axes.set_xticks(sizes, [f"{size / 1000:.0f}" for size in sizes])
    axes.minorticks_off()
    axes.margins(x=0.12)
    figure.legend(loc="outside upper center", ncols=2)
    return finish(figure)
