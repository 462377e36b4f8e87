"""What the PDF holds, as data: a title block, and the notebook's cells as a list of blocks.

A block is a dictionary with ``kind`` (a function in ``templates/notebook.typ``), ``cell`` (the
cell's place, from 1) and what that kind needs.
"""

import base64
import binascii
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from pygments import lex
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from pygments.util import ClassNotFound

Block = dict[str, Any]
Tokens = list[tuple[str, str]]  # (style, text), the style one of the template's palette

COLUMNS = 100  # what fits beside the line numbers at the template's type size
MARKDOWN = "gfm-emoji+tex_math_dollars+attributes-yaml_metadata_block"
HEAD_LINES, TAIL_LINES = 150, 50  # of an output that is longer than both together
STAYS_WITH_OUTPUT = 15  # lines of code that are not parted from their output by a page's end
SHORT_TABLE = 25  # rows that are kept on one page
PICTURE_TYPES = {
    "image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif",
    "image/webp": "webp",
}  # fmt: skip
INFO = "application/vnd.typstpdf+json"  # what a cell displays for the title block
WIDGET = "application/vnd.jupyter.widget-view+json"
PLAIN_TITLE = re.compile(r"# ([^$`*<>\[\]\\]+)")
STYLES = {
    Comment: "comment", String: "string", Number: "number", Keyword: "keyword",
    Operator.Word: "keyword", Name.Function: "name", Name.Class: "name",
    Name.Decorator: "decorator",
}  # fmt: skip

# Mathematics as Jupyter's MathJax understands it: \begin{align} needs no dollars, $ x $ may have
# blanks, and an equation with a \label has a number where some \eqref refers to it.
MATHS = re.compile(
    r"(?P<code>```.*?```|`[^`]*`)"
    r"|\$\$(?P<display>.*?)\$\$"
    r"|(?P<dollar>\$)?\\(?P<eq>eq)?ref\{(?P<label>[^}]*)\}(?(dollar)\$)"
    r"|(?<!\\)\$(?P<spaced> [^$\n]* )\$"
    r"|(?<!\\)\$[^\s$]([^$\n]*[^\s$])?\$(?!\d)"
    r"|(?P<environment>\\begin\{(?P<name>[a-z]+\*?)\}.*?\\end\{(?P=name)\})",
    re.DOTALL,
)
TAG = re.compile(r"\\tag\{([^}]*)\}")
LABEL = re.compile(r"\\label\{([^}]*)\}")

# What moves a terminal's cursor, and the lines that say nothing on paper.
CONTROL = re.compile(r"(\n|\r|\x08|\x1b\[\d*[A-DGK])")
FARTHEST = 1000  # rows or columns that one sequence may move the cursor
PROGRESS_BAR = re.compile(r"\d+%\|[^|]*\| *\S+/\S+ \[.*\]|\d+\w*it \[\d\d:\d\d.*\]")


def number_equations(texts: Iterable[str]) -> dict[str, str]:
    """Numbers of the equations that are referred to, by label, in the order of the texts."""
    parts = [part for text in texts for part in MATHS.finditer(text)]
    referred_to = {part["label"] for part in parts}
    free, numbers = itertools.count(1), {}
    for part in parts:
        display = part["display"] or part["environment"] or ""
        tag = TAG.search(display)
        for label in LABEL.findall(display):
            if label in referred_to:
                numbers[label] = tag[1] if tag else str(next(free))
    return numbers


def for_pandoc(text: str, numbers: dict[str, str]) -> str:
    r"""Markdown in which all mathematics stands between dollars; numbers stand as ``\tag``."""

    def number(label: re.Match[str]) -> str:
        tagged = label[1] in numbers and not TAG.search(label.string)
        return rf"\tag{{{numbers[label[1]]}}}" if tagged else ""

    def rewrite(part: re.Match[str]) -> str:
        display = part["display"] or part["environment"]
        if display:
            return "$$" + re.sub(r"\n\s*\n", "\n", LABEL.sub(number, display)) + "$$"
        if part["label"] in numbers:
            found = numbers[part["label"]]
            return f"({found})" if part["eq"] else found
        return f"${part['spaced'].strip()}$" if part["spaced"] else part[0]

    return MATHS.sub(rewrite, text)


