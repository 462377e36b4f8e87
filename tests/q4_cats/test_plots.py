"""Figures of the big cats."""

import pandas as pd
import pytest
import torch
from torch import nn

from hwlib.common.images import ImageSet
from hwlib.q4_cats import cnn, evaluation, plots

NAMES = ["LIONS", "PUMA", "TIGER"]


@pytest.fixture
def part() -> ImageSet:
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 3, 8, 8)
    return ImageSet(images, torch.tensor([0, 0, 0, 1, 1, 2]), [], NAMES)


def score_of(part: ImageSet, answers: list[int]) -> evaluation.Score:
    probabilities = 0.7 * nn.functional.one_hot(torch.tensor(answers), 3) + 0.1
    correct = int((torch.tensor(answers) == part.labels).sum())
    return evaluation.Score(probabilities, part.labels, correct, len(answers), (0.0, 1.0))


def titles(fig) -> list[str]:
    return [ax.get_title() for ax in fig.axes if ax.images]


def test_the_samples_are_the_first_two_of_every_class(part):
    fig = plots.sample_grid(part)
    assert titles(fig) == ["lions", "puma", "tiger", "lions", "puma"]
    shown = [ax.images[0].get_array()[0, 0, 0] for ax in fig.axes]
    assert shown == [0, 3, 5, 1, 4]


def test_the_confusion_matrix_shows_its_counts_and_leaves_zeros_out(part):
    ax = plots.confusion(score_of(part, [0, 0, 1, 1, 1, 0]), NAMES).axes[0]
    cells = {text.get_position(): text.get_text() for text in ax.texts if text.get_text()}
    assert cells == {(0, 0): "2", (1, 0): "1", (1, 1): "2", (0, 2): "1"}  # x predicted, y true


def test_mistakes_are_shown_with_both_names(part):
    fig = plots.mistake_grid(score_of(part, [0, 0, 1, 1, 1, 2]), part)
    assert titles(fig) == ["lions\ntaken for\npuma\n(80%)"]
    assert plots.mistake_grid(score_of(part, part.labels.tolist()), part) is None


def test_class_activation_is_drawn_for_a_network_that_speaks_against_every_class():
    network = cnn.BigCatsNet()
    network.feature_map = lambda x: torch.ones(len(x), cnn.WIDTHS[cnn.SIZE][-1], 10, 10)
    nn.init.constant_(network.head[-1].weight, -1)
    pictures = torch.zeros(10, 3, cnn.IMAGE_SIZE, cnn.IMAGE_SIZE, dtype=torch.uint8)
    part = ImageSet(pictures, torch.arange(10), [], cnn.CLASS_NAMES)
    fig = plots.class_activation(network, evaluation.score_network(network, part), part)
    scales = {ax.images[0].get_clim() for ax in fig.axes if ax.images}
    assert (0, 0.1) in scales


def test_sizes_that_are_nearly_the_same_share_a_label():
    rows = [("ours", 20, 375_000, 0.5), ("known solution", 60, 438_000, 0.6)]
    summary = pd.DataFrame(rows, columns=["line", "epochs", "parameters", "accuracy"])
    fig = plots.accuracy_by_size(summary.assign(interval=[(0.4, 0.6), (0.5, 0.7)]))
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == ["438"]


def test_accuracy_by_size_has_a_line_for_each_length_and_the_known_solution():
    rows = [
        ("ours", 20, 10_000, 0.5),
        ("ours", 20, 20_000, 0.6),
        ("known solution", 60, 90_000, 0.55),
    ]
    summary = pd.DataFrame(rows, columns=["line", "epochs", "parameters", "accuracy"])
    summary["interval"] = [(accuracy - 0.1, accuracy + 0.2) for accuracy in summary["accuracy"]]
    fig = plots.accuracy_by_size(summary)
    lines = {c.get_label(): c.lines[0].get_xydata().tolist() for c in fig.axes[0].containers}
    assert lines.keys() == {"ours, 20 epochs", "known solution, 60 epochs"}
    (front,) = (line for line in fig.axes[0].lines if line.get_label() == "best for its size")
    assert front.get_xydata().tolist() == [[10_000, 50], [20_000, 60], [90_000, 60]]
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == ["90", "20", "10"]
    line = lines["ours, 20 epochs"]
    beside = [place / size for (place, _), size in zip(line, (10_000, 20_000), strict=True)]
    assert beside[0] == pytest.approx(beside[1]) and 0.9 < beside[0] < 1.1
    assert [height for _, height in line] == [50, 60]
