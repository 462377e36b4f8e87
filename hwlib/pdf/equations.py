r"""The formulas of texts: found as MathJax finds them, and kept apart from what pandoc reads.

pandoc reads a mark in a formula's place, so that no sign of it can be taken for Markdown. Macros
and the numbers of equations are collected over all texts of a notebook.
"""

import html
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pylatexenc.latex2text import LatexNodes2Text

from hwlib.pdf.formulas import Setting, translate
from hwlib.pdf.matrices import ALIGNED, MATRICES
from hwlib.pdf.pandoc import FormulaPlace
from hwlib.pdf.stream import TexError
from hwlib.pdf.tex import DEFINITIONS, Expansion, defined_macros

LONGEST = 50_000  # characters of a formula
OPEN, CLOSE = "\ue000", "\ue001"  # characters of no meaning, which stand around a formula's place
MATHS_ENVIRONMENTS = "|".join(name for name in (*ALIGNED, *MATRICES, "CD") if name != "tabular")
BRACES = r"\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}"  # four within each other
DEFINITION = (
    rf"(?:\\global\s*)?\\(?:{'|'.join(DEFINITIONS)})\*?\s*(?:\{{\s*\\\w+\s*\}}|\\[A-Za-z]+)"
    rf"(?:\[[^\[\]]*\]|#\d)*\s*(?:{BRACES}){{1,2}}"
)
CODE = r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
SPAN = r"(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)*?(?<!`)(?P=ticks)(?!`)"
HTML_CODE = r"<(?P<element>pre|code|script|style|textarea|kbd)\b.*?(?:</(?P=element)\s*>|\Z)"
VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+)"
TAG = rf"<!--.*?-->|</?[A-Za-z][\w-]*(?:\s+[\w:@.-]+(?:\s*=\s*{VALUE})?)*\s*/?>"
INNER = r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*\}"
TEXT = rf"\\(?:text[a-z]*|[fmh]box|ce){INNER}"  # dollars may stand in it
FORMULAS = (
    r"(?P<escaped>\\\$)"
    r"|\$\$(?P<dollars>.+?)\$\$"
    rf"|(?P<environment>\\begin\{{(?P<name>{MATHS_ENVIRONMENTS})(?P<star>\*?)\}})"
    r"|(?P<reference>(?P<dollar>\$)?\\(?P<eq>eq)?ref\{(?P<label>[^{}]*)\}(?(dollar)\$))"
    rf"|(?P<definition>{DEFINITION})"
    rf"|(?<!\$)\$(?P<inline>(?:[^$\\\n]|{TEXT}|(?!{TEXT})\\.|\n(?![ \t]*\n))+?)\$(?![\d$])"
)
DOUBLE = r"|\\\\\[(?P<brackets>.+?)\\\\\]|\\\\\((?P<parentheses>.+?)\\\\\)"
SINGLE = DOUBLE.replace(r"\\\\", r"\\")
FLAGS = re.DOTALL | re.MULTILINE
IN_MARKDOWN = re.compile(f"(?P<code>{CODE}|{SPAN}|{HTML_CODE}|{TAG})|{FORMULAS}{DOUBLE}", FLAGS)
IN_HTML = re.compile(f"(?P<code>{HTML_CODE}|{TAG})|{FORMULAS}{SINGLE}", FLAGS)
QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)+")
LIKE_MATHS = re.compile(r"[\\=_^<>+{}]|\b[A-Za-z]\(")
WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}[ ,.]+[A-Za-z]{2,}")
UNSEEN_COMMANDS = ("{", "}", "^", "_", "&", " ")
LABEL = re.compile(r"\\label\s*\{([^}]*)\}")
ROW_END = re.compile(r"\\\\")  # TeX ends a row by two of them
NUMBER = re.compile(r"\\tag\*?\s*(?:\{([^}]*)\}|(\w))")


