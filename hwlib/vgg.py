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

from hwlib import fetch
from hwlib.data import DataError, image_paths, read_image

RESIZE, CROP = 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, from torchvision


class Vgg(NamedTuple):
    """A VGG16 in evaluation mode, and what its weights are."""

    network: nn.Module
    weights: str


def load_vgg16(weights: str, source: str, seed: int = 42) -> Vgg:
    """VGG16 in evaluation mode.

    Args:
        weights: ``"imagenet"`` (torchvision's, from the hub cache or downloaded), ``"none"``
            (random, from ``seed``),
            or the path of a state dict.
        source: with ``"sample"`` data nothing is downloaded: ImageNet weights that are not cached
            count as ``"none"``.
        seed: of the random weights.

    Raises:
        DataError: the weights cannot be had or do not fit.
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
    rows = {
        name: {
            "layers": ", ".join(
                f"{n} {kind}" for kind, n in Counter(type(layer).__name__ for layer in part).items()
            ),
            "parameters": f"{sum(p.numel() for layer in part for p in layer.parameters()):,}",
        }
        for name, part in (
            ("features", vgg.network.features),
            ("avgpool", [vgg.network.avgpool]),
            ("classifier", vgg.network.classifier),
        )
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
    """What VGG16 was trained on: shorter side 256, centre 224 × 224, [0, 1], normalised by channel;
    (3, 224, 224).
    """
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
    """The picture's size and value range after each step, and the largest difference from
    torchvision's own steps.
    """
    image, x = picture.image, preprocess(picture.image)
    scale = RESIZE / min(image.size)
    official = VGG16_Weights.DEFAULT.transforms()(image)
    rows = [
        ("as loaded", f"{image.width} × {image.height}", "0 … 255"),
        (
            f"shorter side to {RESIZE}",
            f"{int(image.width * scale)} × {int(image.height * scale)}",
            "0 … 255",
        ),
        ("centre crop", f"{CROP} × {CROP}", "0 … 255"),
        ("scaled to [0, 1]", f"{CROP} × {CROP}", "0 … 1"),
        ("normalised", f"{CROP} × {CROP}", f"{x.min():.2f} … {x.max():.2f}"),
        ("difference from torchvision's", "", f"{(x - official).abs().max():.1e}"),
    ]
    return pd.DataFrame(rows, columns=["step", "width × height", "values"]).set_index("step")


@torch.no_grad()
def classify(vgg: Vgg, pictures: list[Picture]) -> Tensor:
    """Logits (N, 1000) of the pictures."""
    return vgg.network(torch.stack([preprocess(picture.image) for picture in pictures]))


def top_five(logits: Tensor) -> list[tuple[str, float]]:
    """The five most probable ImageNet classes of logits (1000,), with their probabilities."""
    probabilities, classes = logits.softmax(dim=0).topk(5)
    names = VGG16_Weights.DEFAULT.meta["categories"]
    return [
        (names[k], round(p, 4))
        for k, p in zip(classes.tolist(), probabilities.tolist(), strict=True)
    ]


def top_five_table(pictures: list[Picture], logits: Tensor) -> pd.DataFrame:
    """Ranks in rows, pictures in columns, each cell a class and its probability."""
    columns = {
        picture.name: [f"{name} ({probability:.4f})" for name, probability in top_five(row)]
        for picture, row in zip(pictures, logits, strict=True)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(1, 6, name="rank"))


def logits_table(pictures: list[Picture], logits: Tensor) -> pd.DataFrame:
    """Shape and range of each picture's logits, and what they sum to as probabilities."""
    rows = {
        picture.name: {
            "logits": len(row),
            "lowest": f"{row.min():.2f}",
            "mean": f"{row.mean():.2f}",
            "highest": f"{row.max():.2f}",
            "sum of probabilities": f"{row.softmax(dim=0).sum():.6f}",
        }
        for picture, row in zip(pictures, logits, strict=True)
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def claims(vgg: Vgg, pictures: list[Picture], logits: Tensor) -> dict[str, Any]:
    """What the homework claims of VGG16, as data: its weights, and the top five of each picture."""
    images = {picture.name: top_five(row) for picture, row in zip(pictures, logits, strict=True)}
    return {"weights": vgg.weights, "images": images}


class Responses(NamedTuple):
    """Filters of the first layer, (F, 3, 3, 3), and what they answer before the ReLU, (F, 224,
    224).
    """

    filters: Tensor
    responses: Tensor


@torch.no_grad()
def first_filters(vgg: Vgg, picture: Picture, count: int = 3) -> Responses:
    """The first ``count`` filters of the first convolution and their responses to the picture."""
    first_layer = vgg.network.features[0]
    return Responses(
        first_layer.weight[:count].detach(),
        first_layer(preprocess(picture.image).unsqueeze(0))[0, :count],
    )


def answers_to(weights: Tensor) -> str:
    """What a filter (3, 3, 3) answers to, from the sums of its weights by colour: a colour counts
    where its sum is more than a fifth of its weights' sizes together.
    """
    sums, sizes = weights.sum(dim=(1, 2)), weights.abs().sum(dim=(1, 2))
    named = list(zip(("red", "green", "blue"), sums.tolist(), (0.2 * sizes).tolist(), strict=True))
    bright = [name for name, value, least in named if value > least]
    dark = [name for name, value, least in named if value < -least]
    if bright and dark:
        return f"more {' and '.join(bright)} than {' and '.join(dark)}"
    if bright or dark:
        return f"{'much' if bright else 'little'} {' and '.join(bright or dark)}"
    return "changes only (edges)"


def filter_table(responses: Responses) -> pd.DataFrame:
    """Per filter: sum of its weights by colour, the spread of its response, and what it answers to.

    A sum near 0 means that the filter answers to changes and not to flat areas.
    """
    sums = responses.filters.sum(dim=(2, 3))
    rows = {
        f"filter {n + 1}": [*sums[n].tolist(), response.mean().item(), response.std().item()]
        for n, response in enumerate(responses.responses)
    }
    columns = ["sum red", "sum green", "sum blue", "mean response", "deviation of response"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(2) + 0.0
    return table.assign(**{"answers to": [answers_to(weights) for weights in responses.filters]})
