import pytest
import torch

from hwlib.q3 import mlp
from hwlib.q3.activations import sigmoid
from hwlib.q3.stacked import StackedNetwork

RATES = [0.01, 0.1, 1.0]


def test_stacked_training_equals_separate_trainings(digits):
    torch.manual_seed(3)
    start = mlp.FullyConnectedNetwork(784, 10, 16, sigmoid, lr=0.0)
    weights = {name: value.clone() for name, value in start.state_dict().items()}
    stacked = mlp.train_epochs(StackedNetwork(start, RATES), digits, 2)
    for number, lr in enumerate(RATES):
        network = mlp.FullyConnectedNetwork(784, 10, 16, sigmoid, lr)
        for name, value in weights.items():
            setattr(network, name, value.clone())
        alone = mlp.train(network, digits, 2)
        for name, values in stacked.items():
            tolerance = 1e-5 if name.endswith("loss") else 0.011  # one of 100 test digits
            assert values[:, number].tolist() == pytest.approx(alone[name], abs=tolerance)


def test_stack_trains_on_labels_and_on_one_hot_rows_alike():
    x, labels = torch.rand(6, 20), torch.randint(4, (6,))
    trained = []
    for y in (labels, mlp.one_hot(labels, 4)):
        torch.manual_seed(0)
        networks = StackedNetwork(mlp.FullyConnectedNetwork(20, 4, 8, sigmoid, lr=0.0), RATES)
        before = networks.W1.clone()
        networks.backward(x, y, networks.forward(x))
        assert not torch.equal(networks.W1, before)
        trained.append(networks.W1)
    assert torch.equal(*trained)
