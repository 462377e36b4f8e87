"""What a sweep costs: twelve short runs of Question 3, by several ways.

    python benchmarks/sweep.py [--rounds 1] [--runs 12]

A run is Question 3 on sample data with one epoch and one thread. The ways take turns. The overhead
of a run is what the way takes beyond the seconds that the notebook itself counts for its question.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
from timing import machine

from hwlib.common.project import NOTEBOOK, ROOT
from hwlib.run.notebook import select

PORT = 18786
SWEEP = """\
extends: demo
only: q3
mlp_epochs: 1
learning_rates: [0.01]
seeds: {seeds}
"""


def environment() -> dict[str, str]:
    """One thread a run, for all ways."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return os.environ | threads | {"PYTHONPATH": str(ROOT)}


def call(*command: object) -> None:
    """Run a command, and show what it says only when it fails."""
    words = list(map(str, command))
    done = subprocess.run(words, env=environment(), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def plain(folder: Path, runs: int) -> None:
    """A loop of papermill's own command, over the same cells."""
    chosen = folder / "q3.ipynb"
    nbformat.write(select(nbformat.read(NOTEBOOK, as_version=4), ("q3",)), chosen)
    shared = ["-y", "{data_source: sample, vgg_weights: none, mlp_epochs: 1}"]
    for seed in range(runs):
        out = folder / str(seed)
        out.mkdir()
        own = ["-r", "output_dir", out, "-p", "seed", seed, "-y", "learning_rates: [0.01]"]
        papermill = [sys.executable, "-m", "papermill", chosen, out / "run.ipynb"]
        call(*papermill, *shared, *own, "--no-progress-bar")


def ours(*options: object) -> Callable[[Path, int], None]:
    """The sweep command with these options."""

    def way(folder: Path, runs: int) -> None:
        file = folder / "short.yaml"
        file.write_text(SWEEP.format(seeds=list(range(runs))))
        call(sys.executable, "-m", "hwlib", "sweep", file, "--out", folder / "out", *options)

    return way


def measure(way: Callable[[Path, int], None], runs: int) -> tuple[float, float]:
    """Seconds of all runs together, and what the notebooks count for their question in a run."""
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        way(Path(name), runs)
        seconds = time.perf_counter() - begun
        results = [json.loads(p.read_text()) for p in Path(name).rglob("results.json")]
    if len(results) != runs:
        sys.exit(f"{len(results)} of {runs} runs are there.")
    return seconds, statistics.mean(result["seconds"]["q3"] for result in results)


def start_cluster() -> list[subprocess.Popen]:
    """A Dask scheduler on loopback and two workers of one thread."""
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", str(PORT)]
    worker = [*dask, "worker", f"tcp://127.0.0.1:{PORT}", "--nthreads", "1", "--no-nanny"]
    worker += ["--death-timeout", "60"]
    quiet = {"stderr": subprocess.DEVNULL, "env": environment()}
    return [
        subprocess.Popen([*command, "--no-dashboard"], **quiet)
        for command in (scheduler, worker, worker)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each way")
    parser.add_argument("--runs", type=int, default=12)
    options = parser.parse_args()
    ways = {
        "papermill, one after the other": (1, plain),
        "sweep, 1 worker": (1, ours("--workers", 1)),
        "sweep, 2 workers": (2, ours("--workers", 2)),
        "sweep, Dask, 2 workers": (2, ours("--scheduler", f"tcp://127.0.0.1:{PORT}")),
    }
    cluster, rows = start_cluster(), []
    try:
        for turn in range(options.rounds):
            for name, (workers, way) in ways.items():
                seconds, computing = measure(way, options.runs)
                overhead = seconds * workers / options.runs - computing
                rows.append((name, seconds, 60 * options.runs / seconds, computing, overhead))
                print(f"round {turn + 1}, {name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    finally:
        for process in cluster:
            process.kill()
            process.wait()
    columns = ["way", "seconds", "runs a minute", "q3 alone, s a run", "overhead, s a run"]
    table = pd.DataFrame(rows, columns=columns).groupby("way", sort=False).median()
    table["faster than the first"] = table["seconds"].iloc[0] / table["seconds"]
    print(table.round(2).to_string(), f"\n{machine()}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
