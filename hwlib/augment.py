"""Augmentation of a whole batch at once, on the training device; every picture draws its own
transformation.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def uniform(count: int, low: float, high: float, like: Tensor) -> Tensor:
    """``count`` uniform numbers in [low, high), drawn on the CPU so that every device sees the same
    ones.
    """
    return (torch.rand(count) * (high - low) + low).to(like.device, like.dtype)


def affine(
    images: Tensor,
    size: int,
    rotation: float = 0.26,
    zoom: float = 0.25,
    shift: float = 0.1,
) -> Tensor:
    """Mirror, rotate, scale and shift each picture by one resampling, (B, 3, S, S) to (B, 3, size,
    size).

    Args:
        images: the batch.
        size: of the result, in pixels.
        rotation: largest angle, in radians.
        zoom: the visible width varies from 1 - zoom to 1 + zoom / 4 of the picture's.
        shift: largest displacement, as a fraction of half the width.
    """
    count = len(images)
    angle = uniform(count, -rotation, rotation, images)
    scale = uniform(count, 1 - zoom, 1 + zoom / 4, images)
    mirror = torch.where(uniform(count, 0, 1, images) < 0.5, -1.0, 1.0)
    right, down = (uniform(count, -shift, shift, images) for _ in range(2))
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [mirror * cos, -sin, right, mirror * sin, cos, down]
    matrix = torch.stack(rows, dim=1).view(count, 2, 3)
    grid = F.affine_grid(matrix, [count, 3, size, size], align_corners=False)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def colour(images: Tensor, strength: float = 0.2) -> Tensor:
    """Vary brightness, contrast and saturation of each picture by up to ``strength``, staying in
    [0, 1].
    """
    brightness, contrast, saturation = (
        uniform(len(images), 1 - strength, 1 + strength, images).view(-1, 1, 1, 1) for _ in range(3)
    )
    grey = images.mean(dim=1, keepdim=True)
    images = grey + saturation * (images - grey)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (brightness * (mean + contrast * (images - mean))).clamp(0, 1)


def cutmix(images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a box of each picture's neighbour into it; targets mix by area (Yun et al., 2019).

    Args:
        images: the batch (B, 3, S, S), left as it is.
        targets: class probabilities (B, K).
    """
    size = images.shape[-1]
    side = int(size * (1 - torch.rand(()).item()) ** 0.5)
    top, left = (int(torch.randint(size - side + 1, ())) for _ in range(2))
    box = (..., slice(top, top + side), slice(left, left + side))
    mixed = images.clone()
    mixed[box] = images.roll(1, 0)[box]
    share = side**2 / size**2
    return mixed, (1 - share) * targets + share * targets.roll(1, 0)


def augment(images: Tensor, size: int) -> Tensor:
    """The training recipe's augmentation: uint8 (B, 3, S, S) to float32 in [0, 1], (B, 3, size,
    size).
    """
    return colour(affine(images.float() / 255, size))