def on_screen(text: str) -> str:
    """What a terminal would show in the end, without colours and finished progress bars."""
    rows, row, column = [""], 0, 0
    for part in CONTROL.split(text):
        command, line = part[-1:], rows[row]
        if not CONTROL.fullmatch(part):
            plain = strip_ansi(part)
            rows[row] = line[:column].ljust(column) + plain + line[column + len(plain) :]
            column += len(plain)
        elif command == "K":
            rows[row] = line[:column] if part[2:-1] in ("", "0") else ""
        elif command == "\n":
            row, column = row + 1, 0
        else:
            step = min(int(part[2:-1] or 1), FARTHEST)
            column = step - 1 if command in "\rG" else column
            column = max(0, column + {"\x08": -step, "D": -step, "C": step}.get(command, 0))
            row = max(0, row + {"A": -step, "B": step}.get(command, 0))
        rows.extend([""] * (row + 1 - len(rows)))
    kept = [row.rstrip() for row in rows if not PROGRESS_BAR.search(row)]
    return "\n".join(kept).strip("\n")


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


def to_lines(tokens: Tokens) -> list[dict[str, Any]]:
    """Numbered lines, cut at ``COLUMNS``; what a cut line goes on with has no number."""
    lines: list[dict[str, Any]] = [{"number": 1, "tokens": []}]
    number, used = 1, 0
    for style, character in ((style, c) for style, text in tokens for c in printable(text)):
        is_end, width = character == "\n", width_of(character)
        if is_end or used + width > COLUMNS:
            number += is_end
            lines.append({"number": number if is_end else None, "tokens": []})
            used = 0
        if not is_end:
            lines[-1]["tokens"].append((style, character))
            used += width
    for line in lines:
        groups = groupby(line["tokens"], key=lambda token: token[0])
        line["tokens"] = [(style, "".join(c for _, c in group)) for style, group in groups]
    return lines


def code_lines(source: str, language: str) -> list[dict[str, Any]]:
    """Source code as numbered lines of coloured tokens."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return to_lines([("plain", source)])

    def style_of(kind: Any) -> str:
        return next((style for ancestor, style in STYLES.items() if kind in ancestor), "plain")

    return to_lines([(style_of(kind), text) for kind, text in lex(source, lexer)])


def text_lines(text: str, style: str = "plain") -> list[dict[str, Any]]:
    """Output as lines; a very long one keeps its beginning and end and says what is left out."""
    lines = text.rstrip("\n").split("\n")
    ends = lines[:HEAD_LINES] + lines[HEAD_LINES:][-TAIL_LINES:]  # first, as cutting takes time
    printed = to_lines([(style, "\n".join(ends))])
    left_out = len(lines) - len(ends) + max(0, len(printed) - HEAD_LINES - TAIL_LINES)
    if left_out:
        notice = to_lines([("comment", f"… {left_out:,} more lines are in the notebook …")])
        printed = printed[:HEAD_LINES] + notice + printed[-TAIL_LINES:]
    return printed


def text_block(text: str, style: str = "plain") -> Block:
    """Plain text, or a comment in place of what cannot be printed."""
    return {"kind": "text", "lines": text_lines(text, style)}


def output_block(text_format: str, text: str) -> Block:
    """A table or text among the outputs; a short one is kept on one page."""
    rows = max(text.count("<tr"), text.count("\n\n"))
    return {"kind": "output", "format": text_format, "text": text, "short": rows <= SHORT_TABLE}


def decode(content: str) -> bytes:
    """What base64 stands for; nothing where it is damaged."""
    try:
        return base64.b64decode(content)
    except binascii.Error:
        return b""


def data_block(data: dict[str, Any], caption: str) -> Block | None:
    """The best printable form of a display or a result; None where there is nothing to print."""
    html, plain = data.get("text/html", ""), data.get("text/plain", "")
    if "text/x-python" in data:
        return {"kind": "source", "lines": code_lines(data["text/x-python"], "python")}
    if text := data.get("text/markdown", data.get("text/latex")):
        return output_block(MARKDOWN, for_pandoc(text, {}))
    for mime in PICTURE_TYPES:
        if mime in data:  # a damaged one fails when it is set
            raw = data[mime].encode() if mime.endswith("xml") else decode(data[mime])
            return {"kind": "figure", "mime": mime, "content": raw, "caption": caption}
    if WIDGET in data:
        return None
    if "<table" in html or (html and (not plain or plain.startswith("<IPython.core.display.HTML"))):
        return output_block("html", html)
    if plain.strip():
        return text_block(strip_ansi(plain))
    if data and not plain:
        return text_block(f"An output of type {', '.join(data)} is in the notebook.", "comment")
    return None


def output_blocks(cell: NotebookNode) -> Iterator[Block]:
    """A code cell's outputs, the pieces of one stream in a row put together."""

    def stream_key(output: NotebookNode) -> Any:
        return output.name if output.output_type == "stream" else id(output)

    for _, (output, *others) in groupby(cell.outputs, stream_key):
        if output.output_type == "stream":
            if text := on_screen("".join(part.text for part in (output, *others))):
                yield text_block(text)
        elif output.output_type == "error":
            traceback = strip_ansi("\n".join(output.traceback))
            name = f"{output.ename}: {output.evalue}"
            yield {"kind": "error", "lines": text_lines(traceback or name)}
        elif block := data_block(output.data, cell.metadata.get("caption", "")):
            yield block


