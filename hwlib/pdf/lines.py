"""Code and plain text as lines that fit the page, their tokens coloured."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from pygments import lex
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from pygments.util import ClassNotFound

COLUMNS = 100  # what fits beside the line numbers at the template's type size
MOST_COLUMNS = 126  # of an output with a frame, which is set smaller, at least in 6 points
RULE = re.compile("[\u2500-\u257f]|^[ \t]*\\+[-=]+\\+", re.MULTILINE)  # or a table's rule
HEAD_LINES, TAIL_LINES = 150, 50  # of an output that is longer than both together
LONGEST_LINE = COLUMNS * (HEAD_LINES + TAIL_LINES)  # characters of an output's line, each end
TokenType = tuple[str, ...]  # Pygments' hierarchy of types, as ("Name", "Function")
STYLES: dict[TokenType, str] = {
    Comment: "comment", String: "string", Number: "number", Keyword: "keyword",
    Operator.Word: "keyword", Name.Function: "name", Name.Class: "name",
    Name.Decorator: "decorator",
}  # fmt: skip


class Token(NamedTuple):
    """A run of characters and its style, one of the template's palette."""

    style: str
    text: str


class Line(NamedTuple):
    """A printed line; what a line that was cut goes on with has no number."""

    number: int | None
    tokens: list[Token]

    @property
    def text(self) -> str:
        """Return the line without its styles."""
        return "".join(token.text for token in self.tokens)


def width_of(character: str) -> int:
    """Return a character's columns: 2 for East Asian wide ones, 0 for combining ones."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str) -> str:
    """Return the text with tabs as spaces and other control characters as Python writes them."""
    return "".join(
        f"\\x{ord(c):02x}" if unicodedata.category(c) == "Cc" and c != "\n" else c
        for c in text.expandtabs(4)
    )


def join_characters(characters: list[Token]) -> list[Token]:
    """Join neighbours of the same style."""
    groups = groupby(characters, key=lambda token: token.style)
    return [Token(style, "".join(token.text for token in group)) for style, group in groups]


def columns_of(text: str) -> int:
    """Return how many columns a line takes."""
    return sum(map(width_of, text))


def to_lines(tokens: Iterable[Token], columns: int = COLUMNS) -> list[Line]:
    """Return numbered lines, cut at a number of columns."""
    lines = [Line(1, [])]
    number, used = 1, 0
    for style, character in ((style, c) for style, text in tokens for c in printable(text)):
        is_end, width = character == "\n", width_of(character)
        if is_end or used + width > columns:
            number += is_end
            lines.append(Line(number if is_end else None, []))
            used = 0
        if not is_end:
            lines[-1].tokens.append(Token(style, character))
            used += width
    return [Line(line.number, join_characters(line.tokens)) for line in lines]


def style_of(token_type: TokenType) -> str:
    """Return the palette's style for a type of Pygments' tokens."""
    matches = (s for ancestor, s in STYLES.items() if token_type[: len(ancestor)] == ancestor)
    return next(matches, "plain")


def code_lines(source: str, language: str) -> list[Line]:
    """Return source code as numbered lines of coloured tokens."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return to_lines([Token("plain", source)])
    return to_lines(Token(style_of(token_type), text) for token_type, text in lex(source, lexer))


def cut_middle(line: str) -> tuple[str, int]:
    """Return a line of bounded length, and how many printed lines it lost in its middle."""
    lost = max(0, len(line) - 2 * LONGEST_LINE) // COLUMNS
    return line[:LONGEST_LINE] + line[LONGEST_LINE + lost * COLUMNS :], lost


def fitting_columns(lines: list[str]) -> int:
    """Return at how many columns an output is cut: more if that keeps a frame whole."""
    wide = [line for line in lines if len(line) > COLUMNS]
    if not wide or not RULE.search("\n".join(lines)):
        return COLUMNS
    widest = max(columns_of(printable(line)) for line in wide)
    return widest if widest <= MOST_COLUMNS else COLUMNS


def text_lines(text: str, style: str = "plain") -> list[Line]:
    """Return output as lines; a very long one keeps its beginning and end and says so."""
    lines = text.rstrip("\n").split("\n")
    ends = lines[:HEAD_LINES] + lines[HEAD_LINES:][-TAIL_LINES:]  # first, as cutting takes time
    shortened = [cut_middle(line) for line in ends]
    columns = fitting_columns([line for line, _ in shortened])
    printed = to_lines([Token(style, "\n".join(line for line, _ in shortened))], columns)
    left_out = len(lines) - len(ends) + sum(lost for _, lost in shortened)
    left_out += max(0, len(printed) - HEAD_LINES - TAIL_LINES)
    if left_out:
        notice = to_lines([Token("comment", f"… {left_out:,} more lines are in the notebook …")])
        printed = printed[:HEAD_LINES] + notice + printed[-TAIL_LINES:]
    return printed
