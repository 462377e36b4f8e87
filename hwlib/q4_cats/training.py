"""Training of the big-cats network: Muon, growing pictures, averaged weights, self-distillation, a
checkpoint after every epoch (Question 4.I).
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hwlib.common.device import explain_device_errors, set_seed
from hwlib.common.history import History
from hwlib.common.images import ImageSet, in_chunks
from hwlib.common.progress import progress_bar
from hwlib.q4_cats import parallel
from hwlib.q4_cats.augment import NUMBERS, Box, augment, cutmix, random_box
from hwlib.q4_cats.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from hwlib.q4_cats.muon import Muon
from hwlib.q4_cats.precision import loss_scaler, mixed_precision, unscale_gradients
from hwlib.q4_cats.recipe import Recipe


@dataclass
class TrainingResult:
    """The curves, and the averaged weights after the last epoch."""

    history: History
    state_dict: dict[str, Tensor]


def training_key(
    state: TrainingState, train: ImageSet, valid: ImageSet, recipe: Recipe, seed: int
) -> str:
    """Return a hash of all that the result depends on, but for rounding and this library's code; a
    checkpoint with another one is not continued.
    """
    sets = (train.sha256(), valid.sha256())
    kind = (len(state.replicas), str(state.network), torch.__version__)
    return hashlib.sha256(repr((asdict(recipe), seed, kind, sets)).encode()).hexdigest()


def scale_down(images: Tensor, side: int) -> Tensor:
    """Return pictures of values from 0 to 255 as uint8 with ``side`` pixels a side."""
    scaled = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).to(torch.uint8)


def resize_for(train: ImageSet, size: int, device: torch.device | str) -> ImageSet:
    """Move the training set to ``device``, scaled for epochs at ``size`` pixels: a quarter wider,
    so that zooming in finds detail, and no more, so that sampling does not skip pixels.
    """
    side = size * 5 // 4
    images = train.images
    if side < images.shape[-1]:
        images = in_chunks(partial(scale_down, side=side), images)
    return train._replace(images=images.to(device), labels=train.labels.to(device))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights and batch-norm statistics by 1 - decay towards the network's."""
    means, values = (list(net.state_dict().values()) for net in (average, network))
    moved = [number for number, mean in enumerate(means) if mean.is_floating_point()]
    # One operation for all of them, since each costs a GPU as much as a large one.
    update = get_ema_multi_avg_fn(decay)
    update([means[number] for number in moved], [values[number] for number in moved], None)
    for number in set(range(len(means))) - set(moved):
        means[number].copy_(values[number])


