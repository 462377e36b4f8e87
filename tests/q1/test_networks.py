import pytest
import torch

from hwlib.q1.networks import ToyNetwork, compare, random_points, truth_table
from hwlib.q3.activations import relu, sigmoid

MAXIMUM = ToyNetwork([[-1, 1], [1, 0], [-1, 0]], [1, 1, -1], relu)


def test_networks_of_the_assignment_compute_the_named_functions():
    x = random_points(500, 4, -10, 10)
    absolute = ToyNetwork([[1], [-1]], [1, 1], relu)
    torch.testing.assert_close(absolute(x[:, :1]), x[:, 0].abs())
    torch.testing.assert_close(MAXIMUM(x[:, :2]), torch.maximum(x[:, 0], x[:, 1]))
    rows = [[1, 0, -1, 0], [-1, 0, 1, 0], [0, 1, 0, -1], [0, -1, 0, 1]]
    distance = torch.linalg.vector_norm(x[:, :2] - x[:, 2:], ord=1, dim=1)
    torch.testing.assert_close(ToyNetwork(rows, [1, 1, 1, 1], relu)(x), distance)


def test_comparison_shows_a_wrong_claim():
    x = random_points(500, 2, -10, 10)
    right = compare(MAXIMUM, lambda x: x.amax(dim=1), x, ["x1", "x2"])
    wrong = compare(MAXIMUM, lambda x: x.amin(dim=1), x, ["x1", "x2"])
    assert float(right["difference"].iloc[-1]) < 1e-12
    largest = (x[:, 0] - x[:, 1]).abs().max().item()  # in a row that the table does not list
    assert float(wrong["difference"].iloc[-1]) == pytest.approx(largest, rel=0.05)
    assert list(wrong.columns) == ["x1", "x2", "network", "function", "difference"]
    assert len(wrong) == 5 and wrong.index[-1] == "largest of 500"


def test_truth_table_is_the_network_s_own_output():
    xor = ToyNetwork([[20, 20], [-20, -20]], [20, 20], sigmoid, [-10, 30], -30, sigmoid)
    assert truth_table(xor)["rounded"].tolist() == [0, 1, 1, 0]
    conjunction = ToyNetwork([[20, 20], [0, 0]], [20, 0], sigmoid, [-30, 0], -10, sigmoid)
    assert truth_table(conjunction)["rounded"].tolist() == [0, 0, 0, 1]
