"""The big-cats network (Question 4.I). This file stands alone, with torch only: it is handed in
beside its weights. For pictures in RGB, values in [0, 1], shape (B, 3, H, W):

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
IMAGE_SIZE = 128


def conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Convolution and batch norm, (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
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
        """(B, C, H, W) to the same shape."""
        return x + self.block(x)


def inverted_residual(inputs: int, outputs: int, expansion: float, stride: int = 1) -> nn.Module:
    """Widen with 1x1, look around with a depthwise 3x3, narrow with 1x1 (Sandler et al.,
    MobileNetV2, 2018).

    A third of the weights of one dense 3x3 convolution at these widths. Residual where the shape
    allows it.
    """
    hidden = int(inputs * expansion)
    layers = [
        *conv(inputs, hidden, kernel=1),
        nn.SiLU(),
        *conv(hidden, hidden, stride=stride, groups=hidden),
        nn.SiLU(),
        *conv(hidden, outputs, kernel=1),
    ]
    return Residual(*layers) if stride == 1 and inputs == outputs else nn.Sequential(*layers)


class BigCatsNet(nn.Module):
    """Ten species of big cats, (B, 3, H, W) RGB in [0, 1] to logits (B, 10).

    Normalisation is part of the network. In evaluation mode so are the resize to 128 pixels and the
    average over the picture and its mirror image, so nobody can preprocess it wrongly.
    """

    def __init__(self, num_classes: int = len(CLASS_NAMES)):
        super().__init__()
        self.stem = nn.Sequential(*conv(3, 16, stride=2), nn.SiLU())
        self.stage1 = Residual(*conv(16, 16), nn.SiLU(), *conv(16, 16))
        self.stage2 = nn.Sequential(
            *conv(16, 32, stride=2), nn.SiLU(), inverted_residual(32, 32, 2)
        )
        self.stage3 = nn.Sequential(
            inverted_residual(32, 48, 3, stride=2),
            inverted_residual(48, 48, 2.5),
            inverted_residual(48, 48, 2.5),
        )
        self.stage4 = nn.Sequential(
            inverted_residual(48, 72, 3, stride=2), inverted_residual(72, 72, 2.5)
        )
        self.head = nn.Sequential(
            nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(72, num_classes)
        )

    def features(self, x: Tensor) -> Tensor:
        """Logits (B, 10) of pictures at the size they come in."""
        x = (x - 0.5) / 0.25
        for stage in (self.stem, self.stage1, self.stage2, self.stage3, self.stage4):
            x = stage(x)
        return self.head(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, 10) of RGB pictures in [0, 1], (B, 3, H, W)."""
        if self.training:
            return self.features(x)
        if x.shape[-2:] != (IMAGE_SIZE, IMAGE_SIZE):
            x = F.interpolate(x, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True)
        return (self.features(x) + self.features(x.flip(-1))) / 2


def count_parameters(network: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


if __name__ == "__main__":
    network = BigCatsNet().eval()
    shape = tuple(network(torch.rand(2, 3, 224, 224)).shape)
    print(f"{count_parameters(network):,} parameters; output {shape}")
