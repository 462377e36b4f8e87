import torch

from hwlib.q3.activations import d_sigmoid, sigmoid
from hwlib.q3.gradient_check import check_network
from hwlib.q3.mlp import FullyConnectedNetwork

DIFFERENCE = "largest difference from autograd"


def test_check_network_reports_every_parameter():
    network = FullyConnectedNetwork(20, 4, 8, sigmoid, lr=0.1).to(dtype=torch.float64)
    x, labels = torch.rand(6, 20, dtype=torch.float64), torch.randint(4, (6,))
    table = check_network(network, x, labels)
    assert table["shape"].to_dict() == {"W1": "20 × 8", "W2": "8 × 4", "b1": "8", "b2": "4"}
    assert table[DIFFERENCE].astype(float).max() < 1e-12


def test_check_network_shows_a_wrong_derivative():
    network = FullyConnectedNetwork(20, 4, 8, sigmoid, lr=0.1).to(dtype=torch.float64)
    network.derivative = lambda x, y: 2 * d_sigmoid(x, y)
    x, labels = torch.rand(6, 20, dtype=torch.float64), torch.randint(4, (6,))
    differences = check_network(network, x, labels)[DIFFERENCE].astype(float)
    assert differences[["W1", "b1"]].min() > 1e-6 > 1e-12 > differences[["W2", "b2"]].max()
