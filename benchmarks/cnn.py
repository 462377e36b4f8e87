"""How fast the big-cats network is trained, beside the known solution's way.

    python benchmarks/cnn.py --data-dir DIR

Images a second of the reference pipeline (files opened and transformed one by one, batches of 32)
and of ours, both with the reference's own network at 64 pixels, and of ours with the shipped
network at its sizes; how much of an epoch goes into data; and, from the runs that
benchmarks/cnn_accuracy.py has stored, the time to the reference's accuracy. All ways take turns in
one process; the table holds medians.
"""

import argparse
from collections.abc import Callable

import pandas as pd
import reference
import torch
from timing import alternate, machine
from torch import nn
from torch.utils.data import DataLoader

from hwlib import cnn, data, study, training
from hwlib.augment import augment
from hwlib.holdout import select
from hwlib.pictures import ImageSet, load_image_set

Task = Callable[[], None]


def reference_epoch(images: ImageSet) -> tuple[Task, Task]:
    """An epoch of the reference's own way, and its data alone."""
    network = reference.make_network()
    optimizer, loss = torch.optim.Adam(network.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    pictures = reference.Pictures(images, reference.AUGMENT)
    loader = DataLoader(pictures, reference.BATCH, shuffle=True)

    def data_alone() -> None:
        for _ in loader:
            pass

    return lambda: reference.train_epoch(network, optimizer, loss, loader), data_alone


def our_epoch(
    make_network: Callable[[], nn.Module], images: ImageSet, size: int
) -> tuple[Task, Task]:
    """An epoch of our training at ``size`` pixels, and its data alone."""
    recipe = training.Recipe(epochs=10**6, sizes=((size, 1.0),))
    state = training.start(make_network, recipe, "cpu")
    resized = training.resize_for(images, size, "cpu")

    def data_alone() -> None:
        for batch in torch.randperm(len(resized.labels)).split(recipe.batch_size):
            augment(resized.images[batch], size)

    def epoch() -> None:
        state.network.train()
        training.train_epoch(state, resized, recipe)

    return epoch, data_alone


def time_to(runs: pd.DataFrame, accuracy: float) -> pd.DataFrame:
    """Per variant the epoch and the core minutes after which the held-out accuracy first was
    ``accuracy``, median over its runs; "–" where none of them got there.
    """
    rows = {}
    for variant in (study.REFERENCE, study.FULL):
        curves = runs[runs["variant"] == variant]["curve"]
        reached = [
            next(((epoch, s / 60) for epoch, s, a in curve if a >= accuracy), None)
            for curve in curves
        ]
        found = pd.DataFrame([r for r in reached if r], columns=["epoch", "core minutes"])
        rows[variant] = (
            found.median().round(1) if len(found) else {"epoch": "–", "core minutes": "–"}
        )
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default="data", help="holds big_cats/train")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each way")
    parser.add_argument("--images", type=int, default=640, help="how many make an epoch here")
    options = parser.parse_args()
    folder = data.locate("big_cats", options.data_dir, "real") / "train"
    every = load_image_set(folder, cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    chosen = torch.zeros(len(every.labels), dtype=torch.bool)
    chosen[torch.randperm(len(chosen))[: options.images]] = True
    images = select(every, chosen)
    ways = {
        "reference network, reference pipeline": reference_epoch(images),
        "reference network, ours": our_epoch(reference.make_network, images, reference.SIZE),
    } | {
        f"shipped network, ours, {size} pixels": our_epoch(cnn.BigCatsNet, images, size)
        for size, _ in training.Recipe(1).sizes
    }
    tasks = {name: epoch for name, (epoch, _) in ways.items()}
    tasks |= {f"{name}: data": alone for name, (_, alone) in ways.items()}
    seconds = alternate(tasks, options.rounds)
    rows = {
        name: {
            "images a second": len(images.labels) / seconds[name],
            "data's share of an epoch": seconds[f"{name}: data"] / seconds[name],
        }
        for name in ways
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table["speed / reference"] = table["images a second"] / table["images a second"].iloc[0]
    print(table.round(3).to_string(), f"\n{machine()}")
    if study.STORED.is_file():
        runs = study.load_runs()
        best = max((a for c in runs[runs["variant"] == study.REFERENCE]["curve"] for _, _, a in c),
                   default=0.86)  # fmt: skip
        for accuracy in (0.8, best, 0.86):
            print(f"\ntime to {accuracy:.1%} of the held-out pictures, from stored runs:")
            print(time_to(runs, accuracy).to_string())


if __name__ == "__main__":
    main()
