"""Bad input at every door: each gives one sentence that names the file and the remedy, or is read
right.
"""

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
from support import ROOT, run_hwlib

from hwlib.common import data
from hwlib.common import download as fetch
from hwlib.common.download import DataError
from hwlib.common.images import ImageSet, load_image_set
from hwlib.q4_cats import cnn, training
from hwlib.q4_vgg import vgg


def jpeg(size=(40, 30), **options) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, "JPEG", **options)
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
    "large.png": png_header(10_000, 9_000),
    "hollow.png": png_header(100, 100),
    "weights.jpg": b"PK\x03\x04 a zip",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_named_with_the_remedy(tmp_path, name):
    (tmp_path / "TIGER").mkdir()
    (tmp_path / "TIGER" / "good.jpg").write_bytes(jpeg())
    (tmp_path / "TIGER" / name).write_bytes(BROKEN[name])
    with pytest.raises(DataError, match=rf"{name} cannot be read .*Replace or remove it"):
        load_image_set(tmp_path, 16)


def save(image: Image.Image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def read(folder) -> np.ndarray:
    """Mean colour of the first picture, (3,)."""
    return load_image_set(folder, 16).images[0].float().mean((1, 2)).numpy()


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
    assert read(tmp_path) == pytest.approx(wanted, abs=3)


def test_a_picture_lying_on_its_side_is_turned(tmp_path):
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 0, 20, 20))
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90° to the right: the left half becomes the upper one
    save(image, tmp_path / "A" / "1.jpg", exif=exif, quality=95)
    upper = load_image_set(tmp_path, 16).images[0, :, :6].float().mean((1, 2))
    assert upper[2] > 200 and upper[0] < 40


def test_what_no_picture_is_is_left_out_aloud_and_junk_in_silence(tmp_path, recwarn):
    save(Image.new("RGB", (9, 9)), tmp_path / "A" / "1.png")
    for junk in ("Thumbs.db", ".DS_Store", "desktop.ini", "._1.png"):
        (tmp_path / "A" / junk).write_bytes(b"junk")
    (tmp_path / ".git").mkdir()
    assert len(load_image_set(tmp_path, 8).labels) == 1 and not recwarn
    (tmp_path / "A" / "2.heic").write_bytes(b"perhaps a picture")
    (tmp_path / "A" / "deeper").mkdir()
    with pytest.warns(UserWarning, match=r"left out, as no picture: 2\.heic, deeper"):
        assert len(load_image_set(tmp_path, 8).labels) == 1


def test_an_empty_class_and_a_class_missing_in_one_split_are_named(tmp_path):
    for split in data.SPLITS:
        for name in ("LION", "PUMA"):
            save(Image.new("RGB", (9, 9)), tmp_path / "big_cats" / split / name / "1.png")
    (tmp_path / "big_cats/valid/PUMA/1.png").unlink()
    with pytest.raises(DataError, match=r"no image .*valid.PUMA"):
        data.load_big_cats(tmp_path, "real", 8)
    (tmp_path / "big_cats/valid/PUMA").rmdir()
    with pytest.raises(DataError, match=r"valid must hold one folder a class.*PUMA"):
        data.load_big_cats(tmp_path, "real", 8)


def test_class_folders_in_another_case_or_spelling_are_the_same_class(tmp_path):
    cafe = "Caf\N{LATIN SMALL LETTER E WITH ACUTE} Cat"
    save(Image.new("RGB", (9, 9)), tmp_path / "snow  leopard" / "1.png")
    save(Image.new("RGB", (9, 9), "red"), tmp_path / unicodedata.normalize("NFD", cafe) / "1.png")
    found = load_image_set(tmp_path, 8, [cafe.upper(), "SNOW LEOPARD"])
    assert found.labels.tolist() == [0, 1] and found.images[0, 0].min() == 255
    save(Image.new("RGB", (9, 9)), tmp_path / "SNOW LEOPARD" / "1.png")
    with pytest.raises(DataError, match="one class in two folders"):
        load_image_set(tmp_path, 8, [cafe.upper(), "SNOW LEOPARD"])


def test_a_loop_of_links_is_named(tmp_path):
    save(Image.new("RGB", (9, 9)), tmp_path / "A" / "1.png")
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
from hwlib.common import images as pictures
try:
    pictures.load_image_set(Path(sys.argv[1]), 8)
except pictures.DataError as error:
    print("DataError:", error)
