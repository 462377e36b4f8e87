"""How fast Question 3 is, beside other ways to do the same.

    python benchmarks/mlp.py --data-dir DIR

An epoch is one pass over MNIST's 60,000 training digits in batches of 32, with loss and accuracy of
every batch, and one evaluation on the 10,000 test digits. All ways take turns in one process; the
table holds medians.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from timing import alternate, machine
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from hwlib.common.data import load_mnist
from hwlib.q3 import mlp
from hwlib.q3.activations import sigmoid
from hwlib.q3.experiments import untrained_network
from hwlib.q3.stacked import StackedNetwork

BATCH = 32
RATES = [0.001, 0.01, 0.1]


def reference(data_dir: str) -> Callable[[], None]:
    """Return an epoch in the known solution's way: a DataLoader over single digits, and figures
    that are read after every step.
    """
    loaders = [
        DataLoader(MNIST(data_dir, train=train, transform=ToTensor()), BATCH)
        for train in (True, False)
    ]
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.01)

    def one_pass(loader: DataLoader[Any], learn: bool) -> None:
        loss_sum, correct = 0.0, 0
        for images, labels in loader:
            x = images.flatten(1)
            y_hat = network.forward(x)
            loss_sum += mlp.cross_entropy(labels, y_hat).item()
            correct += (y_hat.argmax(1) == labels).sum().item()
            if learn:
                network.backward(x, labels, y_hat)

    def epoch() -> None:
        one_pass(loaders[0], learn=True)
        one_pass(loaders[1], learn=False)

    return epoch


def ours(digits: mlp.Digits, rates: list[float]) -> Callable[[], None]:
    """Return an epoch of the homework's own training, of as many stacked networks as rates."""
    start = untrained_network(digits, 42, lr=rates[0])
    network = StackedNetwork(start, rates) if len(rates) > 1 else start

    def epoch() -> None:
        mlp.train_epochs(network, digits, 1)

    return epoch


