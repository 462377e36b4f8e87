"""Looks at one hand-in: which files it has, what they say, and what its weights are worth."""

import time
from pathlib import Path
from typing import NamedTuple

from hwlib.common.errors import HwlibError
from hwlib.common.files import replacing
from hwlib.common.project import ENDINGS, PLACEHOLDERS
from hwlib.common.results import Claims, ClaimsError, WholeClaims, check_claims
from hwlib.common.text import without_controls
from hwlib.grading import traces
from hwlib.grading.choice import Chosen, choose_files
from hwlib.grading.hand_ins import HandIn, read_members
from hwlib.grading.record import PDF, Finding, Record, write_record
from hwlib.submission.bundle import BundleError
from hwlib.submission.changes import compare_with_homework
from hwlib.submission.inspection import NotebookFacts, PdfFacts, inspect_confined
from hwlib.submission.report import CatScore, DigitScore, Report
from hwlib.submission.score import ScoreRequest, Scores, score
from hwlib.submission.verify import (
    check_class_file,
    check_executed,
    check_sources,
    compare_q3,
    compare_q4,
)

ADVICE = "If the network expects other pictures than RGB in [0, 1], let it convert them itself."
LOW_ACCURACY = 0.3  # below it, pictures of another kind are the likeliest reason


class Task(NamedTuple):
    """A hand-in to look at, and how: sent to whoever does it."""

    hand_in: HandIn
    key: str
    out: str
    request: ScoreRequest
    missing: frozenset[str]  # the questions whose real data are not here


class Looked(NamedTuple):
    """The notes on a hand-in, while they are made."""

    report: Report
    remarks: list[str]
    problems: list[str]

    def check(self, name: str, task: object) -> bool:
        """Note what a task says, and a problem if it fails; return whether it holds."""
        holds = self.report.check(name, task)  # type: ignore[arg-type]
        if not holds:
            self.problems.append(self.report.checks[-1].message)
        return holds


def look_at_pdf(pdf: PdfFacts, looked: Looked) -> None:
    """Note what is to be said of the PDF: one that another tool made is no problem."""
    if pdf.problem and not pdf.own and "not made by this tool" in pdf.problem:
        looked.remarks.append(pdf.problem)
        return

    def said() -> str:
        if pdf.problem:
            raise BundleError(pdf.problem)
        return pdf.message

    looked.check("pdf", said)


def check_pair(chosen: Chosen, claims: Claims) -> str:
    """Say that the notebook names the same students as the files."""
    if set(PLACEHOLDERS) & set(claims.ids):
        raise BundleError(f"{' and '.join(claims.ids)} are placeholders, not IDs.")
    if chosen.ids and set(chosen.ids) != set(claims.ids):
        names, said = " and ".join(chosen.ids), " and ".join(claims.ids)
        raise BundleError(f"The files are named for {names}, the notebook was run for {said}.")
    return " and ".join(claims.ids)


def read_claims(notebook: NotebookFacts, looked: Looked) -> WholeClaims | None:
    """Return what the notebook claims; None, and a remark or a problem, if it is not whole."""
    if notebook.claims is None:
        looked.remarks.append("The notebook makes no claims that could be compared.")
        return None
    try:
        return check_claims(notebook.claims)
    except ClaimsError as error:
        looked.problems.append(without_controls(str(error)))
        return None


def look_at_notebook(
    chosen: Chosen, looked: Looked, record: Record
) -> tuple[NotebookFacts, WholeClaims | None]:
    """Note what is to be said of the notebook and its PDF, and return the notebook's claims."""
    if ".ipynb" not in chosen.files:
        return NotebookFacts(problem="There is no notebook."), None
    pdf = chosen.files.get(".pdf")
    found = inspect_confined(chosen.files[".ipynb"].content, pdf.content if pdf else b"")
    looked.check("notebook", lambda: check_executed(found.notebook))
    if found.notebook.problem:
        return found.notebook, None
    if pdf:
        look_at_pdf(found.pdf, looked)
    if changes := compare_with_homework(found.notebook):
        record.diff = changes.diff
        looked.remarks.append(f"The notebook: {changes}.")
    record.shingles = traces.shingles_of(found.notebook)
    claims = read_claims(found.notebook, looked)
    if claims:
        looked.check("code", lambda: check_sources(claims, found.notebook))
        looked.check("ids", lambda: check_pair(chosen, claims))
    return found.notebook, claims


def compare_scores(scores: Scores, claims: WholeClaims | None, task: Task, looked: Looked) -> None:
    """Note the scores, and how they compare with the claims."""
    q3, q4 = scores.q3, scores.q4
    if isinstance(q3, DigitScore) and claims:
        looked.check("q3", lambda: compare_q3(q3, claims.q3))
    if isinstance(q4, CatScore) and claims:
        own = task.request.big_cats is not None
        looked.check("q4", lambda: compare_q4(q4, claims.q4, own))
    if isinstance(q4, CatScore) and q4.accuracy < LOW_ACCURACY:
        looked.remarks.append(f"Q4: {q4.accuracy:.0%} is little. {ADVICE}")


