"""Draw animals: the sample data of the demo, from a seeded generator, so that nothing must be
downloaded.

Coats follow D. A. Young, "A local activator-inhibitor model of vertebrate skin patterns" (Math.
Biosciences 72, 1984): each pigment cell is switched on by its near neighbours and off by those
farther away. A few rounds of that rule turn noise into spots, rosettes or stripes. Everything is
drawn for a whole batch of images at once.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from hwlib.common.device import use_threads
from hwlib.common.progress import progress_bar

Colour = tuple[float, float, float]
Fill = Colour | Tensor  # one colour, or a texture (count, 3, size, size)
NUM_SAMPLES = {"train": 24, "valid": 5, "test": 5}  # images of each species in each split


@dataclass(frozen=True)
class Coat:
    """A species' fur: base and mark colours (RGB in [0, 1]) and the pattern of the marks."""

    base: Colour
    mark: Colour
    pattern: str = "plain"  # plain, spots, rosettes or stripes
    scale: float = 0.03  # radius of the activating neighbourhood, as a share of the image's width
    bias: float = -0.6  # below 0: marks are isolated; near 0: they join
    mane: Colour | None = None
    ear_tip: Colour | None = None


COATS = {
    "AFRICAN LEOPARD": Coat((0.85, 0.68, 0.42), (0.22, 0.14, 0.08), "rosettes", 0.026),
    "CARACAL": Coat((0.76, 0.50, 0.32), (0.60, 0.38, 0.24), ear_tip=(0.08, 0.06, 0.05)),
    "CHEETAH": Coat((0.90, 0.75, 0.48), (0.12, 0.09, 0.06), "spots", 0.017, -0.7),
    "CLOUDED LEOPARD": Coat((0.70, 0.62, 0.48), (0.30, 0.25, 0.19), "rosettes", 0.055, -0.2),
    "JAGUAR": Coat((0.83, 0.57, 0.26), (0.12, 0.07, 0.04), "rosettes", 0.040),
    "LIONS": Coat((0.80, 0.64, 0.42), (0.72, 0.56, 0.36), mane=(0.42, 0.25, 0.13)),
    "OCELOT": Coat((0.80, 0.72, 0.58), (0.16, 0.11, 0.08), "stripes", 0.015, -0.6),
    "PUMA": Coat((0.66, 0.54, 0.44), (0.58, 0.46, 0.37)),
    "SNOW LEOPARD": Coat((0.82, 0.82, 0.80), (0.32, 0.32, 0.33), "rosettes", 0.028),
    "TIGER": Coat((0.90, 0.50, 0.16), (0.08, 0.05, 0.04), "stripes", 0.020, -0.1),
}


def activator_inhibitor(count: int, size: int, coat: Coat, generator: torch.Generator) -> Tensor:
    """Return the response of pigment cells after a few rounds of Young's rule, positive in a mark,
    (count, size, size).
    """
    frequency = torch.fft.fftfreq(size)
    stretch = 3.0 if coat.pattern == "stripes" else 1.0  # of a stripe's neighbourhood
    squared = (stretch * frequency[:, None]) ** 2 + frequency[None, :] ** 2
    radius = coat.scale * size
    near, far = (torch.exp(-2 * (torch.pi * r) ** 2 * squared) for r in (radius, 2.2 * radius))
    cells = torch.rand(count, size, size, generator=generator) * 2 - 1
    for _ in range(12):
        response = torch.fft.ifft2(torch.fft.fft2(cells) * (near - far)).real
        cells = torch.tanh(20 * (response + coat.bias * response.std()))
    normalised: Tensor = response / response.std()
    return normalised


