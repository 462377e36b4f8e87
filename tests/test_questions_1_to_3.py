"""The toy networks, the checks of derivatives, the stacked training, the experiments."""

import math

import pytest
import torch

from hwlib.common.data import load_mnist
from hwlib.q1 import networks as toy
from hwlib.q3 import activations as act
from hwlib.q3 import experiments as sanity
from hwlib.q3 import mlp
from hwlib.q3.gradient_check import check_derivative, check_network, finite_differences
from hwlib.q3.stacked import StackedNetwork, train_each_rate


@pytest.fixture(scope="module")
def digits() -> mlp.Digits:
    full = mlp.prepare(*load_mnist("unused", "sample"))
    return mlp.Digits(full.x_train[:640], full.y_train[:640], full.x_test[:100], full.y_test[:100])


def test_toy_networks_compute_what_is_claimed():
    x = toy.random_points(500, 2, -10, 10)
    maximum = toy.ToyNetwork([[-1, 1], [1, 0], [-1, 0]], [1, 1, -1], act.relu)
    torch.testing.assert_close(maximum(x), torch.maximum(x[:, 0], x[:, 1]))
    table = toy.compare(maximum, lambda x: x.amin(dim=1), x, ["x1", "x2"])
    assert float(table["difference"].iloc[-1]) > 1  # a wrong claim shows


def test_truth_table_is_the_network_s_own_output():
    xor = toy.ToyNetwork([[20, 20], [-20, -20]], [20, 20], act.sigmoid, [-10, 30], -30, act.sigmoid)
    assert toy.truth_table(xor)["rounded"].tolist() == [0, 1, 1, 0]
    conjunction = toy.ToyNetwork(
        [[20, 20], [0, 0]], [20, 0], act.sigmoid, [-30, 0], -10, act.sigmoid
    )
    assert toy.truth_table(conjunction)["rounded"].tolist() == [0, 0, 0, 1]


def test_finite_differences_of_a_known_function():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found = finite_differences(lambda v: torch.stack([v[0] * v[1], v[0] ** 3]), x)
    torch.testing.assert_close(found, torch.tensor([[2.0, 1.0], [3.0, 0.0]]).double())


def test_a_wrong_derivative_is_seen():
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)
    right = check_derivative(act.tanh, act.d_tanh, x, "tanh").astype(float).to_numpy()
    wrong = (
        check_derivative(act.tanh, lambda v: 1 - act.tanh(v), x, "tanh").astype(float).to_numpy()
    )
    assert right.max() < 1e-9 < 0.1 < wrong.max()


def test_check_network_reports_every_parameter(digits):
    network = mlp.FullyConnectedNetwork(784, 10, 128, "sigmoid", 0.1).to(dtype=torch.float64)
    table = check_network(network, digits.x_train[:8].double(), digits.y_train[:8].double())
    assert list(table.index) == ["W1", "W2", "b1", "b2"]
    assert table["largest difference from autograd"].astype(float).max() < 1e-12


def test_stacked_training_equals_separate_trainings(digits):
    rates = [0.01, 0.1, 1.0]
    torch.manual_seed(3)
    start = mlp.FullyConnectedNetwork(784, 10, 16, "sigmoid", 0.0)
    weights = {name: value.clone() for name, value in start.state_dict().items()}
    stacked = mlp.train(StackedNetwork(start, rates), digits, 2)
    for place, lr in enumerate(rates):
        network = mlp.FullyConnectedNetwork(784, 10, 16, "sigmoid", lr)
        for name, value in weights.items():
            setattr(network, name, value.clone())
        alone = mlp.train(network, digits, 2)
        assert [v[place] for v in stacked["train_loss"]] == pytest.approx(alone["train_loss"], 1e-5)
        found = [figures[place] for figures in stacked["test_accuracy"]]
        assert found == pytest.approx(alone["test_accuracy"], abs=0.011)


def test_first_loss_is_predicted_from_the_spread_of_the_logits(digits):
    table = sanity.first_loss(digits, seed=42)
    assert (table["measured loss"] / table["predicted loss"] - 1).abs().max() < 0.15
    assert table["measured loss"].iloc[0] > 2 * math.log(10)
    assert table["measured loss"].iloc[1] == pytest.approx(math.log(10), abs=0.3)


def test_a_handful_of_digits_is_learnt_by_heart(digits):
    assert sanity.overfit(digits, seed=1).startswith("100% of 64")


def test_equal_distances_give_equal_losses(digits):
    histories = train_each_rate([0.01, 0.03], digits, 3, seed=5)
    table = sanity.same_distance(histories)
    assert table["test loss, slow"].iloc[0] == pytest.approx(
        table["test loss, fast"].iloc[0], rel=0.1
    )


def test_learning_rate_range_has_an_edge(digits):
    tables = sanity.learning_rate_range(digits, seed=42, epochs=2, points=6)
    for table in tables.values():
        assert 0 < table["train_loss"].idxmin() < 5
        untrained = table["untrained_loss"].iloc[0]
        assert table["train_loss"].iloc[0] == pytest.approx(untrained, rel=0.2)
    edges = sanity.range_edges(tables)
    assert (edges["loss there"] < edges["untrained loss"]).all()


def test_largest_difference_sees_a_changed_digit():
    history = {"train_loss": [1.0, 0.5], "test_accuracy": [0.8, 0.9]}
    same = sanity.largest_difference(history, dict(history))
    assert same == "largest difference: 0.0e+00 in loss, 0.0e+00 in accuracy"
    other = {"train_loss": [1.0, 0.51], "test_accuracy": [0.8001, 0.9]}
    found = sanity.largest_difference(history, other)
    assert found == "largest difference: 1.0e-02 in loss, 1.0e-04 in accuracy"
    assert sanity.largest_difference(history, None) == "not trained again"


def test_the_same_seed_gives_the_same_run(digits):
    first, second = (train_each_rate([0.1], digits, 2, seed) for seed in (7, 7))
    other = train_each_rate([0.1], digits, 2, seed=8)
    assert first == second != other