class FoundPart(NamedTuple):
    """A formula, or a reference to one, in a text."""

    start: int
    end: int
    tex: str
    display: bool
    reference: re.Match[str] | None = None


@dataclass(frozen=True)
class Formula:
    """A formula as it was written and as it is set; ``reason`` says why it cannot be set."""

    tex: str
    display: bool
    tokens: tuple[str, ...] = ()
    setting: Setting | None = None
    reason: str = ""

    @property
    def place(self) -> FormulaPlace:
        """Return what pandoc is told of the formula; a command is about as wide as a letter."""
        seen = (token[-1:] for token in self.tokens if token not in UNSEEN_COMMANDS)
        return FormulaPlace(self.tex, self.display, "".join(seen))

    @property
    def alt(self) -> str:
        """Return the alternative text; by this the PDF's tags know the formula."""
        return " ".join(self.tex.split())


def in_words(text: str, formulas: Sequence[Formula]) -> str:
    """Return a text, in which marks stand for formulas, with these in Unicode's characters."""

    def spell(mark: re.Match[str]) -> str:
        written = LatexNodes2Text().latex_to_text(formulas[int(mark[1])].tex)
        return unicodedata.normalize("NFC", " ".join(written.split()))

    return re.sub(rf"{OPEN}(\d+){CLOSE}", spell, text)


class Extracted(NamedTuple):
    """A text for pandoc, with marks in the places of its formulas, and these."""

    text: str
    formulas: list[Formula]


def is_formula(content: str, text: str, start: int) -> bool:
    """Return whether what stands between two dollars is mathematics and no price.

    A blank at one side alone is of no harm if the rest looks like mathematics.
    """
    if content.count("`") % 2:  # it would end within code
        return False
    if not content.strip() or re.search(r"</[A-Za-z]|<[A-Za-z]+[^<>$]*>|\n *\|", content):
        return False
    left, right = content[0].isspace(), content[-1].isspace()
    if text[max(0, start - 1) : start].isdigit():  # 35$ is a price
        return not left and not right and bool(LIKE_MATHS.search(content))
    if not left and not right:
        return True
    plain = content.strip()
    if "\n" not in plain and left and right and " " not in plain:
        return True
    if len(plain) == 1 and plain.isalpha():
        return True
    return bool(LIKE_MATHS.search(plain)) and ("\\" in plain or not WORDS.search(plain))


def environment_end(text: str, found: re.Match[str]) -> int:
    r"""Return where the ``\end`` of an environment ends; -1 if there is none."""
    name = re.escape(found["name"] + found["star"])
    depth = 0
    for edge in re.finditer(rf"\\(begin|end)\{{{name}\}}", text[found.start() :][:LONGEST]):
        depth += 1 if edge[1] == "begin" else -1
        if depth == 0:
            return found.start() + edge.end()
    return -1


def read_part(text: str, found: re.Match[str], unclosed: set[str]) -> FoundPart | None:
    """Return the formula or the reference that a pattern has found; None if it is neither."""
    groups = found.groupdict()
    start, end = found.span()
    if groups["code"] or groups["escaped"]:
        return None
    if groups["environment"]:
        name = found["name"] + found["star"]
        end = -1 if name in unclosed else environment_end(text, found)
        if end < 0:
            unclosed.add(name)  # so that thousands of them are not searched again
            return None
        return FoundPart(start, end, text[start:end], True)
    if groups["reference"]:
        return FoundPart(start, end, "", False, found)
    if groups["definition"]:
        return FoundPart(start, end, groups["definition"], False)
    if groups["inline"] is not None:
        content = groups["inline"]
        is_maths = len(content) < LONGEST and is_formula(content, text, start)
        return FoundPart(start, end, content, False) if is_maths else None
    display = groups["dollars"] or groups["brackets"]
    content = display or groups["parentheses"]
    return FoundPart(start, end, content, bool(display)) if content.strip() else None


