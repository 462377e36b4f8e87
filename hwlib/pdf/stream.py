"""TeX's tokens, and how they are read one after another."""

import re

TEXT_GROUP = re.compile(r"\\(?:text[a-z]*|[mh]box)\s*\{[^{}]*\}")
PERCENT = re.compile(r"(?<!\\)%")  # begins a comment, but not in a text
TOKEN = re.compile(r"%[^\n]*(?:\n[ \t]*|\Z)|\\(?:[A-Za-z@]+|.|\Z)|\s+|.", re.DOTALL)


class TexError(Exception):
    """A formula cannot be read; the message names the command."""


def tokenize(tex: str) -> list[str]:
    """Return the tokens, without comments and the blanks behind a command's name."""
    tokens: list[str] = []
    literal = TEXT_GROUP.sub(lambda group: PERCENT.sub(r"\\%", group[0]), tex)
    for item in TOKEN.findall(literal):
        is_blank = item.isspace()
        if item.startswith("%") or (is_blank and tokens and re.match(r"\\[A-Za-z]", tokens[-1])):
            continue
        tokens.append(" " if is_blank else re.sub(r"\\\s", r"\\ ", item))
    return tokens


class Stream:
    """Tokens that are read from the front; what a macro stands for is put back there."""

    def __init__(self, tokens: list[str]):
        self.rest = tokens[::-1]

    def skip_blanks(self) -> None:
        """Pass over blanks."""
        while self.rest and self.rest[-1] == " ":
            self.rest.pop()

    def peek(self) -> str:
        """Return the next item that is no blank; "" at the end."""
        self.skip_blanks()
        return self.rest[-1] if self.rest else ""

    def take(self, wanted: str) -> bool:
        """Return whether the next item is ``wanted``, and pass over it."""
        if self.peek() != wanted:
            return False
        self.rest.pop()
        return True

    def until(self, end: str) -> list[str]:
        """Return the tokens before the next ``end`` that stands in no inner braces."""
        tokens: list[str] = []
        depth = 0
        while self.rest:
            item = self.rest.pop()
            if item == end and depth == 0:
                return tokens
            depth += {"{": 1, "}": -1}.get(item, 0)
            tokens.append(item)
        raise TexError(f"{end} is missing")

    def argument(self) -> list[str]:
        """Return the tokens of a group without its braces, or the next item."""
        if self.take("{"):
            return self.until("}")
        if not self.peek() or self.peek() == "}":
            raise TexError("an argument is missing")
        return [self.rest.pop()]

    def optional(self) -> list[str] | None:
        """Return the tokens within brackets; None if no bracket comes next."""
        return self.until("]") if self.take("[") else None
