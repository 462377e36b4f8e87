"""Scores, intervals, mistakes and maps of evidence."""

import pytest
import torch
from torch import nn

from hwlib.q4_cats import cnn, evaluation


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)  # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
def test_wilson_interval_as_published(correct, total, low, high):
    assert evaluation.wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_confusion_matrix_and_mistakes():
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.05, 0.95]])
    labels = torch.tensor([0, 1, 0, 0])
    score = evaluation.Score(probabilities, labels, 2, 4, (0, 1))
    assert evaluation.confusion_matrix(score).tolist() == [[1, 2], [0, 1]]
    assert evaluation.mistakes(score) == [3, 2]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (["JAGUAR", "PUMA"], "There is no mistake among the 2 pictures"),
        (["OCELOT", "LIONS"], "1 of 2 mistakes take one spotted cat for another"),
    ],
)
def test_mistakes_between_spotted_cats_are_counted(answers, sentence):
    labels = torch.tensor([cnn.CLASS_NAMES.index(name) for name in ("JAGUAR", "PUMA")])
    named = torch.tensor([cnn.CLASS_NAMES.index(name) for name in answers])
    probabilities = nn.functional.one_hot(named, 10).float()
    result = evaluation.Score(probabilities, labels, int((named == labels).sum()), 2, (0.0, 1.0))
    text = evaluation.mistakes_between_spotted(result, cnn.CLASS_NAMES)
    assert text.startswith(f"{sentence}.")


def test_class_activation_maps_average_to_the_logit():
    network = cnn.BigCatsNet().eval()
    pictures = torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8)
    maps = evaluation.class_activation_maps(network, pictures, torch.tensor([3, 7]))
    assert maps.shape == (2, 128, 128)
    with torch.no_grad():
        logits = network.head(network.feature_map(pictures / 255))
    expected = logits[[0, 1], [3, 7]] - network.head[-1].bias[[3, 7]]
    torch.testing.assert_close(maps.mean((1, 2)), expected.detach(), rtol=0.1, atol=0.02)


def test_parameter_table_adds_up():
    network = cnn.BigCatsNet()
    table = evaluation.parameter_table(network, torch.zeros(1, 3, 64, 64))
    assert table.loc["stem", "output"] == f"{cnn.WIDTHS[cnn.SIZE][0]} × 32 × 32"
    assert table.loc["stage3", "output"] == f"{cnn.WIDTHS[cnn.SIZE][-1]} × 4 × 4"
    rows = [int(value.replace(",", "")) for value in table["parameters"]]
    assert sum(rows[:-1]) == rows[-1] == cnn.count_parameters(network)


def test_the_validation_curves_are_told_in_a_sentence():
    history = {"validation_loss": [0.9, 0.3, 0.5], "validation_accuracy": [0.5, 0.8, 0.7]}
    text = evaluation.curve_text(history)
    assert "accuracy: 70.0% after the last epoch" in text and "80.0% at best" in text
    assert "0.500 after the last epoch; its lowest value is 0.300, after epoch 2." in text
