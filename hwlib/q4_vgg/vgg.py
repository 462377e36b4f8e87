"""A pretrained VGG16 looks at birds and dogs (Question 4.II)."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16

from hwlib.common import download as fetch
from hwlib.common.download import DataError
from hwlib.common.images import image_paths, read_image

RESIZE, CROP = 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, from torchvision


class Vgg(NamedTuple):
    """A VGG16 in evaluation mode, and what its weights are."""

    network: nn.Module
    weights: str


def load_vgg16(weights: str, source: str, seed: int = 42) -> Vgg:
    """VGG16 in evaluation mode; DataError where the weights cannot be had or do not fit.

    Args:
        weights: ``"imagenet"`` (torchvision's, from the hub cache or downloaded), ``"none"``
            (random, from ``seed``), or the path of a state dict.
        source: with ``"sample"`` data nothing is downloaded: ImageNet weights that are not cached
            count as ``"none"``.
        seed: of the random weights.
    """
    if weights == "imagenet" and source == "sample" and not fetch.vgg16_file().is_file():
        weights = "none"
    if weights == "none":
        torch.manual_seed(seed)
        return Vgg(vgg16(weights=None).eval(), "none")
    try:
        path = fetch.vgg16() if weights == "imagenet" else weights
        network = vgg16(weights=None, init_weights=False)
        network.load_state_dict(torch.load(path, weights_only=True))
    except DataError:
        raise
    except Exception as error:  # torch raises many kinds, some with pages of text
        kind = "they are another network's" if isinstance(error, RuntimeError) else "no state dict"
        raise DataError(
            f"VGG16's weights {weights!r} cannot be loaded ({kind}; {type(error).__name__}). Set "
            "vgg_weights to 'imagenet' where there is a network, to the path of torchvision's "
            "vgg16 state dict, or to 'none'."
        ) from error
    return Vgg(network.eval(), weights)


def describe(vgg: Vgg) -> pd.DataFrame:
    """The network's parts: kinds of layers, and parameters."""
    rows = {}
    for name, part in vgg.network.named_children():
        layers = [module for module in part.modules() if not list(module.children())]
        kinds = Counter(type(layer).__name__ for layer in layers)
        rows[name] = {
            "layers": ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
            "parameters": f"{sum(p.numel() for p in part.parameters()):,}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


class Picture(NamedTuple):
    """A picture by name, as it came."""

    name: str
    image: Image.Image


def load_pictures(folder: Path) -> list[Picture]:
    """All pictures of a folder, in the order of their names."""
    return [Picture(path.name, read_image(path)) for path in image_paths(folder)]


def preprocess(image: Image.Image) -> Tensor:
    """Shorter side 256, centre 224 × 224, [0, 1], normalised by channel; (3, 224, 224)."""
    scale = RESIZE / min(image.size)
    width, height = (int(side * scale) if side > min(image.size) else RESIZE for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - CROP) / 2), round((height - CROP) / 2)
    cropped = resized.crop((left, top, left + CROP, top + CROP))
    pixels = torch.from_numpy(np.array(cropped)).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def undo_normalisation(x: Tensor) -> Tensor:
    """Normalised pixels (3, H, W) back in [0, 1], to be looked at."""
    return (x * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)).clamp(0, 1)


def preprocessing_steps(picture: Picture) -> pd.DataFrame:
    """Size and value range after each step, and the largest difference from torchvision's."""
    image, x = picture.image, preprocess(picture.image)
    width, height = (int(side * RESIZE / min(image.size)) for side in image.size)
    official = VGG16_Weights.DEFAULT.transforms()(image)
    rows = [
        ("as loaded", f"{image.width} × {image.height}", "0 … 255"),
        (f"shorter side to {RESIZE}", f"{width} × {height}", "0 … 255"),
        ("centre crop", f"{CROP} × {CROP}", "0 … 255"),
        ("scaled to [0, 1]", f"{CROP} × {CROP}", "0 … 1"),
        ("normalised", f"{CROP} × {CROP}", f"{x.min():.2f} … {x.max():.2f}"),
        ("difference from torchvision's", "", f"{(x - official).abs().max():.1e}"),
    ]
    table = pd.DataFrame(rows, columns=["step", "width × height", "values"]).set_index("step")
    return table.rename_axis(index=None, columns="step")


@torch.no_grad()
def classify(vgg: Vgg, pictures: list[Picture]) -> Tensor:
    """Logits (N, 1000) of the pictures."""
    return vgg.network(torch.stack([preprocess(picture.image) for picture in pictures]))


