"""Training of the big-cats network: one-cycle AdamW, averaged weights, a checkpoint after every
epoch (Question 4.I).
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from hwlib.augment import augment, cutmix
from hwlib.data import ImageSet
from hwlib.seeding import set_seed

History = dict[str, list[float]]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, besides its data and the seed.

    The first ``small_share`` of the epochs see pictures of ``small_size`` pixels, the others of
    ``size``: the coarse things are learnt cheaply first.
    """

    epochs: int
    size: int = 128
    small_size: int = 96
    small_share: float = 0.6
    cutmix_share: float = 0.5
    batch_size: int = 64
    lr: float = 4e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    average_decay: float = 0.99


@dataclass
class TrainingState:
    """What a checkpoint holds: the state after a whole number of epochs."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: History = field(default_factory=dict)
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class TrainingResult:
    """The curves, and the weights of the epoch with the best validation accuracy."""

    history: History
    best_epoch: int
    state_dict: dict[str, Tensor]


def fingerprint(
    network: nn.Module, train: ImageSet, valid: ImageSet, recipe: Recipe, seed: int
) -> str:
    """Hash of all that the result depends on; a checkpoint of anything else is not continued."""
    digest = hashlib.sha256(repr((asdict(recipe), seed, str(network), torch.__version__)).encode())
    for part in (train, valid):
        digest.update(part.images.numpy().tobytes() + part.labels.numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(state: TrainingState, key: str, path: Path) -> None:
    """Write the whole state under a temporary name, then rename: a kill leaves the old checkpoint
    or the new one.
    """
    content = {
        "key": key,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scheduler": state.scheduler.state_dict(),
        "history": state.history,
        "best_epoch": state.best_epoch,
        "best_state": state.best_state,
        "random_state": torch.get_rng_state(),
    }
    unfinished = path.with_suffix(".unfinished")
    torch.save(content, unfinished)
    os.replace(unfinished, path)


def load_checkpoint(state: TrainingState, key: str, path: Path) -> None:
    """Continue from ``path`` where it holds a checkpoint of this very training; otherwise leave
    ``state`` alone.
    """
    if not path.exists():
        return
    content = torch.load(path, weights_only=True)
    if content["key"] != key:
        return
    for name in ("network", "average", "optimizer", "scheduler"):
        getattr(state, name).load_state_dict(content[name])
    state.history, state.best_epoch, state.best_state = (
        content[name] for name in ("history", "best_epoch", "best_state")
    )
    torch.set_rng_state(content["random_state"])


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights and batch-norm statistics by 1 - decay towards the network's."""
    for mean, value in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def soft_targets(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Smoothed one-hot labels: 1 - smoothing for the class, the rest spread over all; (B, K)."""
    return F.one_hot(labels, num_classes) * (1 - smoothing) + smoothing / num_classes


def train_epoch(state: TrainingState, train: ImageSet, recipe: Recipe) -> tuple[float, float]:
    """One pass over the training images in a new random order; mean loss and accuracy under
    augmentation.
    """
    state.network.train()
    device, num_classes = train.images.device, len(train.class_names)
    finished = len(state.history["train_loss"])
    size = recipe.small_size if finished < recipe.small_share * recipe.epochs else recipe.size
    loss_sum, correct = torch.zeros((), device=device), torch.zeros((), device=device)
    for batch in torch.randperm(len(train.labels)).to(device).split(recipe.batch_size):
        images = augment(train.images[batch], size)
        targets = soft_targets(train.labels[batch], num_classes, recipe.label_smoothing)
        if torch.rand(()) < recipe.cutmix_share:
            images, targets = cutmix(images, targets)
        logits = state.network(images.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits, targets)
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        state.scheduler.step()
        # Early on, a short memory: the average must not remember the start.
        step = state.scheduler.last_epoch
        decay = min(recipe.average_decay, (1 + step) / (10 + step))
        update_average(state.average, state.network, decay)
        loss_sum += loss.detach() * len(batch)
        correct += (logits.detach().argmax(1) == targets.argmax(1)).sum()
    return loss_sum.item() / len(train.labels), correct.item() / len(train.labels)


@torch.no_grad()
def predict(network: nn.Module, images: Tensor, batch_size: int = 100) -> Tensor:
    """Logits (N, K) of uint8 pictures (N, 3, S, S), in evaluation mode, on the network's device."""
    device = next(network.parameters()).device
    network.eval()
    return torch.cat(
        [network(batch.to(device).float() / 255) for batch in images.split(batch_size)]
    ).cpu()


def evaluate(network: nn.Module, image_set: ImageSet) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over every picture of the set."""
    logits, labels = predict(network, image_set.images), image_set.labels.cpu()
    return F.cross_entropy(logits, labels).item(), (
        logits.argmax(1) == labels
    ).float().mean().item()


def start(network: nn.Module, average: nn.Module, recipe: Recipe, num_images: int) -> TrainingState:
    """Fresh optimiser and schedule: AdamW, learning rate up over 15% of the steps, then down along
    a cosine.
    """
    steps = recipe.epochs * -(-num_images // recipe.batch_size)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.lr, total_steps=steps, pct_start=0.15, cycle_momentum=False
    )
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return TrainingState(network, average, optimizer, scheduler, {name: [] for name in names})


def record_epoch(state: TrainingState, figures: tuple[float, ...]) -> None:
    """Append an epoch's figures; keep the averaged weights where the validation accuracy (then the
    loss) is best.
    """
    for values, figure in zip(state.history.values(), figures, strict=True):
        values.append(figure)
    ranks = list(
        zip(
            state.history["validation_accuracy"],
            [-v for v in state.history["validation_loss"]],
            strict=True,
        )
    )
    if ranks[-1] == max(ranks):
        state.best_epoch = len(ranks)
        state.best_state = {
            name: value.cpu().clone() for name, value in state.average.state_dict().items()
        }


def train_classifier(
    make_network: Callable[[], nn.Module],
    train: ImageSet,
    valid: ImageSet,
    recipe: Recipe,
    seed: int = 42,
    device: torch.device | str = "cpu",
    checkpoint: Path | None = None,
) -> TrainingResult:
    """Train a classifier and pick the epoch with the best validation accuracy; the test set is not
    involved.

    Calls ``set_seed`` first. With ``checkpoint`` the state is saved after every epoch, and a call
    that finds a checkpoint of the same training continues it, to the same result as if it had never
    stopped.

    Args:
        make_network: called after seeding, for the network and for the copy that holds its averaged
            weights.
        train: training images.
        valid: validation images; the averaged weights are evaluated on them after every epoch.
        recipe: epochs, learning rate and the like.
        seed: for initial weights, order and augmentation.
        device: where to train.
        checkpoint: file to save to and to continue from.
    """
    set_seed(seed)
    network, average = (
        make_network().to(device, memory_format=torch.channels_last) for _ in range(2)
    )
    average.load_state_dict(network.state_dict())
    state = start(network, average, recipe, len(train.labels))
    key = fingerprint(network, train, valid, recipe, seed)
    if checkpoint:
        load_checkpoint(state, key, checkpoint)
    train = train._replace(images=train.images.to(device), labels=train.labels.to(device))
    finished = len(state.history["train_loss"])
    bar = tqdm(
        range(finished, recipe.epochs),
        desc="training",
        unit="epoch",
        initial=finished,
        total=recipe.epochs,
    )
    for _ in bar:
        record_epoch(state, train_epoch(state, train, recipe) + evaluate(state.average, valid))
        bar.set_postfix(validation=f"{state.history['validation_accuracy'][-1]:.1%}")
        if checkpoint:
            save_checkpoint(state, key, checkpoint)
    return TrainingResult(state.history, state.best_epoch, state.best_state)
