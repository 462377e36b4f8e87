import shutil

import pytest
import torch
from PIL import Image

from hwlib.common import data
from hwlib.common import device as seeding
from hwlib.common import images as pictures
from hwlib.common.images import load_image_set, read_image
from hwlib.q4_cats import cnn, eda


def draw(folder, name, colour, mode="RGB", size=(12, 8)):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(folder / name)


def test_sample_digits_are_all_used_once():
    digits = data.load_mnist("unused", "sample")
    assert digits.train_images.shape == (4000, 28, 28) and digits.test_images.shape == (
        1000,
        28,
        28,
    )
    assert digits.train_images.dtype == torch.uint8 and digits.train_images.max() == 255
    together = torch.cat([digits.train_labels, digits.test_labels])
    assert torch.bincount(together).tolist() == [500] * 10


def test_real_digits_are_complete(real_data):
    digits = data.load_mnist(real_data, "real")
    # LeCun's counts for the test set, by digit.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(digits.test_labels).tolist() == counts
    assert len(digits.train_labels) == 60000


def test_missing_real_digits_name_the_folder_and_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(data.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(data.DataError, match=r"MNIST.raw.*data_source") as failure:
        data.load_mnist(tmp_path, "real")
    assert str(tmp_path) in str(failure.value)


def test_pictures_of_a_folder_become_one_tensor(tmp_path):
    draw(tmp_path / "B", "1.png", (255, 0, 0))
    draw(tmp_path / "A", "1.jpg", 128, "L")
    draw(tmp_path / "A", "2.png", (0, 0, 0, 0), "RGBA")
    (tmp_path / "A" / ".hidden.png").write_text("not a picture")
    pictures = load_image_set(tmp_path, 6)
    assert pictures.images.shape == (3, 3, 6, 6) and pictures.images.dtype == torch.uint8
    assert pictures.class_names == ["A", "B"] and pictures.labels.tolist() == [0, 0, 1]
    assert pictures.images[2, :, 0, 0].tolist() == [255, 0, 0]


def test_exif_rotation_is_honoured(tmp_path):
    picture = Image.new("RGB", (4, 8), "blue")
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").size == (8, 4)


def test_unreadable_picture_is_named(tmp_path):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    with pytest.raises(data.DataError, match=r"broken\.jpg"):
        load_image_set(tmp_path, 6)


def test_missing_class_split_and_folder_are_named(tmp_path):
    with pytest.raises(data.DataError, match="big_cats"):
        data.load_big_cats(tmp_path, "real", 8)
    draw(tmp_path / "big_cats/train/A", "1.png", "red")
    with pytest.raises(data.DataError, match="valid, test"):
        data.load_big_cats(tmp_path, "real", 8)
    for split in ("valid", "test"):
        draw(tmp_path / "big_cats" / split / "A", "1.png", "red")
    with pytest.raises(data.DataError, match="TIGER"):
        data.load_big_cats(tmp_path, "real", 8, ["A", "TIGER"])


def test_the_sample_is_drawn_once_and_always_the_same(tmp_path):
    first = data.locate("big_cats", tmp_path / "a", "sample")
    again = data.locate("big_cats", tmp_path / "a", "sample")
    other = data.locate("big_cats", tmp_path / "b", "sample")
    assert first == again
    pictures = sorted(path.relative_to(first) for path in first.rglob("*.png"))
    assert len(pictures) == 340 and {p.parts[1] for p in pictures} == set(cnn.CLASS_NAMES)
    assert all((first / p).read_bytes() == (other / p).read_bytes() for p in pictures[::17])


def test_near_duplicates_are_found_mirrored_too(tmp_path):
    sample = data.locate("big_cats", tmp_path, "sample")
    source = sorted((sample / "train" / "TIGER").iterdir())[0]
    for split in ("train", "valid", "test"):
        (tmp_path / "big_cats" / split / "TIGER").mkdir(parents=True)
    shutil.copy(source, tmp_path / "big_cats/train/TIGER/0.png")
    mirrored = Image.open(source).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(tmp_path / "big_cats/test/TIGER/0.png")
    other = sorted((sample / "train" / "PUMA").iterdir())[0]
    shutil.copy(other, tmp_path / "big_cats/valid/TIGER/0.png")
    table = eda.duplicates_table(data.load_big_cats(tmp_path, "real", 32))
    assert table["pairs"].to_dict()["train – test"] == 1
    assert table["pairs"].to_dict()["train – valid"] == 0


def test_seed_reaches_every_generator():
    import random

    import numpy as np

    draws = []
    for _ in range(2):
        seeding.set_seed(11)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_an_absent_device_is_refused():
    with pytest.raises(ValueError, match="auto"):
        seeding.choose_device(f"cuda:{torch.cuda.device_count()}")
    assert seeding.choose_device("cpu").type == "cpu"


def test_decoded_pictures_are_cached_until_a_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("A", "B"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("RGB", (9, 9), (10, 20, 30)).save(tmp_path / "set" / name / "1.png")
    first = load_image_set(tmp_path / "set", 6)
    with monkeypatch.context() as patched:
        patched.setattr(pictures, "read_resized", None)  # from here on only the cache can answer
        again = load_image_set(tmp_path / "set", 6)
    assert torch.equal(first.images, again.images) and again.images[0, :, 0, 0].tolist() == [
        10,
        20,
        30,
    ]
    Image.new("RGB", (9, 9), (200, 20, 30)).save(tmp_path / "set" / "B" / "1.png")
    assert load_image_set(tmp_path / "set", 6).images[1, 0, 0, 0] == 200


def test_without_a_place_for_the_cache_pictures_are_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    (tmp_path / "A").mkdir()
    Image.new("RGB", (9, 9), (10, 20, 30)).save(tmp_path / "A" / "1.png")
    assert load_image_set(tmp_path, 6).images.shape == (1, 3, 6, 6)


def test_a_grader_s_folder_may_lack_classes_but_hold_no_strange_ones(tmp_path):
    draw(tmp_path / "TIGER", "1.png", (200, 100, 20))
    found = load_image_set(tmp_path, 6, ["PUMA", "TIGER"], partial=True)
    assert found.labels.tolist() == [1] and found.class_names == ["PUMA", "TIGER"]
    with pytest.raises(data.DataError, match="PUMA"):
        load_image_set(tmp_path, 6, ["PUMA", "TIGER"])
    draw(tmp_path / "WOLF", "1.png", (90, 90, 90))
    with pytest.raises(data.DataError, match="WOLF"):
        load_image_set(tmp_path, 6, ["PUMA", "TIGER"], partial=True)
    for empty in (tmp_path / "WOLF", tmp_path / "nowhere"):
        with pytest.raises(data.DataError, match=empty.name):
            load_image_set(empty, 6, ["PUMA"], partial=True)
