"""Which characters can be printed with the fonts at hand."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typst
from fontTools.ttLib import TTFont, TTLibError
from nbformat import NotebookNode

SYSTEM_FONTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))


def matplotlib_fonts() -> Path:
    """Return the folder of matplotlib's fonts, without the time that its import takes."""
    spec = find_spec("matplotlib")
    assert spec and spec.origin  # noqa: S101 - it is among the requirements
    return Path(spec.origin).with_name("mpl-data") / "fonts" / "ttf"


BUNDLED = [
    matplotlib_fonts() / f"{name}.ttf"
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold")
]  # what the text fonts that Typst brings can print, these can, and much more
INVISIBLE = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}  # categories without glyphs of their own
SURROGATE = re.compile("[\ud800-\udfff]")
ZERO_WIDTH_SPACE = "\u200b"
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
    """Return a text with these characters as ``U+...``, with a space of no width on either side: a
    dollar beside one is not beside a digit, and a line may end there.
    """
    space = ZERO_WIDTH_SPACE
    return text.translate({ord(c): f"{space}U+{ord(c):04X}{space}" for c in characters})


def strings_in(node: object) -> Iterator[str]:
    """Return all strings of a notebook, or of a part of it, that are not plain ASCII."""
    if isinstance(node, str):
        if not node.isascii():
            yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from strings_in(key)
            yield from strings_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings_in(value)


def change_strings(node: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of a notebook, or of a part of it, with each string changed that is not plain
    ASCII: pictures, which are, are neither searched nor copied.
    """
    if isinstance(node, str):
        return node if node.isascii() else change(node)
    if isinstance(node, Mapping):
        pairs = ((change_strings(k, change), change_strings(v, change)) for k, v in node.items())
        return NotebookNode(pairs)
    if isinstance(node, list):
        return [change_strings(value, change) for value in node]
    return node


def replace_unprintable(notebook: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the notebook with unprintable characters as ``U+...``, and those characters."""
    characters = set[str]().union(*strings_in(notebook))
    missing = unprintable("".join(characters))
    if not missing:
        return notebook, []
    return change_strings(notebook, lambda text: replace_characters(text, missing)), missing


def replace_surrogates(notebook: NotebookNode) -> tuple[NotebookNode, int]:
    """Return the notebook with each surrogate without its other half as U+FFFD, and their number:
    no file in UTF-8 can hold them.
    """
    count = sum(len(SURROGATE.findall(text)) for text in strings_in(notebook))
    if not count:
        return notebook, 0
    return change_strings(notebook, lambda text: SURROGATE.sub("\ufffd", text)), count
