"""The figures that the homework claims: in ``results.json``, and as data in the notebook that was
run. One model, for whoever writes, reads, checks or compares them.
"""

import hashlib
import json
import platform
import re
import time
from collections.abc import Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import display
from nbformat import NotebookNode
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwlib import __version__
from hwlib.common.errors import HwlibError
from hwlib.common.files import replacing
from hwlib.common.project import LOCATIONS, RESULTS

CLAIMS = "application/vnd.hwlib.results+json"  # the type of an output that holds the claims
PDF_INFO = "application/vnd.typstpdf+json"  # of one that holds the PDF's title block, see hwlib.pdf
BANNERS = {"sample": "Demonstration on sample data, not a submission"}
LOCATION_LINE = re.compile("({}) = [\"'].*[\"']".format("|".join(LOCATIONS)))
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "papermill")


Curve = Annotated[list[float], Field(min_length=1)]  # one number an epoch


class ClaimsError(HwlibError):
    """Claims are not what they must be; the message names the first thing that is wrong."""


class Figures(BaseModel):
    """The base of all results. JSON has no number for a figure that is not finite: it is a string
    there, as "NaN". Fields that are not known here are kept.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings", validate_assignment=True, extra="allow")


class DigitCurves(Figures):
    """A training in Question 3."""

    train_loss: Curve
    train_accuracy: Curve
    test_loss: Curve
    test_accuracy: Curve


class DigitResults(Figures):
    """Question 3: the training of part (a), and one training for each learning rate of part (b)."""

    learning_rate: float
    history: DigitCurves
    learning_rates: dict[float, DigitCurves]


class CatCurves(Figures):
    """The training in Question 4.I."""

    train_loss: Curve
    train_accuracy: Curve
    validation_loss: Curve
    validation_accuracy: Curve


class CatResults(Figures):
    """Question 4.I: the network that is handed in. ``best_epoch`` is the one that its weights are
    from, the last of the training; ``test_pictures`` is a hash of the test set.
    """

    parameters: int
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    test_correct: int
    test_total: int
    test_interval_95: tuple[float, float]
    test_pictures: str = ""
    history: CatCurves


class VggResults(Figures):
    """Question 4.II: the weights, and for each picture the five best classes with probabilities."""

    weights: str
    images: dict[str, list[tuple[str, float]]]


class Claims(Figures):
    """What a notebook claims of its run; a question that was not run is None.

    ``data`` holds a hash of each data set, ``sources`` that of the code cells that were run.
    """

    ids: tuple[str, str]
    date: str
    profile: str
    seed: int
    device: str
    data_source: Literal["real", "sample"]
    command: str
    versions: dict[str, str]
    data: dict[str, str] = {}
    sources: str = ""
    q3: DigitResults | None = None
    q4: CatResults | None = None
    vgg: VggResults | None = None


class WholeClaims(Claims):
    """The claims of a notebook whose questions were all run."""

    q3: DigitResults
    q4: CatResults
    vgg: VggResults


class RunResults(Claims):
    """``results.json``: the claims, and the seconds of each question and of the whole run.

    The notebook's claims have no seconds, so that equal runs give equal notebooks and PDFs.
    """

    seconds: dict[str, float]


def package_versions() -> dict[str, str]:
    """Return the versions of Python, this library and what its figures depend on."""
    found = {"python": platform.python_version(), "hwlib": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def displayed_claims(notebook: NotebookNode) -> Any:
    """Return what a notebook displays last as its claims, not checked; None if it displays none."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    found = [output["data"][CLAIMS] for output in outputs if CLAIMS in output.get("data", {})]
    return found[-1] if found else None


def check_claims(displayed: Any) -> WholeClaims:
    """Return what a notebook claims; ClaimsError, which names the first thing that is wrong, if it
    claims nothing or not all that it should.
    """
    if displayed is None:
        raise ClaimsError("The notebook holds no claims; its last cell was not run.")
    try:
        return WholeClaims.model_validate(displayed)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"])) or "all"
        raise ClaimsError(
            f"The notebook's claims are incomplete ({name}: {problem['msg']})."
        ) from error


def without_locations(source: str) -> str:
    """Return a cell's source without the lines, as papermill writes them, that give a parameter of
    ``LOCATIONS`` its value: they differ from machine to machine and change no figure.
    """
    lines = source.strip().splitlines()
    return "\n".join(line for line in lines if not LOCATION_LINE.fullmatch(line))


