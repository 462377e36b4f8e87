"""A pretrained VGG16 looks at birds and dogs (Question 4.II)."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.models import VGG, VGG16_Weights, vgg16

from hwlib.common import download
from hwlib.common.errors import DataError
from hwlib.common.images import image_paths, read_image
from hwlib.common.sentences import signed

RESIZE, CROP = 256, 224
COLOURS_OF_X = ("the red values", "the green values", "the blue values")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, from torchvision


class Vgg(NamedTuple):
    """A VGG16 in evaluation mode, and what its weights are: imagenet, none or a path."""

    network: VGG
    weights: str


def empty_vgg16() -> VGG:
    """Return VGG16 with the shapes of its weights alone, on the device ``meta``."""
    with torch.device("meta"):
        return vgg16(weights=None, init_weights=False)


def read_weights(path: str | Path, mmap: bool = False) -> dict[str, Tensor]:
    """Read VGG16's weights, with ``mmap`` each not before it is used; DataError if the file holds
    something else.
    """
    remedy = (
        "Set vgg_weights to 'imagenet', to the path of torchvision's vgg16 state dict, or to 'none'"
    )
    try:
        weights: dict[str, Tensor] = torch.load(
            path, map_location="cpu", mmap=mmap, weights_only=True
        )
        shapes = {name: weight.shape for name, weight in weights.items()}
    except Exception as error:  # torch raises many kinds, some with pages of text
        raise DataError(
            f"VGG16's weights {str(path)!r} cannot be loaded (no state dict: "
            f"{type(error).__name__}). {remedy}."
        ) from error
    if shapes != {name: weight.shape for name, weight in empty_vgg16().state_dict().items()}:
        raise DataError(
            f"VGG16's weights {str(path)!r} cannot be loaded (they are another network's). "
            f"{remedy}."
        )
    return weights


def check_weights_file(path: str | Path) -> None:
    """Check that a file holds weights of VGG16 by their names and shapes, without reading them all
    (unless they are in torch's old format); DataError otherwise.
    """
    read_weights(path, mmap=zipfile.is_zipfile(path))


def load_vgg16(weights: str, source: str, seed: int = 42) -> Vgg:
    """Return VGG16 in evaluation mode; DataError if the weights cannot be found or do not fit.

    ``weights`` are ``"imagenet"`` (torchvision's, from the hub cache or downloaded), ``"none"``
    (random, from ``seed``), or the path of a state dict. With a ``source`` of ``"sample"`` nothing
    is downloaded: ImageNet weights that are not cached count as ``"none"``.
    """
    weights = download.usable_weights(weights, source)
    if weights == "none":
        torch.manual_seed(seed)
        return Vgg(vgg16(weights=None).eval(), weights)
    network = empty_vgg16()  # a quick start: the file's tensors take the place of its weights
    path = download.fetch_vgg16() if weights == "imagenet" else weights
    network.load_state_dict(read_weights(path), assign=True)
    return Vgg(network.float().eval(), weights)


def layer_table(vgg: Vgg) -> pd.DataFrame:
    """Return the network's parts: kinds of layers, and parameters."""
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
    """A picture as its file holds it, and the file's name."""

    name: str
    image: Image.Image


def load_pictures(folder: Path) -> list[Picture]:
    """Read all pictures of a folder, in the order of their names."""
    return [Picture(path.name, read_image(path)) for path in image_paths(folder)]


def preprocess(image: Image.Image) -> Tensor:
    """Scale the shorter side to 256, cut out the central 224 × 224, bring the values to [0, 1] and
    normalise them by channel; (3, 224, 224).
    """
    scale = RESIZE / min(image.size)
    width, height = (int(side * scale) if side > min(image.size) else RESIZE for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - CROP) / 2), round((height - CROP) / 2)
    cropped = resized.crop((left, top, left + CROP, top + CROP))
    pixels = torch.from_numpy(np.array(cropped)).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def undo_normalisation(x: Tensor) -> Tensor:
    """Bring normalised pixels (3, H, W) back to [0, 1], to be looked at."""
    return (x * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)).clamp(0, 1)


def preprocessing_steps(picture: Picture) -> pd.DataFrame:
    """Return size and range after each step, and the largest difference from torchvision's."""
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
    """Return logits (N, 1000) of the pictures, computed on the network's device."""
    device = next(vgg.network.parameters()).device
    x = torch.stack([preprocess(picture.image) for picture in pictures])
    logits: Tensor = vgg.network(x.to(device)).cpu()
    return logits


def top_five(logits: Tensor) -> list[tuple[str, float]]:
    """Return the five most probable ImageNet classes of logits (1000,), with probabilities."""
    probabilities, classes = (values.tolist() for values in logits.softmax(dim=0).topk(5))
    names = VGG16_Weights.DEFAULT.meta["categories"]
    return [(names[k], round(p, 4)) for k, p in zip(classes, probabilities, strict=True)]


def top_two_text(vgg: Vgg, pictures: list[Picture], logits: Tensor) -> str:
    """Return the first two answers to each picture, a line each, or that they mean nothing."""
    if vgg.weights == "none":
        return (
            "VGG16 has random weights in this run, so the classes that it names mean nothing: "
            f"every probability is near 1/{logits.shape[1]}, that of a guess."
        )
    lines = []
    for picture, row in zip(pictures, logits, strict=True):
        (first, p), (second, q) = top_five(row)[:2]
        lines.append(f"{picture.name}: most probably {first} ({p:.4f}), then {second} ({q:.4f})")
    return "\n".join(lines)


def top_five_table(pictures: list[Picture], logits: Tensor) -> pd.DataFrame:
    """Return ranks in rows, pictures in columns, each cell a class and its probability."""
    columns = {
        picture.name: [f"{name} ({probability:.4f})" for name, probability in top_five(row)]
        for picture, row in zip(pictures, logits, strict=True)
    }
    return pd.DataFrame(columns, index=range(1, 6)).rename_axis(columns="rank")


