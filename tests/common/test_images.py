"""Pictures of every kind: each is read right, or named in one sentence with the remedy."""

import io
import os
import shutil
import struct
import subprocess
import sys
import unicodedata
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from support import ROOT

from hwlib.common import images
from hwlib.common.errors import DataError
from hwlib.common.images import check_readable, list_pictures, load_image_set, read_image


def save(image: Image.Image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def new_picture(colour="black", size=(9, 9), mode="RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def jpeg(size=(40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be so large and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BROKEN = {
    "truncated.jpg": jpeg()[:400],
    "empty.jpg": b"",
    "text.jpg": b"no picture at all",
    "page.png": b"<html><body>404 not found</body></html>",
    "huge.png": png_header(20_000, 20_000),
    "bomb.png": png_header(60_000, 60_000),
    "large.png": png_header(9_400, 9_400),  # above our limit, below Pillow's
    "hollow.png": png_header(100, 100),
    "weights.jpg": b"PK\x03\x04 a zip",
}


def test_pictures_of_a_folder_become_one_tensor(tmp_path):
    save(new_picture("red", (12, 8)), tmp_path / "B" / "1.png")
    save(new_picture(128, (12, 8), "L"), tmp_path / "A" / "1.jpg")
    save(new_picture((0, 0, 0, 0), (12, 8), "RGBA"), tmp_path / "A" / "2.png")
    (tmp_path / "A" / ".hidden.png").write_text("not a picture")
    pictures = load_image_set(tmp_path, 6)
    assert pictures.images.shape == (3, 3, 6, 6) and pictures.images.dtype == torch.uint8
    assert pictures.class_names == ["A", "B"] and pictures.labels.tolist() == [0, 0, 1]
    assert pictures.images[2, :, 0, 0].tolist() == [255, 0, 0]


def test_the_hash_of_a_set_depends_on_pixels_and_labels_alone(tmp_path):
    save(new_picture("red"), tmp_path / "one" / "A" / "1.png")
    save(new_picture("red"), tmp_path / "two" / "B" / "other.png")
    one, two = (load_image_set(tmp_path / name, 6) for name in ("one", "two"))
    assert one.sha256() == two.sha256() != one._replace(labels=one.labels + 1).sha256()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_named_with_the_remedy(tmp_path, name):
    (tmp_path / "TIGER").mkdir()
    (tmp_path / "TIGER" / "good.jpg").write_bytes(jpeg())
    (tmp_path / "TIGER" / name).write_bytes(BROKEN[name])
    with pytest.raises(DataError, match=rf"{name} cannot be read .*Replace or remove it"):
        load_image_set(tmp_path, 16)


@pytest.mark.parametrize(
    ("name", "image", "wanted"),
    [
        ("cmyk.jpg", Image.new("CMYK", (20, 20), (0, 255, 255, 0)), (255, 0, 0)),
        ("palette.png", Image.new("RGB", (20, 20), (10, 200, 30)).quantize(), (10, 200, 30)),
        ("grey.png", Image.new("L", (20, 20), 77), (77, 77, 77)),
        ("16bit.png", Image.fromarray(np.full((20, 20), 40 * 256, np.uint16)), (40, 40, 40)),
        ("bits.png", Image.new("1", (20, 20), 1), (255, 255, 255)),
        ("alpha.png", Image.new("RGBA", (20, 20), (9, 8, 7, 255)), (9, 8, 7)),
        ("one.png", Image.new("RGB", (1, 1), (1, 2, 3)), (1, 2, 3)),
        ("thin.png", Image.new("RGB", (1, 3000), (50, 60, 70)), (50, 60, 70)),
        ("photo.webp", Image.new("RGB", (20, 20), (0, 0, 0)), (0, 0, 0)),
        ("blanks and ünïcode.png", Image.new("RGB", (20, 20), (5, 5, 5)), (5, 5, 5)),
    ],
)
def test_unusual_pictures_are_read_right(tmp_path, name, image, wanted):
    save(image, tmp_path / "A" / name)
    mean = load_image_set(tmp_path, 16).images[0].float().mean((1, 2)).numpy()
    assert mean == pytest.approx(wanted, abs=3)


def test_a_picture_on_its_side_is_turned(tmp_path):
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 0, 20, 20))
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90° to the right: the left half becomes the upper one
    save(image, tmp_path / "A" / "1.jpg", exif=exif, quality=95)
    assert read_image(tmp_path / "A" / "1.jpg").size == (20, 40)
    upper = load_image_set(tmp_path, 16).images[0, :, :6].float().mean((1, 2))
    assert upper[2] > 200 and upper[0] < 40


