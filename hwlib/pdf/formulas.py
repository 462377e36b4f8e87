r"""One TeX formula as Typst's mathematics.

Nothing that a formula holds can become Typst code: characters are escaped, texts are quoted, and
lengths and colours are checked.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from hwlib.pdf.chemistry import chemistry, physical_unit
from hwlib.pdf.diagrams import diagram
from hwlib.pdf.markup import BREAK, escaped, join, quoted, wrap
from hwlib.pdf.stream import Stream, TexError, tokenize
from hwlib.pdf.symbols import (
    ACCENTS,
    BIG,
    CLASSES,
    DELIMITERS,
    FONTS,
    FUNCTIONS,
    LIMITS,
    OLD_FONTS,
    SIZES,
    SPACES,
    TEXT_ACCENTS,
    TEXT_FONTS,
    negated,
    symbol,
)  # fmt: skip

LONG = 60  # parts of a formula that may be too wide
LONG_FENCE, LONG_FRACTION = 12, 40  # parts within delimiters, and above or below a rule
DEEPEST = 60  # groups within groups
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
NEGATIVE = ("!", "negthinspace", "negmedspace", "negthickspace")
ENDS = ("}", r"\end", r"\right", "]")
SEPARATORS = (r"\\", r"\cr", r"\newline", r"\tabularnewline")
IGNORED = frozenset(
    [
        "nonumber",
        "notag",
        "limits",
        "nolimits",
        "displaylimits",
        "allowbreak",
        "nobreak",
        "mathstrut",
        "strut",
        "relax",
        "hfill",
        "hfil",
        "vfill",
        "noindent",
        "break",
        "goodbreak",
        "null",
        "protect",
        "centering",
        "normalfont",
        "rmfamily",
        "par",
        "unboldmath",
        "smallbreak",
        "/",
    ]
)
LENGTH = re.compile(r"\s*(-?\d*\.?\d+)\s*(em|ex|pt|mm|cm|in|mu|px|bp|pc)")
LENGTH_UNITS = {"em": 1, "ex": 0.43, "pt": 0.1, "mm": 0.285, "cm": 2.85, "in": 7.2, "mu": 1 / 18,
         "px": 0.075, "bp": 0.1, "pc": 1.2}  # fmt: skip
COLOUR_NAMES = frozenset(
    [
        "black",
        "gray",
        "silver",
        "white",
        "navy",
        "blue",
        "aqua",
        "teal",
        "purple",
        "fuchsia",
        "maroon",
        "red",
        "orange",
        "yellow",
        "olive",
        "green",
        "lime",
    ]
)
MORE_COLOURS = {
    "cyan": "00b7eb", "magenta": "ff00ff", "brown": "a52a2a", "pink": "ff69b4", "violet": "8f00ff",
    "grey": "808080", "darkred": "8b0000", "darkblue": "00008b", "darkgreen": "006400",
    "crimson": "dc143c", "gold": "d4af37", "royalblue": "4169e1", "darkorange": "ff8c00",
    "steelblue": "4682b4", "tomato": "ff6347", "indigo": "4b0082", "salmon": "fa8072",
    "coral": "ff7f50", "forestgreen": "228b22", "firebrick": "b22222", "skyblue": "87ceeb",
    "lightblue": "add8e6", "lightgreen": "90ee90", "turquoise": "40e0d0", "orchid": "da70d6",
    "limegreen": "32cd32", "seagreen": "2e8b57", "slateblue": "6a5acd", "dodgerblue": "1e90ff",
    "redorange": "f26035", "bluegreen": "00b3b8", "burntorange": "f7921d", "mahogany": "a9341f",
    "plum": "92268f", "midnightblue": "006795", "cerulean": "00a2e3", "darkgray": "555555",
    "lightgray": "bbbbbb",
}  # fmt: skip


def typst_colour(name: str, model: str = "") -> str:
    """Return a colour as Typst code; "" if it is not known."""
    name = name.strip()
    numbers = re.findall(r"\d*\.?\d+", name) if model.lower() in ("rgb", "gray") else []
    if len(numbers) == 3:
        shares = (float(n) / (255 if model == "RGB" else 1) for n in numbers)
        return "#rgb(" + ", ".join(f"{min(1, share):.0%}" for share in shares) + ")"
    if name.lower() in COLOUR_NAMES:
        return "#" + name.lower()
    digits = MORE_COLOURS.get(name.lower()) or name.removeprefix("#")
    is_hex = re.fullmatch(r"[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}", digits)
    return f'#rgb("#{digits}")' if is_hex and (name[:1] == "#" or digits != name) else ""


def length(text: str) -> float | None:
    """Return a length in em, at most 40; None if it is none."""
    found = LENGTH.match(text)
    return max(-2, min(40, float(found[1]) * LENGTH_UNITS[found[2]])) if found else None


def space(em: float) -> str:
    """Return a blank of a width in em."""
    return f'#h({em:.3f}em)""'


@dataclass(frozen=True)
class Setting:
    """A formula as Typst's mathematics, and the parts of its lines, between which they may be
    broken; ``loose`` are smaller parts, for lines that are far too wide; ``number`` stands beside.
    """

    markup: str
    lines: list[list[str]]
    loose: list[list[str]] = field(default_factory=list)
    number: str = ""


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


class Translator:
    """Reads the tokens of one formula; methods return Typst's mathematics."""

    def __init__(self, tokens: list[str], numbers: Mapping[str, str], loose: bool = False):
        self.loose = loose
        self.stream = Stream(tokens)
        self.numbers = numbers
        self.depth = 0
        self.tags: list[str] = []

    # ---- lists ----

    def content(self, ends: tuple[str, ...] = ()) -> str:
        """Return everything up to one of ``ends``, which is not read."""
        return join(self.parts(ends))

    def parts(self, ends: tuple[str, ...]) -> list[str]:
        """Return the parts up to one of ``ends``: symbols with their scripts, and groups."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise TexError("groups that stand too deep in each other")
        parts: list[str] = []
        while (item := self.stream.peek()) and item not in ends:
            if item in ENDS and item != "]":
                raise TexError(item)
            self.stream.rest.pop()
            if item[1:] in INFIX and item[0] == "\\":
                parts = [INFIX[item[1:]](self, join(parts) or '""', ends)]
            elif item[1:] in REST and item[0] == "\\":
                parts.append(REST[item[1:]](self, item[1:], ends))
            else:
                parts.append(self.scripts(self.nucleus(item)))
        self.depth -= 1
        return parts

    def rows(self, ends: tuple[str, ...]) -> Rows:
        """Return the cells up to one of ``ends``, which is not read."""
        rows = Rows()
        inner = (*ends, "&", *SEPARATORS, r"\hline", r"\hdashline", r"\intertext", r"\cline")
        while True:
            first_tag = len(self.tags)
            parts = self.parts(inner)
            rows.parts[-1] += breakable_pieces(parts)
            rows.cells[-1].append(join(parts))
            item = self.stream.peek()
            is_last = item in ends or not item
            if self.tags[first_tag:] and (len(rows.cells) > 1 or not is_last):
                tag = ["wide", quoted(f"({self.tags.pop()})")]
                rows.parts[-1] += tag
                rows.cells[-1].append(join([rows.cells[-1].pop(), *tag]))
            if is_last:
                return rows.finish()
            self.stream.rest.pop()
            self.separate(item, rows)

    def separate(self, item: str, rows: Rows) -> None:
        """Go on to the next cell or row."""
        if item in SEPARATORS:
            if self.stream.rest[-1:] == ["*"]:  # without a blank before it, as brackets must be
                self.stream.rest.pop()
            if self.stream.rest[-1:] == ["["]:
                self.stream.optional()
            rows.cells.append([])
            rows.parts.append([])
        elif item == r"\intertext":
            rows.cells[-1].append(self.text_argument())
            rows.cells.append([])
            rows.parts.append(rows.cells[-2][-1:])
            rows.parts.append([])
        elif item != "&":
            if item == r"\cline":
                self.stream.argument()
            rows.rules.append(len(rows.cells) - 1)
            rows.cells[-1].pop()

    def group(self) -> str:
        """Return the rest of a group; lines in it stand below each other."""
        rows = self.rows(("}",))
        if not self.stream.take("}"):
            raise TexError("a brace that is not closed")
        if len(rows.cells) > 1 or len(rows.cells[0]) > 1:
            return stacked(rows.cells)
        inner = rows.cells[0][0]
        if not inner:
            return '""'
        return f'class("normal", {inner})' if re.fullmatch(r"\\?[^\w\s(]", inner) else inner

    def argument(self) -> str:
        """Return a command's argument."""
        item = self.stream.peek()
        if not item or item in ENDS or item == "&":
            raise TexError("an argument is missing")
        self.stream.rest.pop()
        if item == "{":
            return self.group()
        return item if item.isdigit() else join([self.nucleus(item)])  # one digit: \frac12

    def plain_argument(self) -> str:
        """Return an argument as it is written."""
        return "".join(self.stream.argument())

    def inner(self, tokens: list[str]) -> str:
        """Return the translation of tokens that were read."""
        other = Translator(tokens, self.numbers)
        other.depth = self.depth + 1
        return other.content()

    # ---- atoms ----

    def nucleus(self, item: str) -> str:
        """Return what a item prints, with its arguments and without its scripts."""
        if item == "{":
            return self.group()
        if item.isdigit() and item.isascii():
            return self.number(item)
        if item in "^_'":
            self.stream.rest.append(item)
            return '""'
        if len(item) == 1:
            if item in "&$":
                raise TexError(item)
            return escaped(item)
        return self.command(item[1:])

    def number(self, item: str) -> str:
        """Return a number of several digits."""
        rest = self.stream.rest
        while rest and (rest[-1].isascii() and rest[-1].isdigit()):
            item += rest.pop()
            if len(rest) > 1 and rest[-1] == "." and rest[-2].isascii() and rest[-2].isdigit():
                item += rest.pop()
        if len(rest) > 1 and rest[-1] == "." and rest[-2].isdigit() and "." not in item:
            rest.pop()
            return self.number(item + "." + rest.pop())
        return item

    def command(self, name: str) -> str:
        """Return what a command prints."""
        if name in COMMANDS:
            return COMMANDS[name](self, name)
        if name in IGNORED:
            return ""
        if name in SPACES:  # a negative one is an atom, so that others keep their distance to it
            return SPACES[name] if name not in NEGATIVE else f'class("normal", {SPACES[name]}"")'
        if name in FUNCTIONS:
            return f'op("{name}")'
        if name in LIMITS:
            return f'op("{LIMITS[name]}", limits: #true)'
        if character := symbol(name):
            special = {":": r'class("punctuation", \:)', "~": '"~"'}
            return special.get(character) or escaped(character)
        raise TexError("\\" + name)

    def scripts_of(self, tokens: list[str]) -> tuple[str, str]:
        """Return the upper and the lower script that tokens hold, and nothing else."""
        other = Translator(tokens, self.numbers)
        other.depth = self.depth + 1
        _, upper, lower = other.read_scripts("")
        return upper, lower

    def scripts(self, base: str) -> str:
        """Return a nucleus with the scripts that follow it."""
        base, upper, lower = self.read_scripts(base)
        if not upper and not lower:
            return base
        if base in (r"\|", "‖"):  # the right one of a pair, as in |x|_2
            base = f'class("closing", {base})'
        scripts = [f"t: {upper}"] * bool(upper) + [f"b: {lower}"] * bool(lower)
        before, cut, base = base.rpartition(BREAK)
        return f"{before}{cut}attach({base or chr(34) * 2}, {', '.join(scripts)})"

    def read_scripts(self, base: str) -> tuple[str, str, str]:
        """Return a nucleus, and its upper and its lower script."""
        upper, lower, stream = "", "", self.stream
        while (item := stream.peek()) in ("^", "_", "'", r"\limits", r"\nolimits"):
            stream.rest.pop()
            if item == "'":
                upper = join([upper, "′"])
            elif item == "^":
                upper = join([upper, self.argument()])
            elif item == "_":
                lower = join([lower, self.argument()])
            else:
                base = f"{'limits' if item == chr(92) + 'limits' else 'scripts'}({base})"
        return base, upper, lower

    # ---- commands ----

    def accent(self, name: str) -> str:
        """Return something with an accent."""
        return f"{ACCENTS[name]}({self.argument()})"

    def font(self, name: str) -> str:
        """Return an argument in a font; words in upright letters are set as words."""
        if self.stream.peek() == "{" and FONTS[name][-1:] == ("upright",):
            self.stream.rest.pop()
            tokens = self.stream.until("}")
            if len(tokens) > 1 and all(re.fullmatch(r"[A-Za-z0-9 ]", t) for t in tokens):
                word = quoted("".join(tokens).replace(" ", ""))
                return wrap(FONTS[name][:-1], word)
            self.stream.rest += ["}", *tokens[::-1], "{"]
        return wrap(FONTS[name], self.argument())

    def fraction(self, name: str) -> str:
        """Return a fraction."""
        if name == "cfrac":
            self.stream.optional()
        if self.loose and (broken := self.broken_fraction()):
            return broken
        fraction = f"frac({self.argument()}, {self.argument()})"
        return {"dfrac": "display", "cfrac": "display", "tfrac": "inline"}.get(name, "") + (
            f"({fraction})" if name in ("dfrac", "cfrac", "tfrac") else fraction
        )

    def broken_fraction(self) -> str:
        """Return a fraction that is far too wide as a quotient, which can be broken; "" if it is
        not, and nothing is read.
        """
        place = list(self.stream.rest)
        sides = [self.pieces_of(self.stream.argument()) for _ in range(2)]
        if max(map(len, sides)) < LONG_FRACTION:
            self.stream.rest = place
            return ""
        upper, lower = (open_fence(r"\(", pieces, r"\)") for pieces in sides)
        return f"{upper}{BREAK}\\/{BREAK}{lower}"

    def pieces_of(self, tokens: list[str]) -> list[str]:
        """Return the parts of tokens that were read, between which they may be broken."""
        other = Translator(tokens, self.numbers, self.loose)
        other.depth = self.depth + 1
        return [piece for line in other.rows(()).parts for piece in line]

    def general_fraction(self, _: str) -> str:
        r"""Return ``\genfrac`` with its delimiters."""
        sides = [self.delimiter_of(self.stream.argument()) for _ in range(2)]
        rule, _style = self.plain_argument(), self.plain_argument()
        upper, lower = self.argument(), self.argument()
        inner = stacked([[upper], [lower]]) if rule.startswith("0") else f"frac({upper}, {lower})"
        return f"lr({sides[0]}{inner}{sides[1]})"

    def binomial(self, _: str) -> str:
        """Return a binomial coefficient."""
        return f"binom({self.argument()}, {self.argument()})"

    def root(self, _: str) -> str:
        """Return a root."""
        index = self.stream.optional()
        if index:
            return f"root({self.inner(index)}, {self.argument()})"
        return f"sqrt({self.argument()})"

    def delimiter(self) -> str:
        """Return a delimiter; "" for a full stop."""
        return self.delimiter_of(self.stream.argument())

    def delimiter_of(self, tokens: list[str]) -> str:
        """Return the delimiter that tokens name; "" if there are none."""
        item = next((part for part in tokens if part != " "), ".")
        name = item.removeprefix("\\")
        if name in DELIMITERS:
            return DELIMITERS[name]
        character = name if len(item) == 1 else symbol(name)
        if not character:
            raise TexError(item)
        return escaped(character)

    def fence(self, _: str) -> str:
        r"""Return what stands between ``\left`` and ``\right``."""
        left = self.delimiter()
        rows = self.rows((r"\right",))
        if not self.stream.take(r"\right"):
            raise TexError(r"\left without \right")
        right = self.delimiter()
        single = len(rows.cells) == 1 and len(rows.cells[0]) == 1
        inner = rows.cells[0][0] if single else stacked(rows.cells)
        if self.loose and single:
            return loose_fence(left, inner, right, rows.parts[0])
        return "lr(" + join([left or '""', inner, right or '""']) + ")"

    def middle(self, _: str) -> str:
        """Return a delimiter that is as tall as those around it."""
        return f"mid({self.delimiter()})"

    def big(self, name: str) -> str:
        """Return a delimiter of a given size."""
        sized = re.fullmatch(r"(big|Big|bigg|Bigg)([lrm]?)", name)
        if not sized:
            raise TexError("\\" + name)
        inner = f"lr(size: #{BIG[sized[1]]}em, {self.delimiter() or chr(34) * 2})"
        kind = {"l": "opening", "r": "closing", "m": "relation"}.get(sized[2])
        return f'class("{kind}", {inner})' if kind else inner

    def operator(self, _: str) -> str:
        """Return the name of a function."""
        limits = ", limits: #true" if self.stream.take("*") else ""
        tokens = self.stream.argument()
        plain = all(re.fullmatch(r"[A-Za-z0-9 \-]", item) for item in tokens)
        words = "".join(tokens).replace(" ", "")
        name = quoted(words) if plain else f"upright({self.inner(tokens) or chr(34) * 2})"
        return f"op({name}{limits})"

    def make_operator(self, _: str) -> str:
        r"""Return ``\mathop``, which may have limits."""
        return f"op({self.argument()}, limits: #true)"

    def classed(self, name: str) -> str:
        """Return an argument with the blanks of a class around it."""
        return f'class("{CLASSES[name]}", {self.argument()})'

    def next_sign(self) -> str:
        """Return what comes next, without the braces around it."""
        *_, third, second, first = ("", "", "", *self.stream.rest)
        return second if first == "{" and third == "}" else first

    def over(self, name: str) -> str:
        """Return something with another above it or below it."""
        if name == "underset":
            below, at = self.argument(), self.next_sign()
            base = f"attach(limits({self.argument()}), b: {below})"
            return f'class("relation", {base})' if at in RELATIONS else base
        above, at = self.argument(), self.next_sign()
        base = f"attach(limits({self.argument()}), t: {above})"
        return f'class("relation", {base})' if name == "stackrel" or at in RELATIONS else base

    def built(self, _: str) -> str:
        r"""Return ``\buildrel a \over b``."""
        above = self.content((r"\over",))
        self.stream.take(r"\over")
        return f'attach(limits(class("relation", {self.argument()})), t: {above})'

    def brace(self, name: str) -> str:
        """Return something with a brace above or below, and what stands at it."""
        if name.endswith("bracket"):
            self.stream.optional()  # its thickness
            self.stream.optional()
        base = self.argument()
        note = "^" if name.startswith("over") else "_"
        if self.stream.take(note):
            return f"{name}({base}, {self.argument()})"
        return f"{name}({base})"

    def long_arrow(self, name: str) -> str:
        """Return an arrow as long as what stands above and below it."""
        below = self.stream.optional()
        scripts = f"t: {self.argument()}" + (f", b: {self.inner(below)}" if below else "")
        arrow = f"stretch({ARROWS[name]}, size: #(100% + 1em))"
        return f"attach(limits({arrow}), {scripts})"

    def negation(self, _: str) -> str:
        """Return a symbol that is struck through."""
        item = self.stream.argument()[0]
        character = item if len(item) == 1 else symbol(item[1:])
        if character and negated(character):
            return escaped(negated(character))
        return f"cancel({self.nucleus(item)})"

    def coloured(self, name: str) -> str:
        """Return an argument in a colour, or on one."""
        model = "".join(self.stream.optional() or [])
        paint = typst_colour(self.plain_argument(), model)
        if name == "colorbox":
            content = self.text_argument()
            fill = paint.removeprefix("#") or "none"
            return f'#box(fill: {fill}, outset: 2pt, ${content}$)""'
        return f"text(fill: {paint}, {self.argument()})" if paint else self.argument()

    def boxed(self, _: str) -> str:
        """Return an argument within a frame."""
        content = f"{{set par(leading: 0pt); $display({self.argument()})$}}"
        return f'#box(stroke: 0.5pt, inset: 3pt, baseline: 3pt, {content})""'

    def phantom(self, _: str) -> str:
        """Return the blank space that is as large as an argument."""
        return f'#hide(${self.argument()}$)""'

    def unchanged(self, _: str) -> str:
        """Return an argument."""
        return self.argument()

    def second(self, _: str) -> str:
        """Return the second argument."""
        self.stream.optional()
        self.plain_argument()
        return self.argument()

    def dropped(self, name: str) -> str:
        """Return nothing of a command and its argument."""
        self.plain_argument()
        return ""

    def rule(self, _: str) -> str:
        """Return a black box."""
        self.stream.optional()
        width, height = (length(self.plain_argument()) or 0 for _ in range(2))
        size = f"width: {max(0, width):.3f}em, height: {max(0, height):.3f}em"
        return f'#box(fill: black, {size})""'

    def horizontal(self, name: str) -> str:
        """Return a blank of a given width."""
        self.stream.take("*")
        if name in ("hspace", "mspace"):
            return space(length(self.plain_argument()) or 0)
        rest, text = self.stream.rest, ""
        self.stream.skip_blanks()
        while rest and len(text) < 12 and re.fullmatch(r"[-\d.a-z ]", rest[-1]):
            text += rest.pop()
            if found := LENGTH.match(text):
                return space(length(found[0]) or 0)
        raise TexError("\\" + name)

    def tag(self, _: str) -> str:
        """Note an equation's number."""
        self.stream.take("*")
        self.tags.append(self.plain_argument())
        return ""

    def label(self, _: str) -> str:
        """Note the number of an equation that others refer to."""
        number = self.numbers.get(self.plain_argument())
        if number and number not in self.tags:
            self.tags.append(number)
        return ""

    def reference(self, name: str) -> str:
        """Return the number of an equation."""
        label = self.plain_argument()
        number = self.numbers.get(label, label)
        return quoted(f"({number})" if name == "eqref" else number)

    def code_point(self, _: str) -> str:
        r"""Return ``\unicode{x41}``."""
        number = self.plain_argument().strip().lower()
        found = re.fullmatch(r"x([0-9a-f]{1,5})|(\d{1,6})", number)
        code = int(found[1], 16) if found and found[1] else int(found[2]) if found else 0
        if not 31 < code < 0xD800 and not 0xDFFF < code < 0x110000:
            raise TexError(r"\unicode")
        return quoted(chr(code))

    def chemistry(self, name: str) -> str:
        r"""Return ``\ce{H2O}`` or ``\pu{1 J/mol}``."""
        tokens = self.stream.argument()
        spaced = (
            f"{a} " if a[:1] == "\\" and b.isalpha() else a for a, b in pairwise([*tokens, ""])
        )
        read = chemistry if name == "ce" else physical_unit
        return read("".join(spaced), lambda tex: self.inner(tokenize(tex))) or '""'

    def at_corners(self, _: str) -> str:
        r"""Return ``\sideset{_a^b}{_c^d}\sum``."""
        left, right = (self.scripts_of(self.stream.argument()) for _ in range(2))
        base = self.argument()
        corners = zip(("tl", "bl", "tr", "br"), (*left, *right), strict=True)
        written = [f"{place}: {text}" for place, text in corners if text]
        return f"limits(attach({', '.join([base, *written])}))"

    def below(self, name: str) -> str:
        """Return something with an arrow below it."""
        return f'accent({self.argument()}, "{BELOW[name]}")'

    # ---- text ----

    def text(self, name: str) -> str:
        """Return text in a font of text."""
        text = self.text_argument()
        if self.loose and not TEXT_FONTS[name] and text.startswith('"') and text.count('"') == 2:
            return BREAK.join(f"{quoted(word)}{BREAK}breakable" for word in text[1:-1].split(" "))
        return in_text_font(name, text)

    def text_argument(self) -> str:
        """Return an argument that is text, in which mathematics may stand between dollars."""
        return self.text_of(self.stream.argument())

    def text_of(self, tokens: list[str]) -> str:
        """Return tokens as text."""
        stream, parts, plain = Stream(tokens), [], ""
        while stream.rest:
            item = stream.rest.pop()
            special = ""
            if item in ("$", r"\("):
                special = self.inner(stream.until("$" if item == "$" else r"\)"))
            elif item[0] == "\\" and item[1:] in TEXT_FONTS:
                special = in_text_font(item[1:], self.text_of(stream.argument()))
            elif item[0] == "\\" and item[1:] in ("color", "textcolor"):
                stream.argument()
            elif item[0] == "\\" and item[1:] in COMMANDS and not text_character(item, None):
                rest = Translator([], self.numbers)
                rest.stream, rest.depth = stream, self.depth + 1
                special = rest.nucleus(item)
            else:
                plain += text_character(item, stream)
            if special:
                parts += [quoted(plain)] * bool(plain) + [special]
                plain = ""
        return join([*parts, quoted(plain) if plain or not parts else ""])

    # ---- environments ----

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
        return " \\ ".join(join(row) or '""' for row in rows.cells)


