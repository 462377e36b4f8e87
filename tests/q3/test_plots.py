import numpy as np
import pandas as pd
import torch

from hwlib.q3 import plots
from hwlib.q3.activations import d_softmax, d_tanh, tanh


def test_activations_are_drawn_beside_their_derivatives_and_the_jacobian_with_its_numbers():
    matrix = d_softmax(torch.tensor([0.0, 1.0]))
    ax, last = plots.activations({"tanh": (tanh, d_tanh)}, matrix).axes
    curves = {line.get_label(): line.get_data() for line in ax.lines}
    x, slope = curves["derivative"]
    np.testing.assert_allclose(slope, 1 - np.tanh(x) ** 2, atol=1e-6)
    assert curves["function"][1][-1] > 0.999
    assert [text.get_text() for text in last.texts] == ["0.197", "-0.197", "-0.197", "0.197"]


def test_learning_rates_draw_one_curve_for_each_rate_and_split():
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    histories = {
        lr: {name: [lr + number, lr] for number, name in enumerate(names)} for lr in (0.1, 0.01)
    }
    fig = plots.learning_rates(histories)
    for ax, name in zip(fig.axes, (names[0], names[2], names[1], names[3]), strict=True):
        curves = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
        assert curves == {f"lr = {lr:g}": histories[lr][name] for lr in histories}
    assert fig.axes[0].get_yscale() == "log"


def test_learning_rate_range_marks_the_lowest_loss_of_the_first_start():
    first = pd.DataFrame(
        {"lr": [0.1, 1.0, 10.0], "train_loss": [2.0, 1.0, 3.0], "train_accuracy": [0.3, 0.5, 0.1]}
    )
    second = first.assign(train_loss=[1.0, 2.0, 3.0])
    left = plots.learning_rate_range({"required": first, "scaled": second}).axes[0]
    marked = [line.get_xdata()[0] for line in left.lines if "lowest" in line.get_label()]
    assert marked == [1.0]
