"""The known solution of Question 4.I, written again from its description: the baseline that the
benchmarks compare with.

Four blocks of two 3 × 3 convolutions (24, 48, 96 and 128 channels, batch norm, ReLU, max-pooling)
on 64 × 64 pixels, 438,386 parameters; Adam, 150 epochs, class-weighted loss; pictures are opened
and transformed one by one.
"""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hwlib.common.images import ImageSet, read_image

SIZE, BATCH, EPOCHS = 64, 32, 150
CURVE_POINTS = 38  # in a training, at most: after every epoch of 20, every fourth of 120 or 150
Point = tuple[int, float, float]  # epoch, core seconds, held-out accuracy
RESIZE = transforms.Resize((SIZE, SIZE))  # leaves pictures of that size as they are
AUGMENT = transforms.Compose(
    [
        RESIZE,
        transforms.RandomHorizontalFlip(),
        transforms.RandomRotation(15),
        transforms.ColorJitter(0.2, 0.2, 0.2),
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ]
)
PLAIN = transforms.Compose(
    [
        RESIZE,
        transforms.ToTensor(),
        transforms.Normalize([0.5] * 3, [0.5] * 3),
    ]
)


class Clock:
    """Processor seconds of this process, summed over its cores; it can be stopped and go on."""

    def __init__(self):
        self.total = 0.0
        self.resume()

    def resume(self) -> None:
        """Go on counting."""
        self.begun = time.process_time()

    def pause(self) -> float:
        """Stop counting, and return all seconds so far."""
        self.total += time.process_time() - self.begun
        return self.total


class Pictures(Dataset):
    """Files that are opened, resized and transformed when they are needed; with ``in_memory`` they
    are opened and resized only once, to the same pixels.
    """

    def __init__(
        self, image_set: ImageSet, transform: Callable[..., Tensor], in_memory: bool = False
    ):
        self.paths, self.labels, self.transform = image_set.paths, image_set.labels, transform
        self.resized = [RESIZE(read_image(path)) for path in self.paths] if in_memory else []

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return a picture (3, SIZE, SIZE) and its label."""
        image = self.resized[index] if self.resized else read_image(self.paths[index])
        return self.transform(image), int(self.labels[index])


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """Return two convolutions and a pooling: (B, inputs, S, S) to (B, outputs, S / 2, S / 2)."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return [*layers, nn.MaxPool2d(2)]


def make_network(num_classes: int = 10) -> nn.Sequential:
    """Return the reference network, (B, 3, 64, 64) to logits (B, num_classes)."""
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
def held_out_accuracy(network: nn.Module, pictures: Pictures) -> float:
    """Return the fraction of right answers."""
    network.eval()
    correct = 0
    for x, y in DataLoader(pictures, 100):
        correct += (network(x).argmax(1) == y).sum().item()
    return correct / len(pictures)


def run_reference_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: nn.Module, loader: DataLoader
) -> float:
    """Train on every picture once; return the seconds spent waiting for data."""
    network.train()
    waiting, begun = 0.0, time.perf_counter()
    for x, y in loader:
        waiting += time.perf_counter() - begun
        optimizer.zero_grad()
        loss(network(x), y).backward()
        optimizer.step()
        begun = time.perf_counter()
    return waiting


def is_curve_point(epoch: int, epochs: int) -> bool:
    """Say whether the held-out pictures are classified after this epoch, counted from 1."""
    return epoch % math.ceil(epochs / CURVE_POINTS) == 0 or epoch == epochs


def train_reference(
    train_set: ImageSet, held_out: ImageSet, seed: int, epochs: int = EPOCHS
) -> tuple[nn.Module, list[Point]]:
    """Train as the known solution did; return the network and the curve of its accuracy.

    The pictures are kept in memory and the weights channels last, which changes the time in the
    reference's favour and the result not at all.
    """
    torch.manual_seed(seed)
    network = make_network(len(train_set.class_names)).to(memory_format=torch.channels_last)
    counts = torch.bincount(train_set.labels).float()
    loss = nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loader = DataLoader(Pictures(train_set, AUGMENT, in_memory=True), BATCH, shuffle=True)
    plain = Pictures(held_out, PLAIN, in_memory=True)
    curve, clock = [], Clock()
    for epoch in tqdm(range(1, epochs + 1), desc="reference", unit="epoch"):
        run_reference_epoch(network, optimizer, loss, loader)
        seconds = clock.pause()
        if is_curve_point(epoch, epochs):
            curve.append((epoch, round(seconds, 1), round(held_out_accuracy(network, plain), 4)))
        clock.resume()
    return network, curve
