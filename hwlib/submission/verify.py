"""Holds a bundle against its claims: names, notebook, PDF, and both pickles scored from the zip."""

import ast
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pypdfium2
from nbformat import NotebookNode

from hwlib.common.project import PLACEHOLDERS, ROOT, stem_of
from hwlib.common.results import (
    CatResults,
    Claims,
    ClaimsError,
    DigitResults,
    claimed_sources,
    find_claims,
    sources_hash,
)
from hwlib.pdf import proof
from hwlib.pdf.blocks import MarkupBlock
from hwlib.pdf.exporter import TypstPDFExporter, notebook_hash
from hwlib.submission.bundle import BundleError, read_bundle
from hwlib.submission.report import CatScore, Check, DigitScore, Report

CLASS_FILE_IMPORTS = {
    "torch", "math", "typing", "collections", "functools", "dataclasses", "__future__",
}  # fmt: skip
UNWANTED_NAMES = {"open", "eval", "exec", "compile", "__import__", "globals", "input"}
DATA_NAMES = {"real": "real data", "sample": "sample data, not a submission"}
Q3_TOLERANCE = 0.0002  # devices round differently: two of 10,000 digits
TIME_LIMIT = 300  # seconds for scoring both pickles


class ScoreRequest(NamedTuple):
    """What is to be scored: the bundle's stem, where data are, which, and a folder of pictures."""

    stem: str
    data_dir: str
    data_source: str
    big_cats: str | None


class Scores(NamedTuple):
    """Both scores; a sentence says why there is none."""

    q3: DigitScore | str
    q4: CatScore | str


def read_notebook(content: bytes) -> NotebookNode:
    """The bundle's notebook; BundleError where it is none."""
    try:
        notebook = nbformat.reads(content.decode(), as_version=4)
        nbformat.validate(notebook)
        return notebook
    except Exception as error:  # nbformat raises many kinds
        raise BundleError(f"The notebook cannot be read: {type(error).__name__}.") from error


def check_executed(notebook: NotebookNode) -> str:
    """Say that every code cell was run once, from top to bottom, without an error."""
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
    return f"executed from top to bottom, {len(cells)} code cells, no error"


def read_claims(notebook: NotebookNode) -> Claims:
    """Return what the notebook claims of all questions; BundleError if anything is missing."""
    try:
        claims = find_claims(notebook)
    except ClaimsError as error:
        raise BundleError(str(error)) from error
    if claims is None:
        raise BundleError("The notebook holds no claims; its last cell was not run.")
    claimed_figures(claims)
    if claims.data_source not in DATA_NAMES:
        raise BundleError(f"The notebook's claims are incomplete (data {claims.data_source!r}).")
    return claims


def claimed_figures(claims: Claims) -> tuple[DigitResults, CatResults]:
    """Return what is claimed of Questions 3 and 4.I; BundleError if one of them was not run."""
    if claims.q3 is None or claims.q4 is None or not claims.q3.history.test_accuracy:
        raise BundleError("The notebook's claims are incomplete: a question was not run.")
    return claims.q3, claims.q4


def check_claims(claims: Claims, notebook: NotebookNode) -> str:
    """Say what the notebook claims, on which data; BundleError if its code was changed since."""
    digits, cats = claimed_figures(claims)
    if claims.sources != sources_hash(claimed_sources(notebook)):
        raise BundleError("A code cell of the notebook was changed after it was run.")
    accuracy, data = digits.history.test_accuracy[-1], DATA_NAMES[claims.data_source]
    return f"{accuracy:.4f} on MNIST, {cats.test_correct} of {cats.test_total} big cats; {data}"


def check_ids(stem: str, claims: Claims) -> str:
    """Say that the files are named after the pair that the notebook names."""
    pair = " and ".join(claims.ids)
    if stem != stem_of(*claims.ids):
        raise BundleError(f"The files are named {stem}, the notebook was run for {pair}.")
    return f"IDs {pair}" if set(PLACEHOLDERS).isdisjoint(claims.ids) else "placeholders, not IDs"


def check_submission(claims: Claims) -> str:
    """Say that the notebook was run on real data, and for two students."""
    if claims.data_source != "real":
        raise BundleError("A demonstration on sample data, not a submission.")
    if not set(PLACEHOLDERS).isdisjoint(claims.ids):
        raise BundleError(f"{' and '.join(claims.ids)} are placeholders, not IDs.")
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


