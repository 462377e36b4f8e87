"""What a sweep costs: twelve short runs of Question 3, performed in several ways.

    python benchmarks/sweep.py [--rounds 1] [--runs 12]

A run is Question 3 on sample data with one epoch and one thread. The ways take turns. The overhead
of a run is what it takes beyond the seconds that the notebook itself counts for its question.
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
from hwlib.jobs.pool import thread_limits
from hwlib.run.notebook import select

PORT = 18786
SWEEP = """\
extends: demo
only: q3
mlp_epochs: 1
learning_rates: [0.01]
seeds: {seeds}
"""
ENVIRONMENT = os.environ | thread_limits(1) | {"PYTHONPATH": str(ROOT)}


def call(*command: object) -> None:
    """Run a command, and show what it prints only if it fails."""
    words = list(map(str, command))
    done = subprocess.run(words, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def run_papermill(folder: Path, runs: int) -> None:
    """Call papermill's own command for one run after the other, with the same cells."""
    chosen = folder / "q3.ipynb"
    nbformat.write(select(nbformat.read(NOTEBOOK, as_version=4), ("q3",)), chosen)
    shared = ["-y", "{data_source: sample, vgg_weights: none, mlp_epochs: 1}"]
    for seed in range(runs):
        out = folder / str(seed)
        out.mkdir()
        own = ["-r", "output_dir", out, "-p", "seed", seed, "-y", "learning_rates: [0.01]"]
        papermill = [sys.executable, "-m", "papermill", chosen, out / "run.ipynb"]
        call(*papermill, *shared, *own, "--no-progress-bar")


def run_sweep(*options: object) -> Callable[[Path, int], None]:
    """Return a function that calls the sweep command with these options."""

    def run(folder: Path, runs: int) -> None:
        file = folder / "short.yaml"
        file.write_text(SWEEP.format(seeds=list(range(runs))))
        call(sys.executable, "-m", "hwlib", "sweep", file, "--out", folder / "out", *options)

    return run


def measure(run: Callable[[Path, int], None], runs: int) -> tuple[float, float]:
    """Return the seconds of all runs together, and those that the notebook of a run counts."""
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        run(Path(name), runs)
        seconds = time.perf_counter() - begun
        results = [json.loads(p.read_text()) for p in Path(name).rglob("results.json")]
    if len(results) != runs:
        sys.exit(f"{len(results)} of {runs} runs are there.")
    return seconds, statistics.mean(result["seconds"]["q3"] for result in results)


def start_cluster() -> list[subprocess.Popen]:
    """Start a Dask scheduler on loopback and two workers of one thread."""
    dask = [sys.executable, "-m", "dask"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", str(PORT)]
    worker = [*dask, "worker", f"tcp://127.0.0.1:{PORT}", "--nthreads", "1", "--no-nanny"]
    worker += ["--death-timeout", "60"]
    return [
        subprocess.Popen([*words, "--no-dashboard"], stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        for words in (scheduler, worker, worker)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each way")
    parser.add_argument("--runs", type=int, default=12)
    options = parser.parse_args()
    ways = {
        "papermill, one after the other": (1, run_papermill),
        "sweep, 1 worker": (1, run_sweep("--workers", 1)),
        "sweep, 2 workers": (2, run_sweep("--workers", 2)),
        "sweep, Dask, 2 workers": (2, run_sweep("--scheduler", f"tcp://127.0.0.1:{PORT}")),
    }
    cluster, rows = start_cluster(), []
    try:
        for turn in range(options.rounds):
            for name, (workers, run) in ways.items():
                seconds, computing = measure(run, options.runs)
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
