"""Pictures that texts show."""

import base64
import io

import numpy as np
import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell, new_output
from pdf.helpers import blocks_of, code, convert, png, text_of
from PIL import Image

from hwlib.pdf.blocks import FigureBlock
from hwlib.pdf.pictures import PictureFile, find_picture, is_whole, picture_type, read_picture
from hwlib.pdf.receipt import read_receipt


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


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF"])
def test_a_damaged_picture_is_a_notice_and_the_others_stay(tmp_path, form):
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (90, 90), np.uint8)
    Image.fromarray(noise).save(buffer, form)
    whole = buffer.getvalue()
    mime, half = f"image/{form.lower()}", whole[: len(whole) // 2]
    assert is_whole(whole, mime) and not is_whole(half, mime)
    (tmp_path / "half.img").write_bytes(half)
    (tmp_path / "whole.img").write_bytes(whole)
    assert find_picture("half.img", {}, tmp_path) is None
    assert find_picture("whole.img", {}, tmp_path)
    outputs = [
        new_output("display_data", data={mime: base64.b64encode(content).decode()})
        for content in (whole, half)
    ]
    figure, notice = blocks_of(code("", *outputs))
    assert isinstance(figure, FigureBlock) and notice.is_notice


def test_drawings_without_xml_s_names_are_mended():
    bare = b'<svg width="9" height="9"><use xlink:href="#a"/></svg>'
    picture = read_picture(bare)
    assert b'xmlns="http://www.w3.org/2000/svg"' in picture.content
    assert b'xmlns:xlink="http://www.w3.org/1999/xlink"' in picture.content
    assert read_picture(picture.content) == picture
    figure = code("", new_output("display_data", data={"image/svg+xml": bare.decode()}))
    assert read_receipt(convert(figure)).figures == 1


@pytest.mark.parametrize(
    "written",
    [
        "![](clips/film.mp4)",
        "<video controls src='clips/film.mp4'>Not in this browser</video>",
        "<video><source src='clips/film.mp4' type='video/mp4'>Not in this browser</video>",
        "<video src='clips/film.mp4'>",
        "<img src='clips/film.mp4'>",
    ],
)
def test_films_and_sounds_are_links_with_their_names(written):
    markup = blocks_of(new_markdown_cell(f"see {written} there"))[0].markup
    assert '#link("clips/film.mp4")[film.mp4]' in markup.markup and not markup.pictures
    assert "".join(markup.words) == "see (video: film.mp4) there"


def test_a_missing_picture_s_alternative_text_is_printed():
    pdf = convert(new_markdown_cell("![The loss falls](no.png) and\n\n![](other.png)"))
    text = text_of(pdf)
    assert "(picture: no.png, The loss falls)" in text and "(picture: other.png)" in text
