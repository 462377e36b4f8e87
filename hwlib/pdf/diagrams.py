r"""Commutative diagrams of amscd, ``A @>f>> B``, as a matrix of their objects and arrows."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

ReadTokens = Callable[[list[str]], str]  # TeX's tokens to Typst's mathematics
ACROSS = {">": "→", "<": "←", "=": r"\=", ")": "→", "(": "←"}
DOWN = {"V": "↓", "A": "↑", "|": "‖"}
WITHOUT_LABELS = "=|."


class Arrow(NamedTuple):
    """An arrow's sign, and what stands on its two sides."""

    sign: str
    first: list[str]
    second: list[str]


def read_arrow(rest: list[str]) -> Arrow:
    """Return the arrow behind an ``@``; ``rest`` are the tokens in reverse, which are read."""
    sign, labels = rest.pop(), list[list[str]]()
    while sign not in WITHOUT_LABELS and len(labels) < 2 and rest:
        label, depth = list[str](), 0
        while rest and (depth or rest[-1] != sign):
            depth += {"{": 1, "}": -1}.get(rest[-1], 0)
            label.append(rest.pop())
        if rest:
            rest.pop()
        labels.append(label)
    return Arrow(sign, *([*labels, [], []])[:2])


def read_row(tokens: list[str]) -> Iterator[list[str] | Arrow]:
    """Return a row's objects and arrows in turn."""
    rest, item = tokens[::-1], list[str]()
    while rest:
        part = rest.pop()
        if part == "@" and rest:
            yield item
            item = []
            yield read_arrow(rest)
        else:
            item.append(part)
    yield item


def show_arrow(arrow: Arrow, inner: ReadTokens) -> str:
    """Return an arrow with what stands beside it."""
    first, second = (inner(label) for label in (arrow.first, arrow.second))
    if arrow.sign in DOWN:
        return f"{first or chr(34) * 2} lr(size: #200%, {DOWN[arrow.sign]}) {second or chr(34) * 2}"
    if arrow.sign not in ACROSS:
        return '""'
    scripts = [f"{place}: {text}" for place, text in (("t", first), ("b", second)) if text]
    base = f"limits(stretch({ACROSS[arrow.sign]}, size: #2.4em))"
    return f"attach({', '.join([base, *scripts])})"


def diagram(rows: list[list[str]], inner: ReadTokens) -> str:
    """Return a diagram, whose rows are TeX's tokens, as Typst's mathematics."""
    lines = []
    for tokens in rows:
        parts = list(read_row([part for part in tokens if part != " "]))
        arrows = [part for part in parts if isinstance(part, Arrow)]
        if arrows and not any(arrow.sign in ACROSS for arrow in arrows):
            cells = [cell for arrow in arrows for cell in (show_arrow(arrow, inner), '""')][:-1]
        else:
            cells = [
                show_arrow(part, inner) if isinstance(part, Arrow) else inner(part) or '""'
                for part in parts
            ]
        lines.append(", ".join(cells))
    return f"display(mat(delim: #none, row-gap: #0.5em, column-gap: #0.5em, {'; '.join(lines)}))"
