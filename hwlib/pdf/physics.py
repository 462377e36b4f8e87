r"""Commands of the package physics that do not always have the same number of arguments."""

from collections.abc import Callable
from functools import partial

from hwlib.pdf.stream import Stream

PAIRS = {"(": ")", "[": "]", "{": "}", "|": "|"}


def grouped(tokens: list[str]) -> list[str]:
    """Return tokens within braces."""
    return ["{", *tokens, "}"]


def read_derivative(sign: list[str], most: int, stream: Stream) -> list[str]:
    r"""Return ``\dv[2]{f}{x}``, ``\dv{x}`` and, of partial derivatives, ``\pdv{f}{x}{y}``."""
    stream.take("*")
    order = stream.optional() or []
    arguments = [stream.argument()]
    while len(arguments) < most and stream.peek() == "{":
        arguments.append(stream.argument())
    upper, lower = (arguments[0], arguments[1:]) if arguments[1:] else ([], arguments)
    if len(lower) > 1:
        order = [str(len(lower))]
        power: list[str] = []
    else:
        power = ["^", *grouped(order)] if order else []
    above = [*sign, *(["^", *grouped(order)] if order else []), *(grouped(upper) if upper else [])]
    below = [token for name in lower for token in [*sign, *grouped(name), *power]]
    return [r"\frac", *grouped(above), *grouped(below)]


def read_differential(stream: Stream) -> list[str]:
    r"""Return ``\dd``, ``\dd{x}`` and ``\dd[3]{x}``."""
    order = stream.optional()
    power = ["^", *grouped(order)] if order else []
    name = stream.argument() if stream.peek() == "{" else []
    return [r"\mathrm", *grouped(["d"]), *power, *grouped(name)]


def read_quantity(stream: Stream) -> list[str]:
    r"""Return ``\qty(...)``: what stands in brackets, these as tall as it."""
    stream.take("*")
    left = stream.peek()
    if left.startswith(r"\big") or left.startswith(r"\Big"):
        stream.argument()
        left = stream.peek()
    if left not in PAIRS:
        return []
    stream.take(left)
    right = PAIRS[left]
    inside = stream.until(right)
    while left in "([" and inside.count(left) > inside.count(right):
        inside += [right, *stream.until(right)]
    sides = ("\\{", "\\}") if left == "{" else (left, PAIRS[left])
    return [r"\left", sides[0], *grouped(inside), r"\right", sides[1]]


PARTIAL = [r"\partial"]
UPRIGHT = [r"\mathrm", "{", "d", "}"]
PHYSICS: dict[str, Callable[[Stream], list[str]]] = {
    r"\dv": partial(read_derivative, UPRIGHT, 2),
    r"\derivative": partial(read_derivative, UPRIGHT, 2),
    r"\pdv": partial(read_derivative, PARTIAL, 3),
    r"\pderivative": partial(read_derivative, PARTIAL, 3),
    r"\fdv": partial(read_derivative, [r"\delta"], 2),
    r"\dd": read_differential,
    r"\qty": read_quantity,
    r"\quantity": read_quantity,
}
