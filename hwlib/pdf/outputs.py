"""A code cell's outputs as blocks: which form of each is printed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from html import unescape
from itertools import chain, groupby, pairwise
from typing import Any, NamedTuple

from nbformat import NotebookNode

from hwlib.pdf.blocks import (
    CellBlock,
    ErrorBlock,
    FigureBlock,
    RichOutputBlock,
    SourceBlock,
    TextBlock,
)
from hwlib.pdf.lines import code_lines, text_lines
from hwlib.pdf.pandoc import HTML, MARKDOWN
from hwlib.pdf.pictures import PICTURE_TYPES, decode, read_picture
from hwlib.pdf.terminal import on_screen, without_colours

LATEX = "latex"
READ_TEXTS = ("text/html", "text/plain", "text/markdown", "text/latex")

# What is seen in a browser alone, by a word in the output's type or HTML.
BROWSER_TYPES = {
    "plotly": "A Plotly chart", "vega": "A Vega chart", "bokeh": "A Bokeh chart",
    "holoviews": "A HoloViews chart", "widget-view": "A widget", "geo+json": "A map",
    "javascript": "A script", "video/": "A video", "audio/": "A sound",
    "application/pdf": "A PDF file",
}  # fmt: skip
BROWSER_HTML = {
    "plotly-graph-div": "A Plotly chart", "newplot(": "A Plotly chart",
    "altair-viz": "A Vega chart", "vegaembed": "A Vega chart",
    "data-root-id": "A Bokeh chart", "bokeh": "A Bokeh chart", "leaflet": "A map",
    "to load map": "A map", "<video": "A video", "<audio": "A sound",
    'class="animation"': "An animation", "anim-controls": "An animation",
    "<iframe": "An embedded page", "<canvas": "A drawing", "<script": "A script",
}  # fmt: skip
# What shows R's vectors and named lists, which say less in Markdown.
INLINE_LIST, NAMED_LIST = "list-inline", "<dl"
FALLBACK = "text-repr-fallback"  # in scikit-learn's and xarray's pages, whose text says it all
# Parts of HTML that are not seen on paper, and what says that a browser is needed.
UNSEEN_HTML = re.compile(
    r"<!--.*?-->"
    r"|<(?P<tag>script|style|template|noscript|head|form|button|select|video|audio|canvas|iframe)\b"
    r".*?(?:</(?P=tag)\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
HTML_TAG = re.compile(r"<[^>]*>")
SEEN_TAG = re.compile(r"<(?:img\b[^>]*\ssrc=|svg\b|math\b|object\b|embed\b)", re.IGNORECASE)
ADDRESS = re.compile(r"<iframe\b[^>]*\ssrc=[\"']?(?!data:|about:)[^\s\"'>]", re.IGNORECASE)
NO_CONTENT = re.compile(r"Make this Notebook Trusted to load map: File -> Trust Notebook")
REPRESENTATION = re.compile(r"<(?:class )?'?[\w.]+\b[^\n]*>|alt\.\w*Chart\(\.\.\.\)")
# LaTeX that is nothing but formulas.
ENVIRONMENTS = "equation|align|eqnarray|gather|multline|[bBpvV]?matrix|array|cases|split|aligned"
FORMULA = re.compile(
    r"\$[^$]+\$|\$\$[^$]+\$\$|\\\[(?P<display>.*)\\\]|\\\((?P<inline>.*)\\\)"
    rf"|\\begin\{{(?P<name>(?:{ENVIRONMENTS})\*?)\}}.*\\end\{{(?P=name)\}}",
    re.DOTALL,
)
DISPLAYED = "$\\displaystyle"  # with what IPython begins a formula

# What stands below a figure in a browser.
FIGCAPTION = re.compile(r"\s*<figcaption\b[^>]*>([^<]+)</figcaption>\s*", re.IGNORECASE)


class Captions(NamedTuple):
    """What stands beside a cell's figures and above its tables."""

    figure: str = ""
    table: str = ""


def notice_block(cell: int, text: str) -> TextBlock:
    """Return a comment in place of what cannot be printed."""
    return TextBlock(cell, text_lines(text, "comment"), is_notice=True)