def sources_hash(sources: Iterable[str]) -> str:
    """Return the SHA-256 of code cells in their order, without empty ones and file locations."""
    stripped = [without_locations(source) for source in sources]
    return hashlib.sha256(json.dumps([s for s in stripped if s]).encode()).hexdigest()


def claimed_sources(notebook: NotebookNode) -> list[str]:
    """Return the sources of the code cells down to the one that displayed the claims."""
    sources = []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        sources.append(cell.source)
        if any(CLAIMS in output.get("data", {}) for output in cell.outputs):
            break
    return sources


def title_block(claims: Claims) -> dict[str, Any]:
    """Return what the PDF says on its first page: who, what, when, with what."""
    versions = ", ".join(f"{name} {number}" for name, number in claims.versions.items())
    facts = {
        "Students": ", ".join(claims.ids),
        "Profile": claims.profile,
        "Data": claims.data_source,
        "Date": claims.date,
        "Device": claims.device,
        "Seed": str(claims.seed),
        "Versions": versions,
    }
    return {
        "authors": list(claims.ids),
        "date": claims.date,
        "banner": BANNERS.get(claims.data_source, ""),
        "facts": list(facts.items()),
    }


class Results:
    """Collects the claims of a run, question by question, and the seconds each question took."""

    def __init__(
        self,
        ids: tuple[str, str],
        profile: str,
        seed: int,
        device: str,
        data_source: Literal["real", "sample"],
        command: str,
    ):
        self.claims = Claims(
            ids=ids,
            date=date.today().isoformat(),
            profile=profile,
            seed=seed,
            device=device,
            data_source=data_source,
            command=command,
            versions=package_versions(),
        )
        self.seconds: dict[str, float] = {}
        self.begun = self.question_begun = time.perf_counter()
        self.question = ""

    def start(self, question: str) -> None:
        """From here on the time counts for ``question``, as in ``"q3"``."""
        self.stop_clock()
        self.question, self.question_begun = question, time.perf_counter()

    def stop_clock(self) -> None:
        """Book the time since ``start``."""
        if self.question:
            self.seconds[self.question] = round(time.perf_counter() - self.question_begun, 2)
        self.question = ""

    def record(self, key: str, figures: dict[str, Any]) -> None:
        """Keep what a question claims, as in ``record("q3", {...})``; pydantic's ValidationError if
        it is not as ``Claims`` says.
        """
        setattr(self.claims, key, figures)

    def note_data(self, name: str, *parts: Any) -> None:
        """Keep a hash of a question's data: tensors, arrays or pictures, in their order."""
        digest = hashlib.sha256()
        for part in parts:
            array = np.asarray(part.cpu() if hasattr(part, "cpu") else part)
            digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
        self.claims.data[name] = digest.hexdigest()

    def save(self, output_dir: Path) -> None:
        """Write ``results.json`` and show the claims: as lines to read, the command among them, and
        as data in the notebook. The hash of what the kernel has run shows later whether a cell was
        changed since.
        """
        self.stop_clock()
        if shell := get_ipython():
            self.claims.sources = sources_hash(shell.history_manager.input_hist_raw)
        self.seconds["total"] = round(time.perf_counter() - self.begun, 2)
        results = RunResults(**self.claims.model_dump(), seconds=self.seconds)
        with replacing(output_dir / RESULTS) as unfinished:
            unfinished.write_text(results.model_dump_json(indent=1, exclude_none=True) + "\n")
        claims = json.loads(self.claims.model_dump_json(exclude_none=True))
        text = f"{self.claims.command}\n{RESULTS} is written."
        shown = {CLAIMS: claims, PDF_INFO: title_block(self.claims), "text/plain": text}
        display(shown, raw=True)

    def table(self) -> pd.DataFrame:
        """Return a table of what somebody needs to get the same figures again."""
        keys = ("profile", "data_source", "seed", "device")
        rows = {key: getattr(self.claims, key) for key in keys}
        rows["versions"] = ", ".join(f"{k} {v}" for k, v in self.claims.versions.items())
        rows |= {f"SHA-256 of {name}": digest[:16] for name, digest in self.claims.data.items()}
        return pd.DataFrame({"value": rows})
