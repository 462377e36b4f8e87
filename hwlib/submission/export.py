"""From parameters to what is handed in: run, PDF, class file, bundle, proof. Files get their final
names only when all of them are there and good.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hwlib.common.project import ENDINGS, NOTEBOOK, QUESTIONS, stem_of
from hwlib.pdf.exporter import make_pdf
from hwlib.q4_cats import cnn
from hwlib.run.notebook import RunError, check_inputs, execute
from hwlib.run.parameters import Parameters
from hwlib.submission.bundle import write_bundle
from hwlib.submission.verify import verify

WORKSHOP = ".partial"
FAILED = "failed.ipynb"


class ExportError(RuntimeError):
    """The export cannot be completed; the message says why and what to do next."""


@contextmanager
def workshop(out: Path) -> Iterator[Path]:
    """A folder in ``out`` for unfinished files, for one export at a time; ExportError where ``out``
    cannot be written, or another export is at work there.

    It outlives an export that fails or is interrupted, so the next one goes on from the last
    checkpoint.
    """
    folder = out / WORKSHOP
    if out.resolve() == NOTEBOOK.parent:
        raise ExportError(f"{out} holds the notebook itself; choose another folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise ExportError(f"Another export is writing to {out}. Wait, or choose --out.") from error
    except OSError as error:
        raise ExportError(
            f"{out} cannot be written ({error}). Choose another with --out."
        ) from error
    with lock:
        yield folder


@contextmanager
def room_for(out: Path) -> Iterator[None]:
    """Turn what a full disk does into an ExportError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ExportError(
            f"{out}: {error.strerror}. Make room there, or choose another folder with "
            "--out, and run the same command again."
        ) from error


def notice(parameters: Parameters) -> str:
    """What somebody should know before the run and not after it; empty where there is nothing."""
    if parameters.data_source == "sample":
        return "Sample data: this is a demonstration, not a submission."
    examples = {"id1": "123456789", "id2": "987654321"}
    missing = [name for name in examples if getattr(parameters, name) == name.upper()]
    if missing:
        options = " ".join(f"-p {name} {examples[name]}" for name in missing)
        return f"Without {' and '.join(missing)} this cannot be handed in: {options}"
    return ""


def wanted_files(stem: str, questions: tuple[str, ...]) -> list[str]:
    """What an export of these questions leaves behind, in the order in which it gets its names."""
    if questions == QUESTIONS:
        return [*(stem + ending for ending in ENDINGS), f"{stem}.zip", "results.json"]
    needed = {"_Q3.pkl": "q3", "_Q4.pkl": "q4", ".py": "q4"}
    endings = [ending for ending in ENDINGS if needed.get(ending, questions[0]) in questions]
    return [*(stem + ending for ending in endings), "results.json"]


def publish(folder: Path, out: Path, names: list[str]) -> list[Path]:
    """Give the finished files their names in ``out``; ExportError where one was not made.

    What an earlier export left there first goes to ``previous/``, so that files of two runs never
    stand side by side, whenever this is killed.
    """
    missing = [n for n in names if not (folder / n).is_file() or not (folder / n).stat().st_size]
    if missing:
        raise ExportError(f"The run did not make {', '.join(missing)}.")
    for old in [*out.glob("HW1_*"), out / "results.json", out / FAILED]:
        if old.is_file():
            (out / "previous").mkdir(exist_ok=True)
            os.replace(old, out / "previous" / old.name)
    for name in names:
        os.replace(folder / name, out / name)
    shutil.rmtree(folder, ignore_errors=True)
    return [out / name for name in names]


def export(
    parameters: Parameters,
    questions: tuple[str, ...],
    out: Path,
    say: Callable[[str], None] = lambda _: None,
    pdf_engine: str = "typst",
) -> list[Path]:
    """Run the notebook and make the files of these questions in ``out``; their paths.

    ExportError where something failed, PdfError where the PDF could not be made or is not complete,
    BundleError where the notebook did not write a file: nothing got its final name then. A notebook
    whose cell failed is left as ``failed.ipynb``. Only all questions together make a bundle.
    """
    stem = stem_of(parameters.id1, parameters.id2)
    names = wanted_files(stem, questions)
    with workshop(out) as folder, room_for(out):
        notebook = folder / f"{stem}.ipynb"
        notebook.unlink(missing_ok=True)  # of an export that was killed
        try:
            say("looking for data and weights")
            check_inputs(parameters, questions)
            say("running the notebook")
            execute(parameters.model_copy(update={"output_dir": str(folder)}), questions, notebook)
        except RunError as error:
            said = str(error)
            if notebook.exists():
                os.replace(notebook, out / FAILED)
                said += f"\nThe notebook as far as it was executed: {out / FAILED}"
            raise ExportError(said) from error
        say("making the PDF")
        notebook.with_suffix(".pdf").write_bytes(make_pdf(notebook, pdf_engine))
        if f"{stem}.py" in names:
            shutil.copyfile(cnn.__file__, folder / f"{stem}.py")
        if questions == QUESTIONS:
            say("scoring the bundle again, as a grader will")
            report = verify(write_bundle(folder, stem), parameters.data_dir)
            if failed := [f"{name}: {message}" for name, ok, message in report.checks if not ok]:
                raise ExportError("The bundle does not prove its claims.\n" + "\n".join(failed))
        return publish(folder, out, names)
