"""Stored trainings on held-out pictures, and what is read from them."""

import ast
import hashlib
import statistics

import pandas as pd
import pytest
from support import ROOT

from hwlib.common.images import load_image_set
from hwlib.q4_cats import cnn, folds, study
from hwlib.q4_cats.evaluation import percent_range, wilson_interval
from hwlib.run.parameters import Parameters

REFERENCE_PARAMETERS = 438_386  # of the known solution, as the assignment says


def run(
    variant: str, seed: int, epochs: int, correct: int, parameters: int = 10, fold: int = 1
) -> dict:
    return {
        "variant": variant,
        "seed": seed,
        "fold": fold,
        "epochs": epochs,
        "parameters": parameters,
        "correct": correct,
        "total": 200,
        "core_seconds": 60.0 * seed,
        "curve": [[4, 30.0, 0.4], [8, 60.0, correct / 200]],
    }


RUNS = pd.DataFrame(
    [
        run("large", 1, 40, 180),
        run("large", 2, 40, 190),
        run("large", 1, 20, 150),
        run("without spots", 1, 20, 140),
        run("width 3/2", 1, 20, 160, parameters=20),
        run("reference", 1, 60, 100, parameters=90),
        run("large", 1, 40, 170, fold=3),
        run("large", 1, 40, 196, fold=2),
        run("large", 1, 40, 188, fold=5),
        run("large", 1, 40, 184, fold=4),
        run("large", 1, 60, 200, fold=2),
    ]
)


def test_starts_of_a_variant_are_averaged_and_lengths_kept_apart():
    summary = study.summarise(RUNS).set_index(["variant", "epochs"])
    long = summary.loc[("large", 40)]
    assert long["runs"] == 2 and long["core_minutes"] == pytest.approx(1.5)
    assert long["accuracy"] == pytest.approx(0.925)
    assert long["deviation"] == pytest.approx(statistics.stdev([0.9, 0.95]))
    assert long["interval"] == wilson_interval(185, 200)
    assert summary.loc[("large", 20)]["accuracy"] == 0.75


def test_folds_are_summed_over_the_first_start_of_the_full_recipe():
    table = study.cross_validation(RUNS)
    assert list(table["accuracy"].items()) == [
        (1, "90.0%"),
        (2, "98.0%"),
        (3, "85.0%"),
        (4, "92.0%"),
        (5, "94.0%"),
        ("all", "91.8%"),
        ("all but the first", "92.2%"),
    ]
    assert table.loc["all", ["right", "of"]].tolist() == [918, 1000]
    assert table.loc["all", "95% interval"] == percent_range(wilson_interval(918, 1000))
    assert study.cross_validation(RUNS[RUNS["fold"] != 4]).empty


def test_parts_are_compared_with_the_whole_at_the_same_length_alone():
    summary = study.ablation(RUNS)
    assert summary[["variant", "epochs"]].values.tolist() == [["large", 20], ["without spots", 20]]


def test_networks_of_different_size_are_compared_on_the_first_fold_alone():
    assert study.frontier_runs(RUNS)["correct"].tolist() == [180, 190, 150, 160, 100]


def test_frontier_is_in_the_order_of_length_and_size_and_leaves_out_the_parts():
    summary = study.frontier(RUNS)
    assert summary[["variant", "parameters"]].values.tolist() == [
        ["large", 10],
        ["width 3/2", 20],
        ["large", 10],
        ["reference", 90],
    ]


def test_the_front_is_what_no_network_with_as_few_parameters_beats():
    rows = [(10, 0.5), (20, 0.4), (20, 0.7), (30, 0.7), (40, 0.9)]
    best = study.front(pd.DataFrame(rows, columns=["parameters", "accuracy"]))
    assert best.values.tolist() == [[10, 0.5], [20, 0.7], [40, 0.9]]


def answered(
    variant: str, seed: int, wrong: list[int], parameters: int = 98_000, epochs: int = 120
) -> dict:
    return run(variant, seed, epochs, 200 - len(wrong), parameters) | {"wrong": wrong}


