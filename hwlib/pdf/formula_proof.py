"""The proof that formulas stand in a PDF with all their letters and signs.

What a formula must show is counted from its TeX alone, with Unicode's names for commands; what it
shows is what the PDF's tags say belongs to it. Only letters, digits and signs are compared, in any
order.
"""

import html.entities
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from hwlib.pdf.equations import Formula
from hwlib.pdf.tags import tagged_on

SIGNS = "+-=<>*/!"
NAMES = {  # of commands that HTML has no word for, or another
    "infty": "INFINITY", "partial": "PARTIAL DIFFERENTIAL", "neq": "NOT EQUAL TO",
    "ne": "NOT EQUAL TO", "cdot": "DOT OPERATOR", "to": "RIGHTWARDS ARROW",
    "exists": "THERE EXISTS", "le": "LESS-THAN OR EQUAL TO", "ge": "GREATER-THAN OR EQUAL TO",
}  # fmt: skip
OTHERS = frozenset(
    ["Pr", "not", "lg", "par", "And", "asymp", "Diamond", "varnothing"]
)  # in HTML, not in TeX
FUNCTION_NAMES = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "exp",
        "log",
        "ln",
        "max",
        "min",
        "lim",
        "sup",
        "inf",
        "det",
        "arg",
        "dim",
        "ker",
    ]
)
SKIPPED_ARGUMENTS = {
    r"\begin": 1, r"\end": 1, r"\label": 1, r"\tag": 1, r"\ref": 1, r"\eqref": 1, r"\color": 1,
    r"\textcolor": 1, r"\colorbox": 1, r"\hspace": 1, r"\mspace": 1, r"\vspace": 1, r"\rule": 2,
    r"\phantom": 1, r"\hphantom": 1, r"\vphantom": 1, r"\require": 1, r"\cline": 1, r"\href": 1,
    r"\raisebox": 1, r"\class": 1, r"\cssId": 1, r"\style": 1, r"\bbox": 1, r"\not": 1,
    r"\left": 1, r"\right": 1, r"\middle": 1, r"\def": 2,
}  # fmt: skip
WITH_COLUMNS = re.compile(r"(?:array|darray|subarray|tabular|alignat|alignedat|xalignat)\*?")
WITH_OPTION = (r"\\", r"\begin", r"\color", r"\textcolor", r"\rule", r"\raisebox")
UNCHECKED = (
    r"\kern",
    r"\mkern",
    r"\hskip",
    r"\mskip",
    r"\above",
    r"\unicode",
    r"\ce",
    r"\pu",
    r"\mathchoice",
    r"\genfrac",
)
# Within text from right to left, PDFium gives a sign's mirror image.
MIRRORED = str.maketrans(">≥≫⩾∋⊃⊇⊐⊒≻⪰⊢≳⟩", "<≤≪⩽∈⊂⊆⊏⊑≺⪯⊣≲⟨")
DELIMITER_SIZE = re.compile(r"\\[bB]igg?[lrm]?")


@cache
def sign_of(command: str) -> str:
    """Return the Greek letter or mathematical sign that a command is named after; "" if none."""
    if command in OTHERS:
        return ""
    if command in NAMES:
        return unicodedata.lookup(NAMES[command])
    character = html.entities.html5.get(f"{command};", "")
    is_greek = len(character) == 1 and "GREEK" in unicodedata.name(character, "")
    is_sign = len(character) == 1 and unicodedata.category(character) == "Sm"
    return character if is_greek or is_sign else ""


def count_signs(text: str) -> Counter[str]:
    """Return how often each letter, digit and sign stands in a text, in any alphabet and font."""
    plain = unicodedata.normalize("NFKC", text).translate(
        {0x2212: "-", 0x2217: "*", 0x2010: "-", 0x2011: "-", 0xFFFE: "-", 2: "-", 0x2215: "/"}
    )
    plain = unicodedata.normalize("NFD", plain).translate(MIRRORED)
    return Counter(c for c in plain if c in SIGNS or is_compared(c))


@cache
def is_compared(character: str) -> bool:
    """Return whether a character is a letter, a digit or a mathematical sign."""
    category = unicodedata.category(character)
    return category in ("Lu", "Ll", "Lo", "Nd") or (category == "Sm" and character not in "|‖∣∥~")


def skip_argument(tokens: list[str], place: int) -> int:
    """Return where a command's argument ends that begins at a place."""
    while place < len(tokens) and tokens[place] in (" ", "*"):
        place += 1
    if tokens[place : place + 1] != ["{"]:
        return place + 1
    depth = 0
    for end in range(place, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[end], 0)
        if depth == 0:
            return end + 1
    return len(tokens)