def built_in(digits: mlp.Digits) -> Callable[[], None]:
    """Return an epoch by torch.nn, autograd and torch.optim.SGD on the same tensors in memory."""
    network = nn.Sequential(nn.Linear(784, 128), nn.Sigmoid(), nn.Linear(128, 10))
    network.to(digits.x_train.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    train_labels, test_labels = digits.y_train.argmax(1), digits.y_test.argmax(1)

    def epoch() -> None:
        losses, correct = [], []
        for x, labels in zip(digits.x_train.split(BATCH), train_labels.split(BATCH), strict=True):
            logits = network(x)
            loss = nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
            correct.append((logits.detach().argmax(1) == labels).sum())
        torch.stack(losses).mean().item(), torch.stack(correct).sum().item()
        with torch.no_grad():
            logits = network(digits.x_test)
        nn.functional.cross_entropy(logits, test_labels).item()
        (logits.argmax(1) == test_labels).float().mean().item()

    return epoch


def in_numpy(digits: mlp.Digits) -> Callable[[], None]:
    """Return an epoch of the same steps with NumPy's arrays, in place, without copies."""
    x_train, y_train, x_test, y_test = (part.cpu().numpy() for part in digits)
    start = untrained_network(digits, 42)
    W1, W2, b1, b2 = (value.cpu().numpy() for value in start.state_dict().values())
    lr = np.float32(0.01)

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h1 = 1 / (1 + np.exp(-(x @ W1 + b1)))
        z2 = h1 @ W2 + b2
        exponentials = np.exp(z2 - z2.max(1, keepdims=True))
        return h1, exponentials / exponentials.sum(1, keepdims=True)

    def figures(y: np.ndarray, y_hat: np.ndarray) -> tuple[float, float]:
        losses = -np.log(np.maximum((y * y_hat).sum(1), np.finfo(np.float32).tiny))
        return losses.mean(), (y_hat.argmax(1) == y.argmax(1)).mean()

    def epoch() -> None:
        outputs = np.empty_like(y_train)
        for first in range(0, len(x_train), BATCH):
            batch = slice(first, first + BATCH)
            x, y = x_train[batch], y_train[batch]
            h1, outputs[batch] = forward(x)
            d_z2 = (outputs[batch] - y) * np.float32(lr / len(x))
            d_z1 = (d_z2 @ W2.T) * h1 * (1 - h1)
            np.subtract(W2, h1.T @ d_z2, out=W2)
            np.subtract(b2, d_z2.sum(0), out=b2)
            np.subtract(W1, x.T @ d_z1, out=W1)
            np.subtract(b1, d_z1.sum(0), out=b1)
        figures(y_train, outputs)
        figures(y_test, forward(x_test)[1])

    return epoch


def products_alone(digits: mlp.Digits) -> Callable[[], None]:
    """Return the floor: the step's five matrix products, the evaluation's two, nothing else."""
    x_train, device = digits.x_train, digits.x_train.device
    W1, W2 = torch.rand(784, 128, device=device), torch.rand(128, 10, device=device)
    h1, d_z2 = torch.rand(BATCH, 128, device=device), torch.rand(BATCH, 10, device=device)
    z1, z2 = torch.empty_like(h1), torch.empty_like(d_z2)
    d_W1, d_W2 = torch.empty_like(W1), torch.empty_like(W2)

    def epoch() -> None:
        for x in x_train.split(BATCH):
            torch.mm(x, W1, out=z1)
            torch.mm(h1, W2, out=z2)
            torch.mm(d_z2, W2.T, out=z1)
            torch.mm(h1.T, d_z2, out=d_W2)
            torch.mm(x.T, h1, out=d_W1)
        (digits.x_test @ W1) @ W2

    return epoch


def synchronised(task: Callable[[], None]) -> Callable[[], None]:
    """Return the task so that on CUDA it waits for what it started."""

    def run() -> None:
        task()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def where_time_goes(task: Callable[[], None], rows: int = 8) -> pd.DataFrame:
    """Return each torch operation's share of the time that all of them take, the largest first."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        task()
    events = [event for event in record.key_averages() if event.self_cpu_time_total]
    total = sum(event.self_cpu_time_total for event in events)
    events.sort(key=lambda event: -event.self_cpu_time_total)
    shares = {event.key: f"{event.self_cpu_time_total / total:.0%}" for event in events[:rows]}
    return pd.DataFrame({"share": shares})


def plot(table: pd.DataFrame, path: Path) -> None:
    """Draw seconds an epoch and network as bars."""
    fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
    shown = table.iloc[::-1]
    bars = ax.barh(shown.index, shown["seconds an epoch and network"], color="#0072B2")
    ax.bar_label(bars, fmt="%.2f s", padding=3)
    ax.set_xlabel("seconds an epoch and network")
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.15)
    path.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(path, dpi=160)
    print(f"plot: {path}")


def main() -> None:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default="data", help="holds MNIST/raw")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each way")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--plot", type=Path, default=Path("out/benchmarks/mlp.png"))
    options = parser.parse_args()
    digits = mlp.prepare_digits(*load_mnist(options.data_dir, "real"), device=options.device)
    tasks: dict[str, tuple[int, Callable[[], None]]] = {
        "reference: DataLoader, .item()": (1, reference(options.data_dir)),
        "torch.nn, autograd, SGD": (1, built_in(digits)),
        "NumPy": (1, in_numpy(digits)),
        "ours, one rate": (1, ours(digits, RATES[1:2])),
        "ours, three rates stacked": (3, ours(digits, RATES)),
        "floor: matrix products alone": (1, products_alone(digits)),
    }
    waiting = {name: synchronised(task) for name, (_, task) in tasks.items()}
    seconds = alternate(waiting, options.rounds)
    table = pd.DataFrame({"seconds an epoch": seconds})
    networks = pd.Series({name: count for name, (count, _) in tasks.items()})
    table["seconds an epoch and network"] = table["seconds an epoch"] / networks
    alone = table["seconds an epoch and network"]
    table["reference / this"] = alone.iloc[0] / alone
    table["this / floor"] = alone / alone.iloc[-1]
    print(table.round(3).to_string(), f"\n{machine()}\n")
    print("where the stacked training spends its time:")
    print(where_time_goes(tasks["ours, three rates stacked"][1]).to_string())
    plot(table, options.plot)


if __name__ == "__main__":
    main()
