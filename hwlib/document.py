"""What the PDF holds, as data: a title block, and the notebook's cells as a list of blocks.

A block is a dictionary with ``kind`` (a function in ``templates/notebook.typ``), ``cell`` (the
cell's place, from 1) and what that kind needs.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from pygments import lex
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token
from pygments.util import ClassNotFound

from hwlib import maths, terminal
from hwlib.results import find_claims

Block = dict[str, Any]

COLUMNS = 100  # what fits beside the line numbers at the template's type size
MARKDOWN = "gfm-emoji+tex_math_dollars+attributes-yaml_metadata_block"
HEAD_LINES, TAIL_LINES = 150, 50  # of an output that is longer than both together
STAYS_WITH_OUTPUT = 15  # lines of code that are not parted from their output by a page's end
SHORT_TABLE = 25  # rows that are kept on one page
PIXELS = ("image/png", "image/jpeg", "image/gif", "image/webp")
WIDGET = "application/vnd.jupyter.widget-view+json"
PLAIN_TITLE = re.compile(r"# ([^$`*<>\[\]\\]+)")
STYLES = [
    (Comment, "comment"),
    (String, "string"),
    (Number, "number"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (Name.Function, "name"),
    (Name.Class, "name"),
    (Name.Decorator, "decorator"),
    (Token, "plain"),
]


def style_of(kind: Any) -> str:
    """The template's name for a Pygments token type."""
    return next(style for ancestor, style in STYLES if kind in ancestor)


def width_of(character: str) -> int:
    """Columns that a character takes: 2 for East Asian wide ones, 0 for combining ones."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """Tabs as spaces, other control characters as Python writes them."""
    return "".join(
        f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" and c != "\n" else c
        for c in text.expandtabs(4)
    )


def fold(line: list[tuple[str, str]], columns: int = COLUMNS) -> Iterator[list[tuple[str, str]]]:
    """Cut one line of (style, text) into pieces of at most ``columns``; not a character is lost."""
    piece: list[tuple[str, str]] = []
    used = 0
    for style, text in line:
        start = 0
        for place, character in enumerate(text):
            if used + width_of(character) > columns:
                yield [*piece, (style, text[start:place])]
                piece, used, start = [], 0, place
            used += width_of(character)
        piece.append((style, text[start:]))
    yield piece


def to_lines(tokens: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """(style, text) as numbered lines; what a folded line goes on with has no number."""
    lines: list[list[tuple[str, str]]] = [[]]
    for style, text in tokens:
        first, *others = printable(text).split("\n")
        lines[-1].append((style, first))
        lines.extend([(style, other)] for other in others)
    return [
        {"number": None if place else number, "tokens": [t for t in piece if t[1]]}
        for number, line in enumerate(lines, start=1)
        for place, piece in enumerate(fold(line))
    ]


def code_lines(source: str, language: str) -> list[dict[str, Any]]:
    """Source code as numbered lines of coloured tokens."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return to_lines([("plain", source)])
    tokens = [(style_of(kind), text) for kind, text in lex(source, lexer)]
    merged = [
        (style, "".join(t for _, t in group)) for style, group in groupby(tokens, lambda t: t[0])
    ]
    return to_lines(merged)


def text_lines(text: str) -> list[dict[str, Any]]:
    """Output as lines; a very long one keeps its beginning and end and says what is left out."""
    lines = text.rstrip("\n").split("\n")
    most = HEAD_LINES + TAIL_LINES
    left_out = max(0, len(lines) - most)
    if left_out:  # long before a page is: folding takes time
        lines = lines[:HEAD_LINES] + lines[-TAIL_LINES:]
    printed = to_lines([("plain", "\n".join(lines))])
    left_out += max(0, len(printed) - most)
    if left_out:
        notice = to_lines([("comment", f"… {left_out:,} more lines are in the notebook …")])
        printed = printed[:HEAD_LINES] + notice + printed[-TAIL_LINES:]
    return printed


def markdown_block(cell: NotebookNode, numbers: dict[str, str]) -> Block:
    """A text; a question starts a new page.

    Args:
        cell: a Markdown cell.
        numbers: of the equations, by label.
    """
    return {
        "kind": "markdown",
        "format": MARKDOWN,
        "text": maths.for_pandoc(cell.source, numbers),
        "attachments": cell.get("attachments", {}),
        "new_page": cell.source.startswith("## Question"),
    }


def as_plain_text(block: Block) -> Block:
    """A text as it was written, for one that cannot be set."""
    return {"kind": "text", "cell": block["cell"], "lines": text_lines(block["text"])}


def output_block(text_format: str, text: str) -> Block:
    """A table or text among the outputs; a short one is kept on one page."""
    rows = max(text.count("<tr"), text.count("\n\n"))
    return {"kind": "output", "format": text_format, "text": text, "short": rows <= SHORT_TABLE}


def figure_block(mime: str, content: str, caption: str) -> Block:
    """A figure; numbered later, when all are known. A damaged one fails when it is set."""
    try:
        raw = content.encode() if mime.endswith("xml") else base64.b64decode(content)
    except binascii.Error:
        raw = b""
    return {"kind": "figure", "mime": mime, "content": raw, "caption": caption}


def notice_block(text: str) -> Block:
    """A line in place of what cannot be printed."""
    return {"kind": "text", "lines": to_lines([("comment", text)])}


