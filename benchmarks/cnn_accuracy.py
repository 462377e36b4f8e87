"""Train one variant of the big-cats network on four fifths of the training images and score it on
the held-out fifth.

    python benchmarks/cnn_accuracy.py small --data-dir DIR
    python benchmarks/cnn_accuracy.py medium --fold 2 --seed 3 --data-dir DIR
    python benchmarks/cnn_accuracy.py medium --all --data-dir DIR
    python benchmarks/cnn_accuracy.py reference --data-dir DIR
    python benchmarks/cnn_accuracy.py

The held-out pictures (one of five fixed folds, each a fifth of every class, near-duplicates in the
same one) take no part in any decision of the training: the score is that of the last epoch. The
recipe was chosen on the first fold alone; validation and test set are never touched. A run is added
to hwlib/q4_cats/stored_runs.json, which the notebook reads; one that is in it is not repeated. All
runs, and what pairs of them answered differently, are written to docs/experiments.md. Time is the
processor's, summed over the cores, which other programs disturb little.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
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
from hwlib.common.files import replacing
from hwlib.common.images import ImageSet, load_image_set
from hwlib.q4_cats import augment, cnn, findings, folds, study, training
from hwlib.q4_cats.recipe import RECIPES, Recipe
from hwlib.run.parameters import Parameters

EPOCHS = Parameters().cnn_epochs
WHOLE_STUDY = [(1, 1), (2, 1), (3, 1), *((1, fold) for fold in range(2, 1 + folds.FOLDS))]
RECORD = Path(__file__).resolve().parents[1] / "docs" / "experiments.md"


def of_widths(*widths: int) -> Callable[[], nn.Module]:
    """Return a function that makes the network with these widths."""
    return lambda: cnn.BigCatsNet(widths=widths)


SMALL, MEDIUM, LARGE = (of_widths(*widths) for widths in cnn.WIDTHS.values())
NO_CUTMIX, CUTMIX = {"cutmix_share": 0.0}, {"cutmix_share": 0.25}
FINER = NO_CUTMIX | {"sizes": ((112, 0.4), (144, 0.7), (192, 1.0))}  # pixels, share of the epochs
FINER_IN_MEMORY = {"cnn.IMAGE_SIZE": 224}


def with_adamw(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return AdamW for all weights, in Muon's place."""
    groups = [[p for p in network.parameters() if (p.dim() > 1) == decayed] for decayed in (1, 0)]
    return [
        torch.optim.AdamW(groups[0], recipe.adam_lr, weight_decay=0.05),
        torch.optim.AdamW(groups[1], recipe.adam_lr, weight_decay=0),
    ]


def only_mirrored(images: torch.Tensor, numbers: torch.Tensor, size: int) -> torch.Tensor:
    """Mirror pictures at random and scale them, in the place of the whole augmentation."""
    return augment.affine(images.float() / 255, numbers[:, :5], size, rotation=0, zoom=0, shift=0)


VARIANTS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], dict[str, Any]]] = {
    # name: network, changes to the large network's recipe, what is replaced in hwlib.q4_cats
    "small": (SMALL, RECIPES["small"].keywords, {}),
    "medium": (MEDIUM, RECIPES["medium"].keywords, {}),
    "large": (LARGE, {}, {}),
    "medium with cutmix": (MEDIUM, CUTMIX, {}),
    "without Muon (AdamW)": (LARGE, {}, {"training.make_optimizers": with_adamw}),
    "without channel attention": (LARGE, {}, {"cnn.ChannelAttention": nn.Identity}),
    "without the whole view": (LARGE, {}, {"cnn.VIEWS": (5 / 6,)}),
    "without self-distillation": (LARGE, {"distillation_weight": 0.0}, {}),
    "without cutmix": (LARGE, NO_CUTMIX, {}),
    "without growing pictures": (LARGE, {"sizes": ((160, 1.0),)}, {}),
    "without smoothed labels": (LARGE, {"label_smoothing": 0.0}, {}),
    "without averaged weights": (LARGE, {"average_decay": 0.0}, {}),
    "without augmentation but mirroring": (LARGE, {}, {"training.augment": only_mirrored}),
    "width 1/2": (of_widths(8, 16, 24, 32), CUTMIX, {}),
    "width 1/2 without cutmix": (of_widths(8, 16, 24, 32), NO_CUTMIX, {}),
    "small, finer pictures": (SMALL, FINER, FINER_IN_MEMORY),
    "medium, finer pictures": (MEDIUM, FINER, FINER_IN_MEMORY),
    "width 3/2": (of_widths(24, 48, 72, 112), {}, {}),
    "width 2": (of_widths(32, 64, 96, 144), {}, {}),
    "small, weight decay 0.2": (SMALL, NO_CUTMIX | {"weight_decay": 0.2}, {}),
    "small without self-distillation": (SMALL, NO_CUTMIX | {"distillation_weight": 0.0}, {}),
    "large, more cutmix": (LARGE, {"cutmix_share": 0.5}, {}),
    "small, half of the pictures": (SMALL, NO_CUTMIX, {}),
    "large, half of the pictures": (LARGE, {}, {}),
}  # fmt: skip