class Canvas:
    """Square pictures (count, 3, size, size), each with a random pose for what is painted on it.

    Coordinates run from -1 to 1, x to the right and y down, in the animal's own frame.
    """

    def __init__(self, count: int, size: int, background: Colour, generator: torch.Generator):
        self.count, self.size, self.generator = count, size, generator
        hazy = Coat((0, 0, 0), (0, 0, 0), scale=0.12, bias=0.0)
        clouds = activator_inhibitor(count, size, hazy, generator).unsqueeze(1)
        light = 1 + 0.12 * clouds + 0.25 * self.random(count, 1, 1, 1)
        self.pixels = torch.tensor(background).view(1, 3, 1, 1) * light
        line = torch.linspace(-1, 1, size)
        y, x = torch.meshgrid(line, line, indexing="ij")
        angle, zoom = 0.35 * self.random(count, 1, 1), 1 + 0.15 * self.random(count, 1, 1)
        x, y = x + 0.15 * self.random(count, 1, 1), y + 0.15 * self.random(count, 1, 1)
        self.x = (x * torch.cos(angle) - y * torch.sin(angle)) / zoom
        self.y = (x * torch.sin(angle) + y * torch.cos(angle)) / zoom

    def random(self, *shape: int) -> Tensor:
        """Return uniform numbers in [-1, 1]."""
        return torch.rand(*shape, generator=self.generator) * 2 - 1

    def fur(self, coat: Coat) -> Tensor:
        """Return a coat as a texture (count, 3, size, size), lighter or darker for each animal."""
        if coat.pattern == "plain":
            shape = (self.count, 1, self.size, self.size)
            amount = 0.6 * torch.rand(*shape, generator=self.generator)
        else:
            response = activator_inhibitor(self.count, self.size, coat, self.generator).unsqueeze(1)
            amount = torch.sigmoid(8 * (response - 0.5))
            if coat.pattern == "rosettes":
                amount = amount - 0.75 * torch.sigmoid(8 * (response - 1.5))
        base, mark = (torch.tensor(colour).view(1, 3, 1, 1) for colour in (coat.base, coat.mark))
        return (base * (1 - amount) + mark * amount) * (1 + 0.12 * self.random(self.count, 1, 1, 1))

    def ellipse(self, x: float, y: float, width: float, height: float, fill: Fill) -> None:
        """Paint an ellipse with a soft edge around (x, y)."""
        distance = (((self.x - x) / width) ** 2 + ((self.y - y) / height) ** 2).sqrt()
        mask = torch.sigmoid((1 - distance) * min(width, height) * self.size).unsqueeze(1)
        texture = fill if isinstance(fill, Tensor) else torch.tensor(fill).view(1, 3, 1, 1)
        self.pixels = self.pixels * (1 - mask) + texture * mask

    def pair(self, x: float, y: float, width: float, height: float, fill: Fill) -> None:
        """Paint the same ellipse on the left and on the right: eyes, ears."""
        self.ellipse(-x, y, width, height, fill)
        self.ellipse(x, y, width, height, fill)

    def images(self) -> Tensor:
        """Return the pictures with a little sensor noise, uint8 (count, 3, size, size)."""
        noisy = self.pixels + 0.02 * self.random(*self.pixels.shape)
        return (noisy.clamp(0, 1) * 255).round().to(torch.uint8)


