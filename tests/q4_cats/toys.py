"""What the tests of Question 4.I share: pictures, networks and a recipe that are quick to train."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from hwlib.common.images import ImageSet
from hwlib.q4_cats import training
from hwlib.q4_cats.recipe import Recipe

RECIPE = Recipe(epochs=4, batch_size=8, distillation_epochs=4, sizes=((6, 0.5), (8, 1.0)))


def toy_set(count: int, seed: int) -> ImageSet:
    """Make pictures whose class is their brightness."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 60, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images[labels == 1] += 150
    return ImageSet(images, labels, [], ["dark", "bright"])


def small_network() -> nn.Module:
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(4)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 2))


def same(first: Any, second: Any) -> bool:
    """Say whether two nested structures of tensors and numbers are equal to the last bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def train_in_a_process(checkpoint: Path) -> None:
    """Train on one thread, long enough to be killed on the way."""
    torch.set_num_threads(1)
    recipe = Recipe(epochs=60, batch_size=8, sizes=((6, 0.5), (8, 1.0)))
    sets = toy_set(40, 0), toy_set(20, 1)
    training.train_classifier(small_network, *sets, recipe, checkpoint=checkpoint)
