import pytest
import torch

from hwlib.q1.networks import Statement, ToyNetwork, compare, random_points, truth_table
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


def test_a_wrong_statement_has_a_large_difference():
    statements = [
        Statement(MAXIMUM, lambda x: x.amax(dim=1), "max"),
        Statement(MAXIMUM, lambda x: x.amin(dim=1), "min"),
    ]
    table = compare(statements, points=500)
    assert table.index.tolist() == ["max", "min"] and table["inputs"].tolist() == [2, 2]
    x = random_points(500, 2)
    right, wrong = map(float, table["largest difference"])
    assert right < 1e-12
    assert wrong == pytest.approx((x[:, 0] - x[:, 1]).abs().max().item(), rel=0.05)


def test_truth_table_is_the_network_s_own_output():
    xor = ToyNetwork([[20, 20], [-20, -20]], [20, 20], sigmoid, [-10, 30], -30, sigmoid)
    assert truth_table(xor)["rounded"].tolist() == [0, 1, 1, 0]
    conjunction = ToyNetwork([[20, 20], [0, 0]], [20, 0], sigmoid, [-30, 0], -10, sigmoid)
    assert truth_table(conjunction)["rounded"].tolist() == [0, 0, 0, 1]
