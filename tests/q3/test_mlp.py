import json
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from hwlib.common.data import load_mnist
from hwlib.common.device import set_seed
from hwlib.q3 import mlp
from hwlib.q3.activations import relu, sigmoid, softmax, tanh
from hwlib.q3.experiments import train_each_rate, untrained_network
from hwlib.q3.gradient_check import autograd_gradients
from hwlib.q3.stacked import StackedNetwork

REFERENCE = Path(__file__).resolve().parents[3] / "shared/reference/q3_table.json"
# Printed by a known solution: lr 0.1 at epoch 16 (train loss, train, test loss, test accuracy).
LAST_ROW = (0.1669, 0.9516, 0.2119, 0.9366)


def softsign(x: torch.Tensor) -> torch.Tensor:
    """An activation that the library does not know."""
    return x / (1 + x.abs())


def random_batch(count: int, features: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs, float64, and labels."""
    return torch.rand(count, features, dtype=torch.float64), torch.randint(classes, (count,))


def plain_loop(
    activation_func, lr: float, digits: mlp.Digits, epochs: int
) -> dict[str, list[float]]:
    """A grader's own loop: torch's DataLoader in data-set order, labels, sums of figures."""
    train_set, test_set = (
        DataLoader(TensorDataset(x, y.argmax(1)), batch_size=32, shuffle=False)
        for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test))
    )
    set_seed(42)
    network = mlp.FullyConnectedNetwork(784, 10, 128, activation_func, lr=lr)
    history = {name: [] for name in mlp.FIGURES}
    for _ in range(epochs):
        for split, loader in (("train", train_set), ("test", test_set)):
            losses, correct = 0.0, 0
            for x, y in loader:
                y_hat = network.forward(x)
                losses += mlp.cross_entropy(y, y_hat).mean().item()
                correct += (y_hat.argmax(dim=1) == y).sum().item()
                if split == "train":
                    network.backward(x, y, y_hat)
            history[f"{split}_loss"].append(losses / len(loader))
            history[f"{split}_accuracy"].append(correct / len(loader.dataset))
    return history


@pytest.mark.parametrize("activation_func", [sigmoid, tanh, relu, softsign])
@pytest.mark.parametrize("sizes", [(1, 2, 3, 2), (8, 5, 7, 4), (32, 784, 128, 10)])
def test_gradients_match_autograd(activation_func, sizes):
    count, features, hidden, classes = sizes
    network = mlp.FullyConnectedNetwork(features, classes, hidden, activation_func, lr=0.1)
    network.to(dtype=torch.float64)
    x, y = random_batch(count, features, classes)
    expected = autograd_gradients(network, x, y)
    gradients = network.gradients(x, y, network.forward(x))
    numerical = activation_func is softsign
    for name in expected:
        tolerance = {"rtol": 1e-6, "atol": 1e-8} if numerical else {"rtol": 1e-9, "atol": 1e-12}
        torch.testing.assert_close(gradients[name], expected[name], **tolerance)


def test_training_follows_torch_nn():
    """Three epochs beside the same network from torch's own layers, loss and optimiser."""
    set_seed(0)
    ours = mlp.FullyConnectedNetwork(20, 4, 8, sigmoid, lr=0.5).to(dtype=torch.float64)
    layers = nn.Sequential(nn.Linear(20, 8), nn.Sigmoid(), nn.Linear(8, 4)).double()
    for layer, weight, bias in ((layers[0], ours.W1, ours.b1), (layers[2], ours.W2, ours.b2)):
        layer.weight.data, layer.bias.data = weight.T.clone(), bias.clone()
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.5)
    x, y = random_batch(70, 20, 4)
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


def test_a_plain_loop_over_a_data_loader_gives_the_figures_of_train(digits):
    set_seed(42)
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.1)
    history = mlp.train(network, digits, 2)
    by_hand = plain_loop(sigmoid, 0.1, digits, 2)
    own_function = plain_loop(lambda x: 1 / (1 + torch.exp(-x)), 0.1, digits, 2)
    for name in mlp.FIGURES:
        assert by_hand[name] == pytest.approx(history[name], abs=1e-5)
        assert own_function[name] == pytest.approx(history[name], abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_labels_of_any_integer_type_and_one_hot_rows_train_alike(dtype):
    x, labels = random_batch(10, 20, 10)  # ten samples of ten classes: no shape tells them apart
    trained = []
    for y in (labels.to(dtype), mlp.one_hot(labels, 10), nn.functional.one_hot(labels, 10)):
        set_seed(0)
        network = mlp.FullyConnectedNetwork(20, 10, 8, sigmoid, lr=0.5).to(dtype=torch.float64)
        network.backward(x, y, network.forward(x))
        trained.append(network.state_dict())
    for name, parameter in trained[0].items():
        assert torch.equal(parameter, trained[1][name])
        assert torch.equal(parameter, trained[2][name])


@pytest.mark.parametrize("shape", [(5, 4), (4, 4), (3, 5, 4), (4,)])
def test_cross_entropy_is_the_mean_over_the_batch(shape):
    """Of one network, of one with as many samples as classes, of three networks, of a sample."""
    logits = torch.randn(shape, dtype=torch.float64)
    labels = torch.randint(4, shape[-2:-1])
    many = logits.reshape(-1, *shape[-2:])
    expected = torch.stack([nn.functional.cross_entropy(one, labels) for one in many])
    expected = expected.reshape(shape[:-2])
    for y in (labels, mlp.one_hot(labels, 4)):
        torch.testing.assert_close(mlp.cross_entropy(y, softmax(logits)), expected)


def test_cross_entropy_is_finite_if_a_probability_underflows():
    y_hat = softmax(torch.tensor([[0.0, 1e4]]))
    assert y_hat[0, 0] == 0
    loss = mlp.cross_entropy(torch.tensor([0]), y_hat)
    assert 87 < loss.item() < 88  # -ln of the smallest normal float32, 1.18e-38


def test_a_smaller_last_batch_counts_as_one_batch():
    y = torch.tensor([0, 0, 0])
    y_hat = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]])
    loss, accuracy = mlp.mean_loss_and_accuracy(y, y_hat, batch_size=2)
    assert loss.item() == pytest.approx((0.693147 + 1.386294) / 2, rel=1e-5)
    assert accuracy.item() == pytest.approx(2 / 3)


