"""The class file that is handed in."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn

from hwlib.q4_cats import cnn

CLASS_FILE = Path(cnn.__file__)
PARAMETERS = 98_855  # of the network that is handed in; no other test repeats it


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


def test_any_picture_size_will_do_and_mirroring_changes_nothing():
    network = cnn.BigCatsNet().eval()
    pictures = torch.rand(2, 3, cnn.IMAGE_SIZE, cnn.IMAGE_SIZE)
    with torch.no_grad():
        assert network(torch.rand(1, 3, 224, 200)).shape == (1, 10)
        torch.testing.assert_close(network(pictures), network(pictures.flip(-1)))


def test_the_answer_is_the_mean_over_the_whole_picture_and_its_middle():
    torch.manual_seed(0)
    network, ramp = cnn.BigCatsNet().eval(), np.arange(192)
    nn.init.normal_(network.head[-1].weight, std=100)  # untrained, all pictures are nearly alike
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp, ramp[:, None] * ramp % 256), -1)
    picture = Image.fromarray(pixels.astype(np.uint8))
    middle = picture.crop((16, 16, 176, 176))
    views = [view for crop in (picture, middle) for view in (crop, ImageOps.mirror(crop))]
    tensors = [torch.from_numpy(np.array(view)).permute(2, 0, 1)[None] / 255 for view in views]
    with torch.no_grad():
        logits = torch.cat([network.head(network.feature_map(x)) for x in tensors])
        torch.testing.assert_close(network(tensors[0])[0], logits.mean(0), atol=1e-3, rtol=0)
    assert (logits - logits.mean(0)).abs().amax(1).min() > 0.02  # each of the four matters


def test_channel_attention_weighs_each_channel_by_its_neighbourhood():
    attention, x = cnn.ChannelAttention(), torch.randn(2, 7, 3, 3)
    weights = attention.mix.weight.detach().flatten().numpy()
    with torch.no_grad():
        shares = (attention(x) / x).numpy()
    for picture, share in zip(x.mean((2, 3)).numpy(), shares, strict=True):
        mixed = np.correlate(picture, weights, mode="same")
        expected = np.broadcast_to(1 / (1 + np.exp(-mixed))[:, None, None], share.shape)
        np.testing.assert_allclose(share, expected, rtol=1e-4)
