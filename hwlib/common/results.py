"""The figures that the homework claims: in ``results.json``, and as data in the run notebook."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import display
from nbformat import NotebookNode

from hwlib import __version__

PDF_INFO = "application/vnd.typstpdf+json"  # for the title block of the PDF, see hwlib.pdf
MIME_TYPE = "application/vnd.hwlib.results+json"
BANNERS = {"sample": "Demonstration on sample data, not a submission"}
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "papermill")


def versions() -> dict[str, str]:
    """Versions of Python, this library and what its figures depend on."""
    found = {"python": platform.python_version(), "hwlib": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write under a temporary name, then rename."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(unfinished, path)


def find_claims(notebook: NotebookNode) -> dict[str, Any] | None:
    """What an executed notebook claims, from what ``Results.save`` displayed; None without that."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            claims = output.get("data", {}).get(MIME_TYPE)
            if isinstance(claims, dict):
                return claims
    return None


def sources_hash(sources: Iterable[str]) -> str:
    """SHA-256 of code cells in their order, empty ones left out."""
    stripped = [source.strip() for source in sources]
    return hashlib.sha256(json.dumps([s for s in stripped if s]).encode()).hexdigest()


def claimed_sources(notebook: NotebookNode) -> list[str]:
    """The code cells down to the one that displayed the claims."""
    sources = []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        sources.append(cell.source)
        if any(MIME_TYPE in output.get("data", {}) for output in cell.outputs):
            break
    return sources


def title_block(content: dict[str, Any]) -> dict[str, Any]:
    """What the PDF says on its first page: who, what, when, with what."""
    shown = ("profile", "data_source", "date", "device", "seed")
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    facts = [("Students", ", ".join(content["ids"]))]
    facts += [(name.replace("_source", "").capitalize(), str(content[name])) for name in shown]
    return {
        "authors": content["ids"],
        "date": content["date"],
        "banner": BANNERS.get(content["data_source"], ""),
        "facts": [*facts, ("Versions", versions)],
    }


class Results:
    """Collects the claims of a run, question by question, and the seconds each question took."""

    def __init__(
        self, ids: tuple[str, str], profile: str, seed: int, device: str, data_source: str
    ):
        self.content: dict[str, Any] = {
            "ids": list(ids),
            "date": date.today().isoformat(),
            "profile": profile,
            "seed": seed,
            "device": device,
            "data_source": data_source,
            "command": os.environ.get("HWLIB_COMMAND", "none: run cell by cell, or by papermill"),
            "versions": versions(),
            "data": {},
            "seconds": {},
        }
        self.begun = self.question_begun = time.perf_counter()
        self.question = ""

    def start(self, question: str) -> None:
        """From here on the time counts for ``question``, as in ``"q3"``."""
        self.stop_clock()
        self.question, self.question_begun = question, time.perf_counter()

    def stop_clock(self) -> None:
        """Book the time since ``start``."""
        if self.question:
            self.content["seconds"][self.question] = round(
                time.perf_counter() - self.question_begun, 2
            )
        self.question = ""

    def record(self, key: str, content: dict[str, Any]) -> None:
        """Keep what a question claims, as in ``record("q3", {...})``."""
        self.content[key] = content

    def note_data(self, name: str, *parts: Any) -> None:
        """Keep a hash of a question's data: tensors, arrays or pictures, in their order."""
        digest = hashlib.sha256()
        for part in parts:
            array = np.asarray(part.cpu() if hasattr(part, "cpu") else part)
            digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
        self.content["data"][name] = digest.hexdigest()

    def save(self, output_dir: Path) -> None:
        """Write ``results.json`` and show the claims: as lines to read, the command among them, and
        as data in the notebook. The hash of what the kernel has run shows later whether a cell was
        changed since.
        """
        self.stop_clock()
        if shell := get_ipython():
            self.content["sources"] = sources_hash(shell.history_manager.input_hist_raw)
        self.content["seconds"]["total"] = round(time.perf_counter() - self.begun, 2)
        write_json(self.content, output_dir / "results.json")
        said = f"{self.content['command']}\nresults.json is written."
        timeless = {key: value for key, value in self.content.items() if key != "seconds"}
        shown = {MIME_TYPE: timeless, PDF_INFO: title_block(self.content), "text/plain": said}
        display(shown, raw=True)

    def table(self) -> pd.DataFrame:
        """What somebody needs to get the same figures again, for people."""
        keys = ("profile", "data_source", "seed", "device")
        rows = {key: self.content[key] for key in keys} | self.content["versions"]
        rows |= {f"SHA-256 of {name}": found[:16] for name, found in self.content["data"].items()}
        return pd.DataFrame({"value": rows})
