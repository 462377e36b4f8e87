"""Augmentation of a whole batch at once, on the training device; every picture draws its own
transformation.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    """``count`` uniform numbers in [low, high), drawn on the CPU so that every device sees the same
    ones.
    """
    return (torch.rand(count) * (high - low) + low).to(device)


def affine(
    images: Tensor, size: int, rotation: float = 0.26, zoom: float = 0.35, shift: float = 0.18
) -> Tensor:
    """Mirror, rotate, scale and shift each picture by one resampling, (B, 3, S, S) to (B, 3, size,
    size).

    Args:
        images: the batch, float.
        size: of the result, in pixels.
        rotation: largest angle, in radians.
        zoom: the visible width varies from 1 - zoom to 1 + zoom / 4 of the picture's.
        shift: largest displacement, as a fraction of half the width.
    """
    count, device = len(images), images.device
    angle = uniform(count, -rotation, rotation, device)
    scale = uniform(count, 1 - zoom, 1 + zoom / 4, device)
    mirror = torch.where(uniform(count, 0, 1, device) < 0.5, -1.0, 1.0)
    right, down = (uniform(count, -shift, shift, device).view(-1, 1, 1) for _ in range(2))
    cos, sin = ((scale * part).view(-1, 1, 1) for part in (angle.cos(), angle.sin()))
    # Pixel centres from -1 to 1; sums of a row and a column are cheaper than matrix products.
    x = (2 * torch.arange(size, device=device) + 1) / size - 1
    y = x.unsqueeze(1)
    grid_x = mirror.view(-1, 1, 1) * (cos * x) - sin * y + right
    grid_y = mirror.view(-1, 1, 1) * (sin * x) + cos * y + down
    grid = torch.stack([grid_x, grid_y], dim=-1)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def colour(images: Tensor, strength: float = 0.2, white: float = 1.0) -> Tensor:
    """Vary brightness, contrast and saturation of each picture by up to ``strength``; values from
    [0, white] come out in [0, 1].

    Each of the three is linear in the pixel's colour, so together they are one 3 × 3 matrix and one
    offset a picture: saturation mixes with the pixel's grey, contrast with the picture's mean.
    """
    brightness, contrast, saturation = (
        uniform(len(images), 1 - strength, 1 + strength, images.device).view(-1, 1, 1)
        for _ in range(3)
    )
    identity = torch.eye(3, device=images.device)
    matrix = brightness * contrast * (saturation * identity + (1 - saturation) / 3) / white
    mean = images.mean(dim=(1, 2, 3)).view(-1, 1, 1) / white
    offset = (brightness * (1 - contrast) * mean).expand(-1, 3, 1)
    return torch.baddbmm(offset, matrix, images.flatten(2)).clamp_(0, 1).view_as(images)


def cutmix(images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Paste a box of each picture's neighbour into it; targets mix by area (Yun et al., 2019).

    Args:
        images: the batch (B, 3, S, S), changed in place.
        targets: class probabilities (B, K).
    """
    size = images.shape[-1]
    side = int(size * (1 - torch.rand(()).item()) ** 0.5)
    top, left = (int(torch.randint(size - side + 1, ())) for _ in range(2))
    box = (..., slice(top, top + side), slice(left, left + side))
    images[box] = images[box].roll(1, 0)
    share = side**2 / size**2
    return images, (1 - share) * targets + share * targets.roll(1, 0)


def augment(images: Tensor, size: int) -> Tensor:
    """The training recipe's augmentation: uint8 (B, 3, S, S) to float32 in [0, 1], (B, 3, size,
    size).
    """
    return colour(affine(images.float(), size), white=255)
