r"""Chemistry as mhchem writes it, ``\ce{SO4^2-}`` and ``\pu{1.2e3 J/mol}``, as Typst's mathematics.

Numbers behind letters stand below the line, charges above it, and what begins a substance is how
many there are. All else, as ``\alpha`` or ``$x$``, is left to the reader of formulas.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from hwlib.pdf.markup import join, quoted

ReadTex = Callable[[str], str]  # TeX to Typst's mathematics
BRACED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
REACTIONS = {
    "<=>>": "⇌", "<<=>": "⇌", "<-->": "⇄", "<=>": "⇌", "<->": "↔", "->": "→", "<-": "←",
}  # fmt: skip
SCRIPT = rf"{BRACED}|\\[A-Za-z]+|\d*[+-](?![A-Za-z\d])|\d+[+-]?|[^\s^_]"
PIECE = re.compile(
    rf"(?P<arrow>{'|'.join(map(re.escape, REACTIONS))})"
    r"(?:\[(?P<above>[^\]]*)\])?(?:\[(?P<below>[^\]]*)\])?"
    rf"|(?P<maths>\$[^$]*\$|\\[A-Za-z]+(?:\s*{BRACED})*|\\.)"
    rf"|(?P<fall>(?:(?<=\s)|\((?=v\)))v(?=\s|$))|(?P<rise>(?:(?<=\s)|^)\^(?=\s|$))"
    rf"|\^(?P<up>{SCRIPT})|_(?P<down>{SCRIPT})|(?P<group>{BRACED})"
    r"|(?P<number>\d+(?:\.\d+)?(?:/\d+)?)|(?P<word>[^\W\d_]+)|(?P<blank>\s+)|(?P<sign>.)",
    re.DOTALL,
)  # fmt: skip
SPACED = ('class("relation"', 'class("binary"')  # what needs no blank beside it
BONDS = {"-": "–", "=": r"\=", "#": "≡"}
UNIT = re.compile(
    rf"(?P<number>\d+(?:\.\d+)?)(?:[eE](?P<power>[+-]?\d+))?|\^(?P<up>{BRACED}|[+-]?\d+)"
    rf"|(?P<maths>\\[A-Za-z]+(?:\s*{BRACED})*|\$[^$]*\$)|(?P<word>[^\W\d_]+)|(?P<blank>\s+)|(?P<sign>.)",
    re.DOTALL,
)


def upright(text: str) -> str:
    """Return letters as upright ones, and a sign as mathematics sets it."""
    return quoted(text.removeprefix("{").removesuffix("}").replace("-", "−"))


@dataclass
class Atom:
    """What scripts belong to: they stand behind it, or before it if they come first."""

    base: str = ""
    scripts: dict[str, str] = field(default_factory=dict)

    @property
    def markup(self) -> str:
        """Return the atom with its scripts."""
        if not self.scripts:
            return self.base
        written = ", ".join(f"{place}: {text}" for place, text in self.scripts.items())
        return f"attach({self.base or chr(34) * 2}, {written})"


class Substances:
    """Reads a text of mhchem from the front; ``parts`` is what it has become."""

    def __init__(self, inner: ReadTex):
        self.inner = inner
        self.parts: list[str] = []
        self.atom = Atom()

    def finish(self) -> None:
        """Let no further script belong to the last atom."""
        if self.atom.markup:
            self.parts.append(self.atom.markup)
        self.atom = Atom()

    def begin(self, base: str) -> None:
        """Begin an atom, which takes the scripts that stand before it."""
        if self.atom.base:
            self.finish()
        self.atom.base = base

    def append(self, part: str) -> None:
        """Add what has no scripts."""
        self.finish()
        self.parts.append(part)

    def script(self, place: str, text: str) -> None:
        """Add a script, ``t`` or ``b``, to the atom, or before the next one."""
        plain = text.removeprefix("{").removesuffix("}")
        is_maths = "\\" in text or "$" in text
        shown = self.inner(plain.replace("$", "")) if is_maths else upright(text)
        key = place if self.atom.base else f"{place}l"
        before = self.atom.scripts.get(key, "")
        self.atom.scripts[key] = f"{before}{shown}"

    def number(self, text: str) -> None:
        """Add a number: below an atom, or of how many there are."""
        if self.atom.base:
            below, point, rest = text.partition(".")  # as in CuSO4.5H2O
            self.script("b", below)
            if point:
                self.append("⋅")
                self.number(rest)
            return
        upper, _, lower = text.partition("/")
        self.append(f"inline(frac({upper}, {lower}))" if lower else text)
        self.parts.append("thin")

    def sign(self, sign: str, follower: str) -> None:
        """Add a charge, a bond, a plus, a bracket or another sign."""
        is_last = not re.match(r"[A-Za-z\d({\[\\$]", follower)
        if sign in "+-" and self.atom.base and is_last:
            self.script("t", sign)
        elif sign in BONDS and self.atom.base and not follower.isspace():
            self.append(f'class("normal", {BONDS[sign]})')
        elif sign in "+-=":
            kind = "relation" if sign == "=" else "binary"
            self.append(f'class("{kind}", {"−" if sign == "-" else chr(92) + sign})')
        elif sign in "*.":
            self.append("⋅")
        elif sign in ")]":
            self.begin(f"\\{sign}")
        else:
            self.append(f"\\{sign}" if sign.isascii() else sign)

    def arrow(self, found: re.Match[str]) -> None:
        """Add an arrow, with what stands above and below it."""
        labels = {"t": found["above"], "b": found["below"]}
        shown = {place: chemistry(label, self.inner) for place, label in labels.items() if label}
        size = "100% + 1em" if shown else "1.8em"
        base = f"limits(stretch({REACTIONS[found['arrow']]}, size: #({size})))"
        self.append(f'class("relation", {Atom(base, shown).markup})')

    def read(self, found: re.Match[str], follower: str) -> None:
        """Add the next piece."""
        kind = next(name for name, text in found.groupdict().items() if text is not None)
        text = found[kind]
        match kind:
            case "arrow":
                self.arrow(found)
            case "maths":
                self.begin(self.inner(text.strip("$")) or '""')
            case "fall" | "rise":
                self.append("↓" if kind == "fall" else "↑")
            case "up" | "down":
                self.script("t" if kind == "up" else "b", text)
            case "group":
                self.begin(chemistry(text[1:-1], self.inner) or '""')
            case "number":
                self.number(text)
            case "word":
                self.begin(upright(text))
            case "blank":
                self.append("thin")
            case _:
                self.sign(text, follower)


def chemistry(text: str, inner: ReadTex) -> str:
    r"""Return what ``\ce`` prints of its argument."""
    substances = Substances(inner)
    for found in PIECE.finditer(text.strip()):
        substances.read(found, text.strip()[found.end() : found.end() + 1])
    substances.finish()
    parts = ["", *substances.parts, ""]
    return join(
        [
            part
            for before, part, after in zip(parts, parts[1:], parts[2:], strict=False)
            if part != "thin"
            or not (before.startswith(SPACED) or after.startswith((*SPACED, "thin")))
        ]
    )


def physical_unit(text: str, inner: ReadTex) -> str:
    r"""Return what ``\pu`` prints of its argument: a number and its unit."""
    parts: list[str] = []
    for found in UNIT.finditer(text.strip()):
        if found["number"]:
            power = f" × attach(10, t: {upright(found['power'])})" if found["power"] else ""
            parts.append(found["number"] + power)
        elif found["up"]:
            parts.append(Atom(parts.pop() if parts else "", {"t": upright(found["up"])}).markup)
        elif found["maths"]:
            parts.append(inner(found["maths"].strip("$")))
        elif found["word"]:
            parts.append(upright(found["word"]))
        elif found["blank"]:
            parts.append("thin")
        else:
            sign = {"-": "−", "*": "⋅", ".": "⋅"}.get(found["sign"], f"\\{found['sign']}")
            parts.append(f'class("normal", {sign})')
    return join(parts)