def has_tag(cell: NotebookNode, tag: str) -> bool:
    """Whether a cell has a tag, written with a hyphen or an underscore."""
    return not {tag, tag.replace("-", "_")}.isdisjoint(cell.metadata.get("tags") or [])


def cell_blocks(cell: NotebookNode, language: str, numbers: dict[str, str]) -> Iterator[Block]:
    """What a cell prints; the usual tags hide its source or its outputs."""
    if cell.cell_type == "markdown":
        yield {
            "kind": "markdown",
            "format": MARKDOWN,
            "text": for_pandoc(cell.source, numbers),
            "attachments": cell.get("attachments", {}),
        }
    elif cell.cell_type == "code":
        outputs = [] if has_tag(cell, "remove-output") else list(output_blocks(cell))
        if cell.source.strip() and not has_tag(cell, "remove-input"):
            lines = code_lines(cell.source.rstrip("\n"), language)
            stays = bool(outputs) and len(lines) <= STAYS_WITH_OUTPUT
            count = str(cell.execution_count or " ")
            yield {"kind": "code", "count": count, "lines": lines, "stays": stays}
        yield from outputs
    elif cell.source.strip():
        yield text_block(cell.source)


def split_title(cells: list[NotebookNode], name: str) -> tuple[str, list[NotebookNode]]:
    """A title that stands on the first line of the first cell, and the cells without it."""
    if cells and cells[0].cell_type == "markdown":
        first, _, rest = cells[0].source.lstrip().partition("\n")
        if plain := PLAIN_TITLE.fullmatch(first):
            return plain[1].strip(), [NotebookNode(cells[0] | {"source": rest}), *cells[1:]]
    return name, cells


def document_info(notebook: NotebookNode) -> dict[str, Any]:
    """What a cell of the notebook displays for the title block, as ``INFO``: ``authors`` (a list),
    ``date`` (YYYY-MM-DD), ``banner`` (a warning for every page) and ``facts`` (pairs of label and
    value). All of them are optional.
    """
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            info = output.get("data", {}).get(INFO)
            if isinstance(info, dict):
                return info
    return {}


def describe(notebook: NotebookNode, name: str) -> dict[str, Any]:
    """The whole document as data; ``name`` is the title of a notebook that has none."""
    info = document_info(notebook)
    spoken = notebook.metadata.get("language_info", {})
    language = spoken.get("pygments_lexer", spoken.get("name", "python"))
    cells = [cell for cell in notebook.cells if not has_tag(cell, "remove-cell")]
    title, cells = split_title(cells, notebook.metadata.get("title", name))
    numbers = number_equations(c.source for c in cells if c.cell_type == "markdown")
    blocks = [
        {"cell": place} | block
        for place, cell in enumerate(cells, start=1)
        for block in cell_blocks(cell, language, numbers)
    ]
    figures = [block for block in blocks if block["kind"] == "figure"]
    for number, block in enumerate(figures, start=1):
        alt = f"Figure {number}. {block['caption']}".strip()  # by this the PDF's tags know it
        block |= {"number": number, "alt": alt}
    return {
        "title": title,
        "authors": [str(author) for author in info.get("authors", [])],
        "date": re.findall(r"\d+", str(info.get("date", "")))[:3],
        "banner": str(info.get("banner", "")),
        "facts": [[str(label), str(value)] for label, value in info.get("facts", [])],
        "blocks": blocks,
    }
