"""The proof that a PDF is complete: read back with libraries that had no part in making it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import pypdfium2
from typing_extensions import assert_never

from hwlib.pdf.blocks import Block, FigureBlock, MarkupBlock, PageBreakBlock
from hwlib.pdf.equations import Formula
from hwlib.pdf.formula_proof import missing_formulas, read_tags

MARK = "↪"  # where the template goes on with a line
UNSEEN = dict.fromkeys(map(ord, f"\u00ad\u200b\u200c\u200d\u200e\u200f\ufe0e\ufe0f\ufeff{MARK}"))
NEAR = 4000  # letters: what is found farther ahead may be another of the same
UNMISTAKABLE = 30  # letters of a piece that hardly stands twice
PARTED_LETTERS = 16  # by which the beginning of a piece is found that a page's end parts
MOST_PLACES = 100  # at which such a beginning may stand
MARKED_LETTERS = 2  # that PDFium may give twice, besides one for each vowel point
MARGINS = (52, 46)  # points at a page's top and foot that hold its header and footer
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\u202a-\u202e\u2066-\u2069]")  # with marks of direction


def squeeze(text: str) -> str:
    """Text without blanks and what is not seen, in Unicode's compatibility form.

    PDFium marks a hyphen at the end of a line as U+FFFE or U+0002; Typst sets a minus before
    digits. Other characters than ASCII's stand as code points, as the PDF has them where a font
    is missing.
    """
    text = text.replace("\ufffe", "-").replace("\x02", "-").translate(UNSEEN)
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2010", "-")
    return re.sub(r"[^\x00-\x7f]", lambda c: f"U+{ord(c[0]):04X}", "".join(text.split()))


def letters(text: str) -> str:
    """Return letters and digits alone: accents, quotes and hyphens come and go with fonts and the
    ends of lines. PDFium cuts characters beyond U+FFFF apart.
    """
    text = unicodedata.normalize("NFKD", re.sub(r"[^\x00-\uffff]", "", text))
    return "".join(c for c in text if unicodedata.category(c)[0] in "LN")


def without_accents(text: str) -> str:
    """Return a page's text without the accents of formulas, which PDFium gives anywhere in a line,
    also behind the sign that follows a formula.
    """
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def read_text(pdf: pypdfium2.PdfDocument) -> str:
    """All text that stands on the pages, without headers and footers, in the order of setting."""
    top, foot = MARGINS
    boxes = ((page, *page.get_size()) for page in pdf)
    return "\n".join(
        page.get_textpage().get_text_bounded(0, foot, width, height - top)
        for page, width, height in boxes
    )


def read_metadata(pdf: bytes) -> dict[str, str]:
    """The PDF's ``Keywords``, ``Creator`` and the like; PdfiumError where it is none."""
    metadata: dict[str, str] = pypdfium2.PdfDocument(pdf).get_metadata_dict()
    return metadata


Kind = Literal[
    "title", "heading", "text", "formula", "figure", "footnote",
    "line", "table cell", "spanning cell",
]  # fmt: skip


class Missing(NamedTuple):
    """A piece of a cell, or the title of the notebook with 0, that the PDF does not hold."""

    cell: int
    kind: Kind
    piece: str

    def __str__(self) -> str:
        """Return a sentence without its full stop."""
        holder = f"cell {self.cell} holds" if self.cell else "the notebook has"
        return f"{holder} the {self.kind} {self.piece[:100]!r}, the PDF does not"


