"""The big-cats network (Question 4.I). This file needs torch only and is handed in beside its
weights. Its pictures are RGB of shape (B, 3, H, W), from 48 pixels a side, with values by any of
the usual conventions (CONVENTIONS):

    network = BigCatsNet()
    network.load_state_dict(torch.load("HW1_ID1_ID2_Q4.pkl", weights_only=True))
    names = [CLASS_NAMES[k] for k in network.eval()(images).argmax(1)]
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASS_NAMES = [
    "AFRICAN LEOPARD",
    "CARACAL",
    "CHEETAH",
    "CLOUDED LEOPARD",
    "JAGUAR",
    "LIONS",
    "OCELOT",
    "PUMA",
    "SNOW LEOPARD",
    "TIGER",
]
IMAGE_SIZE = 192  # pixels of a side, in memory
SMALLEST = 48  # pixels of a side that are still taken
VIEWS = (1, 5 / 6)  # a picture is judged by all of it and by its middle
CONVENTIONS = {  # lowest and highest value; deviation and mean by channel, which lead to [0, 1]
    "[0, 1]": ((0, 1), (1, 1, 1), (0, 0, 0)),
    "normalised by 0.5": ((-1, 1), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "normalised by ImageNet's figures": (
        (-2.12, 2.65), (0.229, 0.224, 0.225), (0.485, 0.456, 0.406)
    ),
    "0 to 255": ((0, 255), (1 / 255, 1 / 255, 1 / 255), (0, 0, 0)),
}  # fmt: skip
TOLERANCE = 0.25  # by which values may leave their range, as after a bicubic resize
WIDTHS = {  # channels of the stem and of the three stages
    "small": (8, 16, 24, 31),  # 24,948 parameters
    "medium": (8, 24, 32, 48),  # 47,123
    "large": (16, 32, 48, 72),  # 98,855
}
SIZE = "medium"  # of the network whose weights are handed in beside this file


def conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Return a convolution and its batch norm, which turn (B, inputs, H, W) into (B, outputs,
    H / stride, W / stride).
    """
    padding = kernel // 2
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class Residual(nn.Module):
    """x + block(x): the block learns a correction, and the gradient has a way around it."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, C, H, W) into the same shape."""
        return x + self.block(x)


class ChannelAttention(nn.Module):
    """Scale each channel by a share between 0 and 1, computed from its mean over the picture and
    from those of four neighbours (ECA: Wang et al., Efficient Channel Attention, 2020), with five
    weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv1d(1, 1, kernel_size=5, padding=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, C, H, W) into the same shape."""
        means = x.mean(dim=(2, 3)).unsqueeze(1)
        return x * self.mix(means).sigmoid().view(len(x), -1, 1, 1)


def inverted_residual(inputs: int, outputs: int, expansion: float, stride: int = 1) -> nn.Module:
    """Return a block that widens with 1x1, looks around with a depthwise 3x3, weighs the channels
    and narrows with 1x1 (Sandler et al., MobileNetV2, 2018; attention as in MobileNetV3).

    It has half to two thirds of the weights of one dense 3x3 convolution at these widths, and is
    residual if the shape allows it.
    """
    hidden = int(inputs * expansion)
    layers = [
        *conv(inputs, hidden, kernel=1),
        nn.SiLU(),
        *conv(hidden, hidden, stride=stride, groups=hidden),
        nn.SiLU(),
        ChannelAttention(),
        *conv(hidden, outputs, kernel=1),
    ]
    return Residual(*layers) if stride == 1 and inputs == outputs else nn.Sequential(*layers)