def test_other_files_are_left_out_with_a_warning_and_junk_without(tmp_path, recwarn):
    save(new_picture(), tmp_path / "A" / "1.png")
    for junk in ("Thumbs.db", ".DS_Store", "desktop.ini", "._1.png"):
        (tmp_path / "A" / junk).write_bytes(b"junk")
    (tmp_path / ".git").mkdir()
    assert len(load_image_set(tmp_path, 8).labels) == 1 and not recwarn
    (tmp_path / "A" / "2.txt").write_bytes(b"no picture")
    (tmp_path / "A" / "deeper").mkdir()
    with pytest.warns(UserWarning, match=r"left out, as no picture: 2\.txt, deeper"):
        assert len(load_image_set(tmp_path, 8).labels) == 1


def test_class_folders_in_another_case_or_spelling_are_the_same_class(tmp_path):
    cafe = "Caf\N{LATIN SMALL LETTER E WITH ACUTE} Cat"
    save(new_picture(), tmp_path / "snow  leopard" / "1.png")
    save(new_picture("red"), tmp_path / unicodedata.normalize("NFD", cafe) / "1.png")
    pictures = load_image_set(tmp_path, 8, [cafe.upper(), "SNOW LEOPARD"])
    assert pictures.labels.tolist() == [0, 1] and pictures.images[0, 0].min() == 255
    save(new_picture(), tmp_path / "SNOW LEOPARD" / "1.png")
    with pytest.raises(DataError, match="one class in two folders"):
        load_image_set(tmp_path, 8, [cafe.upper(), "SNOW LEOPARD"])


@pytest.mark.parametrize("name", ["snow_leopard", "Snow-Leopards", " SNOW  leopard"])
def test_class_folders_that_are_spelt_a_little_otherwise_are_taken_with_a_remark(tmp_path, name):
    save(new_picture(), tmp_path / name / "1.png")
    save(new_picture(), tmp_path / "LION" / "1.png")
    save(new_picture(), tmp_path / "__MACOSX" / "._1.png")
    listed = list_pictures(tmp_path, ["SNOW LEOPARD", "LIONS"])
    assert [path.parent.name for path in listed.paths()] == [name, "LION"]
    assert listed.remarks == [
        f"{name} is taken for SNOW LEOPARD",
        "LION is taken for LIONS",
    ]
    save(new_picture(), tmp_path / "LEOPARD" / "1.png")
    with pytest.raises(DataError, match="unknown: LEOPARD"):
        list_pictures(tmp_path, ["SNOW LEOPARD", "LIONS"])
    with pytest.raises(DataError, match="comes twice"):
        list_pictures(tmp_path, ["LION", "LIONS"])


def test_pictures_of_newer_kinds_are_read_or_named(tmp_path):
    save(new_picture("red"), tmp_path / "A" / "1.jfif", format="JPEG")
    assert load_image_set(tmp_path, 8).images[0, 0].min() > 250
    if ".avif" in images.IMAGE_ENDINGS:
        save(new_picture("red"), tmp_path / "A" / "2.avif")
        assert len(load_image_set(tmp_path, 8).labels) == 2
    (tmp_path / "A" / "IMG_3.HEIC").write_bytes(b"not for Pillow")
    with pytest.raises(DataError, match=r"IMG_3\.HEIC .* Convert it to JPEG or PNG"):
        load_image_set(tmp_path, 8)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["jpg", "png", "gif", "tif", "webp", "bmp"])
def test_a_picture_cut_short_is_found_without_decoding_all_of_it(tmp_path, kind, share):
    save(Image.effect_noise((90, 70), 90).convert("RGB"), tmp_path / f"1.{kind}")
    check_readable(tmp_path / f"1.{kind}")
    content = (tmp_path / f"1.{kind}").read_bytes()
    (tmp_path / f"1.{kind}").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="Replace or remove it"):
        check_readable(tmp_path / f"1.{kind}")


@pytest.mark.parametrize("error", [RuntimeError, SyntaxError, OSError])
def test_whatever_a_decoder_raises_is_said_in_a_sentence(tmp_path, monkeypatch, error):
    """As RuntimeError for an AVIF with a changed byte."""

    def fail(*_):
        raise error("Decoding of color planes failed")

    save(new_picture(), tmp_path / "1.png")
    monkeypatch.setattr(images, "to_rgb", fail)
    for function in (check_readable, read_image):
        with pytest.raises(DataError, match=r"1\.png cannot be read .*color planes"):
            function(tmp_path / "1.png")


