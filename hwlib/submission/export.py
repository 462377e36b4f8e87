"""From parameters to what is handed in: run, PDF, class file, bundle, verification. Files get their
final names only when all of them are there and hold.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from filelock import FileLock, Timeout

from hwlib.common.errors import HwlibError
from hwlib.common.project import (
    ENDING_OF,
    ENDINGS,
    NOTEBOOK,
    PLACEHOLDERS,
    QUESTIONS,
    RESULTS,
    UNFINISHED,
    stem_of,
)
from hwlib.pdf import PdfError, make_pdf
from hwlib.q4_cats import cnn
from hwlib.run.errors import RunError
from hwlib.run.inputs import check_inputs
from hwlib.run.notebook import execute
from hwlib.run.parameters import Parameters
from hwlib.submission.bundle import write_bundle
from hwlib.submission.pack import with_library
from hwlib.submission.verify import verify

PREVIOUS = "previous"  # the folder of what an earlier export made
FAILED = "failed.ipynb"
LITTLE_SPACE = 1_000_000  # bytes; less is too little for a kernel's own files
ID_EXAMPLES = {"id1": "123456789", "id2": "987654321"}

Announce = Callable[[str], None]  # is told what begins


class ExportError(HwlibError):
    """The export cannot be completed; the message says why and what to do next."""


@contextmanager
def sole_export(out: Path) -> Iterator[Path]:
    """Let one export at a time into ``out``, and yield its folder for unfinished files; ExportError
    if another is at work there, or ``out`` cannot be written.

    The folder outlives an export that fails or is interrupted, so that the next one goes on from
    the last checkpoint.
    """
    folder = out / UNFINISHED
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise ExportError(f"Another export is writing to {out}. Wait, or choose --out.") from error
    except OSError as error:
        raise ExportError(f"{out} cannot be written ({error}). Choose another --out.") from error
    with lock:
        yield folder


def way_to_more_space(out: Path) -> str:
    """Return which folder is full, the one for temporary files or ``out``, and what to do."""
    temporary = Path(tempfile.gettempdir())
    if shutil.disk_usage(temporary).free < LITTLE_SPACE <= shutil.disk_usage(out).free:
        return f"{temporary} has no space left. Free some, or set TMPDIR to another folder"
    return f"{out} has no space left. Free some, or choose another folder with --out"


@contextmanager
def full_disk_as_error(out: Path) -> Iterator[None]:
    """Raise ExportError if the disk of ``out`` or that of temporary files turns out to be full."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ExportError(f"{way_to_more_space(out)}, and run the same command again.") from error


def obstacle_to_submission(parameters: Parameters) -> str:
    """Return why what these parameters make cannot be handed in, to be said before the run and not
    after it; ``""`` if it can.
    """
    if parameters.data_source == "sample":
        return "Sample data: this is a demonstration, not a submission."
    missing = [name for name in ID_EXAMPLES if getattr(parameters, name) in PLACEHOLDERS]
    if not missing:
        return ""
    options = " ".join(f"-p {name} {ID_EXAMPLES[name]}" for name in missing)
    return f"Without {' and '.join(missing)} this cannot be handed in: {options}"


def names_of(stem: str, questions: tuple[str, ...]) -> list[str]:
    """Return the names of the files that these questions make, in the order in which they get
    them; only all questions together make a zip.
    """
    of_all_questions = set(ENDINGS).difference(*ENDING_OF.values())
    made = of_all_questions.union(*(ENDING_OF.get(question, ()) for question in questions))
    names = [stem + ending for ending in ENDINGS if ending in made]
    return [*names, *([f"{stem}.zip"] if questions == QUESTIONS else []), RESULTS]


def check_made(folder: Path, names: list[str]) -> None:
    """Raise ExportError unless all these files are in the folder and none is empty."""
    missing = [n for n in names if not (folder / n).is_file() or not (folder / n).stat().st_size]
    if missing:
        raise ExportError(f"The run did not make {', '.join(missing)}.")