def every_second(images: ImageSet) -> ImageSet:
    """Return every second picture of each class, in the order of the files."""
    of_classes = [(images.labels == label).nonzero().flatten() for label in images.labels.unique()]
    chosen = torch.zeros(len(images.labels), dtype=torch.bool)
    chosen[torch.cat([members[::2] for members in of_classes])] = True
    return folds.subset(images, chosen)


def wrong_answers(network: nn.Module, held_out: ImageSet) -> list[int]:
    """Return the indices of the pictures that the network does not classify correctly."""
    answers = training.predict(network, held_out.images).argmax(1)
    indices: list[int] = (answers != held_out.labels).nonzero().flatten().tolist()
    return indices


def train_ours(
    variant: str, train: ImageSet, held_out: ImageSet, seed: int, epochs: int
) -> tuple[nn.Module, list[reference.Point], list[int]]:
    """Return the last epoch's averaged network, the curve of its accuracy and its wrong answers.

    The time for classifying the held-out pictures is not the training's and does not count.
    """
    make_network, changes, replaced = VARIANTS[variant]
    clock, validate = reference.Clock(), training.validate
    curve: list[reference.Point] = []
    networks: list[nn.Module] = []  # of the finished epochs

    def validate_off_the_clock(network: nn.Module, image_set: ImageSet) -> tuple[float, float]:
        seconds, figures = clock.pause(), (0.0, 0.0)
        networks.append(network)
        if reference.is_curve_point(len(networks), epochs):
            figures = validate(network, image_set)
            curve.append((len(networks), round(seconds, 1), round(figures[1], 4)))
        clock.resume()
        return figures

    with ExitStack() as stack:
        for name, replacement in (replaced | {"training.validate": validate_off_the_clock}).items():
            stack.enter_context(patch(f"hwlib.q4_cats.{name}", replacement))
        recipe = RECIPES["large"](epochs=epochs, **changes)
        training.train_classifier(make_network, train, held_out, recipe, seed)
        wrong = wrong_answers(networks[-1], held_out)
    return networks[-1], curve, wrong


def load_pictures(options: argparse.Namespace) -> ImageSet:
    """Return all training pictures, in the size that the variant needs."""
    folder = data.locate("big_cats", options.data_dir, "real") / "train"
    _, _, replaced = VARIANTS.get(options.variant, (None, None, {}))
    size = replaced.get("cnn.IMAGE_SIZE", cnn.IMAGE_SIZE)
    return load_image_set(folder, size, cnn.CLASS_NAMES)


def train_and_score(options: argparse.Namespace) -> dict[str, Any]:
    """Train on all folds but one, score on that one, and return the run as it is stored."""
    train, held_out = folds.hold_out(load_pictures(options), options.fold)
    if options.variant in study.HALF_THE_PICTURES:
        train = every_second(train)
    if options.variant == study.REFERENCE:
        network, curve = reference.train_reference(train, held_out, options.seed, options.epochs)
        wrong = None  # its curve alone is stored
    else:
        network, curve, wrong = train_ours(
            options.variant, train, held_out, options.seed, options.epochs
        )
    return {
        "variant": options.variant,
        "seed": options.seed,
        "fold": options.fold,
        "epochs": options.epochs,
        "parameters": cnn.count_parameters(network),
        "correct": round(curve[-1][2] * len(held_out.labels)),
        "total": len(held_out.labels),
        "core_seconds": curve[-1][1],
        "machine": machine(),
        "wrong": wrong,
        "curve": curve,
    }


def is_stored(options: argparse.Namespace) -> bool:
    """Say whether this run is in the file of stored runs."""
    wanted = {name: getattr(options, name) for name in ("variant", "seed", "fold", "epochs")}
    return any(wanted.items() <= run.items() for run in json.loads(study.STORED.read_text()))


def store(run: dict[str, Any]) -> None:
    """Add a run to the file of stored runs; several processes may do so at the same time."""
    with FileLock(study.STORED.with_suffix(".lock")):
        runs = [*json.loads(study.STORED.read_text()), run]
        lines = ",\n".join(map(json.dumps, runs))
        with replacing(study.STORED) as unfinished:
            unfinished.write_text(f"[\n{lines}\n]\n")


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
        choices=range(1, 1 + folds.FOLDS),
        help="held out; variants are compared on 1, the others are for the final score",
    )
    parser.add_argument(
        "--all", action="store_true", help="three starts on the first fold, one on each other fold"
    )
    parser.add_argument("--epochs", type=int, help="default: as shipped, or the reference's 150")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.variant:
        full = reference.EPOCHS if options.variant == study.REFERENCE else EPOCHS
        options.epochs = options.epochs or full
        wanted = WHOLE_STUDY if options.all else [(options.seed, options.fold)]
        for seed, fold in wanted:
            options.seed, options.fold = seed, fold
            if not is_stored(options):
                store(train_and_score(options))
    runs = study.load_runs()
    print(study.summary_table(study.summarise(runs)).to_string())
    for size in cnn.WIDTHS:
        if len(by_fold := study.cross_validation(runs, size)):
            print(f"\n{size}, fold by fold:\n{by_fold.to_string()}")
    print(f"\n{findings.sizes_table(runs).to_string()}")
    RECORD.write_text(study.record_text(runs))


if __name__ == "__main__":
    main()
