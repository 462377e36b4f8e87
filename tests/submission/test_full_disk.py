"""Exports into a folder that has no space left, or cannot be written."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwlib.submission.export import ExportError, export, full_disk_as_error

Mounted = Iterator[Path]


def mount_memory(folder: Path, *options: str) -> Mounted:
    """Mount a small file system in memory, if this machine allows it."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path) -> Mounted:
    yield from mount_memory(tmp_path / "disk", "size=1m")


@pytest.fixture
def read_only_disk(tmp_path) -> Mounted:
    yield from mount_memory(tmp_path / "disk", "size=1m", "ro")


@pytest.mark.parametrize("free_kilobytes", [0, 8, 24])
def test_a_full_disk_is_said_and_nothing_half_made_is_left(
    small_homework, small_disk, free_kilobytes
):
    """It is full at once, in the middle of the notebook, or when the PDF is written."""

    def run() -> None:
        export(small_homework.parameters, ("q1",), small_disk, notebook=small_homework.notebook)

    filler = small_disk / "filler"
    filler.write_bytes(b"x" * ((1 << 20) - (free_kilobytes << 10)))
    with pytest.raises(ExportError, match="no space left") as failure:
        run()
    assert str(small_disk) in str(failure.value) and "--out" in str(failure.value)
    assert {path.name for path in small_disk.iterdir()} <= {"filler", ".partial", "failed.ipynb"}
    filler.unlink()
    run()
    assert (small_disk / "HW1_ID1_ID2.pdf").stat().st_size > 10_000


def test_a_folder_that_cannot_be_written_is_named(small_homework, read_only_disk):
    with pytest.raises(ExportError, match=r"cannot be written .*Read-only.* --out") as failure:
        export(small_homework.parameters, ("q1",), read_only_disk, notebook=small_homework.notebook)
    assert str(read_only_disk) in str(failure.value)


def test_a_full_folder_of_temporary_files_is_named(small_disk, tmp_path, monkeypatch):
    (small_disk / "filler").write_bytes(b"x" * (1 << 20))
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    named = pytest.raises(ExportError, match=f"{small_disk} has no space left.*TMPDIR")
    with named, full_disk_as_error(tmp_path):
        (small_disk / "more").write_bytes(b"x" * 4096)