def browser_notice(cell: int, kind: str) -> TextBlock:
    """Return a notice in place of what only a browser shows."""
    return notice_block(cell, f"{kind} for browsers alone is in the notebook.")


def find_kind(text: str, kinds: Mapping[str, str]) -> str:
    """Return what kind of output a text names; "" if none."""
    return next((kind for word, kind in kinds.items() if word in text), "")


def is_seen(html: str) -> bool:
    """Return whether something of an HTML text is seen on paper."""
    rest = UNSEEN_HTML.sub("", NO_CONTENT.sub("", html))
    if SEEN_TAG.search(rest) or ADDRESS.search(html):
        return True
    return bool(HTML_TAG.sub("", rest).replace("&nbsp;", " ").strip())


def maths_of(latex: str) -> str:
    """Return LaTeX as Markdown if it is nothing but a formula; "" if not. The author of one that
    IPython displays may have written dollars at its ends too.
    """
    if latex.strip().startswith(DISPLAYED):
        maths = latex.strip().removeprefix(DISPLAYED).strip("$ \n")
        latex = f"{DISPLAYED} {maths}$"
    formula = FORMULA.fullmatch(latex.strip())
    if not formula or "\\begin{tabular" in latex:
        return ""
    if formula["display"] or formula["inline"]:
        return f"$${formula['display'] or formula['inline']}$$"
    return latex.strip()


def shown_width(metadata: Mapping[str, Any], mime: str) -> int:
    """Return the width in pixels that an output asks for its picture, as ``Image(width=100)`` does;
    0 if it asks for none.
    """
    own = metadata.get(mime)
    width = (own if isinstance(own, Mapping) else metadata).get("width", 0)
    text = str(width).removesuffix("px")
    return int(float(text)) if re.fullmatch(r"\d{1,5}(\.\d*)?", text) else 0


def picture_block(cell: int, output: NotebookNode, caption: str) -> FigureBlock | TextBlock | None:
    """Return the first whole picture among an output's forms, or a notice if all are damaged."""
    data, metadata = output.data, output.get("metadata") or {}
    forms = [mime for mime in PICTURE_TYPES if mime in data]
    for mime in forms:
        raw = data[mime].encode() if mime.endswith("xml") else decode(data[mime])
        if picture := read_picture(raw, mime):
            return FigureBlock(cell, picture, caption, width=shown_width(metadata, mime))
    return notice_block(cell, "A damaged picture is in the notebook.") if forms else None


def html_block(cell: int, html: str, plain: str) -> CellBlock | None:
    """Return an output in HTML: a table or a formatted text, or a notice if a browser is needed;
    None if another form says more.
    """
    says_nothing = not plain.strip() or REPRESENTATION.match(plain)
    if FALLBACK in html and plain.strip():
        return TextBlock(cell, text_lines(without_colours(plain)))
    if is_seen(html):
        is_table = any(mark in html for mark in ("<table", INLINE_LIST, NAMED_LIST))
        if is_table or says_nothing:
            return RichOutputBlock(cell, html, HTML, "" if says_nothing else plain)
        return None
    if kind := find_kind(html.lower(), BROWSER_HTML):
        return browser_notice(cell, kind)
    return None


def text_block(cell: int, data: Mapping[str, Any]) -> CellBlock | None:
    """Return the best form in Markdown, plain text, LaTeX or JSON."""
    plain, latex = data.get("text/plain", ""), data.get("text/latex", "")
    if data.get("text/markdown"):
        return RichOutputBlock(cell, data["text/markdown"], MARKDOWN)
    is_representation = REPRESENTATION.match(plain)
    if latex and (is_representation or not plain.strip()):
        return RichOutputBlock(cell, latex, LATEX, latex)
    if "application/json" in data and (is_representation or not plain.strip()):
        text = json.dumps(data["application/json"], indent=1, ensure_ascii=False)
        return TextBlock(cell, text_lines(text))
    if plain.strip():
        return TextBlock(cell, text_lines(without_colours(plain)))
    return None