def skip_option(tokens: list[str], place: int) -> int:
    """Return where brackets end that begin at a place; the place itself if there are none."""
    if tokens[place : place + 1] == ["["] and "]" in tokens[place:]:
        return tokens.index("]", place) + 1
    return place


def skip_arguments(tokens: list[str], place: int) -> int:
    """Return the place behind a command and what it does not print."""
    command, place = tokens[place], place + 1
    if command in WITH_OPTION:
        place = skip_option(tokens, place)
    if command == r"\operatorname" and tokens[place : place + 1] == ["*"]:
        return place + 1
    if DELIMITER_SIZE.fullmatch(command):
        return skip_argument(tokens, place)
    for _ in range(SKIPPED_ARGUMENTS.get(command, 0)):
        start, place = place, skip_argument(tokens, place)
    if command == r"\begin" and WITH_COLUMNS.fullmatch("".join(tokens[start + 1 : place - 1])):
        place = skip_argument(tokens, skip_option(tokens, place))
    elif command == r"\begin":
        place = skip_option(tokens, place)
    return place


def printed(tokens: list[str]) -> Iterator[str]:
    """Return the letters, digits and signs that tokens print."""
    place = 0
    while place < len(tokens):
        item = tokens[place]
        if item[0] != "\\":
            yield item
            place += 1
            continue
        name = item[1:]
        yield name if name in FUNCTION_NAMES else sign_of(name)
        place = skip_arguments(tokens, place)


def wanted_signs(formula: Formula) -> Counter[str]:
    """Return what a formula must show."""
    tokens = list(formula.tokens)
    if not set(UNCHECKED).isdisjoint(tokens) or r"\begin{CD}" in formula.tex:
        return Counter()
    wanted = count_signs("".join(printed(tokens)))
    if r"\!" in tokens:  # of two equal signs that overlap, PDFium gives one
        wanted = Counter({c: 1 if is_sign(c) else count for c, count in wanted.items()})
    return wanted


def is_sign(character: str) -> bool:
    """Return whether a character is a mathematical sign."""
    return unicodedata.category(character) == "Sm"


def texts_by_mark(page: pypdfium2.PdfPage) -> dict[int, str]:
    """Return a page's text by the number of its mark."""
    texts: dict[int, str] = {}
    text_page = page.get_textpage()
    for item in page.get_objects([pdfium.FPDF_PAGEOBJ_TEXT]):
        mark = pdfium.FPDFPageObj_GetMarkedContentID(item)
        size = pdfium.FPDFTextObj_GetText(item, text_page, None, 0)
        buffer = (pdfium.FPDF_WCHAR * size)()
        pdfium.FPDFTextObj_GetText(item, text_page, buffer, size)
        texts[mark] = texts.get(mark, "") + decode_alternative(bytes(buffer))
    return texts


def decode_alternative(text: bytes) -> str:
    """Return a text in UTF-16; within text from right to left, PDFium turns the two halves of a
    character round.
    """
    halves = text.decode("utf-16-le", "surrogatepass").rstrip("\0")
    halves = re.sub("([\udc00-\udfff])([\ud800-\udbff])", r"\2\1", halves)
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Tags(NamedTuple):
    """What a PDF's tags hold: the letters and signs of formulas by their alternative texts, and the
    alternative texts of figures.
    """

    formulas: dict[str, Counter[str]]
    figures: set[str]


def read_tags(pdf: pypdfium2.PdfDocument) -> Tags:
    """Return the formulas and figures in a PDF's tags."""
    tags = Tags({}, set())
    for page in pdf:
        tagged = tagged_on(page)
        tags.figures.update(part.alt for part in tagged if part.kind == "Figure")
        formulas = [part for part in tagged if part.kind == "Formula"]
        texts = texts_by_mark(page) if formulas else {}
        for _, alt, marks in formulas:
            text = "".join(texts.get(mark, "") for mark in marks)
            tags.formulas.setdefault(alt, Counter()).update(count_signs(text))
    return tags


def missing_formulas(
    shown: dict[str, Counter[str]], formulas: Iterable[Formula]
) -> Iterator[tuple[Formula, str]]:
    """Return the formulas that lack a letter or a sign in the PDF, and what they lack; what is
    found is taken away from ``shown``.
    """
    for formula in formulas:
        wanted = wanted_signs(formula)
        left = shown.setdefault(formula.alt, Counter())
        if lacking := wanted - left:
            yield formula, "".join(sorted(lacking.elements()))
        left.subtract(wanted)
