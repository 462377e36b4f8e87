"""The one call of pandoc, which turns Markdown and HTML into Typst markup."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pypandoc import get_pandoc_path

from hwlib.pdf.errors import PdfError

MARKDOWN = "gfm-emoji-tex_math_dollars-tex_math_gfm+attributes-yaml_metadata_block"
HTML = "html"
CONVERT = Path(__file__).parent / "templates" / "convert.lua"


class FormulaPlace(NamedTuple):
    """A formula, for which a mark stands in a text: as it was written, and about as wide."""

    tex: str
    display: bool
    letters: str


class Piece(NamedTuple):
    """A text and the format, ``MARKDOWN`` or ``HTML``, in which pandoc is to read it."""

    format: str
    text: str
    formulas: Sequence[FormulaPlace] = ()  # in the order of the marks in the text
    is_first: bool = False  # whether it is the first of all
    is_output: bool = False  # the title is no heading of an output
    caption: str = ""  # of a table that has none


@dataclass(frozen=True)
class Markup:
    """What ``convert.lua`` makes of a piece: Typst markup, the addresses of its pictures, and what
    the proof looks for.
    """

    markup: str
    pictures: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # the runs of text between maths and pictures
    cells: list[str] = field(default_factory=list)  # those in tables
    spans: list[str] = field(default_factory=list)  # those in cells of several rows
    notes: list[str] = field(default_factory=list)  # those in footnotes
    tables: int = 0  # their number
    unset: list[int] = field(default_factory=list)  # the formulas that stand as text within code


class Converted(NamedTuple):
    """What ``convert.lua`` makes of all pieces: these in their order, pandoc's warnings, and the
    title.
    """

    pieces: list[Markup]
    warnings: str
    title: str = ""  # in words, and the marks of formulas
    heading: Markup | None = None  # as it is set
    heading_piece: int = 0  # in which it stood


def to_typst(pieces: list[Piece]) -> Converted:
    """Return what ``convert.lua`` makes of the pieces; PdfError if it fails.

    pandoc reads in a sandbox: it opens no file and no address that a text names.
    """
    command = [get_pandoc_path(), "lua", str(CONVERT)]
    request = json.dumps([piece._asdict() for piece in pieces])
    done = subprocess.run(command, input=request, capture_output=True, encoding="utf-8")
    if done.returncode:
        message = done.stderr.strip().removeprefix("Error running Lua:").strip()
        reason = (message.splitlines() or ["it gives no reason"])[0]
        raise PdfError(f"pandoc could not read the notebook's text: {reason}")
    answer = json.loads(done.stdout)
    results = [Markup(**result) for result in answer["pieces"]]
    if len(results) != len(pieces):  # as with half of a surrogate pair, which is no JSON
        raise PdfError(f"pandoc could read {len(results)} of the notebook's {len(pieces)} texts.")
    heading = Markup(**answer["heading"]) if "heading" in answer else None
    place = answer.get("heading_piece", 0)
    return Converted(results, done.stderr.strip(), answer["title"], heading, place)
