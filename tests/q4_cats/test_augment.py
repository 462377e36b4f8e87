"""Augmentation and cutmix."""

import pytest
import torch

from hwlib.q4_cats import augment


def test_augmentation_changes_pictures_and_stays_in_range():
    pictures = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    changed = augment.augment(pictures, torch.rand(8, augment.NUMBERS), 16)
    assert changed.shape == pictures.shape and changed.dtype == torch.float32
    assert changed.min() >= 0 and changed.max() <= 1
    assert (changed - pictures / 255).abs().mean() > 0.01


def test_a_picture_s_augmentation_does_not_depend_on_the_others():
    pictures = torch.randint(0, 256, (6, 3, 20, 20), dtype=torch.uint8)
    numbers = torch.rand(6, augment.NUMBERS)
    parts = zip(pictures.split(2), numbers.split(2), strict=True)
    together = augment.augment(pictures, numbers, 16)
    apart = torch.cat([augment.augment(part, own, 16) for part, own in parts])
    torch.testing.assert_close(apart, together)


def test_no_augmentation_is_the_identity_or_the_mirror():
    torch.manual_seed(0)
    pictures = torch.rand(16, 3, 9, 9)
    moved = augment.affine(pictures, torch.rand(16, 5), 9, rotation=0, zoom=0, shift=0)
    same = [torch.allclose(m, p, atol=1e-5) for m, p in zip(moved, pictures, strict=True)]
    mirrored = [
        torch.allclose(m, p.flip(-1), atol=1e-5) for m, p in zip(moved, pictures, strict=True)
    ]
    assert all(s != m for s, m in zip(same, mirrored, strict=True)) and any(same) and any(mirrored)


def test_cutmix_mixes_targets_by_the_area_it_pastes():
    torch.manual_seed(3)
    pictures = torch.stack([torch.full((3, 10, 10), float(k)) for k in range(2)])
    mixed, targets = augment.cutmix(pictures, torch.eye(2), augment.random_box(10))
    pasted = (mixed[0] == 1).float().mean().item()
    assert 0 < pasted < 1 and (mixed[1] == 0).float().mean().item() == pytest.approx(pasted)
    torch.testing.assert_close(targets, torch.tensor([[1 - pasted, pasted], [pasted, 1 - pasted]]))


def test_colour_is_saturation_then_contrast_then_brightness():
    """The one matrix a picture, beside the three steps it stands for."""
    pictures = torch.rand(5, 3, 7, 7) * 0.4 + 0.3
    numbers = torch.rand(5, 3)
    coloured = augment.colour(255 * pictures, numbers, 0.3, white=255)
    factors = [(part * 0.6 + 0.7).view(-1, 1, 1, 1) for part in numbers.unbind(1)]
    grey = pictures.mean(1, keepdim=True)
    expected = grey + factors[2] * (pictures - grey)
    mean = expected.mean((1, 2, 3), keepdim=True)
    expected = factors[0] * (mean + factors[1] * (expected - mean))
    torch.testing.assert_close(coloured, expected.clamp(0, 1))
