"""Pieces of Typst's mathematics as text; nothing in them can become code."""

import unicodedata

BREAK = "\x1f"  # within a part of a formula: a line may be broken there


def quoted(text: str) -> str:
    """Return a Typst string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(character: str) -> str:
    """Return a character as Typst's mathematics shows it, with its class."""
    special = {"-": "−", "*": "∗", ":": r'class("relation", \:)', "~": "wordspace", "`": "‘"}
    if character in special:
        return special[character]
    is_ascii_sign = character.isascii() and not character.isalnum()
    is_bracket = unicodedata.category(character) in ("Ps", "Pe", "Pi", "Pf")
    return "\\" + character if is_ascii_sign or is_bracket else character


def join(parts: list[str]) -> str:
    """Return parts side by side, with blanks only where two names would become one; they can no
    longer be broken.
    """
    parts = [piece for part in parts for piece in part.split(BREAK)]
    result = ""
    for part in filter(None, parts):
        ends_name = result and (f"a{result[-1]}".isidentifier() or result[-1] == ".")
        clash = ends_name and f"a{part[0]}".isidentifier()
        result += f" {part}" if clash else part
    return result


def wrap(functions: tuple[str, ...], content: str) -> str:
    """Return content within functions, the first outermost."""
    for function in reversed(functions):
        content = f"{function}({content})"
    return content
