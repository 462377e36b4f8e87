"""Augmentation of a whole batch at once, on the training device; every picture has its own
transformation.

The random numbers are drawn beforehand and passed in: so parts of a batch can be worked on side by
side, in any order and on any device, with the same result.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

NUMBERS = 8  # random numbers that decide the transformation of one picture


def to_range(numbers: Tensor, low: float, high: float) -> Tensor:
    """Map numbers (B,) from [0, 1) to [low, high), as (B, 1, 1)."""
    return (numbers * (high - low) + low).view(-1, 1, 1)


def affine(
    images: Tensor,
    numbers: Tensor,
    size: int,
    rotation: float = 0.26,
    zoom: float = 0.35,
    shift: float = 0.18,
) -> Tensor:
    """Mirror, rotate, scale and shift each picture in one resampling, (B, 3, S, S) to (B, 3, size,
    size).

    Args:
        images: the batch, float.
        numbers: five a picture, (B, 5), uniform in [0, 1).
        size: pixels of a side of the result.
        rotation: largest angle, in radians.
        zoom: the visible width varies from 1 - zoom to 1 + zoom / 4 of the picture's.
        shift: largest displacement, as a fraction of half the width.
    """
    mirrored, turned, scaled, right, down = numbers.unbind(1)
    mirror = torch.where(mirrored < 0.5, -1.0, 1.0).view(-1, 1, 1)
    angle, scale = to_range(turned, -rotation, rotation), to_range(scaled, 1 - zoom, 1 + zoom / 4)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    # Pixel centres from -1 to 1; sums of a row and a column are cheaper than matrix products.
    x = (2 * torch.arange(size, device=images.device) + 1) / size - 1
    y = x.unsqueeze(1)
    grid = images.new_empty(len(images), size, size, 2)
    torch.add(mirror * cos * x, to_range(right, -shift, shift) - sin * y, out=grid[..., 0])
    torch.add(mirror * sin * x, to_range(down, -shift, shift) + cos * y, out=grid[..., 1])
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def colour(images: Tensor, numbers: Tensor, strength: float = 0.2, white: float = 1.0) -> Tensor:
    """Vary brightness, contrast and saturation of each picture by up to ``strength``, as decided by
    three uniform numbers from [0, 1) for each, (B, 3); values from [0, white] end in [0, 1].

    Each of the three is linear in the pixel's colour, so together they are one 3 × 3 matrix and one
    offset for each picture: saturation mixes with the pixel's grey, contrast with the mean.
    """
    brightness, contrast, saturation = (
        to_range(part, 1 - strength, 1 + strength) for part in numbers.unbind(1)
    )
    identity = torch.eye(3, device=images.device)
    matrix = brightness * contrast * (saturation * identity + (1 - saturation) / 3) / white
    mean = images.mean(dim=(1, 2, 3)).view(-1, 1, 1) / white
    offset = (brightness * (1 - contrast) * mean).expand(-1, 3, 1)
    return torch.baddbmm(offset, matrix, images.flatten(2)).clamp_(0, 1).view_as(images)


def augment(images: Tensor, numbers: Tensor, size: int) -> Tensor:
    """Transform pictures as the training recipe does: uint8 (B, 3, S, S) to float32 in [0, 1],
    (B, 3, size, size); ``numbers`` (B, NUMBERS) are uniform in [0, 1).
    """
    moved = affine(images.float(), numbers[:, :5], size)
    return colour(moved, numbers[:, 5:], white=255)


class Box(NamedTuple):
    """A square in a picture of ``size`` pixels a side, in pixels."""

    top: int
    left: int
    side: int
    size: int

    @property
    def share(self) -> float:
        """The box's share of the picture's area."""
        return self.side**2 / self.size**2


def random_box(size: int) -> Box:
    """Draw a square somewhere in a picture; its share of the area is about uniform."""
    side = int(size * (1 - torch.rand(()).item()) ** 0.5)
    top, left = (int(torch.randint(size - side + 1, ())) for _ in range(2))
    return Box(top, left, side, size)


def cutmix(images: Tensor, targets: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """Paste a box of each picture's neighbour into it; targets mix by area (Yun et al., 2019).

    Args:
        images: the batch (B, 3, S, S), changed in place.
        targets: class probabilities (B, K).
        box: the part that is pasted.
    """
    part = (..., slice(box.top, box.top + box.side), slice(box.left, box.left + box.side))
    images[part] = images[part].roll(1, 0)
    return images, (1 - box.share) * targets + box.share * targets.roll(1, 0)
