"""What tests share: the program as a user calls it, and the homework's folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_hwlib(*arguments: object, cwd: Path = ROOT, **options) -> subprocess.CompletedProcess:
    """``python -m hwlib`` with these arguments, as a user calls it."""
    command = [sys.executable, "-m", "hwlib", *map(str, arguments)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, **options)


def listen_to_ctrl_c() -> None:
    """A shell starts background jobs deaf to it, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
