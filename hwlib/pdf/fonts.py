"""Which characters can be printed with the fonts at hand."""

import json
import re
import unicodedata
from pathlib import Path

import matplotlib
import nbformat
import typst
from fontTools.ttLib import TTFont, TTLibError
from nbformat import NotebookNode

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BUNDLED = [
    FOLDER / f"{name}.ttf"
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold")
]  # what the text fonts that Typst brings can print, these can, and much more
INVISIBLE = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}  # categories without glyphs of their own
SELECTORS = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}  # they choose between glyphs


def coverage(path: str) -> set[int]:
    """Return the code points that a font file has glyphs for; none if it cannot be read."""
    try:
        return set(TTFont(path, fontNumber=0).getBestCmap() or ())  # the number is for collections
    except (OSError, TTLibError):
        return set()


def unprintable(text: str) -> list[str]:
    """Return the characters of ``text`` that no font at hand can print, sorted."""
    left = {ord(c) for c in set(text) if c > "\x7f" and unicodedata.category(c) not in INVISIBLE}
    left -= SELECTORS
    system = [font.path for font in typst.Fonts().fonts() if font.path] if left else []
    for path in dict.fromkeys([*map(str, BUNDLED), *system]):
        if left:
            left -= coverage(path)
    return [chr(code) for code in sorted(left)]


def replace_characters(text: str, characters: list[str]) -> str:
    """Return a text with these characters as ``U+...``."""
    return text.translate({ord(c): f"U+{ord(c):04X}" for c in characters})


def replace_unprintable(notebook: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the notebook with unprintable characters as ``U+...``, and those characters."""
    text = json.dumps(notebook, ensure_ascii=False)
    missing = unprintable(text)
    return nbformat.from_dict(json.loads(replace_characters(text, missing))), missing


def replace_surrogates(notebook: NotebookNode) -> tuple[NotebookNode, int]:
    """Return the notebook with each surrogate without its other half as U+FFFD, and their number:
    no file in UTF-8 can hold them.
    """
    text = json.dumps(notebook, ensure_ascii=False)
    replaced, count = re.subn("[\ud800-\udfff]", "\ufffd", text)
    return (nbformat.from_dict(json.loads(replaced)), count) if count else (notebook, 0)
