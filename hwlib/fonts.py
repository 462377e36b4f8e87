"""Which characters can be printed: with Typst's fonts, matplotlib's DejaVu, and the system's."""

import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import matplotlib
import typst
from fontTools.ttLib import TTCollection, TTFont, TTLibError

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BUNDLED = [
    FOLDER / f"{name}.ttf"
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold")
]  # what the text fonts that Typst brings can print, these can, and much more
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
    system = [font.path for font in typst.Fonts().fonts() if font.path] if left else []
    for path in dict.fromkeys([*map(str, BUNDLED), *system]):
        if not left:
            break
        left -= coverage(path)
    return [chr(code) for code in sorted(left)]


def replacements(characters: Iterable[str]) -> dict[int, str]:
    """For ``str.translate``: each character as its code point, ``U+6F22``."""
    return {ord(c): f"U+{ord(c):04X}" for c in characters}


def copy_bundled(folder: Path) -> None:
    """Put the bundled fonts where Typst looks for them."""
    folder.mkdir(exist_ok=True)
    for path in BUNDLED:
        target = folder / path.name
        if not target.exists():
            shutil.copyfile(path, target)