def publish(folder: Path, out: Path, names: list[str]) -> list[Path]:
    """Give the finished files their names in ``out`` and return their paths; ExportError if one was
    not made.

    What an earlier export left there first goes to ``previous/``, so that files of two runs are
    never side by side, whenever this is killed.
    """
    check_made(folder, names)
    for old in [*out.glob("HW1_*"), out / RESULTS, out / FAILED]:
        if old.is_file():
            (out / PREVIOUS).mkdir(exist_ok=True)
            os.replace(old, out / PREVIOUS / old.name)
    for name in names:
        os.replace(folder / name, out / name)
    shutil.rmtree(folder, ignore_errors=True)
    return [out / name for name in names]


def run_notebook(
    parameters: Parameters,
    questions: tuple[str, ...],
    notebook: Path,
    target: Path,
    announce: Announce,
) -> None:
    """Execute the notebook to ``target``, beside which it puts its files; RunError if data are
    missing or a cell fails.
    """
    target.unlink(missing_ok=True)  # of an export that was killed
    announce("looking for data and weights")
    for sentence in check_inputs(parameters, questions):
        announce(sentence)
    announce("running the notebook")
    placed = parameters.model_copy(update={"output_dir": str(target.parent), "make_files": False})
    content = with_library(nbformat.read(notebook, as_version=4))
    execute(placed, questions, target, notebook=content)


def keep_failed(notebook: Path, out: Path) -> str:
    """Keep a notebook as far as it was executed, and return a line that says where; ``""`` if
    nothing was executed.
    """
    if not notebook.exists():
        return ""
    os.replace(notebook, out / FAILED)
    return f"\nThe notebook as far as it was executed: {out / FAILED}"


def make_bundle(folder: Path, stem: str, data_dir: str, announce: Announce) -> None:
    """Zip the finished files and verify the zip as a grader will; ExportError if a check fails."""
    announce("scoring the bundle again, as a grader will")
    report = verify(write_bundle(folder, stem), data_dir, trust_class_file=True)
    failed = [f"{check.name}: {check.message}" for check in report.checks if not check.ok]
    if failed:
        raise ExportError("\n".join(["The bundle does not prove its claims.", *failed]))


def write_class_file(path: Path, size: str) -> None:
    """Write the class of the network, which makes one of the size that was trained."""
    source = Path(cnn.__file__).read_text(encoding="utf-8")
    own, trained = f'SIZE = "{cnn.SIZE}"', f'SIZE = "{size}"'
    if own not in source:
        raise ExportError("The module of the network does not say its SIZE in one line.")
    path.write_text(source.replace(own, trained), encoding="utf-8")


def export(
    parameters: Parameters,
    questions: tuple[str, ...],
    out: Path,
    *,
    notebook: Path = NOTEBOOK,
    announce: Announce = lambda _: None,
) -> list[Path]:
    """Run the notebook, make the files of these questions in ``out``, and return their paths.

    ExportError if anything fails: nothing got its final name then, and a notebook whose cell failed
    is left as ``failed.ipynb``.
    """
    if out.resolve() == notebook.resolve().parent:
        raise ExportError(f"{out} holds the notebook itself; choose another folder with --out.")
    stem = stem_of(parameters.id1, parameters.id2)
    names = names_of(stem, questions)
    with sole_export(out) as folder, full_disk_as_error(out):
        executed = folder / f"{stem}.ipynb"
        try:
            run_notebook(parameters, questions, notebook, executed, announce)
            announce("making the PDF")
            executed.with_suffix(".pdf").write_bytes(make_pdf(executed))
        except RunError as error:
            raise ExportError(f"{error}{keep_failed(executed, out)}") from error
        except PdfError as error:
            raise ExportError(str(error)) from error
        if f"{stem}.py" in names:
            write_class_file(folder / f"{stem}.py", parameters.cnn_size)
        check_made(folder, [name for name in names if not name.endswith(".zip")])
        if questions == QUESTIONS:
            make_bundle(folder, stem, parameters.data_dir, announce)
        return publish(folder, out, names)
