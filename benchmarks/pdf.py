"""Notebooks to PDF by several engines: seconds, and what gets lost.

    python benchmarks/pdf.py NOTEBOOK [--engines typst latex webpdf]
    python benchmarks/pdf.py FOLDER [--workers 2]

All notebooks of a folder, and of those in it, are converted once. The table says how many became a
PDF, how many PDFs lack something by the proof, and how many formulas are printed as source; a line
for each notebook goes to out/benchmarks/pdf.csv.

With one notebook the engines take turns; an engine that this machine lacks is left out and named.
On a machine that
does other work too, the seconds of processor time (children's included) say more than those of the
clock. A character of code, in a cell or in a source that a cell shows, counts as lost when its
line, as far as it goes without a gap, is not in the text that lies within the page.
"""

import argparse
import logging
import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import files
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pypdfium2
from nbconvert.exporters import get_exporter
from pypandoc import get_pandoc_path
from timing import alternate, machine
from tqdm import tqdm

from hwlib.pdf import PdfError, TypstPDFExporter
from hwlib.pdf.proof import squeeze
from hwlib.pdf.receipt import read_receipt

PARTS = {
    "latex": ["texlive-xetex", "texlive-latex-extra", "texlive-latex-base", "texlive-binaries",
              "texlive-latex-recommended", "texlive-fonts-recommended", "texlive-plain-generic",
              "texlive-base", "lmodern", "fonts-lmodern", "inkscape"],
    "webpdf": ["chromium", "chromium-common"],
}  # fmt: skip
ENGINES = ("typst", *PARTS)


def make_pdf(notebook: Path, engine: str, log: logging.Logger | None = None) -> bytes:
    """A notebook's PDF by Typst, or by one of nbconvert's own engines."""
    if engine == "typst":
        return TypstPDFExporter(**({"log": log} if log else {})).from_filename(str(notebook))[0]
    exporter = get_exporter({"latex": "pdf"}.get(engine, engine))()
    if engine == "webpdf":  # Chromium has no sandbox for root
        exporter.disable_sandbox = hasattr(os, "geteuid") and os.geteuid() == 0
    return exporter.from_filename(str(notebook))[0]


def text_on_pages(pdf: bytes) -> str:
    """What can be seen: text within the page, squeezed."""
    pages = pypdfium2.PdfDocument(pdf)
    return squeeze("".join(p.get_textpage().get_text_bounded() for p in pages))


def visible_prefix(line: str, text: str) -> int:
    """How many characters of ``line`` stand in ``text``, from its beginning without a gap."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if line[:middle] in text else (low, middle - 1)
    return low


def code_lines(notebook: nbformat.NotebookNode) -> list[str]:
    """Every line of the code cells, and of the library's sources that they show."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [output.get("data", {}) for cell in cells for output in cell.outputs]
    sources = [cell.source for cell in cells] + [data.get("text/x-python", "") for data in shown]
    return [squeeze(line) for source in sources for line in source.split("\n")]


def lost_code(pdf: bytes, lines: list[str]) -> int:
    """Characters of code that are not in the PDF; blanks do not count."""
    text = text_on_pages(pdf)
    return sum(len(line) - visible_prefix(line, text) for line in lines)


def megabytes(engine: str) -> float:
    """Size of what has to be installed beside nbconvert: pip packages, or Debian's."""
    if engine == "typst":
        paths = [f.locate() for name in ("typst", "pypandoc-binary") for f in files(name) or []]
        return sum(Path(path).stat().st_size for path in paths if Path(path).is_file()) / 1e6
    query = ["dpkg-query", "-W", "-f=${Installed-Size}\n", *PARTS[engine]]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return sum(int(kilobytes) for kilobytes in done.stdout.split()) / 1000


