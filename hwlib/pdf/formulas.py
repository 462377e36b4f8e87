r"""One TeX formula as Typst's mathematics.

Nothing that a formula holds can become Typst code: characters are escaped, texts are quoted, and
lengths and colours are checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hwlib.pdf.constructions import ARROWS, BELOW
from hwlib.pdf.environments import Environments, unwrap
from hwlib.pdf.markup import typst_colour, wrap
from hwlib.pdf.matrices import WITH_COUNT, Rows, aligned_cells, stacked
from hwlib.pdf.stream import TexError
from hwlib.pdf.symbols import ACCENTS, BIG, CLASSES, FONTS, OLD_FONTS, SIZES, TEXT_FONTS

LONG = 60  # parts of a formula that may be too wide


@dataclass(frozen=True)
class Setting:
    """A formula as Typst's mathematics, and the parts of its lines, between which they may be
    broken; ``loose`` are smaller parts, for lines that are far too wide; ``number`` stands beside.
    """

    markup: str
    lines: list[list[str]]
    loose: list[list[str]] = field(default_factory=list)
    number: str = ""


def fraction_of_rest(reader: Environments, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``a \over b``."""
    return f"frac({left}, {reader.content(ends) or chr(34) * 2})"


def above_rest(reader: Environments, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``a \above 1pt b``."""
    reader.horizontal("above")
    return fraction_of_rest(reader, left, ends)


def binomial_of_rest(reader: Environments, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \choose k``."""
    return f"binom({left}, {reader.content(ends) or chr(34) * 2})"


def stack_of_rest(reader: Environments, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \atop k``."""
    return stacked([[left], [reader.content(ends)]])


def bracket_of_rest(reader: Environments, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \brack k``."""
    return rf"lr(\[{stack_of_rest(reader, left, ends)}\])"


def brace_of_rest(reader: Environments, left: str, ends: tuple[str, ...]) -> str:
    r"""Return ``n \brace k``."""
    return rf"lr(\{{{stack_of_rest(reader, left, ends)}\}})"


def font_of_rest(reader: Environments, name: str, ends: tuple[str, ...]) -> str:
    """Return the rest of a group in a font."""
    rest = reader.content(ends)
    return wrap(OLD_FONTS[name], rest) if rest else ""


def size_of_rest(reader: Environments, name: str, ends: tuple[str, ...]) -> str:
    """Return the rest of a group in a size."""
    rest = reader.content(ends)
    return f"text(size: #{SIZES[name]}em, {rest})" if rest else ""


def colour_of_rest(reader: Environments, _: str, ends: tuple[str, ...]) -> str:
    """Return the rest of a group in a colour."""
    model = "".join(reader.stream.optional() or [])
    paint = typst_colour(reader.plain_argument(), model)
    # With braces after it, MathJax in Jupyter colours what stands in them alone.
    rest = reader.argument() if reader.stream.peek() == "{" else reader.content(ends)
    return f"text(fill: {paint}, {rest})" if paint and rest else rest


TexCommand = Callable[[Environments, str], str]
Infix = Callable[[Environments, str, tuple[str, ...]], str]
INFIX: dict[str, Infix] = {
    "over": fraction_of_rest, "above": above_rest, "choose": binomial_of_rest,
    "atop": stack_of_rest, "brack": bracket_of_rest, "brace": brace_of_rest,
}  # fmt: skip
REST: dict[str, Infix] = {
    **dict.fromkeys(OLD_FONTS, font_of_rest),
    **dict.fromkeys(SIZES, size_of_rest),
    "color": colour_of_rest,
}
COMMANDS: dict[str, TexCommand] = {
    **dict.fromkeys(ACCENTS, Environments.accent),
    **dict.fromkeys(FONTS, Environments.font),
    **dict.fromkeys(TEXT_FONTS, Environments.text),
    **dict.fromkeys(CLASSES, Environments.classed),
    **dict.fromkeys(ARROWS, Environments.long_arrow),
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), Environments.fraction),
    **dict.fromkeys(
        (size + side for size in BIG for side in ("", "l", "r", "m")), Environments.big
    ),
    **dict.fromkeys(("overset", "underset", "stackrel"), Environments.over),
    **dict.fromkeys(("overbrace", "underbrace", "overbracket", "underbracket"), Environments.brace),
    **dict.fromkeys(("overparen", "underparen"), Environments.brace),
    **dict.fromkeys(BELOW, Environments.below),
    **dict.fromkeys(("ce", "pu"), Environments.chemistry),
    **dict.fromkeys(
        ("hspace", "mspace", "kern", "mkern", "hskip", "mskip"), Environments.horizontal
    ),
    **dict.fromkeys(("phantom", "hphantom", "vphantom"), Environments.phantom),
    **dict.fromkeys(("smash", "ensuremath", "mathclap", "mathrlap"), Environments.unchanged),
    **dict.fromkeys(("mathllap", "llap", "rlap", "clap", "hcancel"), Environments.unchanged),
    **dict.fromkeys(("href", "raisebox", "class", "cssId", "style", "bbox"), Environments.second),
    **dict.fromkeys(("matrix", "pmatrix", "bmatrix", "cases", "eqalign", "displaylines"),
                    Environments.old_matrix),
    **dict.fromkeys(("require", "vspace", "cline"), Environments.dropped),
    **dict.fromkeys(("textcolor", "colorbox"), Environments.coloured),
    **dict.fromkeys(("ref", "eqref"), Environments.reference),
    "genfrac": Environments.general_fraction, "binom": Environments.binomial,
    "sqrt": Environments.root, "left": Environments.fence, "middle": Environments.middle,
    "operatorname": Environments.operator, "mathop": Environments.make_operator,
    "buildrel": Environments.built, "not": Environments.negation, "boxed": Environments.boxed,
    "rule": Environments.rule, "tag": Environments.tag, "label": Environments.label,
    "unicode": Environments.code_point, "sideset": Environments.at_corners,
    "begin": Environments.environment, "substack": Environments.stack,
}  # fmt: skip


class Translator(Environments):
    """The reader with all commands."""

    commands = COMMANDS
    infix = INFIX
    of_rest = REST


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
) -> tuple[Environments, Rows]:
    """Return the lines of a formula, and the translator that has read them."""
    translator = Translator(tokens, numbers, loose)
    rows = translator.rows(())
    if translator.stream.peek():
        raise TexError(translator.stream.peek())
    return translator, rows
