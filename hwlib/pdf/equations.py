r"""TeX mathematics, rewritten from what Jupyter's MathJax understands to what pandoc reads.

``\begin{align}`` needs no dollars, ``$ x $`` may have blanks, and an equation with a ``\label``
has a number if some ``\eqref`` refers to it.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Equations:
    """What formulas of one text need from all others: the numbers of equations, by label."""

    numbers: dict[str, str] = field(default_factory=dict)


def collect_equations(texts: Iterable[str]) -> Equations:
    """Number the equations that are referred to, in the order of the texts."""
    parts = [part for text in texts for part in MATHS.finditer(text)]
    referred_to = {part["label"] for part in parts}
    free, numbers = itertools.count(1), {}
    for part in parts:
        display = part["display"] or part["environment"] or ""
        tag = TAG.search(display)
        for label in LABEL.findall(display):
            if label in referred_to:
                numbers[label] = tag[1] if tag else str(next(free))
    return Equations(numbers)


def for_pandoc(text: str, equations: Equations) -> str:
    r"""Return Markdown with all mathematics between dollars and all numbers as ``\tag``."""
    numbers = equations.numbers

    def number(label: re.Match[str]) -> str:
        tagged = label[1] in numbers and not TAG.search(label.string)
        return rf"\tag{{{numbers[label[1]]}}}" if tagged else ""

    def rewrite(part: re.Match[str]) -> str:
        display = part["display"] or part["environment"]
        if display:
            return "$$" + re.sub(r"\n\s*\n", "\n", LABEL.sub(number, display)) + "$$"
        if part["label"] in numbers:
            reference = numbers[part["label"]]
            return f"({reference})" if part["eq"] else reference
        return f"${part['spaced'].strip()}$" if part["spaced"] else part[0]

    return MATHS.sub(rewrite, text)
