"""Pictures that no stored training classifies correctly, and wrong labels."""

import pandas as pd
import pytest

from hwlib.common.images import load_image_set
from hwlib.q4_cats import cnn, folds, hard_pictures, study

RUNS = pd.DataFrame(
    [
        {"fold": 1, "total": 200, "wrong": [2, 3, 8]},
        {"fold": 1, "total": 200, "wrong": [3, 8]},
        {"fold": 2, "total": 100, "wrong": [5]},
        {"fold": 3, "total": 100, "wrong": None},
    ]
)


def test_a_picture_is_never_right_if_every_run_of_its_fold_is_wrong():
    assert hard_pictures.never_right(RUNS) == [(1, 3), (1, 8), (2, 5)]
    assert hard_pictures.never_right(RUNS[RUNS["wrong"].isna()]) == []


def test_the_text_counts_pictures_runs_and_shared_mistakes():
    text = hard_pictures.never_right_text(RUNS)
    assert text.startswith("Of 300 pictures, 3 were") and "(3 trainings, of all sizes)" in text
    assert f"about {1 - len(hard_pictures.MISLABELLED) / 300:.1%} at most" in text
    assert text.endswith("on the same 2 pictures, to which 80% of all their mistakes belong.")


def test_most_of_the_mislabelled_pictures_are_never_right():
    never = set(hard_pictures.never_right(study.load_runs()))
    assert len(never & set(hard_pictures.MISLABELLED)) > 0.8 * len(hard_pictures.MISLABELLED)


def test_mislabelled_pictures_stand_at_their_index_in_their_fold(real_data):
    images = load_image_set(real_data / "big_cats" / "train", cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    if len(images.labels) != 2089:
        pytest.skip("the stored runs were trained on another copy of the big cats")
    numbers = folds.fold_numbers(images)
    held_out = {fold: folds.subset(images, numbers == fold).paths for fold in range(1, 6)}
    for (fold, index), (path, _) in hard_pictures.MISLABELLED.items():
        assert str(held_out[fold][index]).endswith(path)