"""


def without_privileges(code: str, *arguments: object) -> str:
    """Run code without root's right to read everything; what it prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if os.getuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything, and setpriv is not here")
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("closed", ["A/1.png", "A", ""])
def test_what_may_not_be_read_is_named(tmp_path, closed):
    save(Image.new("RGB", (9, 9)), tmp_path / "set" / "A" / "1.png")
    place = tmp_path / "set" / closed
    place.chmod(0)
    said = without_privileges(LOAD, tmp_path / "set")
    place.chmod(0o755)
    assert "DataError:" in said and "Permission denied" in said and "Traceback" not in said


@pytest.mark.parametrize("name", fetch.MNIST_BYTES)
def test_a_file_of_mnist_that_is_cut_short_is_named(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HWLIB_OFFLINE", "1")
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for other, size in fetch.MNIST_BYTES.items():
        with (raw / other).open("wb") as file:
            file.truncate(size - (other == name))
    with pytest.raises(DataError, match=rf"{name} in .*raw is cut short.*Put the four"):
        data.load_mnist(tmp_path, "real")


def test_mnist_of_the_right_length_and_wrong_content_is_refused(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, size in fetch.MNIST_BYTES.items():
        with (raw / name).open("wb") as file:
            file.truncate(size)
    with pytest.raises(DataError, match=r"MNIST.raw .*damaged.*fetch mnist"):
        data.load_mnist(tmp_path, "real")


@pytest.mark.parametrize(
    "content", [b"", b"not a pickle", {"other": torch.zeros(2)}, cnn.BigCatsNet().state_dict()]
)
def test_weights_of_another_model_are_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(
        DataError, match=r"weights\.pth.*cannot be loaded.*Set vgg_weights"
    ) as failure:
        vgg.load_vgg16(str(path), "real")
    assert len(str(failure.value)) < 400


def train_a_little(checkpoint) -> int:
    """Number of epochs done, of two, with a tiny network and set."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
    pictures = ImageSet(images, torch.arange(20) % 2, [], ["A", "B"])
    recipe = training.Recipe(epochs=2, sizes=((16, 1.0),), batch_size=10)
    net = lambda: cnn.BigCatsNet(2, (4, 4, 4, 4))  # noqa: E731
    trained = training.train_classifier(net, pictures, pictures, recipe, checkpoint=checkpoint)
    return len(trained.history["train_loss"])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", None])
def test_a_damaged_or_older_checkpoint_is_no_end(tmp_path, capsys, damage):
    path = tmp_path / "checkpoint.pt"
    torch.save({"key": "of another training"}, path)
    if damage is not None:
        path.write_bytes(damage)
    assert train_a_little(path) == 2
    said = capsys.readouterr()
    assert ("damaged" in said.out + said.err) == (damage is not None)


def mounted(folder, *options: str) -> bool:
    """A small file system in memory at ``folder``, where this machine allows it."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_a_checkpoint_that_finds_no_room_does_not_end_the_training(tmp_path, capsys):
    if not mounted(tmp_path / "small", "size=16k"):
        pytest.skip("no file system can be mounted here")
    try:
        assert train_a_little(tmp_path / "small" / "checkpoint.pt") == 2
        left = [path.name for path in (tmp_path / "small").iterdir()]
    finally:
        subprocess.run(["umount", str(tmp_path / "small")], check=True)
    assert left == [] and "the training goes on without it" in capsys.readouterr().out


@pytest.mark.parametrize("megabytes", [1, 2])
def test_a_full_disk_is_said_and_nothing_half_made_is_left(tmp_path, megabytes):
    out = tmp_path / "out"
    if not mounted(out, f"size={megabytes}m"):
        pytest.skip("no file system can be mounted here")
    (out / "filler").write_bytes(b"x" * ((megabytes << 20) - 500_000))
    try:
        done = run_hwlib("export", "demo", "--only", "q1,q2", "--out", out)
        left = {path.name for path in out.iterdir()}
        (out / "filler").unlink()
        again = run_hwlib("export", "demo", "--only", "q1,q2", "--out", out)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert done.returncode == 1 and "No space left" in done.stderr, done.stderr
    assert "Make room" in done.stderr and "Traceback" not in done.stderr
    assert left <= {"filler", ".partial", "failed.ipynb"}
    assert again.returncode == 0 or megabytes == 1, again.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    out = tmp_path / "out"
    if not mounted(out, "size=1m", "ro"):
        pytest.skip("no file system can be mounted here")
    try:
        done = run_hwlib("export", "demo", "--only", "q1", "--out", out)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert done.returncode == 1 and str(out) in done.stderr and "--out" in done.stderr
    assert "Traceback" not in done.stderr
