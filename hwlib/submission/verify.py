"""Compares a bundle with its claims: names, notebook, PDF, and both pickles scored again."""

import ast
from pathlib import Path

from hwlib.common.project import PLACEHOLDERS, stem_of
from hwlib.common.results import (
    CatResults,
    Claims,
    DigitResults,
    WholeClaims,
    check_claims,
)
from hwlib.submission.bundle import BundleError, read_bundle
from hwlib.submission.changes import compare_with_homework
from hwlib.submission.inspection import NotebookFacts, PdfFacts, inspect_confined
from hwlib.submission.report import CatScore, DigitScore, Report
from hwlib.submission.score import ScoreRequest, score

CLASS_FILE_IMPORTS = {
    "torch", "math", "typing", "collections", "functools", "dataclasses", "__future__",
}  # fmt: skip
UNWANTED_ATTRIBUTES = {"sys", "os", "subprocess", "builtins", "ctypes"}
PLAIN_METHODS = {"state_dict", "load_state_dict", "parameters", "named_parameters"}
UNWANTED_NAMES = {"open", "eval", "exec", "compile", "__import__", "globals", "input"}
DATA_NAMES = {"real": "real data", "sample": "sample data, not a submission"}
Q3_TOLERANCE = 0.0002  # devices round differently: two of 10,000 digits


def check_executed(notebook: NotebookFacts) -> str:
    """Say that every code cell was run once, from top to bottom, without an error."""
    if notebook.problem:
        raise BundleError(notebook.problem)
    for wanted, cell in enumerate(notebook.cells, start=1):
        if cell.failed:
            raise BundleError(f"Cell In [{cell.count}] of the notebook ended with an error.")
        if cell.count != wanted:
            raise BundleError(
                f"Code cell {wanted} of the notebook has the number {cell.count}: the notebook was "
                "not run from top to bottom in one go."
            )
    return f"executed from top to bottom, {len(notebook.cells)} code cells, no error"


def describe_claims(claims: WholeClaims) -> str:
    """Return what the notebook claims, and on which data, as a phrase."""
    accuracy, data = claims.q3.history.test_accuracy[-1], DATA_NAMES[claims.data_source]
    cats = f"{claims.q4.test_correct} of {claims.q4.test_total} big cats"
    return f"{accuracy:.4f} on MNIST, {cats}; {data}"


def check_sources(claims: Claims, notebook: NotebookFacts) -> str:
    """Say that the code is what was run; BundleError if a cell was changed since."""
    if claims.sources != notebook.sources:
        raise BundleError("A code cell of the notebook was changed after it was run.")
    return "the code is what was run"


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


def check_pdf(pdf: PdfFacts) -> str:
    """Say that the PDF was made from this very notebook, and holds its code, outputs, figures."""
    if pdf.problem:
        raise BundleError(pdf.problem)
    return pdf.message


def is_unwanted(attribute: str) -> bool:
    """Whether an attribute leads out of a network: to a module of the system, or behind Python."""
    hidden = attribute.startswith("__") and attribute not in ("__init__", "__class__", "__name__")
    return hidden or attribute in UNWANTED_ATTRIBUTES


def check_class_file(content: bytes) -> str:
    """Say that the class file imports torch and nothing that reaches outside."""
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
        if isinstance(node, ast.Attribute) and is_unwanted(node.attr):
            raise BundleError(f"The class file uses .{node.attr}, which a network has no need of.")
        if isinstance(node, ast.FunctionDef) and node.name in PLAIN_METHODS:
            raise BundleError(f"The class file defines {node.name}; it must be torch's own.")
    return "imports torch alone"


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
    report: Report, files: dict[str, bytes], claims: WholeClaims, request: ScoreRequest
) -> None:
    """Score both pickles, and note the scores and how they compare with the claims."""
    q3, q4, level, *_ = score(files, request)
    if isinstance(q3, str):
        report.refuse("q3", q3)
    else:
        report.q3 = q3
        report.check("q3", lambda: compare_q3(q3, claims.q3))
    if isinstance(q4, str):
        report.refuse("q4", q4)
    else:
        report.q4 = q4
        report.check("q4", lambda: compare_q4(q4, claims.q4, request.big_cats is not None))
        report.check("lock", lambda: f"the class file was {level}")


def verify(
    path: Path,
    data_dir: str = "data",
    big_cats: str | None = None,
    submission: bool = False,
    trust_class_file: bool = False,
) -> Report:
    """Check a bundle and return the report; what cannot be checked after a failure is left out.

    ``data_dir`` holds MNIST and ``big_cats/test``; Question 4 is scored on the class folders in
    ``big_cats`` instead if that is given. A ``submission`` on sample data or under placeholders is
    refused. The class file is not run if nothing here can lock it in, unless it is trusted.
    """
    report = Report()
    files = report.read("bundle", lambda: read_bundle(path), lambda _: "five files, as agreed")
    if files is None:
        return report
    notebook, pdf = inspect_confined(files[".ipynb"], files[".pdf"])
    report.check("notebook", lambda: check_executed(notebook))
    if notebook.problem:
        return report
    report.check("pdf", lambda: check_pdf(pdf))
    usable = report.check("class file", lambda: check_class_file(files[".py"]))
    claims = report.read("claims", lambda: check_claims(notebook.claims), describe_claims)
    if claims is None:
        return report
    report.check("code", lambda: check_sources(claims, notebook))
    if changes := compare_with_homework(notebook):
        report.check("cells", lambda: str(changes))
        report.diff = changes.diff
    report.check("ids", lambda: check_ids(path.stem, claims))
    if submission:
        report.check("submission", lambda: check_submission(claims))
    if usable:
        folder = Path(big_cats) if big_cats is not None else None
        request = ScoreRequest(Path(data_dir), claims.data_source, folder, trust_class_file)
        check_scores(report, files, claims, request)
    return report
