import numpy as np
import torch

from hwlib.q1 import plots
from hwlib.q1.networks import ToyNetwork, random_points
from hwlib.q3.activations import relu, sigmoid

ABSOLUTE = ToyNetwork([[1], [-1]], [1, 1], relu)
MAXIMUM = ToyNetwork([[-1, 1], [1, 0], [-1, 0]], [1, 1, -1], relu)
XOR = ToyNetwork([[20, 20], [-20, -20]], [20, 20], sigmoid, [-10, 30], -30, sigmoid)


def test_line_comparison_draws_the_network_over_the_function():
    left, right = plots.line_comparison(ABSOLUTE, lambda x: x[:, 0].abs(), "|x|").axes
    assert [line.get_label() for line in left.lines] == ["$h_1$", "$h_2$"]
    x, output = right.lines[0].get_data()
    np.testing.assert_allclose(output, np.abs(x))


def test_surface_comparison_shows_where_network_and_function_differ():
    right = plots.surface_comparison(MAXIMUM, lambda x: x.amax(dim=1), "max")
    wrong = plots.surface_comparison(MAXIMUM, lambda x: x[:, 0], "x1")
    panels = [[ax.images[0].get_array() for ax in fig.axes[:2]] for fig in (right, wrong)]
    difference = [np.abs(network - function) for network, function in panels]
    assert difference[0].max() < 1e-12 and difference[1].max() == 6
    assert difference[1][0, -1] == 0  # x1 is the larger one at the lower right


def test_distance_scatter_puts_equal_values_on_the_diagonal():
    x = random_points(50, 1)
    (ax,) = plots.distance_scatter(ABSOLUTE, lambda x: x[:, 0].abs(), "|x|", x).axes
    across, up = ax.lines[1].get_data()
    np.testing.assert_allclose(across, up)


def test_output_plane_names_the_output_at_each_corner():
    ax = plots.output_plane(XOR).axes[0]
    corners = {text.get_position(): text.get_text() for text in ax.texts}
    assert corners == {(0, 0): "0", (0, 1): "1", (1, 0): "1", (1, 1): "0"}
    assert torch.as_tensor(ax.images[0].get_array()).shape == (101, 101)
