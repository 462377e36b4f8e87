"""Measure tasks in turns, and say on which machine: what the benchmarks share."""

import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # hwlib, for whoever imports this


def alternate(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each task. The tasks take turns, so that a noisy minute hits all
    of them, in a new order every round, so that none always suffers from the one before it.

    Each task is run once before the clock starts.
    """
    for task in tqdm(tasks.values(), desc="warming up", leave=False):
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in tqdm(range(rounds), desc="rounds", leave=False):
        for name in random.sample(list(tasks), len(tasks)):
            begun = time.perf_counter()
            tasks[name]()
            seconds[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in seconds.items()}


def machine() -> str:
    """Return cores, threads and versions, for the line below a table."""
    return (
        f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {platform.machine()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
