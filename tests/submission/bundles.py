"""Bundles that differ from an honest one."""

import io
import zipfile
from pathlib import Path

import torch
from support import STEM

from hwlib.submission.bundle import read_bundle
from hwlib.submission.report import Report


def changed_bundle(
    folder: Path, target: Path, changes: dict[str, bytes | None], stem: str = STEM
) -> Path:
    """Write the bundle of an export to the folder ``target`` with some files replaced, added, or
    (None) left out; its path.
    """
    files = read_bundle(folder / f"{STEM}.zip")
    contents = {f"{stem}{ending}": content for ending, content in files.items()} | changes
    path = target / f"{stem}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def saved(content: object) -> bytes:
    """A pickle as ``torch.save`` writes it."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def refusals(report: Report) -> dict[str, str]:
    """The messages of the checks that failed, by the names of the checks."""
    assert report.ok == all(check.ok for check in report.checks)
    return {check.name: check.message for check in report.checks if not check.ok}


class Malicious:
    """Something that makes a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return exec, (f"import pathlib; pathlib.Path({str(self.marker)!r}).touch()",)