def as_fractions(x: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W) as float32 in [0, 1]; they are whole numbers from 0 to 255, or
    floats of any of the ``CONVENTIONS``.

    The range of the whole batch decides: the first convention that it fits into. It cannot tell a
    batch without a dark pixel that is normalised (no value below -0.25) from one in [0, 1], nor one
    normalised by ImageNet's figures without contrast from one by 0.5, nor black from 0 to 255.

    Raises:
        ValueError: another shape, sides below ``SMALLEST``, or values of no convention.
    """
    if x.dim() != 4 or x.shape[1] != 3 or min(x.shape) < 1 or min(x.shape[2:]) < SMALLEST:
        expected = f"(B, 3, H, W) with sides of at least {SMALLEST} pixels"
        raise ValueError(f"Give pictures of shape {expected}, not {tuple(x.shape)}.")
    whole = {"0 to 255": CONVENTIONS["0 to 255"]}
    known, x = CONVENTIONS if x.is_floating_point() else whole, x.float()
    low, high = (value.item() for value in x.aminmax())
    for (lowest, highest), deviation, mean in known.values():
        if lowest - TOLERANCE <= low and high <= highest + TOLERANCE:
            return x * x.new_tensor(deviation).view(3, 1, 1) + x.new_tensor(mean).view(3, 1, 1)
    names = "; ".join(known)
    raise ValueError(f"Give values by one of these: {names}; not from {low:.3g} to {high:.3g}.")


def resize(x: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W) as (B, 3, S, S). S is ``IMAGE_SIZE``, as in the training, but
    less for pictures of fewer than 128 pixels a side: enlarged that far, they would be all blur.
    """
    size = IMAGE_SIZE if min(x.shape[2:]) >= 128 else IMAGE_SIZE * 3 // 4
    if x.shape[2:] == (size, size):
        return x
    mode = "bicubic" if min(x.shape[2:]) < size else "bilinear"  # as the pictures in memory
    return F.interpolate(x, (size, size), mode=mode, antialias=True).clamp(0, 1)


def centre_crop(x: Tensor, share: float) -> Tensor:
    """Return the middle of square pictures (B, 3, S, S), a share of their sides."""
    side = round(x.shape[-1] * share)
    first = (x.shape[-1] - side) // 2
    return x[..., first : first + side, first : first + side]


class BigCatsNet(nn.Module):
    """Classify ten species of big cats: RGB pictures (B, 3, H, W) to logits (B, 10).

    Normalisation is part of the network. In evaluation mode so are the way back from other
    conventions to [0, 1], the resize and the average over two views, the whole picture and its
    middle: what people usually do to pictures beforehand changes no answer.

    Args:
        num_classes: number of logits.
        widths: channels of the stem and the three stages.
    """

    def __init__(self, num_classes: int = len(CLASS_NAMES), widths: tuple[int, ...] = WIDTHS[SIZE]):
        super().__init__()
        w0, w1, w2, w3 = widths
        self.stem = nn.Sequential(*conv(3, w0, stride=2), nn.SiLU())
        self.stage1 = nn.Sequential(
            *conv(w0, w1, stride=2), nn.SiLU(), inverted_residual(w1, w1, 2)
        )
        self.stage2 = nn.Sequential(
            *conv(w1, w2, stride=2),
            inverted_residual(w2, w2, 2.5),
            inverted_residual(w2, w2, 2.5),
        )
        self.stage3 = nn.Sequential(
            inverted_residual(w2, w3, 3, stride=2), inverted_residual(w3, w3, 2.5), nn.SiLU()
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(w3, num_classes))

    def feature_map(self, x: Tensor) -> Tensor:
        """Return what the head averages, (B, w3, H / 16, W / 16), without resizing the pictures."""
        x = (x - 0.5) / 0.25
        for stage in (self.stem, self.stage1, self.stage2, self.stage3):
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 10) of RGB pictures (B, 3, H, W); while training they are floats in
        [0, 1] and are taken as they are.
        """
        if self.training:
            return self.head(self.feature_map(x))
        x = resize(as_fractions(x))
        views = [self.feature_map(centre_crop(x, share)) for share in VIEWS]
        return torch.stack([self.head(view) for view in views]).mean(0)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable weights."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


if __name__ == "__main__":
    network = BigCatsNet().eval()
    shape = tuple(network(torch.rand(2, 3, 224, 224)).shape)
    print(f"{count_parameters(network):,} parameters; output {shape}")
