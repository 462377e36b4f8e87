"""A first look at the big cats."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from hwlib.common.data import BigCats
from hwlib.common.images import ImageSet
from hwlib.q4_cats import eda


def random_set(count: int, seed: int, paths: list[Path] | None = None) -> ImageSet:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageSet(images, torch.arange(count) % 2, paths or [], ["a", "b"])


def test_images_are_counted_by_class_and_split():
    table = eda.class_counts(BigCats(random_set(5, 0), random_set(2, 1), random_set(1, 2)))
    assert table.loc["a"].tolist() == [3, 1, 1]
    assert table.loc["b"].tolist() == [2, 1, 0]
    assert table.loc["sum"].tolist() == [5, 2, 1]


def test_formats_are_read_from_the_files(tmp_path):
    paths = [tmp_path / name for name in ("1.png", "2.png", "3.jpg")]
    for path, size in zip(paths, [(9, 7), (9, 7), (20, 10)], strict=True):
        Image.new("RGB", size).save(path)
    pictures = [random_set(len(part), 0, part) for part in (paths, paths[:1], paths[2:])]
    table = eda.file_formats(BigCats(*pictures))
    assert table.loc["9 × 7", ["train", "valid", "test"]].tolist() == [2, 1, 0]
    assert table.loc["20 × 10", ["mode", "type"]].tolist() == ["RGB", "JPEG"]


MEMORY_OF_A_FIRST_LOOK = """
import resource, sys, torch
from hwlib.common.data import BigCats
from hwlib.common.images import ImageSet
from hwlib.q4_cats import eda
images = torch.zeros(2000, 3, 128, 128, dtype=torch.uint8)  # 98 MB, and 393 MB as floats
part = ImageSet(images, torch.arange(2000) % 2, [], ["a", "b"])
few = ImageSet(images[:4], part.labels[:4], [], ["a", "b"])
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = used()
part.sha256(), eda.colour_statistics(part), eda.duplicates_table(BigCats(part, few, few))
unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes or kilobytes in a megabyte
print((used() - before) / unit)
"""


def test_a_set_of_pictures_is_never_all_floats_at_once():
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_OF_A_FIRST_LOOK], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 300


def test_near_duplicates_are_copies_and_mirror_images():
    first, second = random_set(6, 0), random_set(4, 1)
    second.images[1] = first.images[4].flip(-1)
    second.images[3] = first.images[0] // 2 + 10  # the same picture, darker
    assert eda.near_duplicates(first, second).tolist() == [[0, 3], [4, 1]]
    assert eda.correlations(first, second)[4, 1] > 0.99
    first.images[5] = first.images[2]
    assert eda.near_duplicates(first, first).tolist() == [[2, 5]]  # each pair once


def test_the_mean_colour_tells_dark_from_bright():
    train, valid = random_set(20, 0), random_set(10, 1)
    for part in (train, valid):
        part.images[part.labels == 1] //= 8
    text = eda.colour_baseline(train, valid)
    assert "100% of the validation pictures" in text and "guessing would be right for 50%" in text
    colours = eda.colour_statistics(train)
    expected = train.images[train.labels == 0].double().mean((0, 2, 3)) / 255
    assert colours.loc["a", ["red", "green", "blue"]].tolist() == pytest.approx(
        expected.tolist(), abs=1e-3
    )


def test_sentences_say_what_the_tables_say(tmp_path):
    cats = BigCats(random_set(5, 0), random_set(4, 1), random_set(8, 2))
    assert "2 to 3 training pictures" in eda.balance_text(cats)
    assert "is 25 percentage points" in eda.balance_text(cats)
    even = BigCats(random_set(6, 0), random_set(4, 1), random_set(8, 2))
    assert eda.balance_text(even).startswith("Each class has 3 training pictures.")
    one, two = (pd.DataFrame({"train": range(count)}) for count in (1, 2))
    assert eda.format_text(one, 192).startswith("All files have one size, mode and type. Each")
    assert eda.format_text(two, 192).startswith("2 kinds of files. Each picture is resized")


def test_near_duplicates_across_splits_are_named_for_the_accuracy_that_they_concern():
    rows = ["train – valid", "train – test", "valid – test", "train – train"]
    text = eda.twins_text(pd.DataFrame({"pairs": [2, 0, 1, 7]}, index=rows))
    assert "between the training and validation sets: 2. The validation accuracy" in text
    assert "No test picture has a near-duplicate in the training set." in text
    assert text.endswith("within the training set: 7.")


def test_overlapping_bars_of_brightness_are_counted():
    table = pd.DataFrame({name: [0.2, 0.3, 0.8] for name in ("red", "green", "blue")})
    table["brightness, deviation"] = [0.06, 0.06, 0.1]
    assert eda.overlap_text(table) == "The bars of 1 of the 3 pairs of species overlap."
