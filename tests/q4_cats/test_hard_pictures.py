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


def test_the_text_counts_the_first_fold_apart_since_it_has_more_trainings():
    text = hard_pictures.never_right_text(RUNS)
    assert (
        text.startswith("On the first fold, 2 of 200 pictures were") and "all 2 trainings" in text
    )
    assert "the same 2 pictures, to which 80% of all their mistakes belong." in text
    assert "1 trainings or more" in text and text.endswith("are wrong on 1 of 100 pictures.")


def test_wrong_labels_bound_the_accuracy():
    text = hard_pictures.wrong_labels_text(2 * len(hard_pictures.MISLABELLED))
    assert text.endswith("an accuracy of 50.0% at most.")


def test_a_mislabelled_picture_was_wrong_in_many_trainings_and_shows_something_else():
    runs = study.load_runs()
    noted = runs[runs["wrong"].notna()]
    for (fold, index), (path, shown) in hard_pictures.MISLABELLED.items():
        wrong = [index in answers for answers in noted.loc[noted["fold"] == fold, "wrong"]]
        assert sum(wrong) > len(wrong) / 3
        assert shown.upper() != path.split("/")[0]


def test_mislabelled_pictures_stand_at_their_index_in_their_fold(real_data):
    images = load_image_set(real_data / "big_cats" / "train", cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    if len(images.labels) != study.TRAINING_PICTURES:
        pytest.skip("the stored runs were trained on another copy of the big cats")
    numbers = folds.fold_numbers(images)
    held_out = {fold: folds.subset(images, numbers == fold).paths for fold in range(1, 6)}
    for (fold, index), (path, _) in hard_pictures.MISLABELLED.items():
        assert str(held_out[fold][index]).endswith(path)