def two_places(value: float) -> str:
    """Return a number with two digits after the point, and no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def logits_table(pictures: list[Picture], logits: Tensor) -> pd.DataFrame:
    """Return number and range of each picture's logits, and what they sum to as probabilities."""
    columns = {
        "classes": [logits.shape[1]] * len(logits),
        "lowest logit": [two_places(value) for value in logits.amin(1).tolist()],
        "mean": [two_places(value) for value in logits.mean(1).tolist()],
        "highest": [two_places(value) for value in logits.amax(1).tolist()],
        "sum of probabilities": [f"{value:.6f}" for value in logits.softmax(1).sum(1)],
    }
    return pd.DataFrame(columns, index=[picture.name for picture in pictures])


def vgg_claims(vgg: Vgg, pictures: list[Picture], logits: Tensor) -> dict[str, Any]:
    """Return what the homework claims of VGG16, for ``results.json``: its weights, and the top five
    classes of each picture.
    """
    names = [picture.name for picture in pictures]
    images = {  # a dog's file may be named like a bird's
        name if names.index(name) == index else f"{name} ({index + 1})": top_five(row)
        for index, (name, row) in enumerate(zip(names, logits, strict=True))
    }
    return {"weights": vgg.weights, "images": images}


class Responses(NamedTuple):
    """First filters (F, 3, 3, 3), their biases (F,), and their responses to a picture before the
    ReLU, (F, 224, 224).
    """

    filters: Tensor
    biases: Tensor
    responses: Tensor


@torch.no_grad()
def first_filters(vgg: Vgg, picture: Picture, count: int = 3) -> Responses:
    """Return the first ``count`` filters of the first layer and their responses to the picture."""
    weights = vgg.network.state_dict()
    filters, biases = (weights[f"features.0.{name}"][:count].cpu() for name in ("weight", "bias"))
    responses = F.conv2d(preprocess(picture.image), filters, biases, padding=1)
    return Responses(filters, biases, responses)


def filter_meaning(weights: Tensor) -> str:
    """Return what a filter (3, 3, 3) answers to, from the sums of its weights by colour: a colour
    counts if its sum is more than a tenth of the sizes of all 27 weights together.
    """
    sums = (weights.sum(dim=(1, 2)) / weights.abs().sum()).tolist()
    shares = dict(zip(("red", "green", "blue"), sums, strict=True))
    bright = " and ".join(name for name, share in shares.items() if share > 0.1)
    dark = " and ".join(name for name, share in shares.items() if share < -0.1)
    if bright and dark:
        return f"more {bright} than {dark}"
    return f"much {bright}" if bright else f"little {dark}" if dark else "changes only (edges)"


def filter_table(responses: Responses) -> pd.DataFrame:
    """Return each filter's sum of weights by colour, bias, response, and what it answers to."""
    sums = responses.filters.sum(dim=(2, 3))
    table = pd.DataFrame(sums.numpy(), columns=["sum red", "sum green", "sum blue"])
    table["bias"] = responses.biases.numpy()
    table["mean response"] = responses.responses.mean(dim=(1, 2)).numpy()
    table["deviation"] = responses.responses.std(dim=(1, 2)).numpy()
    table = table.astype(float).map(two_places)
    table["answers to"] = [filter_meaning(weights) for weights in responses.filters]
    return table.set_axis([f"filter {n}" for n in range(1, len(table) + 1)])


def outline_strength(x: Tensor) -> Tensor:
    """Return how much the brightness changes at each pixel of a picture (3, H, W), (H, W): the
    length of its gradient by central differences.
    """
    grey = F.pad(x.mean(0)[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    down, right = grey[2:, 1:-1] - grey[:-2, 1:-1], grey[1:-1, 2:] - grey[1:-1, :-2]
    return (down.square() + right.square()).sqrt()


def correlation(a: Tensor, b: Tensor) -> float:
    """Return Pearson's correlation of the values of two maps (H, W); 0 if one is constant."""
    a, b = a - a.mean(), b - b.mean()
    lengths = a.norm() * b.norm()
    return (a * b).sum().div(lengths).item() if lengths > 0 else 0.0


def responses_text(picture: Picture, responses: Responses) -> str:
    """Return in a line for each filter what it answers to by its weights, what its response to this
    picture resembles most, which is the brightness of a colour or (by its size) the outlines, and
    in which part it is strongest.
    """
    x = preprocess(picture.image)
    edge = 2  # zero padding makes an outline of its own around the picture
    inner = (slice(edge, -edge), slice(edge, -edge))
    outlines, lines = outline_strength(x)[inner], []
    for number, response in enumerate(responses.responses, 1):
        shown = response[inner]
        names = {
            name: correlation(shown, c[inner]) for name, c in zip(COLOURS_OF_X, x, strict=True)
        }
        names["the outlines"] = correlation((shown - shown.median()).abs(), outlines)
        name = max(names, key=lambda name: abs(names[name]))
        ninths = F.adaptive_avg_pool2d(shown.abs()[None, None], 3).flatten()
        row, column = divmod(int(ninths.argmax()), 3)
        height, side = ("upper", "middle", "lower")[row], ("left", "centre", "right")[column]
        place = "centre" if (row, column) == (1, 1) else f"{height} {side}"
        likeness = signed(names[name], "+.2f")
        lines.append(
            f"Filter {number} answers to {filter_meaning(responses.filters[number - 1])}. In this "
            f"picture its response resembles {name} most (correlation {likeness}), and is "
            f"strongest in the {place}."
        )
    return "\n".join(lines)
