import math

import pytest

from hwlib.q3 import experiments
from hwlib.q3.stacked import train_each_rate


def test_first_loss_is_predicted_from_the_spread_of_the_logits(digits):
    table = experiments.first_loss(digits, seed=42)
    assert (table["measured loss"] / table["predicted loss"] - 1).abs().max() < 0.15
    assert table["measured loss"].iloc[0] > 2 * math.log(10)
    assert table["measured loss"].iloc[1] == pytest.approx(math.log(10), abs=0.3)


def test_a_handful_of_digits_is_learnt_by_heart(digits):
    assert experiments.overfit(digits, seed=1).startswith("100% of 64")


def test_equal_distances_give_equal_losses(digits):
    histories = train_each_rate([0.01, 0.03], digits, 3, seed=5)
    (row,) = experiments.same_distance(histories).to_dict("index").values()
    assert row["test loss, slow"] == pytest.approx(histories[0.01]["test_loss"][2], abs=1e-4)
    assert row["test loss, slow"] == pytest.approx(row["test loss, fast"], rel=0.1)


def test_learning_rate_range_test_finds_an_edge(digits):
    tables = experiments.learning_rate_range_test(digits, seed=42, epochs=2, points=6)
    for table in tables.values():
        assert 0 < table["train_loss"].idxmin() < 5
        untrained = table["untrained_loss"].iloc[0]
        assert table["train_loss"].iloc[0] == pytest.approx(untrained, rel=0.2)
    edges = experiments.range_edges(tables)
    assert (edges["loss there"] < edges["untrained loss"]).all()


def test_final_figures_are_the_last_epoch_s():
    history = {"train_loss": [1.0, 0.5, 0.4], "test_accuracy": [0.7, 0.8, 0.9]}
    table = experiments.final_figures({0.1: history, 0.01: {"train_loss": [1.0]}})
    fall = "train loss, fall in the last epoch"  # needs two epochs
    assert table.to_dict("index") == {
        "lr = 0.1": {"train loss": 0.4, "test accuracy": 0.9, fall: 0.1}
    }


def test_largest_difference_sees_a_changed_digit():
    history = {"train_loss": [1.0, 0.5], "test_accuracy": [0.8, 0.9]}
    same = experiments.largest_difference(history, dict(history))
    assert same == "largest difference: 0.0e+00 in loss, 0.0e+00 in accuracy"
    other = {"train_loss": [1.0, 0.51], "test_accuracy": [0.8001, 0.9]}
    difference = experiments.largest_difference(history, other)
    assert difference == "largest difference: 1.0e-02 in loss, 1.0e-04 in accuracy"
    assert experiments.largest_difference(history, None) == "not trained again"
