import gzip
import hashlib

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from hwlib.commands.students import fetch_data
from hwlib.common import data, download, runtime
from hwlib.common.drawings import COATS
from hwlib.common.errors import DataError


def save_picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 9), "red").save(path)


def test_sample_digits_are_all_used_once():
    digits = data.load_mnist("unused", "sample")
    assert digits.train_images.shape == (4000, 28, 28)
    assert digits.test_images.shape == (1000, 28, 28)
    assert digits.train_images.dtype == torch.uint8 and digits.train_images.max() == 255
    together = torch.cat([digits.train_labels, digits.test_labels])
    assert torch.bincount(together).tolist() == [500] * 10


@pytest.mark.slow
def test_real_digits_are_complete(real_data):
    digits = data.load_mnist(real_data, "real")
    # LeCun's counts for the test set, by digit.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(digits.test_labels).tolist() == counts
    assert len(digits.train_labels) == 60000


def test_missing_real_digits_name_the_folder_and_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("HWLIB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"MNIST.raw.*data_source") as failure:
        data.load_mnist(tmp_path, "real")
    assert str(tmp_path) in str(failure.value)


@pytest.mark.parametrize("damaged", download.MNIST_FILES)
def test_a_file_of_mnist_with_another_content_is_named(tmp_path, monkeypatch, damaged):
    """As of Fashion-MNIST, whose files have the same names and lengths."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    files = {name: download.RemoteFile("", empty) for name in download.MNIST_FILES}
    monkeypatch.setattr(download, "MNIST_FILES", files)
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_bytes(b"other" if name == damaged else b"")
    with pytest.raises(DataError, match=rf"lacks a whole {damaged} .*Fashion-MNIST"):
        data.check_mnist(tmp_path, offline=True)
    (folder / damaged).write_bytes(b"")
    assert data.check_mnist(tmp_path, offline=True) == folder


def write_mnist(folder, monkeypatch, ending: str = "", packed: bool = False):
    """Three digits for each of MNIST's files, which are all that is expected of it."""
    images = bytes(16) + bytes(range(256)) * 9 + bytes(48)
    contents = {
        name: images if "images" in name else bytes(8) + b"\1\2\3" for name in download.MNIST_FILES
    }
    files = {
        name: download.RemoteFile("", hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    monkeypatch.setattr(download, "MNIST_FILES", files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        spelt = name.replace("-idx", ".idx") if ending == "dot" else name
        path = folder / (spelt + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("ending", ["", "dot"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["MNIST/raw", "MNIST", "mnist/raw", "hw1_data/MNIST", "."])
def test_digits_are_read_where_and_as_they_lie(tmp_path, monkeypatch, place, packed, ending):
    write_mnist(tmp_path / place, monkeypatch, ending, packed)
    before = sorted(tmp_path.rglob("*"))
    digits = data.load_mnist(tmp_path, "real")
    assert digits.train_images.shape == (3, 28, 28) and digits.test_labels.tolist() == [1, 2, 3]
    assert digits.test_images[0, 0, :3].tolist() == [0, 1, 2]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_packed_file_that_is_cut_short_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST", monkeypatch, packed=True)
    cut = tmp_path / "MNIST" / "train-images-idx3-ubyte.gz"
    cut.write_bytes(cut.read_bytes()[:100])
    with pytest.raises(DataError, match=r"lacks a whole train-images-idx3-ubyte \(by hash"):
        data.check_mnist(tmp_path, offline=True)


def save_splits(folder, splits=("train", "valid", "test")):
    for split in splits:
        for name in ("LION", "PUMA"):
            save_picture(folder / split / name / "1.png")


@pytest.mark.parametrize(
    ("place", "splits"),
    [
        ("big_cats", ("train", "val", "test")),
        ("big_cats", ("Train", "Validation", "TEST")),
        ("big_cats/cats-in-the-wild", ("train", "valid", "test")),
        ("cats-in-the-wild-image-classification", ("train", "valid", "test")),
        ("Big Cats", ("train", "valid", "test")),
        ("hw1_data/big_cats", ("train", "valid", "test")),
        (".", ("train", "valid", "test")),
    ],
)
def test_the_run_and_its_check_see_the_big_cats_alike(tmp_path, place, splits):
    save_splits(tmp_path / place, splits)
    said = data.fetch_and_check("big_cats", tmp_path, ["LIONS", "PUMA"], offline=True)
    assert str(tmp_path / place) in said and "2, 2, 2 pictures of 2 classes" in said
    assert "LION is taken for LIONS" in said
    assert (f"{splits[1]} is taken for valid" in said) == (splits[1] != "valid")
    cats = data.load_big_cats(tmp_path, "real", 8, ["LIONS", "PUMA"])
    assert [len(split.labels) for split in cats] == [2, 2, 2]


@pytest.mark.parametrize("place", ["big_cats/archive.zip", "archive.zip", "big_cats.zip"])
def test_a_zip_that_was_not_unpacked_is_named(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    with pytest.raises(DataError, match=r"\.zip is still packed\. Unpack it in .*big_cats"):
        data.fetch_and_check("big_cats", tmp_path, ["LIONS"], offline=True)


@pytest.mark.parametrize("home", ["~", "$HOME", "${HOME}"])
def test_the_home_folder_is_understood_as_plain_papermill_gives_it(
    tmp_path, monkeypatch, home, few_drawings
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    save_splits(tmp_path / "homework/big_cats")
    assert len(data.load_big_cats(f"{home}/homework", "real", 8).train.labels) == 2
    write_mnist(tmp_path / "homework/MNIST/raw", monkeypatch)
    assert len(data.load_mnist(f"{home}/homework", "real").train_labels) == 3
    assert data.locate("dogs", f"{home}/x", "sample").is_relative_to(tmp_path / "x")
    assert download.usable_weights(f"{home}/w.pth", "sample") == str(tmp_path / "w.pth")
    assert runtime.prepare(f"{home}/out") == tmp_path / "out"
    assert {path.name for path in tmp_path.iterdir()} - {".cache"} == {"homework", "x", "out"}


def test_a_missing_class_split_or_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HWLIB_OFFLINE", "1")
    with pytest.raises(DataError, match="big_cats"):
        data.load_big_cats(tmp_path, "real", 8)
    save_picture(tmp_path / "big_cats/train/A/1.png")
    with pytest.raises(DataError, match="valid, test"):
        data.load_big_cats(tmp_path, "real", 8)
    for split in ("valid", "test"):
        save_picture(tmp_path / "big_cats" / split / "A" / "1.png")
    with pytest.raises(DataError, match="TIGER"):
        data.load_big_cats(tmp_path, "real", 8, ["A", "TIGER"])


def test_an_empty_class_and_a_class_missing_in_one_split_are_named(tmp_path):
    for split in ("train", "valid", "test"):
        for name in ("LION", "PUMA"):
            save_picture(tmp_path / "big_cats" / split / name / "1.png")
    (tmp_path / "big_cats/valid/PUMA/1.png").unlink()
    with pytest.raises(DataError, match=r"no image .*valid.PUMA"):
        data.load_big_cats(tmp_path, "real", 8)
    (tmp_path / "big_cats/valid/PUMA").rmdir()
    with pytest.raises(DataError, match=r"valid must hold one folder a class.*PUMA"):
        data.load_big_cats(tmp_path, "real", 8)


@pytest.fixture
def few_drawings(monkeypatch):
    """The sample with one picture instead of 34 of each species."""
    monkeypatch.setattr(data.drawings, "NUM_SAMPLES", {"train": 1, "valid": 1, "test": 1})


def test_the_sample_is_drawn_once_and_always_the_same(tmp_path, few_drawings):
    first = data.locate("big_cats", tmp_path / "a", "sample")
    times = {path: path.stat().st_mtime_ns for path in first.rglob("*.png")}
    assert len(times) == 30 and {path.parent.name for path in times} == set(COATS)
    assert data.locate("big_cats", tmp_path / "a", "sample") == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*.png")} == times
    other = data.locate("big_cats", tmp_path / "b", "sample")
    assert all(
        path.read_bytes() == (other / path.relative_to(first)).read_bytes() for path in times
    )
    assert len(list((tmp_path / "a" / "sample").iterdir())) == 1  # nothing unfinished


def test_the_sample_of_a_data_folder_that_cannot_be_written_is_drawn_elsewhere(
    tmp_path, few_drawings
):
    (tmp_path / "file").touch()
    birds = data.locate("birds", tmp_path / "file", "sample")
    assert len(list(birds.iterdir())) == 2 and tmp_path not in birds.parents


@pytest.mark.parametrize("folder", ["big_cats", "hw1_data/big_cats"])
def test_data_are_found_below_the_data_folder(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    assert data.locate("big_cats", tmp_path, "real") == tmp_path / folder


def run_fetch(*arguments: object):
    return CliRunner().invoke(fetch_data, [str(argument) for argument in arguments])


def test_the_command_names_each_thing_that_is_missing(tmp_path):
    done = run_fetch("birds_dogs", "--offline", "--data-dir", tmp_path)
    assert done.exit_code == 1 and done.stdout.count("✗") == 2 and "--data-dir DIR" in done.stdout


def test_the_command_reads_every_picture(tmp_path):
    save_picture(tmp_path / "birds" / "1.png")
    save_picture(tmp_path / "dogs" / "1.png")
    done = run_fetch("birds_dogs", "--offline", "--data-dir", tmp_path)
    assert done.exit_code == 0 and done.stdout.count("1 pictures") == 2
    (tmp_path / "dogs" / "2.png").write_bytes(b"no picture")
    done = run_fetch("birds_dogs", "--offline", "--data-dir", tmp_path)
    assert done.exit_code == 1 and "2.png cannot be read" in done.stdout


def test_the_command_compares_the_hash_of_vgg16_s_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    download.vgg16_file().parent.mkdir(parents=True)
    download.vgg16_file().write_bytes(b"cut short")
    done = run_fetch("vgg16", "--offline")
    assert done.exit_code == 1 and "is damaged. Delete it" in done.stdout


@pytest.mark.slow
def test_the_command_finds_the_real_data(real_data):
    done = run_fetch("mnist", "--offline", "--data-dir", real_data)
    assert done.exit_code == 0 and "60,000 and 10,000 digits" in done.stdout
    done = run_fetch("big_cats", "--offline", "--data-dir", real_data)
    assert done.exit_code == 0 and "50, 50 pictures of 10 classes" in done.stdout