def find_parts(text: str, pattern: re.Pattern[str]) -> Iterator[FoundPart]:
    """Return the formulas and references of a text, in their order."""
    position, unclosed = 0, set[str]()
    while found := pattern.search(text, position):
        part = read_part(text, found, unclosed)
        if part:
            yield part
            position = part.end
        else:
            skips = found["code"] or found["escaped"] or found["environment"]
            position = found.end() if skips else found.start() + 1


def without_quote_marks(text: str, part: FoundPart) -> str:
    """Return a formula without the marks of a quotation before its lines."""
    line = text[text.rfind("\n", 0, part.start) + 1 : part.start]
    if "\n" in part.tex and (mark := QUOTE.match(line)):
        depth = mark[0].count(">")
        return re.sub(rf"\n[ \t]*(?:>[ \t]?){{1,{depth}}}", "\n", part.tex)
    return part.tex


def tex_of(text: str, part: FoundPart) -> str:
    """Return a formula's TeX, without what belongs to the text around it."""
    return html.unescape(without_quote_marks(text, part)).strip()


@dataclass(frozen=True)
class Equations:
    """What formulas of one text need from all others: macros, and the numbers by label."""

    numbers: dict[str, str] = field(default_factory=dict)
    expansion: Expansion = field(default_factory=Expansion)

    def formula(self, tex: str, display: bool) -> Formula:
        """Return a formula as it is set."""
        try:
            tokens = self.expansion.expand(tex)
            return Formula(tex, display, tuple(tokens), translate(tokens, self.numbers))
        except TexError as error:
            return Formula(tex, display, reason=str(error))

    def reference(self, found: re.Match[str]) -> str:
        """Return the number that a reference stands for, or what is written if there is none."""
        number = self.numbers.get(found["label"])
        if number is None:
            return found[0]
        return f"({number})" if found["eq"] else number

    def extract(self, text: str, is_html: bool = False) -> Extracted:
        """Return a text with marks in the places of its formulas."""
        text = text.replace(OPEN, "\ufffd").replace(CLOSE, "\ufffd")
        pieces, formulas, position = [], list[Formula](), 0
        for part in find_parts(text, IN_HTML if is_html else IN_MARKDOWN):
            pieces.append(text[position : part.start])
            if part.reference:
                pieces.append(self.reference(part.reference))
            else:
                pieces.append(f"{OPEN}{len(formulas)}{CLOSE}")
                formulas.append(self.formula(tex_of(text, part), part.display))
            position = part.end
        return Extracted("".join([*pieces, text[position:]]), formulas)


def collect_numbers(parts: Iterable[FoundPart]) -> dict[str, str]:
    """Number the equations that are referred to, in the order of the texts."""
    parts = list(parts)
    referred_to = {part.reference["label"] for part in parts if part.reference}
    inner = (re.findall(r"\\(?:eq)?ref\s*\{([^}]*)\}", part.tex) for part in parts)
    referred_to.update(itertools.chain.from_iterable(inner))
    free, numbers = itertools.count(1), {}
    for part in parts:
        for row in ROW_END.split(part.tex):
            tag = NUMBER.search(row)
            for label in LABEL.findall(row):
                if label in referred_to:
                    numbers[label] = (tag[1] or tag[2]) if tag else str(next(free))
    return numbers


def collect_equations(texts: Iterable[str]) -> Equations:
    """Return the numbers and macros that hold in all of the texts, which are Markdown."""
    parts = [part for text in texts for part in find_parts(text, IN_MARKDOWN)]
    macros = defined_macros([part.tex for part in parts])
    return Equations(collect_numbers(parts), Expansion(macros))


def explain_formulas(cell: int, formulas: Iterable[Formula]) -> list[str]:
    """Return a sentence for each reason why formulas of a cell are printed as source."""
    reasons = dict.fromkeys(formula.reason for formula in formulas if formula.reason)
    return [
        f"Cell {cell} holds a formula that is printed as source: it cannot be read because of "
        f"{reason}."
        for reason in reasons
    ]
