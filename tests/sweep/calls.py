"""What tests of sweeps share: calling one, and looking at its processes and files."""

import json
from pathlib import Path
from typing import NamedTuple

import psutil
from click.testing import CliRunner

from hwlib.cli import main


class Sweep(NamedTuple):
    """A call of ``hwlib sweep`` that has ended."""

    out: Path
    exit_code: int
    output: str


def call_sweep(sweep_file: Path, notebook: Path, out: Path, *options: object) -> Sweep:
    """Call ``hwlib sweep`` in this process; its runs are performed by others."""
    words = [sweep_file, "--notebook", notebook, "--out", out, *options]
    done = CliRunner().invoke(main, ["sweep", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Sweep(out, done.exit_code, done.output)


def run_files(out: Path) -> list[Path]:
    return sorted(out.glob("runs/*/run.json"))


def numbers(out: Path) -> dict[str, dict]:
    """The figures of every run by its name; every run must be there once and be done."""
    figures = {}
    for path in run_files(out):
        record = json.loads(path.read_text())
        assert (record["key"], record["status"]) == (path.parent.name, "done")
        figures[record["key"]] = json.loads((path.parent / "results.json").read_text())["q3"]
    return figures


def busy_workers(process: psutil.Process) -> list[psutil.Process]:
    """The worker processes below ``process`` that have a kernel."""
    try:
        below = process.children(recursive=True)
        workers = [child for child in below if "hwlib.jobs.worker" in " ".join(child.cmdline())]
        return [worker for worker in workers if worker.children(recursive=True)]
    except psutil.Error:  # one of them has just ended: look again
        return []