def draw_cats(species: str, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw portraits of one species, uint8 (count, 3, size, size)."""
    coat = COATS[species]
    canvas = Canvas(count, size, (0.45, 0.52, 0.36), generator)
    texture = canvas.fur(coat)
    if coat.mane:
        canvas.ellipse(0, 0.1, 0.95, 0.98, coat.mane)
    canvas.ellipse(0, 0.95, 0.75, 0.55, texture)
    canvas.pair(0.5, -0.55, 0.22, 0.26, coat.ear_tip or texture)
    canvas.pair(0.5, -0.5, 0.11, 0.14, (0.25, 0.18, 0.15))
    canvas.ellipse(0, 0, 0.68, 0.7, texture)
    canvas.pair(0.26, -0.12, 0.12, 0.09, (0.85, 0.72, 0.25))
    canvas.pair(0.26, -0.12, 0.055, 0.085, (0.03, 0.03, 0.03))
    canvas.pair(0.13, 0.38, 0.19, 0.16, (0.93, 0.90, 0.85))
    canvas.ellipse(0, 0.24, 0.11, 0.07, (0.35, 0.16, 0.15))
    return canvas.images()


def draw_bird(variant: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw a bird in profile, uint8 (1, 3, size, size); even variants are green, odd ones red."""
    body, wing, throat = [
        ((0.25, 0.55, 0.35), (0.15, 0.35, 0.30), (0.75, 0.15, 0.30)),
        ((0.80, 0.20, 0.15), (0.15, 0.35, 0.75), (0.95, 0.75, 0.20)),
    ][variant % 2]
    canvas = Canvas(1, size, (0.60, 0.72, 0.80), generator)
    canvas.ellipse(-0.75, 0.32, 0.35, 0.09, wing)
    canvas.ellipse(0.72, -0.38, 0.3, 0.035, (0.15, 0.13, 0.12))
    canvas.ellipse(0, 0.1, 0.55, 0.32, body)
    canvas.ellipse(0.42, -0.3, 0.24, 0.22, body)
    canvas.ellipse(0.42, -0.08, 0.15, 0.12, throat)
    canvas.ellipse(-0.15, 0.05, 0.42, 0.17, canvas.fur(Coat(wing, body, "stripes", 0.012, 0.0)))
    canvas.ellipse(0.5, -0.35, 0.045, 0.045, (0.03, 0.03, 0.03))
    return canvas.images()


def draw_dog(variant: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw a dog's face, uint8 (1, 3, size, size); even variants are fawn, odd ones spotted."""
    coat = [
        Coat((0.82, 0.68, 0.50), (0.76, 0.62, 0.45)),
        Coat((0.92, 0.9, 0.88), (0.2, 0.18, 0.17), "spots", 0.03, -0.7),
    ][variant % 2]
    canvas = Canvas(1, size, (0.55, 0.60, 0.45), generator)
    canvas.ellipse(0, 1.0, 0.7, 0.5, canvas.fur(coat))
    canvas.ellipse(0, 0, 0.6, 0.66, canvas.fur(coat))
    canvas.pair(0.6, -0.05, 0.17, 0.42, (0.25, 0.19, 0.16))
    canvas.ellipse(0, 0.32, 0.34, 0.3, (0.22, 0.18, 0.17))
    canvas.pair(0.25, -0.12, 0.1, 0.1, (0.05, 0.04, 0.04))
    canvas.pair(0.28, -0.15, 0.025, 0.025, (0.95, 0.95, 0.95))
    canvas.ellipse(0, 0.2, 0.13, 0.09, (0.04, 0.04, 0.04))
    return canvas.images()


def save_image(image: Tensor, path: Path) -> None:
    """Write one uint8 picture (3, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)


def write_sample(folder: Path) -> None:
    """Draw ``big_cats/{train,valid,test}/<CLASS>``, ``birds`` and ``dogs`` below ``folder``."""
    generator = torch.Generator().manual_seed(2024)
    classes = [(split, species) for split in NUM_SAMPLES for species in COATS]
    with use_threads(
        1
    ):  # small transforms: threads that wait for each other take ten times as long
        text = "drawing the sample animals, once"
        for split, species in progress_bar(classes, text, "class", leave=False):
            for number, image in enumerate(draw_cats(species, NUM_SAMPLES[split], 96, generator)):
                save_image(image, folder / "big_cats" / split / species / f"{number:03d}.png")
        for variant in range(2):
            bird, dog = (draw(variant, 320, generator)[0] for draw in (draw_bird, draw_dog))
            save_image(bird, folder / "birds" / f"bird_{variant}.png")
            save_image(dog, folder / "dogs" / f"dog_{variant}.png")