def test_a_grader_s_folder_may_lack_classes_but_hold_no_unknown_ones(tmp_path):
    save(new_picture((200, 100, 20)), tmp_path / "TIGER" / "1.png")
    pictures = load_image_set(tmp_path, 6, ["PUMA", "TIGER"], partial=True)
    assert pictures.labels.tolist() == [1] and pictures.class_names == ["PUMA", "TIGER"]
    with pytest.raises(DataError, match="PUMA"):
        load_image_set(tmp_path, 6, ["PUMA", "TIGER"])
    save(new_picture(), tmp_path / "WOLF" / "1.png")
    with pytest.raises(DataError, match="WOLF"):
        load_image_set(tmp_path, 6, ["PUMA", "TIGER"], partial=True)
    for empty in (tmp_path / "WOLF", tmp_path / "nowhere"):
        with pytest.raises(DataError, match=empty.name):
            load_image_set(empty, 6, ["PUMA"], partial=True)


def test_a_loop_of_links_is_named(tmp_path):
    save(new_picture(), tmp_path / "A" / "1.png")
    (tmp_path / "A" / "loop.png").symlink_to(tmp_path / "A" / "loop.png")
    with pytest.raises(DataError, match=r"loop\.png cannot be read"):
        load_image_set(tmp_path, 8)
    (tmp_path / "A" / "loop.png").unlink()
    (tmp_path / "B").symlink_to(tmp_path / "B")
    with pytest.raises(DataError, match="B"):
        load_image_set(tmp_path, 8, ["A", "B"])


LOAD = """
import sys
from pathlib import Path
from hwlib.common.errors import DataError
from hwlib.common.images import load_image_set
for folder in sys.argv[1:]:
    try:
        load_image_set(Path(folder), 8)
    except DataError as error:
        print("DataError:", error)
"""


def run_without_privileges(code: str, *arguments: object) -> str:
    """Run code without root's right to read everything; what it prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if os.getuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything, and setpriv is not here")
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_file_or_folder_without_permission_is_named(tmp_path):
    closed = [tmp_path / "1" / "A" / "1.png", tmp_path / "2" / "A", tmp_path / "3"]
    for number, path in enumerate(closed, 1):
        save(new_picture(), tmp_path / str(number) / "A" / "1.png")
        path.chmod(0)
    printed = run_without_privileges(LOAD, *(tmp_path / name for name in "123"))
    for path in closed:
        path.chmod(0o755)
    lines = printed.splitlines()
    assert len(lines) == 3, printed
    for line, path in zip(lines, closed, strict=True):
        assert line.startswith("DataError:") and str(path) in line and "Permission denied" in line


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hwlib"


def test_decoded_pictures_are_cached_until_a_file_changes(tmp_path, monkeypatch, cache):
    for name in ("A", "B"):
        save(new_picture((10, 20, 30)), tmp_path / "set" / name / "1.png")
    first = load_image_set(tmp_path / "set", 6)
    assert [path.suffix for path in cache.iterdir()] == [".npy"]  # nothing unfinished
    with monkeypatch.context() as patched:
        patched.setattr(images, "read_resized", None)  # from here on only the cache can answer
        again = load_image_set(tmp_path / "set", 6)
    assert torch.equal(first.images, again.images)
    assert again.images[0, :, 0, 0].tolist() == [10, 20, 30]
    save(new_picture((200, 20, 30)), tmp_path / "set" / "B" / "1.png")
    assert load_image_set(tmp_path / "set", 6).images[1, 0, 0, 0] == 200


def test_a_damaged_cache_is_made_again(tmp_path, cache):
    save(new_picture((10, 20, 30)), tmp_path / "set" / "A" / "1.png")
    first = load_image_set(tmp_path / "set", 6)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:50])
    assert torch.equal(load_image_set(tmp_path / "set", 6).images, first.images)
    assert file.read_bytes() == whole


def test_the_cache_keeps_the_newest_sets(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(images, "CACHED_SETS", 2)
    save(new_picture(), tmp_path / "set" / "A" / "1.png")
    for size in (4, 5, 6):
        load_image_set(tmp_path / "set", size)
    assert len(list(cache.iterdir())) == 2


def test_without_a_folder_for_the_cache_pictures_are_read_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    save(new_picture((10, 20, 30)), tmp_path / "set" / "A" / "1.png")
    assert load_image_set(tmp_path / "set", 6).images.shape == (1, 3, 6, 6)