class Reader:
    """Looks for pieces of text one after another, each behind the one before."""

    def __init__(self, text: str):
        self.text = text
        self.position = 0
        self.before_jump = 0  # where the search goes on if a piece was found too far ahead

    def find(self, wanted: str, stay: bool = False) -> bool:
        """Return whether ``wanted`` comes next or later; with ``stay``, the place is not moved."""
        for start in (self.position, self.before_jump):
            found = self.text.find(wanted, start)
            if found >= 0:
                if not stay:
                    self.move(start, found, len(wanted))
                return True
        return False

    def move(self, start: int, found: int, length: int) -> None:
        """Go on behind a piece; a short one that stands far ahead may be another of the same."""
        far = found - start > NEAR
        if far and length < UNMISTAKABLE:
            return
        if far:
            self.before_jump = start
        self.position = found + length

    def find_parted(self, wanted: str) -> bool:
        """Return whether ``wanted`` comes next or later, whole or parted once by what stands at a
        page's foot.
        """
        if self.find(wanted):
            return True
        beginning = wanted[: min(len(wanted) // 2, PARTED_LETTERS)]
        start = self.text.find(beginning, self.position) if beginning else -1
        for _ in range(MOST_PLACES):
            if start < 0:
                return False
            length = common_length(wanted, self.text[start : start + len(wanted)])
            rest = self.text.find(wanted[length:], start + length, start + len(wanted) + NEAR)
            if rest >= 0:
                self.position = rest + len(wanted) - length
                return True
            start = self.text.find(beginning, start + 1)
        return False


def common_length(first: str, second: str) -> int:
    """Return the number of characters with which both texts begin."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def holds_letters(text: str, word: str, others: int) -> bool:
    """Return whether the letters of a word stand together in a text, in whatever order and with at
    most some ``others`` among them.
    """
    missing, length = Counter(word), len(word) + others
    lacking = len(word)
    for place, letter in enumerate(text):
        if missing[letter] > 0:
            lacking -= 1
        missing[letter] -= 1
        if place >= length:
            left = text[place - length]
            missing[left] += 1
            if missing[left] > 0:
                lacking += 1
        if lacking == 0:
            return True
    return False


def holds_both_ways(text: str, piece: str) -> bool:
    """Return whether a page's letters hold a piece's words, as written or in the order they are
    seen. PDFium parts words at digits, marks and ligatures, and turns the parts around.
    """
    words = re.findall(r"[\u0590-\u08ff]+|[^\W_\u0590-\u08ff]+", piece)
    pairs = ((letters(word), MARKED_LETTERS + count_marks(word)) for word in words)
    return all(
        word in text or word[::-1] in text or holds_letters(text, word, others)
        for word, others in pairs
    )


def marked_pattern(text: str) -> re.Pattern[str]:
    """Return a pattern of a text's letters, of which PDFium gives those with a mark twice."""
    plain = unicodedata.normalize("NFKD", text)
    pairs = zip(plain, [*plain[1:], ""], strict=True)
    kept = ((c, mark) for c, mark in pairs if letters(c))
    return re.compile(
        "".join(re.escape(letters(c)) + "+" * bool(m and unicodedata.combining(m)) for c, m in kept)
    )


def count_marks(text: str) -> int:
    """Return the number of accents and vowel points."""
    return sum(unicodedata.combining(c) > 0 for c in unicodedata.normalize("NFKD", text))


def pieces(block: Block) -> Iterator[tuple[Kind, str]]:
    """Return what a block prints: the kind of each piece and its text."""
    match block:
        case MarkupBlock():
            markup = block.markup
            yield from (("spanning cell", text) for text in markup.spans)
            yield from (("table cell", text) for text in markup.cells)
            yield from (("text", text) for text in markup.words)
            yield from (("heading", text) for text in markup.headings)
            yield from (("footnote", text) for text in markup.notes)
        case FigureBlock():
            yield "text", block.caption
            yield "figure", block.alt
        case PageBreakBlock():
            return
        case _:
            yield from (("line", line.text) for line in block.lines)


class Proof:
    """Looks for pieces in a PDF: text must stand on the pages and headings among the bookmarks, in
    the notebook's order; figures are known by the PDF's tags.
    """

    def __init__(self, pdf: bytes):
        opened = pypdfium2.PdfDocument(pdf)
        text = read_text(opened)
        self.strict = Reader(squeeze(without_accents(text)))  # for pieces of ASCII alone
        self.loose = Reader(letters(text))
        self.is_reversed = bool(RIGHT_TO_LEFT.search(text))
        self.formulas, self.figures = read_tags(opened)
        self.bookmarks = [letters(item.get_title()) for item in opened.get_toc()]

    def has_heading(self, piece: str) -> bool:
        """Return whether a heading is among the bookmarks behind the one found before."""
        wanted = letters(piece)
        if wanted and wanted in self.bookmarks:
            del self.bookmarks[: self.bookmarks.index(wanted) + 1]
            return True
        return not wanted

    def holds(self, kind: Kind, piece: str) -> bool:
        """Return whether the PDF holds a piece."""
        if kind == "heading":
            return self.has_heading(piece)
        if kind == "figure":
            return piece in self.figures
        if kind == "formula":
            return piece in self.formulas
        if RIGHT_TO_LEFT.search(piece):
            return holds_both_ways(self.loose.text, piece)
        if self.holds_in_order(kind, piece):
            return True
        if self.is_reversed:  # PDFium turns around all that stands beside such text
            return holds_both_ways(self.loose.text, piece)
        return count_marks(piece) > 0 and bool(marked_pattern(piece).search(self.loose.text))

    def holds_in_order(
        self,
        kind: Literal["title", "text", "footnote", "line", "table cell", "spanning cell"],
        piece: str,
    ) -> bool:
        """Return whether the PDF holds a text behind the one before."""
        if kind == "title" or kind == "footnote":  # out of the order
            return letters(piece) in self.loose.text
        if kind == "text" or not piece.isascii():
            return self.loose.find_parted(letters(piece))
        if kind == "line" or kind == "table cell":
            return self.strict.find(squeeze(piece))
        if kind == "spanning cell":  # Typst sets cells of several rows after the others
            return self.strict.find(squeeze(piece), stay=True)
        assert_never(kind)


def set_formulas(block: Block) -> Iterator[Formula]:
    """Return the formulas of a block that are set, and do not stand there as their source."""
    if isinstance(block, MarkupBlock):
        for number, formula in enumerate(block.formulas):
            if formula.setting and number not in block.markup.unset:
                yield formula


def find_missing(pdf: bytes, blocks: Iterable[Block], title: str = "") -> list[Missing]:
    """Return all pieces of the blocks that the PDF does not hold, in the notebook's order, and the
    title if it does not hold that.
    """
    proof, missing = Proof(pdf), list[Missing]()
    if not proof.holds("title", title):
        missing.append(Missing(0, "title", title))
    for block in blocks:
        for kind, piece in pieces(block):
            if not proof.holds(kind, piece):
                missing.append(Missing(block.cell, kind, piece))
        for formula, lost in missing_formulas(proof.formulas, set_formulas(block)):
            missing.append(Missing(block.cell, "formula", f"{lost} in {formula.alt}"))
    return missing


def summarize(missing: list[Missing]) -> str:
    """Return a sentence that names the first missing piece and the number of the others."""
    count = len(missing) - 1
    others = f", nor {count} more piece{'s' * (count > 1)}" if count else ""
    return f"{missing[0]}{others}."