class Messages(logging.Handler):
    """Keeps what the exporter warns of."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.texts.append(record.getMessage())


def convert_once(job: tuple[Path, str]) -> dict[str, Any]:
    """A row of the folder's table: what became of a notebook."""
    path, engine = job
    messages = Messages()
    log = logging.getLogger(f"pdf-{os.getpid()}")
    log.handlers, log.propagate = [messages], False
    row: dict[str, Any] = {"engine": engine, "notebook": str(path), "converted": False}
    begun = time.perf_counter()
    try:
        pdf = make_pdf(path, engine, log)
        row |= {"converted": True, "pages": len(pypdfium2.PdfDocument(pdf))}
    except Exception as error:  # whatever another engine raises
        row["error"] = (str(error).strip().splitlines() or [repr(error)])[0][:300]
        return row
    row["seconds"] = time.perf_counter() - begun
    if engine == "typst":
        receipt = read_receipt(pdf)
        row |= {"formulas": receipt.formulas, "as source": receipt.formulas_as_source}
        row |= {"incomplete": bool(receipt.missing), "missing": "; ".join(receipt.missing)}
        row |= {"accessible": receipt.standard == "PDF/UA-1"}
    row["warnings"] = "; ".join(messages.texts)[:2000]
    return row


def measure_folder(folder: Path, engines: Sequence[str], workers: int) -> None:
    """Convert all notebooks of a folder and print a table."""
    paths = sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    jobs = [(path, engine) for engine in engines for path in paths]
    with ProcessPoolExecutor(workers) as pool:
        rows = list(tqdm(pool.map(convert_once, jobs), "notebooks", len(jobs), disable=None))
    table = pd.DataFrame(rows)
    target = Path("out/benchmarks/pdf.csv")
    target.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(target, index=False)
    for engine, part in table.groupby("engine", sort=False):
        done = part[part.converted]
        print(f"{engine}: {len(done)} of {len(part)} notebooks became a PDF")
        if len(done):
            pages = (done.seconds / done.pages).median()
            print(f"  {int(done.pages.sum()):,} pages, median {pages:.2f} s a page")
        if engine == "typst" and len(done):
            formulas, as_source = int(done.formulas.sum()), int(done["as source"].sum())
            print(f"  {int(done.incomplete.sum())} PDFs lack something by the proof")
            print(f"  {as_source} of {formulas:,} formulas are printed as source")
            print(f"  {int(done.accessible.sum())} PDFs hold the standard PDF/UA-1")
    print(f"a line for each: {target}\n{machine()}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path, help="a notebook, or a folder of notebooks")
    parser.add_argument("--engines", nargs="+", choices=ENGINES)
    parser.add_argument("--rounds", type=int, default=3, help="how often one notebook is converted")
    parser.add_argument("--workers", type=int, default=2, help="processes that convert a folder")
    options = parser.parse_args()
    if options.notebook.is_dir():
        measure_folder(options.notebook, options.engines or ["typst"], options.workers)
    else:
        measure_notebook(options.notebook, options.engines or ENGINES, options.rounds)


def measure_notebook(path: Path, engines: Sequence[str], rounds: int) -> None:
    """Convert one notebook by all engines in turn and print a table."""
    notebook = nbformat.read(path, as_version=4)
    os.environ["PATH"] += os.pathsep + str(Path(get_pandoc_path()).parent)  # nbconvert needs it
    pdfs: dict[str, bytes] = {}
    for engine in engines:
        try:
            pdfs[engine] = make_pdf(path, engine)
        except (PdfError, OSError, RuntimeError, ImportError) as error:
            print(f"{engine} failed: {str(error).strip().splitlines()[0]}\n")
    cpu: dict[str, list[float]] = {engine: [] for engine in pdfs}

    def make(engine: str) -> None:
        before = sum(os.times()[:4])
        pdfs[engine] = make_pdf(path, engine)
        cpu[engine].append(sum(os.times()[:4]) - before)

    table = pd.DataFrame({"seconds": alternate({e: partial(make, e) for e in pdfs}, rounds)})
    table["cpu seconds"] = [statistics.median(cpu[engine]) for engine in table.index]
    for column in ("seconds", "cpu seconds"):
        table[f"{column} / typst's"] = table[column] / table[column].get("typst", float("nan"))
    table["installed MB"] = [megabytes(engine) for engine in table.index]
    lines = code_lines(notebook)
    total = sum(map(len, lines))
    table["code lost"] = [f"{lost_code(pdfs[e], lines):,} of {total:,}" for e in table.index]
    table["pages"] = [len(pypdfium2.PdfDocument(pdfs[e])) for e in table.index]
    table["PDF MB"] = [len(pdfs[e]) / 1e6 for e in table.index]
    print(table.round(2).to_string(), f"\n{machine()}")


if __name__ == "__main__":
    main()