def test_weights_are_drawn_first_w1_then_w2_and_biases_are_zero():
    set_seed(42)
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.01)
    set_seed(42)
    assert torch.equal(network.W1, torch.randn(784, 128))
    assert torch.equal(network.W2, torch.randn(128, 10))
    assert not network.b1.any() and not network.b2.any()


def test_loss_stays_finite_under_saturated_activations():
    network = mlp.FullyConnectedNetwork(20, 4, 8, sigmoid, lr=100.0)
    x, y = random_batch(64, 20, 4)
    loss, _ = mlp.train_epoch(network, 1000 * x.float(), y, 32)
    assert loss.isfinite()
    assert all(value.isfinite().all() for value in network.state_dict().values())


def test_pickle_holds_the_four_parameters_and_the_same_bytes_every_time(tmp_path):
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.01)
    for name in ("first.pkl", "second.pkl"):
        mlp.save_network(network, tmp_path / name)
    loaded = torch.load(tmp_path / "first.pkl", weights_only=True)
    assert list(loaded) == ["W1", "W2", "b1", "b2"]
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
    first, second = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert first == second


@pytest.mark.slow
def test_one_network_and_several_at_once_give_the_same_digits(real_data, use_threads):
    """The stack of the range figure trains as part (a) does, to the last printed digit."""
    use_threads(1)
    digits = mlp.prepare_digits(*load_mnist(real_data, "real"))
    set_seed(42)
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.01)
    alone = mlp.train(network, digits, 2)
    networks = StackedNetwork(untrained_network(digits, 42), [0.001, 0.01, 0.1])
    stacked = mlp.train_epochs(networks, digits, 2)
    for name in alone:
        assert alone[name] == pytest.approx(stacked[name][:, 1].tolist(), abs=1e-5)


@pytest.mark.slow
def test_a_plain_loop_prints_the_digits_of_the_known_solution(real_data, use_threads):
    """The assignment's class in a grader's hands: all epochs at one rate, from labels."""
    use_threads(1)
    digits = mlp.prepare_digits(*load_mnist(real_data, "real"))
    history = plain_loop(sigmoid, 0.1, digits, 16)
    rows = list(zip(*history.values(), strict=True))
    assert [f"{value:.4f}" for value in rows[-1]] == [f"{value:.4f}" for value in LAST_ROW]
    if REFERENCE.is_file():
        for row, printed in zip(
            rows, json.loads(REFERENCE.read_text())["rows"]["0.1"], strict=True
        ):
            assert [f"{value:.4f}" for value in row] == [f"{value:.4f}" for value in printed[1:]]


@pytest.mark.slow
def test_every_printed_digit_of_the_known_solution(real_data, use_threads):
    """192 figures at four decimals, on the real digits."""
    use_threads(1)
    digits = mlp.prepare_digits(*load_mnist(real_data, "real"))
    rates = [0.001, 0.01, 0.1] if REFERENCE.is_file() else [0.1]
    histories = train_each_rate(rates, digits, 16, 42, {})
    last = tuple(round(values[-1], 4) for values in histories[0.1].values())
    assert last == LAST_ROW
    if REFERENCE.is_file():
        for lr, rows in json.loads(REFERENCE.read_text())["rows"].items():
            figures = list(zip(*histories[float(lr)].values(), strict=True))
            printed = [[f"{value:.4f}" for value in row[1:]] for row in rows]
            assert [[f"{value:.4f}" for value in row] for row in figures] == printed


class Forgetful:
    """A network that notes how many of its earlier predictions are still in memory."""

    def __init__(self):
        self.given, self.kept = [], []

    def forward(self, x):
        self.kept.append(sum(reference() is not None for reference in self.given))
        y_hat = torch.full((len(x), 10), 0.1)
        self.given.append(weakref.ref(y_hat))
        return y_hat

    def backward(self, x, y, y_hat):
        pass


def test_no_prediction_of_a_batch_stays_in_memory():
    """Small tensors between the large ones of a step made the process grow by gigabytes."""
    network = Forgetful()
    mlp.train_epoch(network, torch.rand(80, 4), torch.arange(80) % 10, batch_size=8)
    assert len(network.kept) >= 10 and max(network.kept) <= 1
