"""Rows and cells as Typst's mathematics: matrices, aligned lines, and what stands around them."""

import re
from dataclasses import dataclass, field

from hwlib.pdf.markup import BREAK, join, quoted

MATRICES = {
    "matrix": "", "pmatrix": "()", "bmatrix": "[]", "Bmatrix": "{}", "vmatrix": "||",
    "Vmatrix": "‖‖", "smallmatrix": "", "psmallmatrix": "()", "bsmallmatrix": "[]",
    "Bsmallmatrix": "{}", "vsmallmatrix": "||", "Vsmallmatrix": "‖‖",
    "array": "", "darray": "", "subarray": "", "cases": "{",
    "dcases": "{", "numcases": "{", "rcases": " }", "drcases": " }", "tabular": "",
}  # fmt: skip
LEFT = ("cases", "dcases", "numcases", "rcases", "drcases")
ALIGNED = (
    "align", "aligned", "alignat", "alignedat", "flalign", "split", "eqnarray", "gather",
    "gathered", "multline", "multlined", "equation", "displaymath", "math", "subequations",
)  # fmt: skip
WITH_COUNT = ("alignat", "alignedat", "xalignat")
LONG_FENCE, LONG_FRACTION = 12, 40  # parts within delimiters, and above or below a rule


@dataclass
class Rows:
    """The cells of a matrix or of aligned lines, and the rules before rows."""

    cells: list[list[str]] = field(default_factory=lambda: [[]])
    parts: list[list[str]] = field(default_factory=lambda: [[]])
    rules: list[int] = field(default_factory=list)

    def finish(self) -> "Rows":
        """Return the rows without an empty last one."""
        if len(self.cells) > 1 and not "".join(self.cells[-1]):
            self.cells.pop()
            self.parts.pop()
        return self


def breakable_pieces(parts: list[str]) -> list[str]:
    """Return the pieces between which lines may be broken, also behind commas."""
    pieces = (piece for part in parts for piece in part.split(BREAK) if piece.strip())
    return [
        part for piece in pieces for part in ([piece, "breakable"] if piece == r"\," else [piece])
    ]


def cell_of(text: str, side: str) -> str:
    """Return a matrix's cell, aligned to a side."""
    marked = {"l": f"&{text}", "r": f"{text}&"}.get(side)
    return marked or text or '""'


def matrix(rows: Rows, kind: str, columns: str, loose: bool = False) -> str:
    """Return a matrix with its delimiters, rules and alignment; a loose one goes on below if it
    has many columns.
    """
    width = max(map(len, rows.cells))
    step = columns_beside(rows.cells) if loose and kind not in LEFT else width
    if step < width and not rows.rules:
        return " \\ ".join(
            matrix_part(rows, kind, columns, slice(start, start + step))
            for start in range(0, width, step)
        )
    return matrix_part(rows, kind, columns, slice(0, width))


def columns_beside(cells: list[list[str]]) -> int:
    """Return how many columns have about the width of a line."""
    widest = max(len(re.sub(r"attach|frac|[^A-Za-z0-9]|[tb]:", "", c)) for r in cells for c in r)
    return max(1, int(34 / (1 + 0.45 * widest)))


def matrix_part(rows: Rows, kind: str, columns: str, part: slice) -> str:
    """Return some columns of a matrix."""
    delimiters = MATRICES.get(kind, "")
    left, right = (*(c.strip() for c in delimiters), "", "")[:2]
    width = max(map(len, rows.cells))
    left, right = left * (part.start == 0), right * (part.stop >= width)
    sides = "l" * width if kind in LEFT else re.sub(r"[^lcr]", "", columns)
    mixed = len(set(sides)) > 1
    display = kind in ("dcases", "darray", "drcases")
    lines = [
        ", ".join(
            cell_of(f"display({cell})" if display and cell else cell, sides[n : n + 1] * mixed)
            for n, cell in [*enumerate(row)][part]
        )
        for row in rows.cells
    ]
    if not any(line.strip() for line in lines):
        lines = ['""']
    align = {"l": "left", "r": "right"}.get(sides[:1], "center") if not mixed else "center"
    options = f"delim: #({option(left)}, {option(right)}), align: #{align}"
    if kind in LEFT:
        options += ", column-gap: #1em"
    result = f"mat({options}{augmented(rows, columns)}, {'; '.join(lines)})"
    return (
        result if kind.endswith("smallmatrix") else f"display({result})"
    )  # cells are not set smaller


def option(delimiter: str) -> str:
    """Return a delimiter as Typst code."""
    return quoted(delimiter) if delimiter else "none"


def augmented(rows: Rows, columns: str) -> str:
    """Return the rules between columns and rows."""
    vertical, place = [], 0
    for character in columns:
        place += character in "lcr"
        if character in "|:" and place not in vertical:
            vertical.append(place)
    width = max(map(len, rows.cells))
    vertical = [n for n in vertical if n <= width]
    horizontal = sorted({n for n in rows.rules if n <= len(rows.cells)})
    if not vertical and not horizontal:
        return ""
    lists = ["(" + "".join(f"{n}, " for n in places) + ")" for places in (horizontal, vertical)]
    return f", augment: #(hline: {lists[0]}, vline: {lists[1]}, stroke: 0.5pt)"


def aligned_cells(rows: list[list[str]], kind: str) -> list[list[str]]:
    """Return the cells of aligned lines as pairs of a right and a left one."""
    if kind == "eqnarray":
        return [[row[0], join(row[1:])] if len(row) > 1 else row for row in rows]
    return rows


def stacked(rows: list[list[str]], options: str = "", display: bool = False) -> str:
    """Return lines below each other, aligned right and left in turn; alone in the centre."""
    columns = max(map(len, rows))

    def cell(text: str, place: int) -> str:
        shown = f"display({text})" if display and text else text or '""'
        if columns == 1:
            return shown
        gap = '#h(2em)""' if place and place % 2 == 0 else ""
        return f'&""{shown}' if place % 2 else f"{gap}{shown}&"

    lines = [", ".join(cell(text, place) for place, text in enumerate(row)) for row in rows]
    return f"mat(delim: #none, column-gap: #0em{options}, {'; '.join(lines)})"


def open_fence(left: str, pieces: list[str], right: str) -> str:
    """Return pieces between delimiters so that they can be broken; these are as tall as what stands
    in them mostly is.
    """
    is_tall = any(name in piece for piece in pieces for name in ("frac(", "mat(", "limits("))

    def side(delimiter: str, kind: str) -> str:
        sized = f"lr(size: #2.4em, {delimiter})" if is_tall else delimiter
        return f'class("{kind}", {sized})' if delimiter else ""

    return BREAK.join([side(left, "opening"), *pieces, side(right, "closing")])


def loose_fence(left: str, inner: str, right: str, pieces: list[str]) -> str:
    """Return what stands between delimiters so that it can be broken."""
    open_sides = "mat(delim: #(none, none)"
    if not inner.startswith(f"display({open_sides}"):
        if len(pieces) < LONG_FENCE:
            return "lr(" + join([left or '""', inner, right or '""']) + ")"
        return open_fence(left, pieces, right)
    first, *others = inner.split(" \\ ")
    chunks = [first.replace("#(none", f"#({option(left[-1:])}", 1), *others]
    chunks[-1] = chunks[-1].replace("none)", f"{option(right[-1:])})", 1)
    return " \\ ".join(chunks)
