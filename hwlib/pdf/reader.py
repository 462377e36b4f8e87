"""The reader of one formula's tokens: groups, rows, letters, scripts and texts."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hwlib.pdf.markup import BREAK, escaped, join, quoted, wrap
from hwlib.pdf.matrices import Rows, breakable_pieces, stacked
from hwlib.pdf.stream import Stream, TexError
from hwlib.pdf.symbols import (
    FUNCTIONS,
    LIMITS,
    OLD_FONTS,
    SIZES,
    SPACES,
    TEXT_ACCENTS,
    TEXT_FONTS,
    symbol,
)

DEEPEST = 60  # groups within groups
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


class FormulaReader:
    """Reads the tokens of one formula; methods return Typst's mathematics.

    What commands do is told by the tables ``commands``; ``infix`` and ``of_rest`` are of those that
    change what stands before or behind them.
    """

    commands: ClassVar[Mapping[str, Callable[[Any, str], str]]] = {}
    infix: ClassVar[Mapping[str, Callable[[Any, str, tuple[str, ...]], str]]] = {}
    of_rest: ClassVar[Mapping[str, Callable[[Any, str, tuple[str, ...]], str]]] = {}

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
            if item[1:] in self.infix and item[0] == "\\":
                parts = [self.infix[item[1:]](self, join(parts) or '""', ends)]
            elif item[1:] in self.of_rest and item[0] == "\\":
                parts.append(self.of_rest[item[1:]](self, item[1:], ends))
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
        other = type(self)(tokens, self.numbers)
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
        if name in self.commands:
            return self.commands[name](self, name)
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
        other = type(self)(tokens, self.numbers)
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
            elif item[0] == "\\" and item[1:] in self.commands and not text_character(item, None):
                rest = type(self)([], self.numbers)
                rest.stream, rest.depth = stream, self.depth + 1
                special = rest.nucleus(item)
            else:
                plain += text_character(item, stream)
            if special:
                parts += [quoted(plain)] * bool(plain) + [special]
                plain = ""
        return join([*parts, quoted(plain) if plain or not parts else ""])


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