def top_five(logits: Tensor) -> list[tuple[str, float]]:
    """The five most probable ImageNet classes of logits (1000,), with their probabilities."""
    probabilities, classes = (values.tolist() for values in logits.softmax(dim=0).topk(5))
    names = VGG16_Weights.DEFAULT.meta["categories"]
    return [(names[k], round(p, 4)) for k, p in zip(classes, probabilities, strict=True)]


def in_words(pictures: list[Picture], logits: Tensor) -> str:
    """The first two answers to each picture, a line each."""
    lines = []
    for picture, row in zip(pictures, logits, strict=True):
        (first, p), (second, q) = top_five(row)[:2]
        lines.append(f"{picture.name}: most probably {first} ({p:.4f}), then {second} ({q:.4f})")
    return "\n".join(lines)


def top_five_table(pictures: list[Picture], logits: Tensor) -> pd.DataFrame:
    """Ranks in rows, pictures in columns, each cell a class and its probability."""
    columns = {
        picture.name: [f"{name} ({probability:.4f})" for name, probability in top_five(row)]
        for picture, row in zip(pictures, logits, strict=True)
    }
    return pd.DataFrame(columns, index=range(1, 6)).rename_axis(columns="rank")


def logits_table(pictures: list[Picture], logits: Tensor) -> pd.DataFrame:
    """Shape and range of each picture's logits, and what they sum to as probabilities."""
    columns = {
        "logits": [logits.shape[1]] * len(logits),
        "lowest": [f"{value:.2f}" for value in logits.amin(1)],
        "mean": [f"{value:.2f}" for value in logits.mean(1)],
        "highest": [f"{value:.2f}" for value in logits.amax(1)],
        "sum of probabilities": [f"{value:.6f}" for value in logits.softmax(1).sum(1)],
    }
    return pd.DataFrame(columns, index=[picture.name for picture in pictures])


def claims(vgg: Vgg, pictures: list[Picture], logits: Tensor) -> dict[str, Any]:
    """What the homework claims of VGG16, as data: its weights, and the top five of each picture."""
    names = [picture.name for picture in pictures]
    images = {  # a dog's file may be named like a bird's
        name if names.index(name) == place else f"{name} ({place + 1})": top_five(row)
        for place, (name, row) in enumerate(zip(names, logits, strict=True))
    }
    return {"weights": vgg.weights, "images": images}


class Responses(NamedTuple):
    """First filters (F, 3, 3, 3), their biases (F,), and what they answer before the ReLU, (F, 224,
    224).
    """

    filters: Tensor
    biases: Tensor
    responses: Tensor


@torch.no_grad()
def first_filters(vgg: Vgg, picture: Picture, count: int = 3) -> Responses:
    """The first ``count`` filters of the first convolution and their responses to the picture."""
    layer = vgg.network.features[0]
    filters, biases = layer.weight[:count].detach(), layer.bias[:count].detach()
    return Responses(filters, biases, layer(preprocess(picture.image))[:count])


def answers_to(weights: Tensor) -> str:
    """What a filter (3, 3, 3) answers to, from the sums of its weights by colour: a colour counts
    where its sum is more than a tenth of the sizes of all 27 weights together.
    """
    shares = weights.sum(dim=(1, 2)) / weights.abs().sum()
    shares = dict(zip(("red", "green", "blue"), shares.tolist(), strict=True))
    bright = " and ".join(name for name, share in shares.items() if share > 0.1)
    dark = " and ".join(name for name, share in shares.items() if share < -0.1)
    if bright and dark:
        return f"more {bright} than {dark}"
    return f"much {bright}" if bright else f"little {dark}" if dark else "changes only (edges)"


def filter_table(responses: Responses) -> pd.DataFrame:
    """Per filter: its weights' sum by colour, its bias, its response, and what it answers to."""
    sums = responses.filters.sum(dim=(2, 3))
    table = pd.DataFrame(sums.numpy(), columns=["sum red", "sum green", "sum blue"])
    table["bias"] = responses.biases.numpy()
    table["mean response"] = responses.responses.mean(dim=(1, 2)).numpy()
    table["deviation of response"] = responses.responses.std(dim=(1, 2)).numpy()
    table = table.astype(float).round(2) + 0.0  # no -0.0
    table["answers to"] = [answers_to(weights) for weights in responses.filters]
    return table.set_axis([f"filter {n}" for n in range(1, len(table) + 1)])
