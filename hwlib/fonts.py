"""Which characters can be printed: with Typst's own fonts, matplotlib's DejaVu, and the system's."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import matplotlib
import typst
from fontTools.ttLib import TTCollection, TTFont, TTLibError

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BASIC = {"DejaVu Sans", "DejaVu Sans Mono"}  # cover all that Typst's own text fonts do, and more

INVISIBLE = {"Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp"}  # categories without glyphs of their own


def coverage(path: str) -> set[int]:
    """The code points that a font file has glyphs for; empty where it cannot be read."""
    try:
        is_collection = path.lower().endswith((".ttc", ".otc"))
        fonts = TTCollection(path).fonts if is_collection else [TTFont(path)]
        return {code for font in fonts for code in font.getBestCmap() or ()}
    except (OSError, TTLibError):
        return set()


def missing(text: Iterable[str]) -> list[str]:
    """The characters of ``text`` that no font at hand can print, sorted."""
    visible = {c for c in set(text) if unicodedata.category(c) not in INVISIBLE}
    left = {ord(c) for c in visible if ord(c) > 0x7F}
    fonts = typst.Fonts(font_paths=[str(FOLDER)]).fonts()
    fonts.sort(key=lambda font: font.family not in BASIC)
    for path in dict.fromkeys(font.path for font in fonts if font.path):
        if not left:
            break
        left -= coverage(path)
    return [chr(code) for code in sorted(left)]


def replacements(characters: Iterable[str]) -> dict[int, str]:
    """For ``str.translate``: each character as its code point, ``U+6F22``."""
    return {ord(c): f"U+{ord(c):04X}" for c in characters}
