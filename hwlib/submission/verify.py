"""Holds a bundle against its claims: names, notebook, PDF, and both pickles scored from the zip."""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pypdfium2
from nbformat import NotebookNode

from hwlib.common.project import ROOT
from hwlib.common.results import claimed_sources, find_claims, sources_hash
from hwlib.pdf import proof
from hwlib.pdf.blocks import MarkupBlock
from hwlib.pdf.exporter import TypstPDFExporter, notebook_hash
from hwlib.submission.bundle import BundleError, read_bundle, stem_of

CLASS_FILE_IMPORTS = {
    "torch", "math", "typing", "collections", "functools", "dataclasses", "__future__",
}  # fmt: skip
UNWANTED_NAMES = {"open", "eval", "exec", "compile", "__import__", "globals", "input"}
UNNAMED = {"ID1", "ID2"}
DATA = {"real": "real data", "sample": "sample data, not a submission"}
Q3_TOLERANCE = 0.0002  # devices round differently: two of 10,000 digits
TIME_LIMIT = 300  # seconds for scoring both pickles

Figures = dict[str, Any]


class Check(NamedTuple):
    """One line of the checklist."""

    name: str
    ok: bool
    message: str


@dataclass
class Report:
    """The checklist, and the figures that were computed again."""

    checks: list[Check] = field(default_factory=list)
    q3: Figures = field(default_factory=dict)
    q4: Figures = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def check(self, name: str, task: Callable[[], str]) -> bool:
        """Run one check, which returns its message or raises, and note the outcome."""
        try:
            self.checks.append(Check(name, True, task()))
        except BundleError as error:
            self.checks.append(Check(name, False, str(error)))
        except Exception as error:  # whatever a malformed file leads to, it is refused
            reason = f"This part of the bundle is malformed ({type(error).__name__}: {error})."
            self.checks.append(Check(name, False, reason))
        return self.checks[-1].ok

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        checks = [check._asdict() for check in self.checks]
        return {"ok": self.ok, "checks": checks, "q3": self.q3, "q4": self.q4}


def read_notebook(content: bytes) -> NotebookNode:
    """The bundle's notebook; BundleError where it is none."""
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)
        nbformat.validate(notebook)
        return notebook
    except Exception as error:  # nbformat raises many kinds
        raise BundleError(f"The notebook cannot be read: {type(error).__name__}.") from error


def check_executed(notebook: NotebookNode, claims: Figures | None) -> str:
    """Every code cell was run once, from top to bottom, without an error, and not changed since."""
    cells = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    for wanted, cell in enumerate(cells, start=1):
        count = cell.execution_count
        if any(output.output_type == "error" for output in cell.outputs):
            raise BundleError(f"Cell In [{count}] of the notebook ended with an error.")
        if count != wanted:
            raise BundleError(
                f"Code cell {wanted} of the notebook has the number {count}: the notebook was not "
                "run from top to bottom in one go."
            )
    if claims and claims.get("sources") != sources_hash(claimed_sources(notebook)):
        raise BundleError("A code cell of the notebook was changed after it was run.")
    return f"executed from top to bottom, {len(cells)} code cells, no error"


def check_claims(claims: Figures | None) -> str:
    """The notebook says what it found, and on which data."""
    if claims is None:
        raise BundleError("The notebook holds no claims; its last cell was not run.")
    try:
        accuracy = float(claims["q3"]["history"]["test_accuracy"][-1])
        names = ("test_correct", "test_total", "parameters")
        correct, total, _ = (int(claims["q4"][name]) for name in names)
        data = DATA[claims["data_source"]]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise BundleError(f"The notebook's claims are incomplete ({error}).") from error
    return f"{accuracy:.4f} on MNIST, {correct} of {total} big cats; {data}"


def check_ids(stem: str, claims: Figures) -> str:
    """The files are named after the pair that the notebook names."""
    ids = claims.get("ids", [])
    pair = " and ".join(ids)
    if stem != stem_of(*ids):
        raise BundleError(f"The files are named {stem}, the notebook was run for {pair}.")
    return f"IDs {pair}" if UNNAMED.isdisjoint(ids) else "placeholders, not IDs"


def check_submission(claims: Figures) -> str:
    """The notebook was run on real data, and for two students."""
    if claims["data_source"] != "real":
        raise BundleError("A demonstration on sample data, not a submission.")
    if not UNNAMED.isdisjoint(claims.get("ids", [])):
        raise BundleError(f"{' and '.join(claims['ids'])} are placeholders, not IDs.")
    return "real data, and IDs"


def check_pdf(content: bytes, notebook: NotebookNode) -> str:
    """The PDF was made from this very notebook, and holds its code, outputs and figures."""
    try:
        metadata = proof.read_metadata(content)
    except pypdfium2.PdfiumError as error:
        raise BundleError(f"The PDF cannot be opened: {str(error).rstrip('.')}.") from error
    if f"sha256:{notebook_hash(notebook)}" not in metadata["Keywords"]:
        raise BundleError("The PDF was not made from this notebook: the content hashes differ.")
    if not metadata["Creator"].startswith("Typst"):
        return "made from this notebook, by an engine that does not prove it complete"
    blocks = TypstPDFExporter().describe(notebook).blocks
    printed = [block for block in blocks if not isinstance(block, MarkupBlock)]
    if missing := proof.find_missing(content, printed):
        reason = proof.summarize(missing)
        raise BundleError(f"The PDF was not made from this notebook: {reason}")
    return "made from this notebook, code, outputs and figures complete"


