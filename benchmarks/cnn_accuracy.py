"""Train one variant of the big-cats network on four fifths of the training images and score it on
the held-out fifth.

    python benchmarks/cnn_accuracy.py ours --data-dir DIR
    python benchmarks/cnn_accuracy.py ours --fold 2 --data-dir DIR
    python benchmarks/cnn_accuracy.py reference --data-dir DIR
    python benchmarks/cnn_accuracy.py

The held-out pictures (one of five fixed folds, each a fifth of every class, near-duplicates in the
same one) take no part in any decision of the training: the score is that of the last epoch. The
recipe was chosen on the first fold alone; validation and test set are never touched. A run goes
into benchmarks/results/cnn.json; one that stands there is not repeated. Time is the processor's,
summed over the cores, which other programs do not disturb.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import reference
import torch
from filelock import FileLock
from timing import machine
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hwlib.common import data
from hwlib.common.images import ImageSet, load_image_set
from hwlib.q4_cats import augment, cnn, study, training
from hwlib.q4_cats import folds as holdout
from hwlib.run.parameters import Parameters

RECIPE = training.Recipe(epochs=Parameters().cnn_epochs)


def net(*widths: int) -> Callable[[], nn.Module]:
    """The network with these widths."""
    return lambda: cnn.BigCatsNet(widths=widths)


def with_adamw(network: nn.Module, recipe: training.Recipe) -> list[torch.optim.Optimizer]:
    """AdamW for all weights, in Muon's place."""
    groups = [[p for p in network.parameters() if (p.dim() > 1) == decayed] for decayed in (1, 0)]
    return [
        torch.optim.AdamW(groups[0], recipe.adam_lr, weight_decay=0.05),
        torch.optim.AdamW(groups[1], recipe.adam_lr, weight_decay=0),
    ]


def only_mirrored(images: torch.Tensor, numbers: torch.Tensor, size: int) -> torch.Tensor:
    """In the place of the whole augmentation: mirror images alone."""
    still = {"rotation": 0, "zoom": 0, "shift": 0}
    return augment.affine(images.float() / 255, numbers[:, :5], size, **still)


VARIANTS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], dict[str, Any]]] = {
    # name: network, changes to the recipe, what is replaced in hwlib
    "ours": (cnn.BigCatsNet, {}, {}),
    "without Muon (AdamW)": (cnn.BigCatsNet, {}, {"training.make_optimizers": with_adamw}),
    "without channel attention": (cnn.BigCatsNet, {}, {"cnn.ChannelAttention": nn.Identity}),
    "without the whole view": (cnn.BigCatsNet, {}, {"cnn.VIEWS": (160,)}),
    "without self-distillation": (cnn.BigCatsNet, {"distillation_weight": 0.0}, {}),
    "without cutmix": (cnn.BigCatsNet, {"cutmix_share": 0.0}, {}),
    "without growing pictures": (cnn.BigCatsNet, {"sizes": ((160, 1.0),)}, {}),
    "without smoothed labels": (cnn.BigCatsNet, {"label_smoothing": 0.0}, {}),
    "without averaged weights": (cnn.BigCatsNet, {"average_decay": 0.0}, {}),
    "without augmentation but mirroring": (cnn.BigCatsNet, {}, {"training.augment": only_mirrored}),
    "width 1/2": (net(8, 16, 24, 32), {}, {}),
    "width 2/3": (net(8, 24, 32, 48), {}, {}),
    "width 3/2": (net(24, 48, 72, 112), {}, {}),
}  # fmt: skip


def train_ours(
    variant: str, train: ImageSet, held: ImageSet, seed: int, epochs: int
) -> tuple[nn.Module, list[reference.Point]]:
    """The last epoch's averaged network, and its way there.

    The time for looking at the held-out pictures is not the training's and does not count.
    """
    make_network, changes, replaced = VARIANTS[variant]
    clock, evaluate = reference.Clock(), training.evaluate
    curve: list[reference.Point] = []
    finished: list[nn.Module] = []

    def evaluate_off_the_clock(network: nn.Module, image_set: ImageSet) -> tuple[float, float]:
        seconds = clock.stop()
        finished.append(network)
        if not reference.is_looked_at(len(finished), epochs):
            clock.start()
            return 0.0, 0.0
        loss, accuracy = evaluate(network, image_set)
        curve.append((len(finished), round(seconds, 1), round(accuracy, 4)))
        clock.start()
        return loss, accuracy

    with ExitStack() as stack:
        for name, replacement in (replaced | {"training.evaluate": evaluate_off_the_clock}).items():
            stack.enter_context(patch(f"hwlib.{name}", replacement))
        recipe = replace(RECIPE, epochs=epochs, **changes)
        training.train_classifier(make_network, train, held, recipe, seed)
    return finished[-1], curve


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train and score; the run as it is stored."""
    folder = data.locate("big_cats", options.data_dir, "real") / "train"
    images = load_image_set(folder, cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    train, held = holdout.hold_out(images, options.fold)
    if options.variant == study.REFERENCE:
        found = reference.train(train, held, options.seed, options.epochs)
    else:
        found = train_ours(options.variant, train, held, options.seed, options.epochs)
    network, curve = found
    return {
        "variant": options.variant,
        "seed": options.seed,
        "fold": options.fold,
        "epochs": options.epochs,
        "parameters": cnn.count_parameters(network),
        "correct": round(curve[-1][2] * len(held.labels)),
        "total": len(held.labels),
        "core_seconds": curve[-1][1],
        "machine": machine(),
        "curve": curve,
    }


def stored(options: argparse.Namespace) -> bool:
    """Whether this run stands in the file already."""
    runs = json.loads(study.STORED.read_text()) if study.STORED.is_file() else []
    asked = {name: getattr(options, name) for name in ("variant", "seed", "fold", "epochs")}
    return any(asked.items() <= found.items() for found in runs)


def store(found: dict[str, Any]) -> None:
    """Add a run to the file; several processes may."""
    study.STORED.parent.mkdir(exist_ok=True)
    with FileLock(study.STORED.with_suffix(".lock")):
        runs = json.loads(study.STORED.read_text()) if study.STORED.is_file() else []
        lines = ",\n".join(json.dumps(one) for one in [*runs, found])
        study.STORED.write_text(f"[\n{lines}\n]\n")


def main() -> None:
    """Train what is asked for and not stored yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    names = [*VARIANTS, study.REFERENCE]
    parser.add_argument(
        "variant",
        nargs="?",
        choices=names,
        metavar="VARIANT",
        help=f"{'; '.join(names)}; without one, only the tables of the stored runs are printed",
    )
    parser.add_argument("--data-dir", default="data", help="holds big_cats/train")
    parser.add_argument("--seed", type=int, default=1, help="of the start")
    parser.add_argument(
        "--fold",
        type=int,
        default=1,
        choices=range(1, 1 + holdout.FOLDS),
        help="held out; variants are compared on 1, the others are for the final score",
    )
    parser.add_argument("--epochs", type=int, help="default: as shipped, or the reference's 150")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.variant:
        full = reference.EPOCHS if options.variant == study.REFERENCE else RECIPE.epochs
        options.epochs = options.epochs or full
        if not stored(options):
            store(run(options))
    runs = study.load_runs()
    print(study.for_people(study.summarise(runs)).to_string())
    if len(folds := study.cross_validation(runs)):
        print(f"\nours, fold by fold:\n{folds.to_string()}")


if __name__ == "__main__":
    main()
