"""Measure how fast the big-cats network is trained, beside the known solution's way.

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

from hwlib.common import data
from hwlib.common.images import ImageSet, load_image_set
from hwlib.q4_cats import cnn, parallel, study, training
from hwlib.q4_cats.augment import augment
from hwlib.q4_cats.folds import subset
from hwlib.q4_cats.recipe import Recipe

Task = Callable[[], object]


def reference_tasks(images: ImageSet) -> tuple[Task, Task]:
    """Return two tasks: an epoch of the reference's own way, and its data alone."""
    network = reference.make_network()
    optimizer, loss = torch.optim.Adam(network.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    pictures = reference.Pictures(images, reference.AUGMENT)
    loader = DataLoader(pictures, reference.BATCH, shuffle=True)

    def load_data() -> None:
        for _ in loader:
            pass

    return lambda: reference.run_reference_epoch(network, optimizer, loss, loader), load_data


def our_tasks(
    make_network: Callable[[], nn.Module], images: ImageSet, size: int
) -> tuple[Task, Task]:
    """Return two tasks: an epoch of our training at ``size`` pixels, and its data alone."""
    recipe = Recipe(epochs=10**6, sizes=((size, 1.0),))
    state = training.initial_state(make_network, images, recipe, "cpu")
    resized = training.resize_for(images, size, "cpu")

    def prepare_parts() -> None:
        targets = training.distilled_targets(state, resized.labels, recipe)
        with parallel.workers(recipe.parts) as pool:
            for parts in training.batches(resized, targets, recipe, recipe.parts):
                futures = [pool.submit(augment, part.images, part.numbers, size) for part in parts]
                for future in futures:
                    future.result()

    def train_an_epoch() -> None:
        with parallel.workers(recipe.parts) as pool:
            training.run_epoch(state, resized, recipe, pool)

    return train_an_epoch, prepare_parts


def time_to(accuracy: float) -> pd.DataFrame:
    """Return when the stored runs reached ``accuracy`` on the held-out pictures: for every size of
    network and length of training the epoch and the core minutes (median of the runs that got
    there; the accuracy is computed after every epoch of 20, every fourth of 120 or 150), and how
    many times shorter than the reference's time that is.
    """
    runs = study.frontier_runs(study.load_runs())
    reached = runs["curve"].map(lambda curve: first_point(curve, accuracy)).dropna()
    points = pd.DataFrame(reached.tolist(), index=reached.index, columns=["epoch", "core minutes"])
    names = ["variant", "epochs"]
    table = runs[names].join(points, how="inner").groupby(names, sort=False).median()
    reference_minutes = table["core minutes"].get(study.REFERENCE)
    if reference_minutes is not None:
        table["times shorter"] = reference_minutes.iloc[0] / table["core minutes"]
    return table.round(1)


def first_point(curve: list[list[float]], accuracy: float) -> tuple[float, float] | None:
    """Return epoch and core minutes of the first point of the curve that has the accuracy."""
    return next(((epoch, s / 60) for epoch, s, reached in curve if reached >= accuracy), None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default="data", help="holds big_cats/train")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured")
    parser.add_argument("--images", type=int, default=640, help="number of images in an epoch here")
    options = parser.parse_args()
    folder = data.locate("big_cats", options.data_dir, "real") / "train"
    every = load_image_set(folder, cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    chosen = torch.zeros(len(every.labels), dtype=torch.bool)
    chosen[torch.randperm(len(chosen))[: options.images]] = True
    images = subset(every, chosen)
    ways = {
        "reference network, reference pipeline": reference_tasks(images),
        "reference network, ours": our_tasks(reference.make_network, images, reference.SIZE),
    } | {
        f"shipped network, ours, {size} pixels": our_tasks(cnn.BigCatsNet, images, size)
        for size, _ in Recipe(1).sizes
    }
    tasks = {name: epoch for name, (epoch, _) in ways.items()}
    tasks |= {f"{name}: data": data_task for name, (_, data_task) in ways.items()}
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
    for accuracy in (0.8, 0.85, 0.86):
        print(f"\ntime to {accuracy:.0%} of the held-out pictures, from stored runs:")
        print(time_to(accuracy).to_string())


if __name__ == "__main__":
    main()
