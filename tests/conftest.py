"""What tests share: real data if there is any, and exports that many of them look at."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import distributed
import psutil
import pytest
import torch
from filelock import FileLock
from support import ROOT, Cluster, SmallHomework, run_hwlib, write_small_homework

from hwlib.common.data import locate
from hwlib.common.project import QUESTIONS
from hwlib.submission.export import export


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not os.environ.get("HW1_DATA"):
        pytest.skip("HW1_DATA is not set: no real data here")
    return Path(os.environ["HW1_DATA"])


@pytest.fixture
def use_threads() -> Iterator[Callable[[int], None]]:
    """Sets how many threads torch uses, until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """The folder of a short demo export of the homework itself, made by the first of pytest's
    processes that needs it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = shared / "exported"
    with FileLock(shared / "exported.lock"):
        if not out.exists():
            short = ("-p", "cnn_epochs", 2, "-p", "mlp_epochs", 2, "-p", "data_dir", ROOT / "data")
            done = run_hwlib("export", "demo", *short, "--out", out)
            assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder of the drawn animals."""
    return locate("big_cats", ROOT / "data", "sample").parent


@pytest.fixture(scope="session")
def small_homework(sample, tmp_path_factory) -> SmallHomework:
    """A notebook of a dozen cells that runs in place of the homework."""
    return write_small_homework(tmp_path_factory.mktemp("small"), sample)


@pytest.fixture(scope="session")
def small_export(small_homework, tmp_path_factory) -> Path:
    """The folder of an export of the small homework."""
    out = tmp_path_factory.mktemp("small-export") / "out"
    export(small_homework.parameters, QUESTIONS, out, notebook=small_homework.notebook)
    return out


@pytest.fixture
def copied(small_export, tmp_path) -> Path:
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(small_export, tmp_path / "copied"))


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    """A real Dask scheduler on loopback with two workers, each a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", port]
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--death-timeout", "60"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--no-dashboard"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )
        for words in (scheduler, worker, worker)
    ]
    with distributed.Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield Cluster(address, [psutil.Process(process.pid) for process in processes[1:]])
    for process in processes:
        process.kill()
        process.wait()
