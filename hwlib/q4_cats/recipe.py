"""How a big-cats network is trained: sizes of the pictures, rates, targets (Question 4.I)."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, besides its data, the seed and the device.

    ``sizes`` holds pairs (pixels, share of the epochs up to which they are used): the coarse things
    are learnt cheaply first. A batch is worked on in ``parts``, each with batch-norm statistics of
    its own: side by side on a CPU, one after the other on a GPU. ``lr`` is Muon's, for the filters;
    ``adam_lr`` is AdamW's, for all other weights. After n epochs the network's own predictions have
    the share ``distillation_weight`` * n / ``distillation_epochs`` in its targets, at most
    ``distillation_weight``, however long the training is: a network that has seen little is no
    teacher yet. ``ensemble_decay`` is that of the predictions' running mean.
    """

    epochs: int
    sizes: tuple[tuple[int, float], ...] = ((96, 0.4), (128, 0.7), (160, 1.0))
    cutmix_share: float = 0.25
    batch_size: int = 32
    parts: int = 2
    lr: float = 0.02
    adam_lr: float = 3e-3
    weight_decay: float = 0.05
    warm_up: float = 0.1
    label_smoothing: float = 0.1
    average_decay: float = 0.99
    distillation_weight: float = 0.8
    distillation_epochs: int = 120
    ensemble_decay: float = 0.9

    def summary(self) -> str:
        """Return all settings as a text."""
        sizes = ", ".join(f"{size} up to {until:.0%} of the epochs" for size, until in self.sizes)
        names = asdict(self) | {"sizes": f"{sizes}, in pixels"}
        listed = (f"{name.replace('_', ' ')} {value}" for name, value in names.items())
        return f"Settings: {'; '.join(listed)}."

    def size(self, epoch: int) -> int:
        """Return the pixels of a picture's side in an epoch, counted from 0."""
        return next(size for size, until in self.sizes if epoch < until * self.epochs)

    def steps(self, count: int) -> int:
        """Return the number of batches in an epoch of ``count`` pictures."""
        return math.ceil(count / self.batch_size)

    def growth(self) -> list[int]:
        """Return the epochs, counted from 1, after which the pictures grow."""
        return [
            epoch for epoch in range(1, self.epochs) if self.size(epoch) != self.size(epoch - 1)
        ]

    def schedule(self, progress: float) -> float:
        """Return the learning rates as a share of their highest, after a share of all steps: they
        rise along a line, then fall along a cosine.
        """
        if progress < self.warm_up:
            return progress / self.warm_up
        return (1 + math.cos(math.pi * (progress - self.warm_up) / (1 - self.warm_up))) / 2


# Without pasted boxes the small and the medium network were right as often or slightly more often,
# the large one less often; all within what starts differ by (docs/experiments.md).
RECIPES: dict[str, Callable[..., Recipe]] = {
    "small": partial(Recipe, cutmix_share=0.0),
    "medium": partial(Recipe, cutmix_share=0.0),
    "large": partial(Recipe, cutmix_share=0.25),
}
