"""Figures of Question 4.I: the pictures, the confusion matrix, the mistakes."""

import pandas as pd
from matplotlib.figure import Figure

from hwlib.cnn import BigCatsNet
from hwlib.data import ImageSet
from hwlib.evaluation import Score, class_activation_maps, confusion_matrix
from hwlib.evaluation import mistakes as mistake_indices
from hwlib.plots.style import finish, new_figure, picture_grid, show_picture
from hwlib.study import REFERENCE


def sample_grid(part: ImageSet, per_class: int = 2) -> Figure:
    """The first ``per_class`` pictures of every class."""
    chosen = [
        index
        for number in range(per_class)
        for label in range(len(part.class_names))
        for index in (part.labels == label).nonzero().flatten()[number : number + 1].tolist()
    ]
    titles = [part.class_names[part.labels[index]].lower() for index in chosen]
    return picture_grid(part.images[chosen], titles, columns=5)


def class_colours(statistics: pd.DataFrame) -> Figure:
    """Mean colour of each class as a bar of that colour; its length is the mean brightness, its
    whisker the deviation.
    """
    colours = statistics[["red", "green", "blue"]]
    figure, (axes,) = new_figure(1, 1, 6.0, 2.9)
    axes.barh(
        [name.lower() for name in statistics.index],
        colours.mean(axis=1),
        xerr=statistics["brightness, deviation"],
        color=colours.to_numpy().tolist(),
        edgecolor="black",
        linewidth=0.5,
        capsize=2,
    )
    axes.invert_yaxis()
    axes.set(
        xlabel="mean brightness (0 black, 1 white) ± one standard deviation between images",
        xlim=(0, None),
    )
    return finish(figure)


def confusion(result: Score, class_names: list[str]) -> Figure:
    """The confusion matrix with its counts; empty cells are left blank."""
    counts = confusion_matrix(result)
    names = [name.lower() for name in class_names]
    figure, (axes,) = new_figure(1, 1, 5.4, 4.4)
    image = axes.imshow(counts, cmap="Blues", vmin=0)
    for i, row in enumerate(counts.tolist()):
        for k, count in enumerate(row):
            if count:
                colour = "white" if count > counts.max().item() / 2 else "black"
                axes.text(k, i, str(count), ha="center", va="center", color=colour)
    axes.set(
        xlabel="predicted class",
        ylabel="true class",
        xticks=range(len(names)),
        yticks=range(len(names)),
    )
    axes.set_xticklabels(names, rotation=40, ha="right")
    axes.set_yticklabels(names)
    axes.grid(False)
    figure.colorbar(image, ax=axes, label="images", shrink=0.8)
    return finish(figure)


def mistakes(result: Score, part: ImageSet, most: int = 10) -> Figure | str:
    """The wrongly classified pictures, the most confident mistake first; a sentence where there is
    none.
    """
    chosen = mistake_indices(result)[:most]
    if not chosen:
        return f"No mistake among {result.total} pictures."
    names = [name.lower() for name in part.class_names]
    probabilities, answers = result.probabilities[chosen].max(dim=1)
    titles = [
        f"{names[part.labels[index]]}\ntaken for\n{names[answer]} ({probability:.0%})"
        for index, answer, probability in zip(chosen, answers, probabilities.tolist(), strict=True)
    ]
    return picture_grid(part.images[chosen], titles, columns=5, title_lines=3)


def class_activation(
    network: BigCatsNet, result: Score, part: ImageSet, per_row: int = 5
) -> Figure:
    """What the network looks at: one picture of every class, and below it the map of evidence for
    the class that the network named, bright where it speaks for that class; one scale for all, up
    to the median of the maps' maxima.
    """
    names = [name.lower() for name in part.class_names]
    first = [(part.labels == label).nonzero()[0].item() for label in range(len(names))]
    images, answers = part.images[first], result.probabilities[first].argmax(1)
    maps = class_activation_maps(network, images, answers)
    rows = -(-len(first) // per_row)
    figure, axes = new_figure(2 * rows, per_row, 6.6, 2.75 * rows)
    scale = {"cmap": "cividis", "vmin": 0, "vmax": maps.amax((1, 2)).median().item()}
    for number, (image, evidence) in enumerate(zip(images, maps, strict=True)):
        place = 2 * per_row * (number // per_row) + number % per_row
        right = answers[number] == part.labels[first[number]]
        title = names[number] + ("" if right else f"\nnamed {names[answers[number]]}")
        show_picture(axes[place], image, title)
        shown = axes[place + per_row].imshow(evidence, **scale)
        axes[place + per_row].axis("off")
    figure.colorbar(shown, ax=axes, label="evidence (logits)", shrink=0.5, aspect=30)
    return finish(figure)


def frontier(summary: pd.DataFrame) -> Figure:
    """Held-out accuracy with its 95% interval against the number of parameters (log axis), one line
    for each length of the training; the known solution apart.
    """
    figure, (axes,) = new_figure(1, 1, 6.4, 3.6)
    own = summary[summary["variant"] != REFERENCE]
    curves = {f"ours, {epochs} epochs": part for epochs, part in own.groupby("epochs")}
    known = summary[summary["variant"] == REFERENCE]
    curves |= {f"known solution, {epochs} epochs": part for epochs, part in known.groupby("epochs")}
    for (label, part), marker in zip(curves.items(), "osD^v", strict=False):
        share = 100 * part["accuracy"]
        bars = [share - 100 * part["low"], 100 * part["high"] - share]
        axes.errorbar(part["parameters"], share, bars, marker=marker, capsize=3, label=label)
        for size, accuracy in zip(part["parameters"], share, strict=True):
            place = {"xytext": (5, 6), "textcoords": "offset points", "fontsize": 8}
            axes.annotate(f"{accuracy:.1f}", (size, accuracy), **place)
    sizes = sorted(set(summary["parameters"]))
    axes.set(xscale="log", xlabel="parameters (thousands)", ylabel="held-out accuracy (%)")
    axes.set_xticks(sizes, [f"{size / 1000:.0f}" for size in sizes])
    axes.minorticks_off()
    axes.margins(x=0.12)
    figure.legend(loc="outside upper center", ncols=2)
    return finish(figure)
