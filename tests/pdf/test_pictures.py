"""Pictures that texts show."""

import base64

import pypdfium2
from nbformat.v4 import new_markdown_cell
from pdf.helpers import convert, png, text_of

from hwlib.pdf.pictures import PictureFile, find_picture, picture_type


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
    (tmp_path / "a.txt").write_text("no picture")
    assert find_picture("a%20b.png", {}, tmp_path) == PictureFile("image/png", content)
    assert find_picture("a.txt", {}, tmp_path) is None
    assert find_picture("missing.png", {}, tmp_path) is None
    assert PictureFile("image/png", content).name != PictureFile("image/png", content + b" ").name


def test_a_picture_s_type_is_told_by_its_first_bytes(tmp_path):
    content = base64.b64decode(png(2, 2))
    (tmp_path / "wrong.jpg").write_bytes(content)
    assert find_picture("wrong.jpg?v=1", {}, tmp_path) == PictureFile("image/png", content)
    assert PictureFile("image/jpeg", content).name.endswith(".png")
    assert picture_type(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "image/svg+xml"
    assert picture_type(b"<html><svg/></html>") == ""


def test_files_outside_the_notebook_s_folder_are_not_read(tmp_path):
    folder = tmp_path / "notebook"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(base64.b64decode(png(2, 2)))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    for source in ("../secret.png", "link.png", str(tmp_path / "secret.png"), "a\0b.png"):
        assert find_picture(source, {}, folder) is None