def rescore(files: dict[str, bytes], request: ScoreRequest) -> Scores:
    """Return the pickles' scores from a process of its own, which leaves them as files: what the
    class file prints counts for nothing. A question that could not be scored is a sentence.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        for ending, content in files.items():
            Path(folder, f"{request.stem}{ending}").write_bytes(content)
        asked = json.dumps(request._asdict() | {"folder": folder})
        command = [sys.executable, "-m", "hwlib.submission.score", asked]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=TIME_LIMIT, env=env, errors="replace"
            )
            reason = f"Scoring failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        except subprocess.TimeoutExpired:
            reason = f"Scoring took longer than {TIME_LIMIT} s and was stopped."
        answers = {
            name: json.loads(path.read_text()) if path.exists() else {"error": reason}
            for name in ("q3", "q4")
            for path in [Path(folder, f"{name}.json")]
        }
    q3, q4 = answers["q3"], answers["q4"]
    return Scores(
        q3["error"] if "error" in q3 else DigitScore(**q3),
        q4["error"] if "error" in q4 else CatScore(**q4),
    )


def compare_q3(score: DigitScore, claim: DigitResults) -> str:
    """Say that the Q3 pickle has the claimed accuracy."""
    accuracy, claimed = score.test_accuracy, claim.history.test_accuracy[-1]
    if not abs(claimed - accuracy) <= Q3_TOLERANCE:  # a NaN is not within it
        raise BundleError(f"Q3: test accuracy {accuracy:.4f} scored, {claimed:.4f} claimed.")
    return f"test accuracy {accuracy:.4f}, as claimed"


def compare_q4(score: CatScore, claim: CatResults, own_folder: bool) -> str:
    """Say that the Q4 pickle has the claimed parameters, and right answers on the claim's pictures;
    with a folder of the grader's own, other pictures are no contradiction.
    """
    if score.parameters != claim.parameters:
        raise BundleError(f"Q4: {score.parameters:,} parameters, {claim.parameters:,} claimed.")
    figure = (
        f"{score.correct} of {score.total} ({score.accuracy:.1%}), {score.parameters:,} parameters"
    )
    if own_folder and score.pictures != claim.test_pictures:
        return f"{figure}; other pictures than the claim's, so not compared"
    if (score.correct, score.total) != (claim.test_correct, claim.test_total):
        claimed = f"{claim.test_correct} of {claim.test_total}"
        raise BundleError(f"Q4: {figure} scored, {claimed} claimed.")
    return f"{figure}, as claimed"


def check_scores(
    report: Report, files: dict[str, bytes], claims: Claims, request: ScoreRequest
) -> None:
    """Score both pickles and note how they compare with the claims."""
    digits, cats = claimed_figures(claims)
    q3, q4 = rescore(files, request)
    if isinstance(q3, str):
        report.checks.append(Check("q3", False, q3))
    else:
        report.q3 = q3
        report.check("q3", lambda: compare_q3(q3, digits))
    if isinstance(q4, str):
        report.checks.append(Check("q4", False, q4))
    else:
        report.q4 = q4
        report.check("q4", lambda: compare_q4(q4, cats, request.big_cats is not None))


def verify(
    path: Path, data_dir: str = "data", big_cats: str | None = None, submission: bool = False
) -> Report:
    """Check a bundle and return the report; what cannot be checked after a failure is left out.

    ``data_dir`` holds MNIST and ``big_cats/test``; Question 4 is scored on the class folders in
    ``big_cats`` instead if that is given. A ``submission`` on sample data or under placeholders is
    refused.
    """
    report = Report()
    bundle: dict[str, Any] = {}

    def read() -> str:
        bundle["files"] = read_bundle(path)
        bundle["notebook"] = read_notebook(bundle["files"][".ipynb"])
        return "five files, named as agreed"

    def claim() -> str:
        bundle["claims"] = read_claims(notebook)
        return check_claims(bundle["claims"], notebook)

    if not report.check("bundle", read):
        return report
    files, notebook = bundle["files"], bundle["notebook"]
    report.check("notebook", lambda: check_executed(notebook))
    report.check("pdf", lambda: check_pdf(files[".pdf"], notebook))
    usable = report.check("class file", lambda: check_class_file(files[".py"]))
    report.check("claims", claim)
    if claims := bundle.get("claims"):
        report.check("ids", lambda: check_ids(path.stem, claims))
        if submission:
            report.check("submission", lambda: check_submission(claims))
        if usable:
            request = ScoreRequest(path.stem, data_dir, claims.data_source, big_cats)
            check_scores(report, files, claims, request)
    return report