def test_a_variant_is_compared_picture_by_picture_with_the_size_of_its_number_of_parameters():
    runs = pd.DataFrame(
        [
            answered("large", 1, [1, 2, 3]),
            answered("large", 2, [7]),
            answered("medium", 1, [1, 2, 3, 4, 5], parameters=47_000),
            answered("with spots", 1, [3, 4], parameters=90_000),
            answered("with spots", 2, [8, 9], parameters=90_000),
            answered("with spots", 3, [0], parameters=90_000),  # no large network of that seed
            answered("with spots", 1, [], parameters=90_000, epochs=20),  # too short
        ]
    )
    large, spots = study.comparisons(runs).itertuples(index=False)
    assert large[:6] == ("large", 98_000, "medium", 1, 2, 0) and large.p_value == 0.5
    # Pictures 1, 2 and 7 against 4, 8 and 9.
    assert spots[:6] == ("with spots", 90_000, "large", 2, 3, 3) and spots.p_value == 1


def test_a_longer_training_of_a_size_is_compared_with_that_size():
    runs = [answered("medium", 1, [1, 2], 47_000), answered("medium", 1, [2], 47_000, epochs=240)]
    (longer,) = study.comparisons(pd.DataFrame(runs)).itertuples(index=False)
    assert longer[:6] == ("medium, 240 epochs", 47_000, "medium", 1, 1, 0)


def test_runs_without_stored_answers_are_not_compared():
    assert study.comparisons(RUNS.assign(wrong=None)).empty


def test_a_repeated_start_counts_once_among_the_folds():
    again = pd.concat([RUNS, pd.DataFrame([run("large", 1, 40, 0)])])
    assert study.cross_validation(again).equals(study.cross_validation(RUNS))


def test_the_spread_of_starts_is_told_by_size():
    runs = pd.DataFrame([answered("medium", 1, [1]), answered("medium", 2, [1, 2, 3])])
    assert study.spread_text(runs).endswith("first fold: medium 197 to 199 of 200.")


def test_the_record_in_the_documentation_is_that_of_the_stored_runs():
    assert (ROOT / "docs" / "experiments.md").read_text() == study.record_text(study.load_runs())


def test_the_table_shows_percentages_and_a_dash_for_a_single_start():
    table = study.summary_table(study.frontier(RUNS))
    assert table.loc["known solution", "accuracy"] == "50.0%"
    assert table["deviation"].tolist() == ["–", "–", "± 3.5", "–"]


def test_what_is_stored_was_trained_with_the_networks_of_today():
    runs = study.load_runs()
    sizes = runs.groupby("variant")["parameters"].agg(set)
    assert all(len(counts) == 1 for counts in sizes)
    assert sizes[study.REFERENCE] == {REFERENCE_PARAMETERS}
    for size, widths in cnn.WIDTHS.items():
        assert sizes[size] == {cnn.count_parameters(cnn.BigCatsNet(widths=widths))}
    assert Parameters().cnn_epochs == study.SHIPPED_EPOCHS
    assert study.SHIPPED_EPOCHS in set(runs.loc[runs["variant"] == study.FULL, "epochs"])
    assert study.cross_validation(runs).loc["all", "of"] == study.TRAINING_PICTURES
    assert len(study.ablation(runs)) > 3


def test_every_stored_variant_can_be_trained_again_or_is_said_to_be_not_kept():
    tree = ast.parse((ROOT / "benchmarks" / "cnn_accuracy.py").read_text())
    (variants,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and node.target.id == "VARIANTS"
    )
    known = {key.value for key in variants.keys} | {study.REFERENCE, *study.NOT_KEPT}
    stored = set(study.load_runs()["variant"])
    assert set(study.NOT_KEPT) <= stored <= known


def test_folds_of_the_stored_runs_are_those_of_today(real_data):
    images = load_image_set(real_data / "big_cats" / "train", cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    if len(images.labels) != study.TRAINING_PICTURES:
        pytest.skip("the stored runs were trained on another copy of the big cats")
    numbers = bytes(folds.fold_numbers(images).tolist())
    assert hashlib.sha256(numbers).hexdigest().startswith("eef6f4427aa3c6ea")