def other_block(cell: int, data: Mapping[str, Any]) -> TextBlock | None:
    """Return the text of a type that is not known, or a notice that names the types; None if there
    is nothing but texts that print nothing.
    """
    others = [mime for mime in data if mime not in READ_TEXTS]
    for mime in others:
        if mime.startswith("text/") and str(data[mime]).strip():
            return TextBlock(cell, text_lines(without_colours(str(data[mime]))))
    unknown = [mime for mime in others if not mime.startswith("text/")]
    return browser_notice(cell, f"An output of type {', '.join(unknown)}") if unknown else None


def data_block(cell: int, output: NotebookNode, captions: Captions) -> CellBlock | None:
    """Return the best printable form of a display or a result; None if there is nothing to print:
    HTML tables before Markdown and LaTeX, which is only read if it is a formula or there is nothing
    else.
    """
    data = output.data
    html, plain = data.get("text/html", ""), data.get("text/plain", "")
    if "text/x-python" in data:
        return SourceBlock(cell, code_lines(data["text/x-python"], "python"))
    if maths := maths_of(data.get("text/latex", "")):
        return RichOutputBlock(cell, maths, MARKDOWN, maths)
    if picture := picture_block(cell, output, captions.figure):
        return picture
    if kind := find_kind(" ".join(data), BROWSER_TYPES):
        return browser_notice(cell, kind)
    is_list = INLINE_LIST in html or NAMED_LIST in html
    has_markdown = "text/markdown" in data and "<table" not in html and not is_list
    if html and not has_markdown and (block := html_block(cell, html, plain)):
        return with_caption(block, captions.table)
    if block := text_block(cell, data):
        return with_caption(block, captions.table)
    return other_block(cell, data)


def join_streams(outputs: Sequence[NotebookNode]) -> Iterator[NotebookNode]:
    """Join neighbouring pieces of one stream.

    nbconvert's CoalesceStreamsPreprocessor does more: it removes what precedes a carriage return,
    so that ``on_screen`` would miss text and cursor movements, in a time that grows with the square
    of a line's length.
    """

    def stream_key(output: NotebookNode) -> object:
        return output.name if output.output_type == "stream" else id(output)

    for _, (first, *others) in groupby(outputs, stream_key):
        joined = copy(first)
        if others:
            joined.text = "".join(output.text for output in (first, *others))
        yield joined


def with_own_captions(outputs: Sequence[NotebookNode]) -> Iterator[tuple[NotebookNode, str]]:
    """Yield each output and its own caption, "" if it has none: what follows a picture and is
    nothing but a ``<figcaption>``.
    """
    before: NotebookNode | None = None
    for output in [*join_streams(outputs), None]:
        html = output.data.get("text/html", "") if output and "data" in output else ""
        caption = FIGCAPTION.fullmatch(html)
        if before and caption and any(mime in before.get("data", {}) for mime in PICTURE_TYPES):
            yield before, unescape(caption[1])
            before = None
            continue
        if before:
            yield before, ""
        before = output


def with_caption(block: CellBlock, caption: str) -> CellBlock:
    """Return a block that pandoc reads with the caption of its table."""
    return replace(block, caption=caption) if isinstance(block, RichOutputBlock) else block


def output_blocks(
    cell: int, outputs: Sequence[NotebookNode], captions: Captions
) -> Iterator[CellBlock]:
    """Return the outputs of a code cell, in their order, equal notices once; pictures and tables
    have the captions.
    """
    blocks = all_blocks(cell, outputs, captions)
    pairs = pairwise(chain([None], blocks))
    yield from (block for before, block in pairs if block and not is_repeated(block, before))


def is_repeated(block: CellBlock, before: CellBlock | None) -> bool:
    """Return whether a block is a notice that stands just above."""
    return isinstance(block, TextBlock) and block.is_notice and block == before


def all_blocks(
    cell: int, outputs: Sequence[NotebookNode], captions: Captions
) -> Iterator[CellBlock]:
    """Return a block for each output that prints something."""
    for output, own in with_own_captions(outputs):
        if output.output_type == "stream":
            if text := on_screen(output.text):
                yield TextBlock(cell, text_lines(text))
        elif output.output_type == "error":
            traceback = without_colours("\n".join(output.traceback))
            name = f"{output.ename}: {output.evalue}"
            yield ErrorBlock(cell, text_lines(traceback or name))
        elif block := data_block(cell, output, Captions(own or captions.figure, captions.table)):
            yield block
