"""The known solution of Question 4.I, written again from its description: the baseline that the
benchmarks compare with.

Four blocks of two 3 × 3 convolutions (24, 48, 96 and 128 channels, batch norm, ReLU, max-pooling)
on 64 × 64 pixels, 438,386 parameters; Adam, 150 epochs, class-weighted loss; pictures are opened
and transformed one by one.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hwlib.data import ImageSet, read_image

SIZE, BATCH, EPOCHS = 64, 32, 150
AUGMENT = transforms.Compose(
    [
        transforms.Resize((SIZE, SIZE)),
        transforms.RandomHorizontalFlip(),
        transforms.RandomRotation(15),
        transforms.ColorJitter(0.2, 0.2, 0.2),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ]
)
PLAIN = transforms.Compose(
    [
        transforms.Resize((SIZE, SIZE)),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ]
)


class Pictures(Dataset):
    """Files that are opened, resized and transformed whenever they are asked for."""

    def __init__(self, image_set: ImageSet, transform: Callable[..., Tensor]):
        self.paths, self.labels, self.transform = image_set.paths, image_set.labels, transform

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """A picture (3, SIZE, SIZE) and its label."""
        return self.transform(read_image(self.paths[index])), int(self.labels[index])


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """Two convolutions and a pooling, (B, inputs, S, S) to (B, outputs, S / 2, S / 2)."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return [*layers, nn.MaxPool2d(2)]


def make_network(num_classes: int = 10) -> nn.Sequential:
    """The reference network, (B, 3, 64, 64) to logits (B, num_classes)."""
    return nn.Sequential(
        *block(3, 24),
        *block(24, 48),
        *block(48, 96),
        *block(96, 128),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Linear(128, num_classes),
    )


@torch.no_grad()
def accuracy(network: nn.Module, pictures: Pictures) -> float:
    """Fraction of right answers."""
    network.eval()
    correct = 0
    for x, y in DataLoader(pictures, 100):
        correct += (network(x).argmax(1) == y).sum().item()
    return correct / len(pictures)


def train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: nn.Module, loader: DataLoader
) -> float:
    """One pass; the seconds spent waiting for data."""
    network.train()
    waiting, begun = 0.0, time.perf_counter()
    for x, y in loader:
        waiting += time.perf_counter() - begun
        optimizer.zero_grad()
        loss(network(x), y).backward()
        optimizer.step()
        begun = time.perf_counter()
    return waiting


def train(
    train_set: ImageSet, held_out: ImageSet, seed: int, epochs: int = EPOCHS
) -> tuple[nn.Module, list[float], list[float]]:
    """Train as the known solution did; the network, and held-out accuracy and seconds after each
    epoch.
    """
    torch.manual_seed(seed)
    network = make_network(len(train_set.class_names))
    counts = torch.bincount(train_set.labels).float()
    loss = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loader = DataLoader(Pictures(train_set, AUGMENT), BATCH, shuffle=True)
    plain = Pictures(held_out, PLAIN)
    accuracies, seconds, begun = [], [], time.perf_counter()
    for _ in range(epochs):
        train_epoch(network, optimizer, loss, loader)
        seconds.append(time.perf_counter() - begun)
        evaluating = time.perf_counter()
        accuracies.append(accuracy(network, plain))
        begun += time.perf_counter() - evaluating
    return network, accuracies, seconds
