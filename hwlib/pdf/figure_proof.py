"""The proof that a PDF shows the notebook's own figures: they are compared as pictures.

Pictures made of pixels stand in a PDF as they are. Drawings (SVG) become other operations there: so
each is set once more, by itself, and both are drawn and compared.
"""

import io
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import pypdfium2
import typst
from PIL import Image, ImageChops, ImageStat
from pypdfium2 import raw as pdfium

from hwlib.pdf.blocks import Block, FigureBlock
from hwlib.pdf.fonts import BUNDLED
from hwlib.pdf.tags import tagged_on

COMPARED_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # others pass through tables of colours
DRAWING = "image/svg+xml"
LONGER_SIDE = 1200  # pixels of a drawing as it is compared
THIN = 1.0  # points; a drawing of a shorter side below this shows nothing to compare
PIXEL_TILE, DRAWING_TILE = 6, 12  # pixels of a side
MOST_APART = 24  # steps of 255 by which a channel's mean over a tile may differ
ALONE = """
#set page(width: auto, height: auto, margin: 1in) // a drawing may reach beyond its frame
#for (name, alt, scale) in json("drawings.json") {
  page(context image(name, alt: alt, width: measure(image(name)).width * scale))
}
"""
Bounds = tuple[float, float, float, float]  # left, bottom, right, top, in points


def is_alike(first: Image.Image, second: Image.Image, tile: int) -> bool:
    """Return whether two RGB pictures show the same, but for rounding. The means of
    tiles are compared, ``tile`` pixels wide, since a curve is a thin line in a large picture.
    """
    if max(abs(a - b) for a, b in zip(first.size, second.size, strict=True)) > 2:
        return False
    tiles = ImageChops.difference(first, second.resize(first.size)).reduce(tile)
    return all(most <= MOST_APART for _, most in ImageStat.Stat(tiles).extrema)


def pixel_pictures(pdf: bytes) -> dict[tuple[int, int], list[Image.Image]]:
    """Return the pictures of a PDF that are made of pixels, without transparency, by their size."""
    pictures = defaultdict(list)
    for page in pypdfium2.PdfDocument(pdf):
        for item in page.get_objects([pdfium.FPDF_PAGEOBJ_IMAGE]):
            shown = item.get_bitmap().to_pil().convert("RGB")
            pictures[shown.size].append(shown)
    return pictures


def as_rgb(content: bytes) -> Image.Image | None:
    """Return a picture without transparency; None if its colours are read in more than one way."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB") if picture.mode in COMPARED_MODES else None


def changed_pictures(pdf: bytes, figures: Collection[FigureBlock]) -> list[FigureBlock]:
    """Return the figures made of pixels that the PDF does not hold."""
    if not figures:
        return []
    shown, changed = pixel_pictures(pdf), []
    for block in figures:
        own = as_rgb(block.picture.content)
        if own and not any(is_alike(own, other, PIXEL_TILE) for other in shown.get(own.size, [])):
            changed.append(block)
    return changed


def bounds_of(page: pypdfium2.PdfPage, marks: Collection[int]) -> Bounds | None:
    """Return what holds all that has one of these marks on a page; None if nothing has."""
    marked = [
        item.get_bounds()
        for item in page.get_objects(max_depth=1)
        if pdfium.FPDFPageObj_GetMarkedContentID(item) in marks
    ]
    if not marked:
        return None
    left, bottom, right, top = zip(*marked, strict=True)
    return min(left), min(bottom), max(right), max(top)


class Place(NamedTuple):
    """Where a PDF shows a figure: the page, counted from 0, and its part."""

    page: int
    bounds: Bounds

    @property
    def sides(self) -> tuple[float, float]:
        """Return the shorter and the longer side, in points."""
        left, bottom, right, top = self.bounds
        shorter, longer = sorted((right - left, top - bottom))
        return shorter, longer


def find_places(pdf: pypdfium2.PdfDocument, wanted: Collection[str]) -> dict[str, Place]:
    """Return where the figures with these alternative texts are."""
    places = {}
    for number, page in enumerate(pdf):
        for _, alt, marks in tagged_on(page):
            bounds = bounds_of(page, marks) if alt in wanted else None
            if bounds:
                places[alt] = Place(number, bounds)
    return places


def draw(pdf: pypdfium2.PdfDocument, place: Place) -> Image.Image:
    """Return a part of a page as an RGB picture whose longer side has ``LONGER_SIDE`` pixels. The
    page is cropped to it and opened anew, so that the part's corner falls on a pixel's.
    """
    pdf[place.page].set_cropbox(*place.bounds)
    scale = (LONGER_SIDE - 0.5) / place.sides[1]  # which PDFium rounds up to whole pixels
    drawn: Any = pdf[place.page].render(scale=scale).to_pil()
    picture: Image.Image = drawn.convert("RGB")
    return picture


def set_alone(figures: Iterable[FigureBlock], scales: Mapping[str, float]) -> bytes:
    """Return a PDF with a drawing a page, scaled by alternative text. It is made in memory, since a
    process that is locked in has no folder to write to.
    """
    rows = [(block.picture.name, block.alt, scales.get(block.alt, 1)) for block in figures]
    files: Any = {block.picture.name: block.picture.content for block in figures}
    files |= {"main.typ": ALONE.encode(), "drawings.json": json.dumps(rows).encode()}
    pdf: bytes = typst.compile(files, font_paths=sorted({str(path.parent) for path in BUNDLED}))
    return pdf


def changed_drawings(content: bytes, figures: Collection[FigureBlock]) -> list[FigureBlock]:
    """Return the drawings that the PDF draws in another way, or not at all. They are set as large
    as there: thin lines and small pictures look different at another size. Empty ones pass.
    """
    if not figures:
        return []
    alts = {block.alt for block in figures}
    pdf, natural = pypdfium2.PdfDocument(content), pypdfium2.PdfDocument(set_alone(figures, {}))
    own = {alt: p for alt, p in find_places(natural, alts).items() if p.sides[0] >= THIN}
    shown = find_places(pdf, own)
    scales = {alt: place.sides[1] / own[alt].sides[1] for alt, place in shown.items()}
    alone = pypdfium2.PdfDocument(set_alone(figures, scales))
    placed = find_places(alone, scales)
    alike = {
        alt
        for alt, place in placed.items()
        if is_alike(draw(alone, place), draw(pdf, shown[alt]), DRAWING_TILE)
    }
    return [block for block in figures if block.alt in own and block.alt not in alike]


def find_changed_figures(pdf: bytes, blocks: Iterable[Block]) -> list[FigureBlock]:
    """Return the figures that the PDF does not show as they are, in the notebook's order."""
    figures = [block for block in blocks if isinstance(block, FigureBlock)]
    drawings = [block for block in figures if block.picture.mime == DRAWING]
    pictures = [block for block in figures if block.picture.mime != DRAWING]
    changed = changed_pictures(pdf, pictures) + changed_drawings(pdf, drawings)
    return sorted(changed, key=lambda block: block.number)