def data_block(data: dict[str, Any], caption: str) -> Block | None:
    """The best printable form of a display or a result; None where there is nothing to print."""
    html, plain = data.get("text/html", ""), data.get("text/plain", "")
    if "text/x-python" in data:
        return {"kind": "source", "lines": code_lines(data["text/x-python"], "python")}
    if "image/svg+xml" in data:
        return figure_block("image/svg+xml", data["image/svg+xml"], caption)
    for mime in ("text/markdown", "text/latex"):
        if mime in data:
            return output_block(MARKDOWN, maths.for_pandoc(data[mime], {}))
    for mime in PIXELS:
        if mime in data:
            return figure_block(mime, data[mime], caption)
    if WIDGET in data:
        return None
    if "<table" in html or (html and (not plain or plain.startswith("<IPython.core.display.HTML"))):
        return output_block("html", html)
    if plain.strip():
        return {"kind": "text", "lines": text_lines(strip_ansi(plain))}
    if data and not plain:
        return notice_block(f"An output of type {', '.join(data)} is in the notebook.")
    return None


def stream_key(output: NotebookNode) -> Any:
    """Equal for outputs that are one text: pieces of one stream in a row."""
    return output.name if output.output_type == "stream" else id(output)


def output_blocks(cell: NotebookNode) -> Iterator[Block]:
    """A code cell's outputs, the pieces of one stream put together."""
    caption = cell.metadata.get("caption", "")
    for _, group in groupby(cell.outputs, stream_key):
        outputs = list(group)
        if outputs[0].output_type == "stream":
            text = terminal.on_screen("".join(output.text for output in outputs))
            if text:
                yield {"kind": "text", "lines": text_lines(text)}
        elif outputs[0].output_type == "error":
            traceback = strip_ansi("\n".join(outputs[0].traceback))
            name = f"{outputs[0].ename}: {outputs[0].evalue}"
            yield {"kind": "error", "lines": text_lines(traceback or name)}
        else:
            block = data_block(outputs[0].data, caption)
            if block:
                yield block


def cell_blocks(cell: NotebookNode, language: str, numbers: dict[str, str]) -> Iterator[Block]:
    """What a cell prints."""
    if cell.cell_type == "markdown":
        yield markdown_block(cell, numbers)
    elif cell.cell_type == "code":
        hidden = cell.metadata.get("transient", {}).get("remove_source", False)
        outputs = list(output_blocks(cell))
        if cell.source.strip() and not hidden:
            lines = code_lines(cell.source.rstrip("\n"), language)
            stays = bool(outputs) and len(lines) <= STAYS_WITH_OUTPUT
            count = str(cell.execution_count or " ")
            yield {"kind": "code", "count": count, "lines": lines, "stays": stays}
        yield from outputs
    elif cell.source.strip():
        yield {"kind": "text", "lines": text_lines(cell.source)}


def split_title(cells: list[NotebookNode], name: str) -> tuple[str, list[NotebookNode]]:
    """A title that stands on the first line of the first cell, and the cells without it."""
    if cells and cells[0].cell_type == "markdown":
        first, _, rest = cells[0].source.lstrip().partition("\n")
        if plain := PLAIN_TITLE.fullmatch(first):
            return plain[1].strip(), [NotebookNode(cells[0] | {"source": rest}), *cells[1:]]
    return name, cells


def number_figures(blocks: list[Block]) -> None:
    """Give the figures their numbers, and the words by which the PDF's tags know them."""
    for number, block in enumerate((b for b in blocks if b["kind"] == "figure"), start=1):
        block["number"] = number
        block["alt"] = f"Figure {number}. {block['caption']}".strip()


def facts(claims: dict[str, Any]) -> list[tuple[str, str]]:
    """The title block's lines: who, what, when, with what."""
    versions = claims.get("versions", {})
    named = {
        "Students": ", ".join(claims.get("ids", [])),
        "Profile": claims.get("profile", ""),
        "Data": claims.get("data_source", ""),
        "Date": claims.get("date", ""),
        "Device": claims.get("device", ""),
        "Seed": str(claims.get("seed", "")),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(label, value) for label, value in named.items() if value]


def describe(notebook: NotebookNode, name: str) -> dict[str, Any]:
    """The whole document as data.

    Args:
        notebook: executed or not.
        name: title of a notebook that has none.
    """
    claims = find_claims(notebook) or {}
    info = notebook.metadata.get("language_info", {})
    language = info.get("pygments_lexer", info.get("name", "python"))
    title, cells = split_title(notebook.cells, notebook.metadata.get("title", name))
    numbers = maths.number_equations(c.source for c in cells if c.cell_type == "markdown")
    blocks = [
        {"cell": place} | block
        for place, cell in enumerate(cells, start=1)
        for block in cell_blocks(cell, language, numbers)
    ]
    number_figures(blocks)
    sample = claims.get("data_source") == "sample"
    return {
        "title": title,
        "authors": list(claims.get("ids", [])),
        "date": re.findall(r"\d+", str(claims.get("date", "")))[:3],
        "notice": "Demonstration on sample data, not a submission" if sample else "",
        "footer": "Demonstration on sample data" if sample else "",
        "facts": facts(claims),
        "blocks": blocks,
    }
