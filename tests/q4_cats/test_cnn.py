"""The class file that is handed in."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from hwlib.common.images import load_image_set
from hwlib.q4_cats import cnn
from hwlib.q4_cats.recipe import Recipe
from hwlib.q4_cats.training import train_classifier

CLASS_FILE = Path(cnn.__file__)
PARAMETERS = 47_123  # of the network that is handed in; no other test repeats it


def test_the_class_file_needs_torch_alone_and_says_how_many_parameters_it_has(tmp_path):
    imports = [
        n for n in ast.walk(ast.parse(CLASS_FILE.read_text())) if isinstance(n, ast.ImportFrom)
    ]
    assert {node.module.split(".")[0] for node in imports} == {"torch"}
    copy = tmp_path / "HW1_ID1_ID2.py"
    copy.write_text(CLASS_FILE.read_text())
    done = subprocess.run(
        [sys.executable, "-I", copy], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == f"{PARAMETERS:,} parameters; output (2, 10)\n", done.stderr


def test_each_size_keeps_its_limit():
    limits = {"small": 25_000, "medium": 50_000, "large": 100_000}
    counts = {
        size: cnn.count_parameters(cnn.BigCatsNet(widths=widths))
        for size, widths in cnn.WIDTHS.items()
    }
    assert counts.keys() == limits.keys()
    assert all(0.9 * limits[size] < counts[size] <= limits[size] for size in limits)


MEAN, DEVIATION = (
    torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
)
PREPROCESSED = {  # pictures of whole numbers from 0 to 255, as people hand them to a network
    "fractions": lambda x: x / 255,
    "bytes": lambda x: x.to(torch.uint8),
    "floats up to 255": lambda x: x.float(),
    "by 0.5": lambda x: (x / 255 - 0.5) / 0.5,
    "by ImageNet": lambda x: (x / 255 - MEAN) / DEVIATION,
    "half precision": lambda x: (x / 255).half(),
    "double precision": lambda x: (x / 255).double(),
    "whole numbers of 64 bits": lambda x: x.long(),
}


@pytest.mark.parametrize("how", PREPROCESSED)
@pytest.mark.parametrize("darkest, brightest", [(0, 255), (0, 90), (60, 255), (5, 6), (0, 0)])
def test_every_convention_is_recognised_in_dark_and_bright_pictures(how, darkest, brightest):
    pixels = torch.linspace(darkest, brightest, 3 * 48 * 50).round().view(1, 3, 48, 50)
    fractions = cnn.as_fractions(PREPROCESSED[how](pixels))
    torch.testing.assert_close(fractions, pixels / 255, atol=1e-3, rtol=0)


@pytest.mark.parametrize("side", [192, 224])
@pytest.mark.parametrize("how", PREPROCESSED)
def test_the_network_gives_the_same_logits_by_every_convention(how, side):
    torch.manual_seed(0)
    network, pixels = cnn.BigCatsNet().eval(), torch.randint(256, (2, 3, side, side)).float()
    with torch.no_grad():
        logits, plain = network(PREPROCESSED[how](pixels)), network(pixels / 255)
    torch.testing.assert_close(logits, plain, atol=1e-3, rtol=0)


def test_values_beyond_their_range_after_a_bicubic_resize_change_no_convention():
    pixels = torch.tensor([-0.12, 0.5, 1.11]).view(1, 3, 1, 1).expand(1, 3, 48, 48)
    assert torch.equal(cnn.as_fractions(pixels), pixels)


@pytest.mark.parametrize(
    "pictures, reason",
    [
        (torch.full((1, 3, 64, 64), torch.nan), "not from nan to nan"),
        (torch.full((1, 3, 64, 64), torch.inf), "inf"),
        (torch.tensor([-9.0, 9.0]).repeat(1, 3, 64, 32), "not from -9 to 9"),
        (torch.full((1, 3, 64, 64), 65535.0), "6.55e"),
        (torch.full((1, 3, 64, 64), -1, dtype=torch.int8), "these: 0 to 255; not from -1 to -1"),
        (torch.rand(1, 1, 64, 64), "not (1, 1, 64, 64)"),
        (torch.rand(1, 64, 64, 3), "not (1, 64, 64, 3)"),
        (torch.rand(3, 64, 64), "not (3, 64, 64)"),
        (torch.rand(1, 3, 47, 64), "at least 48 pixels"),
        (torch.rand(0, 3, 64, 64), "not (0, 3, 64, 64)"),
    ],
)
def test_what_follows_no_convention_is_refused_in_a_sentence(pictures, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as refusal:
        cnn.BigCatsNet().eval()(pictures)
    assert "\n" not in str(refusal.value) and str(refusal.value).startswith("Give ")


def test_real_pictures_are_recognised_one_by_one(real_data):
    """A picture alone has less of a range than a batch."""
    for path in sorted((real_data / "big_cats" / "test").glob("*/*.jpg"))[::2]:
        with Image.open(path) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
        for change in PREPROCESSED.values():
            fractions = cnn.as_fractions(change(pixels))
            torch.testing.assert_close(fractions, pixels / 255, atol=1e-3, rtol=0)


@pytest.mark.long
def test_a_trained_network_classifies_real_pictures_alike_by_every_convention(real_data):
    """At 224 pixels, as they are in their files, in batches of 50 and one by one."""
    folder = real_data / "big_cats"
    train = load_image_set(folder / "train", cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    valid = load_image_set(folder / "valid", cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    widths = cnn.WIDTHS["small"]
    network = cnn.BigCatsNet(widths=widths)
    result = train_classifier(lambda: cnn.BigCatsNet(widths=widths), train, valid, Recipe(epochs=6))
    network.load_state_dict(result.state_dict)
    network.eval()
    full = load_image_set(folder / "test", 224, cnn.CLASS_NAMES)

    def right(how: str, size: int) -> int:
        batches = full.images.float().split(size)
        with torch.no_grad():
            answers = torch.cat([network(PREPROCESSED[how](batch)).argmax(1) for batch in batches])
        return int((answers == full.labels).sum())

    plain = right("fractions", 50)
    assert plain > 0.3 * len(full.labels)  # it has learnt something
    assert all(abs(right(how, size) - plain) <= 1 for how in PREPROCESSED for size in (50, 1))


@pytest.mark.parametrize("side, size", [(48, 144), (127, 144), (128, 192), (192, 192), (300, 192)])
def test_pictures_of_any_size_become_large_ones_but_small_ones_not_all_blur(side, size):
    pictures = torch.rand(2, 3, side, side + 9)
    resized = cnn.resize(pictures)
    assert resized.shape == (2, 3, size, size) and 0 <= resized.min() <= resized.max() <= 1
    assert cnn.BigCatsNet().eval()(pictures).shape == (2, 10)


def test_the_answer_is_the_mean_over_the_whole_picture_and_its_middle():
    torch.manual_seed(0)
    network, ramp = cnn.BigCatsNet().eval(), np.arange(192)
    nn.init.normal_(network.head[-1].weight, std=100)  # untrained, all pictures are nearly alike
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp, ramp[:, None] * ramp % 256), -1)
    picture = Image.fromarray(pixels.astype(np.uint8))
    views = [picture, picture.crop((16, 16, 176, 176))]
    tensors = [torch.from_numpy(np.array(view)).permute(2, 0, 1)[None] / 255 for view in views]
    with torch.no_grad():
        logits = torch.cat([network.head(network.feature_map(x)) for x in tensors])
        torch.testing.assert_close(network(tensors[0])[0], logits.mean(0), atol=1e-3, rtol=0)
    assert (logits - logits.mean(0)).abs().amax(1).min() > 0.01  # both matter


def test_channel_attention_weighs_each_channel_by_its_neighbourhood():
    attention, x = cnn.ChannelAttention(), torch.randn(2, 7, 3, 3)
    weights = attention.mix.weight.detach().flatten().numpy()
    with torch.no_grad():
        shares = (attention(x) / x).numpy()
    for picture, share in zip(x.mean((2, 3)).numpy(), shares, strict=True):
        mixed = np.correlate(picture, weights, mode="same")
        expected = np.broadcast_to(1 / (1 + np.exp(-mixed))[:, None, None], share.shape)
        np.testing.assert_allclose(share, expected, rtol=1e-4)
