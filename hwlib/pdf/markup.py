"""Pieces of Typst's mathematics as text; nothing in them can become code."""

import re
import unicodedata

BREAK = "\x1f"  # within a part of a formula: a line may be broken there
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
