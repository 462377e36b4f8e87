"""Pictures that texts show."""

import base64

import pypdfium2
from nbformat.v4 import new_markdown_cell
from pdf.helpers import convert, png, text_of

from hwlib.pdf.pictures import PictureFile, find_picture


def test_pictures_are_found_or_named():
    cell = new_markdown_cell("![a](attachment:a%20b.png) and ![b](missing.png) <b>bold</b>")
    cell["attachments"] = {"a b.png": {"image/png": png(120, 80)}}
    other = new_markdown_cell("![a](attachment:a.png)")
    other["attachments"] = {"a.png": {"image/png": png(120, 80, "blue")}}
    inline = new_markdown_cell(f'<img src="data:image/png;base64,{png(60, 60, "green")}">')
    pdf = convert(cell, other, inline)
    text = text_of(pdf)
    assert "missing.png" in text and "bold" in text and "<b>" not in text
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("RGB")
    colours = {colour for _, colour in image.getcolors(100_000)}
    assert {(255, 0, 0), (0, 0, 255), (0, 128, 0)} <= colours


def test_a_picture_is_found_by_its_path_from_the_notebook_s_folder(tmp_path):
    content = base64.b64decode(png(2, 2))
    (tmp_path / "a b.png").write_bytes(content)
    (tmp_path / "a.txt").write_bytes(content)
    assert find_picture("a%20b.png", {}, tmp_path) == PictureFile("image/png", content)
    assert find_picture("a.txt", {}, tmp_path) is None
    assert find_picture("missing.png", {}, tmp_path) is None
    assert PictureFile("image/png", content).name != PictureFile("image/png", content + b" ").name
