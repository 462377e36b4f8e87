"""Exports into a folder that has no space left, or cannot be written."""

import subprocess
from pathlib import Path

import pytest
from support import run_hwlib


def mount_memory(folder: Path, *options: str) -> bool:
    """Mount a small file system in memory at ``folder``; whether this machine allows it."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [1, 2])
def test_a_full_disk_is_said_and_nothing_half_made_is_left(tmp_path, megabytes):
    out = tmp_path / "out"
    if not mount_memory(out, f"size={megabytes}m"):
        pytest.skip("no file system can be mounted here")
    (out / "filler").write_bytes(b"x" * ((megabytes << 20) - 500_000))
    try:
        done = run_hwlib("export", "demo", "--only", "q1,q2", "--out", out)
        left = {path.name for path in out.iterdir()}
        (out / "filler").unlink()
        again = run_hwlib("export", "demo", "--only", "q1,q2", "--out", out)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert done.returncode == 1 and "No space left" in done.stderr, done.stderr
    assert "Make room" in done.stderr and "Traceback" not in done.stderr
    assert left <= {"filler", ".partial", "failed.ipynb"}
    assert again.returncode == 0 or megabytes == 1, again.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    out = tmp_path / "out"
    if not mount_memory(out, "size=1m", "ro"):
        pytest.skip("no file system can be mounted here")
    try:
        done = run_hwlib("export", "demo", "--only", "q1", "--out", out)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert done.returncode == 1 and str(out) in done.stderr and "--out" in done.stderr
    assert "Traceback" not in done.stderr