def look_at_weights(
    chosen: Chosen, claims: WholeClaims | None, task: Task, looked: Looked, record: Record
) -> None:
    """Score the pickles, as far as they are there, and note the scores."""
    source = claims.data_source if claims else "real"
    record.data = "own" if task.request.big_cats else source
    if source == "sample":
        looked.problems.append("A demonstration on sample data, not a submission.")
    pickled = [ending for ending in ("_Q3.pkl", "_Q4.pkl") if ending in chosen.files]
    if not pickled:
        return
    missing = task.missing if source == "real" else frozenset[str]()
    record.unscored_here = sorted(missing)
    for question in sorted(missing):
        looked.problems.append(
            f"{question.upper()}: not scored, because the real data are not in "
            f"{task.request.data_dir}. hwlib fetch all finds or downloads them."
        )
    pickled = [ending for ending in pickled if ending[1:3].lower() not in missing]
    if not pickled:
        return
    if ".py" in chosen.files:
        try:
            check_class_file(chosen.files[".py"].content)
        except BundleError as error:
            looked.remarks.append(without_controls(str(error)))
    read = {*pickled, ".py"} & set(chosen.files)
    contents = {
        ending: chosen.files[ending].content if ending in read else b"" for ending in ENDINGS
    }
    scores = score(contents, task.request._replace(data_source=source))
    if not (scores.level.confined or task.request.trust):
        record.unscored_here = ["q3", "q4"]
    looked.remarks.extend(map(without_controls, scores.remarks))
    compare_scores(scores, claims, task, looked)
    if isinstance(scores.q3, DigitScore):
        record.q3_accuracy = scores.q3.test_accuracy
    elif "_Q3.pkl" in pickled:
        looked.problems.append(f"Q3: {without_controls(scores.q3)}")
    if isinstance(scores.q4, CatScore):
        note_answers(scores, scores.q4, record)
        looked.report.check("lock", lambda: f"the class file was {scores.level}")
    elif {"_Q4.pkl", ".py"} <= read:
        looked.problems.append(f"Q4: {without_controls(scores.q4)}")


def note_answers(scores: Scores, q4: CatScore, record: Record) -> None:
    """Keep the figures of Question 4, every answer, and what tells weights apart."""
    record.q4_correct, record.q4_total, record.parameters = q4.correct, q4.total, q4.parameters
    record.answers = [answer.chosen for answer in scores.answers]
    record.right = "".join("01"[answer.right] for answer in scores.answers)
    record.weights = traces.weights_hash(scores.weights)
    record.shapes = traces.shapes_hash(scores.weights)
    record.spectrum = traces.spectrum_of(scores.weights)


def keep_pdf(chosen: Chosen, folder: Path) -> None:
    """Write the hand-in's PDF into the folder of its report; one of an earlier hand-in goes."""
    (folder / PDF).unlink(missing_ok=True)
    pdf = chosen.files.get(".pdf")
    if pdf and pdf.content.startswith(b"%PDF-"):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / PDF) as unfinished:
            unfinished.write_bytes(pdf.content)


def look_at(task: Task) -> Record:
    """Return all that is to be said of a hand-in."""
    begun = time.perf_counter()
    chosen = choose_files(task.hand_in, read_members(task.hand_in))
    record = Record(
        key=task.key,
        submission=task.hand_in.name,
        moodle_number=task.hand_in.moodle_number,
        files={ending: without_controls(m.name) for ending, m in chosen.files.items()},
    )
    keep_pdf(chosen, Path(task.out) / record.folder)
    looked = Looked(Report(), list(chosen.remarks), list(chosen.problems))
    _, claims = look_at_notebook(chosen, looked, record)
    ids = chosen.ids or (claims.ids if claims else ())
    record.id1, record.id2 = (*ids, "", "")[:2]
    look_at_weights(chosen, claims, task, looked, record)
    record.checks = [Finding(**check._asdict()) for check in looked.report.checks]
    record.problems = list(dict.fromkeys(looked.problems))
    record.remarks = list(dict.fromkeys(looked.remarks))
    record.seconds = round(time.perf_counter() - begun, 2)
    return record


def assess(task: Task) -> None:
    """Look at a hand-in and write its report; a failure of ours is a problem in it, too."""
    try:
        record = look_at(task)
    except HwlibError as error:
        record = failed_record(task, str(error))
    write_record(record, Path(task.out))


def failed_record(task: Task, reason: str) -> Record:
    """Return the record of a hand-in that could not be looked at."""
    return Record(
        key=task.key,
        submission=task.hand_in.name,
        moodle_number=task.hand_in.moodle_number,
        problems=[without_controls(f"It could not be looked at: {reason}")],
    )
