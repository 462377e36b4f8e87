"""What the stored trainings say, in tables and sentences."""

import pandas as pd
import pytest

from hwlib.grading.rubric import Competition
from hwlib.q4_cats import findings, study
from hwlib.q4_cats.cnn import WIDTHS


def run(variant: str, correct: int, **changes) -> dict:
    standard = {"seed": 1, "fold": 1, "epochs": 120, "parameters": 1000, "total": 100}
    standard |= {"core_seconds": 60.0, "wrong": None}
    return standard | {"variant": variant, "correct": correct} | changes


RUNS = pd.DataFrame(
    [
        run("large", 80, epochs=20),
        run("without Muon", 50, epochs=20),
        run("without spots", 81, epochs=20),
        run("large", 90),
        run("large", 94, seed=2),
        run("without cutmix", 88),
        run("width 1/2", 70, parameters=500),
        run("width 1/2 without cutmix", 72, parameters=500, wrong=list(range(28))),
        run("width 1/2, taught by its average", 73, parameters=500, wrong=list(range(5, 32))),
        run("reference", 60, epochs=150, parameters=10**6),
        *(run("large", 95, fold=fold) for fold in (2, 3, 4, 5)),
    ]
)


def test_chance_is_two_standard_errors_of_a_difference():
    assert findings.by_chance(0.5, 200) == pytest.approx(10)


def test_single_parts_are_compared_with_the_whole_recipe_the_costliest_first():
    table = findings.ablation_table(RUNS)
    assert table.index.tolist() == ["without Muon", "whole recipe", "without spots"]
    assert table["right answers"].tolist() == [50, 80, 81]
    assert table["difference"].tolist() == ["−30", "–", "+1"]
    text = findings.ablation_text(RUNS)
    assert "by 11.3 points by chance" in text and text.endswith("without Muon (−30.0).")


def test_every_start_stands_in_the_table_of_sizes_and_lengths():
    table = findings.sizes_and_lengths(RUNS)
    assert table.to_dict("index") == {
        "500": {"20 epochs, with cutmix": "–", "120 epochs, with cutmix": "70",
                "120 epochs, without cutmix": "72"},
        "1,000": {"20 epochs, with cutmix": "80", "120 epochs, with cutmix": "90, 94",
                  "120 epochs, without cutmix": "88"},
    }  # fmt: skip
    length, cutmix, known = findings.size_and_length_text(RUNS).splitlines()
    assert known == "The known solution has 60 right answers."
    assert length.endswith("changes by +12.0 (1,000 parameters).")
    assert cutmix.endswith("by −2.0 (500 parameters), +4.0 (1,000 parameters).")


def test_a_teacher_stands_beside_the_starts_without_one_of_the_same_size_and_length():
    medium = [
        run("medium", 80), run("medium", 85, epochs=240), run("medium, taught by width 2", 84)
    ]  # fmt: skip
    text = findings.teachers_text(pd.DataFrame([*RUNS.to_dict("records"), *medium]))
    assert text.endswith(
        "small, 120 epochs, 73 (without: 72); medium, 120 epochs, 84 (without: 80)."
    )


def test_what_is_wider_or_trained_longer_stands_beside_the_large_network():
    more = [
        run("width 2", 91, parameters=4000),
        run("large, more cutmix", 85),
        run("large, more cutmix", 93, epochs=240),
    ]
    text = findings.limit_text(pd.DataFrame([*RUNS.to_dict("records"), *more]))
    assert text.startswith("The starts of the large network have 90 to 94 right answers.")
    assert "makes 4,000 parameters, has 91; one start with 240 epochs" in text
    assert text.endswith("has 93.")


def test_half_of_the_pictures_stands_beside_the_starts_with_all():
    assert findings.pictures_text(RUNS).endswith("test): none yet.")
    wrong = [*range(10), *range(20, 35)]  # ten of them also with all pictures
    half = [
        run("large, half of the pictures", 75, parameters=98_855, epochs=240, wrong=wrong),
        run("large", 90, wrong=list(range(10))),
    ]
    others = RUNS[RUNS["correct"] != 90].to_dict("records")  # the other run of this seed
    text = findings.pictures_text(pd.DataFrame([*half, *others]))
    # Fifteen answers differ, all of them in one direction: twice 2 to the power of -15.
    assert text.endswith("test): large 75 (90, 94; 6.1e-05).")


def test_the_sizes_are_compared_over_all_folds_and_by_the_grader_s_score():
    table = findings.sizes_table(RUNS)
    assert table.loc["large", "first fold"] == "90, 94"
    assert table.loc["large", "all folds"] == "470 of 500, 94.0%"
    assert table["cutmix"].tolist() == ["0%", "0%", "25%", "–"]
    assert table.loc["known solution", ["parameters", "first fold"]].tolist() == ["1,000,000", "60"]
    assert table.loc["large", "score"] == "94.0"  # 98,855 parameters are about 100,000
    assert table.loc["small", "score"] == "–"
    text = findings.choice_text(RUNS, "medium")
    assert "large network has the highest score" in text and "trains the medium" in text
    medium = [run("medium", 93, fold=fold) for fold in range(1, 6)]  # of half the parameters
    half = pd.DataFrame([*RUNS.to_dict("records"), *medium])
    assert "medium network has the highest score" in findings.choice_text(half, "medium")


def test_half_the_parameters_are_worth_what_the_grader_s_rubric_says():
    competition = Competition()
    assert competition.per_doubling == findings.POINTS_A_DOUBLING
    assert competition.reference == 100_000
    assert findings.competition_score(0.9, 25_000) == pytest.approx(92.8)


def test_twice_the_parameters_are_priced_from_size_to_size():
    medium = [run("medium", 90, fold=fold) for fold in range(1, 6)]
    text = findings.doubling_text(pd.DataFrame([*RUNS.to_dict("records"), *medium]))
    # 4 points for 98,855 instead of 47,123 parameters, which is 1.07 times twice as many
    assert text == "Twice the parameters bring, in points of accuracy, 3.7 from medium to large."


def test_the_fold_of_the_choices_is_compared_with_the_others():
    text = findings.folds_text(RUNS)
    assert "large 90.0% and 95.0%." in text and "large network, −5.0 points" in text
    # 200 sqrt(0.94 * 0.06 * (1/100 + 1/400))
    assert "may be 5.3 (two" in text
    assert findings.folds_text(RUNS[RUNS["fold"] != 3]) == "Not every fold is measured yet."


def test_the_stored_runs_can_be_told():
    runs = study.load_runs()
    assert len(findings.ablation_table(runs)) > 5
    assert len(findings.sizes_and_lengths(runs)) >= 4
    assert "(without: " in findings.teachers_text(runs)
    assert "one start with 240 epochs" in findings.limit_text(runs)
    assert findings.sizes_table(runs).index.tolist() == [*WIDTHS, "known solution"]
