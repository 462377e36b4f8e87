r"""Mathematics as Jupyter's MathJax understands it, made plain to pandoc.

``\begin{align}`` needs no dollars, ``$ x $`` may have blanks, and an equation with a ``\label`` has
a number where some ``\eqref`` refers to it.
"""

import itertools
import re
from collections.abc import Iterable

PARTS = re.compile(
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


def number_equations(texts: Iterable[str]) -> dict[str, str]:
    """Numbers of the equations that are referred to, by label, in the order of the texts."""
    parts = [part for text in texts for part in PARTS.finditer(text)]
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

    return PARTS.sub(rewrite, text)
