"""What TeX's commands print: accents, fonts, fractions, delimiters, arrows and the like."""

import re
from itertools import pairwise

from hwlib.pdf.chemistry import chemistry, physical_unit
from hwlib.pdf.markup import BREAK, LENGTH, escaped, join, length, quoted, space, typst_colour, wrap
from hwlib.pdf.matrices import LONG_FRACTION, loose_fence, open_fence, stacked
from hwlib.pdf.reader import FormulaReader
from hwlib.pdf.stream import TexError, tokenize
from hwlib.pdf.symbols import ACCENTS, BIG, CLASSES, DELIMITERS, FONTS, negated, symbol

RELATIONS = {"=", "<", ">", ":", *(f"\\{name}" for name in (
    "to", "rightarrow", "longrightarrow", "sim", "approx", "equiv", "le", "leq", "ge", "geq", "in",
    "simeq", "cong", "propto", "Rightarrow", "Longrightarrow", "leftarrow", "subset", "subseteq",
    "mapsto", "leftrightarrow", "iff", "ne", "neq",
))}  # fmt: skip
ARROWS = {
    "xrightarrow": "→", "xleftarrow": "←", "xlongequal": r"\=", "xRightarrow": "⇒",
    "xLeftarrow": "⇐", "xleftrightarrow": "↔", "xLeftrightarrow": "⇔", "xmapsto": "↦",
    "xhookrightarrow": "↪", "xhookleftarrow": "↩", "xtofrom": "⇄", "xrightleftharpoons": "⇌",
}  # fmt: skip
BELOW = {
    "underrightarrow": "\u20ef", "underleftarrow": "\u20ee", "underleftrightarrow": "\u034d",
}  # fmt: skip


class Constructions(FormulaReader):
    """A reader that knows what is built from a command and its arguments."""

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
        other = type(self)(tokens, self.numbers, self.loose)
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