def soft_targets(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Return smoothed one-hot labels (B, K): 1 - smoothing for the class, the rest for all."""
    return F.one_hot(labels, num_classes) * (1 - smoothing) + smoothing / num_classes


def distilled_targets(state: TrainingState, labels: Tensor, recipe: Recipe) -> Tensor:
    """Return the targets of this epoch for every training picture, (N, K): the smoothed labels, and
    a growing share of the network's own predictions (Kim et al., "Self-knowledge distillation with
    progressive refinement of targets", 2021), as their running mean (Laine and Aila, "Temporal
    ensembling for semi-supervised learning", 2017).
    """
    smoothed = soft_targets(labels, state.ensemble.shape[1], recipe.label_smoothing)
    grown = min(state.finished, recipe.distillation_epochs)
    weight = recipe.distillation_weight * grown / recipe.distillation_epochs
    return smoothed.lerp(state.ensemble, weight)


class Part(NamedTuple):
    """Part of a batch of B pictures: indices in the training set (B,), images uint8 (B, 3, S, S),
    labels (B,), target probabilities (B, K), random numbers (B, NUMBERS) of their augmentation.
    """

    indices: Tensor
    images: Tensor
    labels: Tensor
    targets: Tensor
    numbers: Tensor


def backpropagate(
    network: nn.Module,
    part: Part,
    size: int,
    box: Box | None,
    count: int,
    scaler: torch.amp.GradScaler,
) -> tuple[Tensor, Tensor]:
    """Augment a part, with cutmix if there is a box, and add its share of the gradient of the mean
    loss over ``count`` pictures, as the scaler scales it, to the network's. Return the summed loss
    and the number of right answers, (2,), and the logits (B, K), still on the device. The right
    answer is the label of the larger part of a picture.
    """
    images, labels, targets = augment(part.images, part.numbers, size), part.labels, part.targets
    if box:
        images, targets = cutmix(images, targets, box)
        labels = labels.roll(1) if box.share > 0.5 else labels
    with mixed_precision(images.device):
        logits = network(images.contiguous(memory_format=torch.channels_last)).float()
    loss = F.cross_entropy(logits, targets, reduction="sum")
    scaler.scale(loss / count).backward()
    correct = (logits.detach().argmax(1) == labels).sum()
    return torch.stack([loss.detach(), correct]), logits.detach()


def train_step(
    state: TrainingState, parts: list[Part], size: int, box: Box | None, pool: Executor
) -> tuple[Tensor, Tensor]:
    """Take one step on the parts of a batch, worked on by the pool's threads. Return the summed
    loss and the number of right answers, (2,), and the logits of the batch (B, K), still on the
    device.
    """
    count = sum(len(part.images) for part in parts)
    networks = state.replicas[: len(parts)]
    futures = [
        pool.submit(backpropagate, network, part, size, box, count, state.scaler)
        for network, part in zip(networks, parts, strict=True)
    ]
    sums, logits = zip(*(future.result() for future in futures), strict=True)
    parallel.gather_gradients(networks)
    for optimizer, scheduler in zip(state.optimizers, state.schedulers, strict=True):
        unscale_gradients(state.scaler, optimizer)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
    if state.scaler.is_enabled():
        state.scaler.update()
    return torch.stack(sums).sum(0), torch.cat(logits)


def update_ensemble(ensemble: Tensor, parts: list[Part], logits: Tensor, decay: float) -> None:
    """Move the running means of a batch's predictions by 1 - decay towards today's."""
    indices = torch.cat([part.indices for part in parts])
    ensemble[indices] = ensemble[indices].lerp(logits.softmax(1), 1 - decay)


def batches(
    train: ImageSet, targets: Tensor, recipe: Recipe, num_parts: int
) -> Iterator[list[Part]]:
    """Yield all pictures in a new random order, in batches of ``num_parts`` parts each (fewer if
    the last batch has fewer pictures than that).
    """
    device, count = train.images.device, len(train.labels)
    order, numbers = torch.randperm(count).to(device), torch.rand(count, NUMBERS).to(device)
    for batch, drawn in zip(
        order.split(recipe.batch_size), numbers.split(recipe.batch_size), strict=True
    ):
        pairs = zip(batch.chunk(num_parts), drawn.chunk(num_parts), strict=True)
        yield [
            Part(chosen, train.images[chosen], train.labels[chosen], targets[chosen], own)
            for chosen, own in pairs
        ]


def draw_box(size: int, share: float) -> Box | None:
    """Draw the box of a batch's cutmix, or none, from the CPU's random numbers; ``share`` of the
    batches have one.
    """
    return random_box(size) if torch.rand(()) < share else None


def run_epoch(
    state: TrainingState, train: ImageSet, recipe: Recipe, pool: Executor
) -> tuple[float, float]:
    """Train on every picture once; they have the epoch's size. Return mean loss and accuracy, under
    augmentation.
    """
    for network in state.replicas:
        network.train()
    count, size, num_parts = len(train.labels), recipe.size(state.finished), len(state.replicas)
    device = train.images.device
    sums = torch.zeros(2, device=device)
    targets = distilled_targets(state, train.labels, recipe)
    first = state.finished * recipe.steps(count)
    for step, parts in enumerate(batches(train, targets, recipe, num_parts), first):
        box = draw_box(size, recipe.cutmix_share)
        batch_sums, logits = train_step(state, parts, size, box, pool)
        sums += batch_sums
        if not box:  # a prediction for a mixture says nothing of either picture
            update_ensemble(state.ensemble, parts, logits, recipe.ensemble_decay)
        # Early on, a short memory: the average must not remember the start.
        decay = min(recipe.average_decay, (2 + step) / (11 + step))
        update_average(state.average, state.network, decay)
    loss, correct = (sums / count).tolist()
    return loss, correct


@torch.no_grad()
def predict(network: nn.Module, images: Tensor, batch_size: int = 100) -> Tensor:
    """Return logits (N, K) of uint8 pictures (N, 3, S, S), in evaluation mode, computed on the
    network's device.
    """
    device = next(network.parameters()).device
    network.eval()
    return torch.cat(
        [network(batch.to(device).float() / 255) for batch in images.split(batch_size)]
    ).cpu()


def validate(network: nn.Module, image_set: ImageSet) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy over every picture of the set."""
    logits, labels = predict(network, image_set.images), image_set.labels.cpu()
    return F.cross_entropy(logits, labels).item(), (
        logits.argmax(1) == labels
    ).float().mean().item()


def make_optimizers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon for the filters, and AdamW without decay for all other weights."""
    filters = [p for p in network.parameters() if p.dim() == 4]
    others = [p for p in network.parameters() if p.dim() != 4]
    return [
        Muon(filters, recipe.lr, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(others, recipe.adam_lr, weight_decay=0),
    ]


def initial_state(
    make_network: Callable[[], nn.Module],
    train: ImageSet,
    recipe: Recipe,
    device: torch.device | str,
) -> TrainingState:
    """Return an untrained network, its replicas for the parts of a batch, its average and its
    optimisers, on the device. Its mean predictions begin at the smoothed labels.
    """
    network, average = (
        make_network().to(device).to(memory_format=torch.channels_last) for _ in range(2)
    )
    average.load_state_dict(network.state_dict())
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    optimizers = make_optimizers(network, recipe)
    total = recipe.epochs * recipe.steps(len(train.labels))
    schedulers = [LambdaLR(o, lambda step: recipe.schedule(step / total)) for o in optimizers]
    ensemble = soft_targets(train.labels, len(train.class_names), recipe.label_smoothing).to(device)
    history: History = {name: [] for name in names}
    replicas = parallel.replicas(network, recipe.parts)
    scaler = loss_scaler(torch.device(device))
    return TrainingState(replicas, average, optimizers, schedulers, scaler, ensemble, history)


def record_epoch(state: TrainingState, figures: tuple[float, ...]) -> None:
    """Append an epoch's figures."""
    for values, figure in zip(state.history.values(), figures, strict=True):
        values.append(figure)


@explain_device_errors()
def train_classifier(
    make_network: Callable[[], nn.Module],
    train: ImageSet,
    valid: ImageSet,
    recipe: Recipe,
    seed: int = 42,
    device: torch.device | str = "cpu",
    checkpoint: Path | None = None,
) -> TrainingResult:
    """Train a classifier to the last epoch, and return its averaged weights. Validation reports
    only: a few dozen pictures cannot choose among epochs.

    ``make_network`` returns an untrained network; it is called after seeding, for the network and
    for the one that holds its averaged weights. ``seed`` decides initial weights, order and
    augmentation. With a file ``checkpoint`` the state is saved after every epoch, and a call that
    finds it continues the same training, to the same result as if it had never stopped.
    """
    set_seed(seed)
    state = initial_state(make_network, train, recipe, device)
    key = training_key(state, train, valid, recipe, seed)
    if checkpoint:
        load_checkpoint(state, key, checkpoint)
    first = state.finished
    left = range(first, recipe.epochs)
    bar = progress_bar(left, "training", "epoch", initial=first, total=recipe.epochs)
    resized = train
    # The same threads for all epochs: one that ends may keep its memory. A GPU has a single queue:
    # there the parts come one after the other.
    with parallel.workers(recipe.parts if torch.device(device).type == "cpu" else 1) as pool:
        for epoch in bar:
            if epoch == first or epoch in recipe.growth():
                resized = resize_for(train, recipe.size(epoch), device)
            figures = run_epoch(state, resized, recipe, pool) + validate(state.average, valid)
            record_epoch(state, figures)
            bar.set_postfix(validation=f"{state.history['validation_accuracy'][-1]:.1%}")
            if checkpoint:
                save_checkpoint(state, key, checkpoint)
    weights = {name: value.cpu() for name, value in state.average.state_dict().items()}
    return TrainingResult(state.history, weights)
