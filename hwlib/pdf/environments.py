r"""What stands between ``\begin`` and ``\end``, and lines below each other."""

import re

from hwlib.pdf.constructions import Constructions
from hwlib.pdf.diagrams import diagram
from hwlib.pdf.markup import join
from hwlib.pdf.matrices import ALIGNED, MATRICES, WITH_COUNT, aligned_cells, matrix, stacked
from hwlib.pdf.reader import SEPARATORS
from hwlib.pdf.stream import Stream, TexError


class Environments(Constructions):
    """A reader that knows matrices, aligned lines and diagrams, too."""

    def environment(self, _: str) -> str:
        """Return a matrix, or aligned lines within a formula."""
        name = self.plain_argument().strip()
        kind = name.rstrip("*")
        if kind == "CD":
            return self.diagram()
        if kind not in MATRICES and kind not in ALIGNED:
            raise TexError(rf"\begin{{{name}}}")
        columns = self.columns(kind)
        self.depth += 1
        rows = self.rows((r"\end",))
        self.depth -= 1
        ended = self.stream.take(r"\end") and self.plain_argument().strip()
        if ended != name:
            raise TexError(rf"\begin{{{name}}} without its \end")
        if kind in ALIGNED:
            return stacked(aligned_cells(rows.cells, kind), ", row-gap: #0.6em", display=True)
        return matrix(rows, kind, columns, self.loose)

    def diagram(self) -> str:
        """Return the commutative diagram that has begun."""
        rows: list[list[str]] = [[]]
        while (item := self.stream.peek()) != r"\end":
            if not item:
                raise TexError(r"\begin{CD} without its \end")
            self.stream.rest.pop()
            if item in SEPARATORS:
                rows.append([])
            else:
                rows[-1].append(item)
        self.stream.take(r"\end")
        self.plain_argument()
        return diagram(rows, self.inner)

    def columns(self, kind: str) -> str:
        """Read how the columns of an environment are aligned."""
        if kind in WITH_COUNT:
            self.stream.argument()
            return ""
        position = "".join(self.stream.optional() or [])
        if kind in ("array", "darray", "subarray", "tabular", "numcases"):
            written = self.plain_argument()
            written = re.sub(r"[@!>p<m]\{[^{}]*\}", "", written)
            return re.sub(
                r"\*\{(\d{1,2})\}\{([^{}]*)\}", lambda m: m[2] * int(m[1]), written
            ).replace(" ", "")
        return position if re.fullmatch(r"[lcr|: ]+", position) and kind in MATRICES else ""

    def old_matrix(self, name: str) -> str:
        r"""Return plain TeX's ``\matrix{a & b \cr c & d}``."""
        if not self.stream.take("{"):
            raise TexError("\\" + name)
        rows = self.rows(("}",))
        self.stream.take("}")
        if name in ("eqalign", "displaylines", "eqalignno", "align"):
            return stacked(aligned_cells(rows.cells, name), display=True)
        return matrix(rows, name, "")

    def stack(self, _: str) -> str:
        r"""Return the lines of ``\substack``."""
        if not self.stream.take("{"):
            raise TexError(r"\substack")
        rows = self.rows(("}",))
        self.stream.take("}")
        lines = " \\ ".join(join(row) or '""' for row in rows.cells)
        return f'class("normal", {lines})'  # or they would be lines of the formula around it


def unwrap(tokens: list[str]) -> tuple[list[str], str]:
    r"""Return a formula's tokens without the one environment of lines around all, and its name."""
    kind = ""
    while True:
        text = "".join(tokens).strip()
        found = re.match(r"\\begin\s*\{([a-z]+)(\*?)\}", text)
        end = rf"\end{{{found[1]}{found[2]}}}" if found else ""
        if not found or found[1] not in ALIGNED or text.find(end) != len(text) - len(end):
            return tokens, kind
        kind = found[1]
        stream = Stream(tokens)
        stream.take(r"\begin")
        stream.argument()
        if kind in WITH_COUNT:
            stream.argument()
        elif kind in ("aligned", "gathered", "split", "multlined"):
            stream.optional()
        tokens = stream.rest[::-1]
        last = len(tokens) - 1 - tokens[::-1].index(r"\end")
        tokens = tokens[:last]