def in_text_font(name: str, text: str) -> str:
    """Return a text in a font, or raised or lowered."""
    if name in ("textsuperscript", "textsubscript"):
        return f'attach("", {"t" if name == "textsuperscript" else "b"}: {text})'
    return wrap(TEXT_FONTS[name], text)


def text_character(item: str, stream: Stream | None) -> str:
    """Return what a item prints in text."""
    if item in "{}":
        return ""
    if item in ("~", "\\ ", r"\\", r"\,", r"\;", r"\:", r"\quad", r"\qquad", r"\space"):
        return "\u2003" if "quad" in item else " "
    if item[0] != "\\":
        return item
    name = item[1:]
    if name in TEXT_ACCENTS and stream is not None:
        letter = "".join(stream.argument())
        return letter[:1] + TEXT_ACCENTS[name] + letter[1:]
    if name in IGNORED or name in OLD_FONTS or name in SIZES or name in ("!", "/", "-", ""):
        return ""
    if character := symbol(name):
        return character
    if stream is None:
        return ""
    raise TexError(item)


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


def fraction_of_rest(self: Translator, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``a \over b``."""
    return f"frac({left}, {self.content(ends) or chr(34) * 2})"


def above_rest(self: Translator, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``a \above 1pt b``."""
    self.horizontal("above")
    return fraction_of_rest(self, left, ends)


def binomial_of_rest(self: Translator, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \choose k``."""
    return f"binom({left}, {self.content(ends) or chr(34) * 2})"


def stack_of_rest(self: Translator, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \atop k``."""
    return stacked([[left], [self.content(ends)]])


def bracket_of_rest(self: Translator, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \brack k``."""
    return rf"lr(\[{stack_of_rest(self, left, ends)}\])"


def brace_of_rest(self: Translator, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \brace k``."""
    return rf"lr(\{{{stack_of_rest(self, left, ends)}\}})"


def font_of_rest(self: Translator, name: str, ends: tuple[str, ...]) -> str:
    """Return the rest of a group in a font."""
    rest = self.content(ends)
    return wrap(OLD_FONTS[name], rest) if rest else ""


def size_of_rest(self: Translator, name: str, ends: tuple[str, ...]) -> str:
    """Return the rest of a group in a size."""
    rest = self.content(ends)
    return f"text(size: #{SIZES[name]}em, {rest})" if rest else ""


def colour_of_rest(self: Translator, _: str, ends: tuple[str, ...]) -> str:
    """Return the rest of a group in a colour."""
    model = "".join(self.stream.optional() or [])
    paint = typst_colour(self.plain_argument(), model)
    # With braces after it, MathJax in Jupyter colours what stands in them alone.
    rest = self.argument() if self.stream.peek() == "{" else self.content(ends)
    return f"text(fill: {paint}, {rest})" if paint and rest else rest


RELATIONS = {"=", "<", ">", ":", *(f"\\{name}" for name in (
    "to", "rightarrow", "longrightarrow", "sim", "approx", "equiv", "le", "leq", "ge", "geq", "in",
    "simeq", "cong", "propto", "Rightarrow", "Longrightarrow", "leftarrow", "subset", "subseteq",
    "mapsto", "leftrightarrow", "iff", "ne", "neq",
))}  # fmt: skip
TexCommand = Callable[[Translator, str], str]
Infix = Callable[[Translator, str, tuple[str, ...]], str]
INFIX: dict[str, Infix] = {
    "over": fraction_of_rest, "above": above_rest, "choose": binomial_of_rest,
    "atop": stack_of_rest, "brack": bracket_of_rest, "brace": brace_of_rest,
}  # fmt: skip
REST: dict[str, Infix] = {
    **dict.fromkeys(OLD_FONTS, font_of_rest),
    **dict.fromkeys(SIZES, size_of_rest),
    "color": colour_of_rest,
}
ARROWS = {
    "xrightarrow": "→", "xleftarrow": "←", "xlongequal": r"\=", "xRightarrow": "⇒",
    "xLeftarrow": "⇐", "xleftrightarrow": "↔", "xLeftrightarrow": "⇔", "xmapsto": "↦",
    "xhookrightarrow": "↪", "xhookleftarrow": "↩", "xtofrom": "⇄", "xrightleftharpoons": "⇌",
}  # fmt: skip
BELOW = {
    "underrightarrow": "\u20ef", "underleftarrow": "\u20ee", "underleftrightarrow": "\u034d",
}  # fmt: skip
COMMANDS: dict[str, TexCommand] = {
    **dict.fromkeys(ACCENTS, Translator.accent),
    **dict.fromkeys(FONTS, Translator.font),
    **dict.fromkeys(TEXT_FONTS, Translator.text),
    **dict.fromkeys(CLASSES, Translator.classed),
    **dict.fromkeys(ARROWS, Translator.long_arrow),
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), Translator.fraction),
    **dict.fromkeys((size + side for size in BIG for side in ("", "l", "r", "m")), Translator.big),
    **dict.fromkeys(("overset", "underset", "stackrel"), Translator.over),
    **dict.fromkeys(("overbrace", "underbrace", "overbracket", "underbracket"), Translator.brace),
    **dict.fromkeys(("overparen", "underparen"), Translator.brace),
    **dict.fromkeys(BELOW, Translator.below),
    **dict.fromkeys(("ce", "pu"), Translator.chemistry),
    **dict.fromkeys(("hspace", "mspace", "kern", "mkern", "hskip", "mskip"), Translator.horizontal),
    **dict.fromkeys(("phantom", "hphantom", "vphantom"), Translator.phantom),
    **dict.fromkeys(("smash", "ensuremath", "mathclap", "mathrlap"), Translator.unchanged),
    **dict.fromkeys(("mathllap", "llap", "rlap", "clap", "hcancel"), Translator.unchanged),
    **dict.fromkeys(("href", "raisebox", "class", "cssId", "style", "bbox"), Translator.second),
    **dict.fromkeys(("matrix", "pmatrix", "bmatrix", "cases", "eqalign", "displaylines"),
                    Translator.old_matrix),
    **dict.fromkeys(("require", "vspace", "cline"), Translator.dropped),
    **dict.fromkeys(("textcolor", "colorbox"), Translator.coloured),
    **dict.fromkeys(("ref", "eqref"), Translator.reference),
    "genfrac": Translator.general_fraction, "binom": Translator.binomial,
    "sqrt": Translator.root, "left": Translator.fence, "middle": Translator.middle,
    "operatorname": Translator.operator, "mathop": Translator.make_operator,
    "buildrel": Translator.built, "not": Translator.negation, "boxed": Translator.boxed,
    "rule": Translator.rule, "tag": Translator.tag, "label": Translator.label,
    "unicode": Translator.code_point, "sideset": Translator.at_corners,
    "begin": Translator.environment, "substack": Translator.stack,
}  # fmt: skip


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


def line_of(cells: list[str], kind: str) -> str:
    """Return a line with marks at which lines are aligned; pairs of columns stand apart."""
    cells = aligned_cells([cells], kind)[0]
    apart = kind not in WITH_COUNT
    shown = [
        f'#h(2em)""{cell}' if apart and n and n % 2 == 0 else cell for n, cell in enumerate(cells)
    ]
    return "&".join(shown)


def translate(tokens: list[str], numbers: Mapping[str, str]) -> Setting:
    """Return a formula, whose macros are replaced, as Typst's mathematics.

    TexError if it has a command that is not known, or a brace too many.
    """
    tokens, kind = unwrap(tokens)
    is_display = [item for item in tokens if item != " "][:1] == [r"\displaystyle"]
    if is_display:
        tokens = tokens[tokens.index(r"\displaystyle") + 1 :]
    translator, rows = translate_rows(tokens, numbers, False)
    number = translator.tags[-1] if translator.tags else ""
    markup = " \\\n".join(line_of(row, kind) for row in rows.cells)
    if is_display and len(rows.cells) == 1:
        markup = f"display({markup})" if markup else ""
    loose = translate_rows(tokens, numbers, True)[1].parts if len(tokens) > LONG else []
    return Setting(markup, rows.parts, loose, number)


def translate_rows(
    tokens: list[str], numbers: Mapping[str, str], loose: bool
) -> tuple[Translator, Rows]:
    """Return the lines of a formula, and the translator that has read them."""
    translator = Translator(tokens, numbers, loose)
    rows = translator.rows(())
    if translator.stream.peek():
        raise TexError(translator.stream.peek())
    return translator, rows
