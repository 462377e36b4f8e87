import json
from pathlib import Path

import pytest
import torch
from torch import nn

from hwlib.common.data import load_mnist
from hwlib.common.device import set_seed
from hwlib.q3 import mlp
from hwlib.q3.gradient_check import autograd_gradients
from hwlib.q3.stacked import train_each_rate

REFERENCE = Path(__file__).resolve().parents[3] / "shared/reference/q3_table.json"
# Printed by a known solution: lr 0.1 at epoch 16 (train loss, train, test loss, test accuracy).
LAST_ROW = (0.1669, 0.9516, 0.2119, 0.9366)


def batch(count: int, features: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(count, features, dtype=torch.float64)
    return x, mlp.one_hot(torch.randint(classes, (count,)), classes, torch.float64)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("sizes", [(1, 2, 3, 2), (8, 5, 7, 4), (32, 784, 128, 10)])
def test_gradients_match_autograd(activation, sizes):
    count, features, hidden, classes = sizes
    network = mlp.FullyConnectedNetwork(features, classes, hidden, activation, lr=0.1)
    network.to(dtype=torch.float64)
    x, y = batch(count, features, classes)
    expected = autograd_gradients(network, x, y)
    found = network.gradients(x, y, network.forward(x))
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-12)


def test_training_follows_torch_nn():
    """Three epochs beside the same network from torch's own layers, loss and optimiser."""
    set_seed(0)
    ours = mlp.FullyConnectedNetwork(20, 4, 8, "sigmoid", lr=0.5).to(dtype=torch.float64)
    layers = nn.Sequential(nn.Linear(20, 8), nn.Sigmoid(), nn.Linear(8, 4)).double()
    for layer, weight, bias in ((layers[0], ours.W1, ours.b1), (layers[2], ours.W2, ours.b2)):
        layer.weight.data, layer.bias.data = weight.T.clone(), bias.clone()
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.5)
    x, y = batch(70, 20, 4)
    for _ in range(3):
        loss, _ = mlp.train_epoch(ours, x, y, 32)
        losses = []
        for x_batch, y_batch in zip(x.split(32), y.split(32), strict=True):
            optimizer.zero_grad()
            losses.append(nn.functional.cross_entropy(layers(x_batch), y_batch))
            losses[-1].backward()
            optimizer.step()
        torch.testing.assert_close(loss, torch.stack(losses).mean().detach(), rtol=1e-10, atol=0)
    torch.testing.assert_close(ours.W1, layers[0].weight.T.detach(), rtol=1e-9, atol=1e-12)


def test_a_smaller_last_batch_counts_as_one_batch():
    y = mlp.one_hot(torch.tensor([0, 0, 0]), 2)
    y_hat = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]])
    loss, accuracy = mlp.mean_loss_and_accuracy(y, y_hat, batch_size=2)
    assert loss.item() == pytest.approx((0.693147 + 1.386294) / 2, rel=1e-5)
    assert accuracy.item() == pytest.approx(2 / 3)


def test_weights_are_drawn_first_w1_then_w2_and_biases_are_zero():
    set_seed(42)
    network = mlp.FullyConnectedNetwork(784, 10, 128, "sigmoid", 0.01)
    set_seed(42)
    assert torch.equal(network.W1, torch.randn(784, 128))
    assert torch.equal(network.W2, torch.randn(128, 10))
    assert not network.b1.any() and not network.b2.any()


def test_loss_stays_finite_under_saturated_activations():
    network = mlp.FullyConnectedNetwork(20, 4, 8, "sigmoid", lr=100.0)
    x, y = (part.float() for part in batch(64, 20, 4))
    loss, _ = mlp.train_epoch(network, 1000 * x, y, 32)
    assert loss.isfinite()
    assert all(value.isfinite().all() for value in network.state_dict().values())


def test_pickle_holds_the_four_parameters(tmp_path):
    network = mlp.FullyConnectedNetwork(784, 10, 128, "sigmoid", 0.01)
    mlp.save_network(network, tmp_path / "q3.pkl")
    loaded = torch.load(tmp_path / "q3.pkl", weights_only=True)
    assert list(loaded) == ["W1", "W2", "b1", "b2"]
    assert torch.equal(loaded["W2"], network.W2)


def test_one_network_and_several_at_once_give_the_same_digits(real_data):
    """Part (a)'s training is the stack's of part (b), to the last printed digit."""
    digits = mlp.prepare(*load_mnist(real_data, "real"))
    set_seed(42)
    network = mlp.FullyConnectedNetwork(784, 10, 128, "sigmoid", 0.01)
    alone = mlp.train(network, digits, 2)
    stacked = train_each_rate([0.001, 0.01, 0.1], digits, 2, seed=42)[0.01]
    for name in alone:
        assert alone[name] == pytest.approx(stacked[name], abs=1e-5)


def test_every_printed_digit_of_the_known_solution(real_data):
    """192 figures at four decimals, on the real digits."""
    digits = mlp.prepare(*load_mnist(real_data, "real"))
    rates = [0.001, 0.01, 0.1] if REFERENCE.is_file() else [0.1]
    histories = train_each_rate(rates, digits, 16, seed=42)
    last = tuple(round(values[-1], 4) for values in histories[0.1].values())
    assert last == LAST_ROW
    if REFERENCE.is_file():
        for lr, rows in json.loads(REFERENCE.read_text())["rows"].items():
            found = list(zip(*histories[float(lr)].values(), strict=True))
            wanted = [[f"{value:.4f}" for value in row[1:]] for row in rows]
            assert [[f"{value:.4f}" for value in row] for row in found] == wanted
