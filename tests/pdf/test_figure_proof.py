"""Figures are compared as pictures: by their pixels, whatever their type."""

import base64
import io

import matplotlib.pyplot as plt
import pytest
from nbformat.v4 import new_notebook
from pdf.helpers import code, convert, result
from PIL import Image

from hwlib.pdf.exporter import TypstPDFExporter
from hwlib.pdf.figure_proof import find_changed_figures

SVG = "image/svg+xml"


def plotted(values: list[float], title: str = "") -> Image.Image:
    """A plot of a thin line."""
    figure, ax = plt.subplots(figsize=(5, 3))
    ax.plot(values, linewidth=1)
    ax.set_title(title)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    plt.close(figure)
    return Image.open(buffer)


def cell_with(picture: Image.Image, kind: str = "PNG", mode: str = "RGB"):
    buffer = io.BytesIO()
    picture.convert("RGB").convert(mode).save(buffer, kind)
    data = base64.b64encode(buffer.getvalue()).decode()
    return code("show()", result(**{f"image__{kind.lower()}": data}))


def changed(pdf: bytes, *cells) -> list[int]:
    """The numbers of the cells whose figures the PDF does not show."""
    blocks = TypstPDFExporter().describe_code(new_notebook(cells=list(cells)))
    return [block.cell for block in find_changed_figures(pdf, blocks)]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, mode) for kind in ("PNG", "GIF", "WEBP") for mode in ("RGB", "L", "P")]
    + [("PNG", "1"), ("PNG", "RGBA"), ("PNG", "LA"), ("JPEG", "RGB"), ("JPEG", "L")],
)
def test_a_pdf_shows_the_pictures_it_was_made_from(kind, mode):
    cells = [cell_with(plotted([0, 1, 0]), kind, mode), cell_with(plotted([3, 1, 2]), kind, mode)]
    assert changed(convert(*cells), *cells) == []


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("JPEG", "RGB"), ("PNG", "P")])
def test_a_curve_that_was_moved_a_little_is_found(kind, mode):
    honest = [cell_with(plotted([0, 1, 0.5]), kind, mode), cell_with(plotted([0, 1]), kind, mode)]
    edited = [cell_with(plotted([0, 1, 0.6]), kind, mode), honest[1]]
    assert changed(convert(*edited), *honest) == [1]


def test_a_single_digit_of_a_label_is_found():
    pdf = convert(cell_with(plotted([0, 1], "test accuracy 86%")))
    assert changed(pdf, cell_with(plotted([0, 1], "test accuracy 88%"))) == [1]


def drawn(values: list[float]):
    """A cell with a drawing, and with the same as pixels beside it, as this homework's figures."""
    figure, ax = plt.subplots(figsize=(5, 3))
    ax.plot(values)
    forms = io.StringIO(), io.BytesIO()
    figure.savefig(forms[0], format="svg")
    figure.savefig(forms[1])
    plt.close(figure)
    pixels = base64.b64encode(forms[1].getvalue()).decode()
    return code("show()", result(image__png=pixels, **{SVG: forms[0].getvalue()}))


def test_drawings_are_drawn_and_compared():
    cells = [drawn([0, 1, 0.5]), drawn([3, 1])]
    assert changed(convert(*cells), *cells) == []
    assert changed(convert(drawn([0, 1, 0.6]), cells[1]), *cells) == [1]


def test_a_drawing_without_a_ground_is_compared_by_what_it_shows():
    start, end = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90">', "</svg>"
    circle = f'{start}<circle cx="40" cy="50" r="20"/>{end}'
    square = f'{start}<rect x="20" y="30" width="40" height="40"/>{end}'
    round_one, other = (code("show()", result(**{SVG: drawing})) for drawing in (circle, square))
    assert changed(convert(round_one), round_one) == []
    assert changed(convert(other), round_one) == [1]


@pytest.mark.parametrize(
    "content",
    [
        "",
        '<path d="M40 10V80" stroke="black" stroke-width="0.0001"/>',
        '<text y="40">a</text>',
    ],
)
def test_a_drawing_with_little_in_it_is_no_change(content):
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90">{content}</svg>'
    cell = code("show()", result(**{SVG: drawing}))
    assert changed(convert(cell), cell) == []