def check_class_file(content: bytes) -> str:
    """The class file imports torch and nothing that reaches outside."""
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BundleError(f"The class file is not Python: {error}.") from error
    for node in nodes:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.split(".")[0] not in CLASS_FILE_IMPORTS:
                raise BundleError(f"The class file imports {name}; it must need torch alone.")
        if isinstance(node, ast.Name) and node.id in UNWANTED_NAMES:
            raise BundleError(f"The class file uses {node.id}, which a network has no need of.")
    return "imports torch alone"


def rescore(files: dict[str, bytes], request: dict[str, Any]) -> dict[str, Figures]:
    """The pickles' scores by question, or ``{"error": sentence}``, from a process of its own. It
    leaves them as files: what the class file prints counts for nothing.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        for ending, content in files.items():
            Path(folder, f"{request['stem']}{ending}").write_bytes(content)
        command = [
            sys.executable,
            "-m",
            "hwlib.submission.score",
            json.dumps(request | {"folder": folder}),
        ]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=TIME_LIMIT, env=env, errors="replace"
            )
            reason = f"Scoring failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        except subprocess.TimeoutExpired:
            reason = f"Scoring took longer than {TIME_LIMIT} s and was stopped."
        found = {name: Path(folder, f"{name}.json") for name in ("q3", "q4")}
        return {
            name: json.loads(path.read_text()) if path.exists() else {"error": reason}
            for name, path in found.items()
        }


def compare_q3(found: Figures, claimed: Figures) -> str:
    """The Q3 pickle has the claimed accuracy."""
    accuracy, claim = found["test_accuracy"], claimed["history"]["test_accuracy"][-1]
    if not abs(claim - accuracy) <= Q3_TOLERANCE:  # a NaN is not within it
        raise BundleError(f"Q3: test accuracy {accuracy:.4f} scored, {claim:.4f} claimed.")
    return f"test accuracy {accuracy:.4f}, as claimed"


def compare_q4(found: Figures, claimed: Figures, own_folder: bool) -> str:
    """The Q4 pickle has the claimed parameters, and right answers on the claim's pictures."""
    correct, total, parameters = found["correct"], found["total"], found["parameters"]
    if parameters != claimed["parameters"]:
        raise BundleError(f"Q4: {parameters:,} parameters, {claimed['parameters']:,} claimed.")
    figure = f"{correct} of {total} ({found['accuracy']:.1%}), {parameters:,} parameters"
    if own_folder and found["pictures"] != claimed.get("test_pictures"):
        return f"{figure}; other pictures than the claim's, so not compared"
    claim = (claimed["test_correct"], claimed["test_total"])
    if (correct, total) != claim:
        raise BundleError(f"Q4: {figure} scored, {claim[0]} of {claim[1]} claimed.")
    return f"{figure}, as claimed"


def check_scores(
    report: Report, files: dict[str, bytes], claims: Figures, request: dict[str, Any]
) -> None:
    """Score both pickles and note how they compare with the claims."""
    scores = rescore(files, request)
    own_folder = request["big_cats"] is not None
    tasks = {
        "q3": lambda: compare_q3(scores["q3"], claims["q3"]),
        "q4": lambda: compare_q4(scores["q4"], claims["q4"], own_folder),
    }
    for name, task in tasks.items():
        if "error" in scores[name]:
            report.checks.append(Check(name, False, scores[name]["error"]))
        else:
            setattr(report, name, scores[name])
            report.check(name, task)


def verify(
    path: Path, data_dir: str = "data", big_cats: str | None = None, submission: bool = False
) -> Report:
    """Check a bundle; what cannot be checked after a failure is left out.

    ``data_dir`` holds MNIST and ``big_cats/test``, in whose place Question 4 is scored on the class
    folders in ``big_cats``; a ``submission`` on sample data or under placeholders is refused.
    """
    report, found = Report(), {}

    def read() -> str:
        found["files"] = read_bundle(path)
        found["notebook"] = read_notebook(found["files"][".ipynb"])
        return "five files, named as agreed"

    if not report.check("bundle", read):
        return report
    files, notebook = found["files"], found["notebook"]
    claims = find_claims(notebook)
    report.check("notebook", lambda: check_executed(notebook, claims))
    report.check("pdf", lambda: check_pdf(files[".pdf"], notebook))
    usable = report.check("class file", lambda: check_class_file(files[".py"]))
    if report.check("claims", lambda: check_claims(claims)) and usable:
        report.check("ids", lambda: check_ids(path.stem, claims))
        if submission:
            report.check("submission", lambda: check_submission(claims))
        request = {"stem": path.stem, "data_dir": data_dir, "big_cats": big_cats}
        check_scores(report, files, claims, request | {"data_source": claims["data_source"]})
    return report
