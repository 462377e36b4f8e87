import math

import pandas as pd
import pytest

from hwlib.q3 import experiments, mlp
from hwlib.q3.experiments import train_each_rate


def test_first_loss_is_predicted_from_the_spread_of_the_logits(digits):
    table = experiments.first_loss(digits, seed=42)
    assert (table["measured loss"] / table["predicted loss"] - 1).abs().max() < 0.15
    assert table["measured loss"].iloc[0] > 2 * math.log(10)
    assert table["measured loss"].iloc[1] == pytest.approx(math.log(10), abs=0.3)


def test_a_handful_of_digits_is_learnt_by_heart(digits):
    assert experiments.overfit(digits, seed=1).startswith(
        "After 200 steps at a rate of 0.5 on 64 training digits alone, 100% of them"
    )


def test_equal_distances_give_equal_losses(digits):
    histories = train_each_rate([0.01, 0.03], digits, 3, 5, {})
    (row,) = experiments.same_distance(histories).to_dict("index").values()
    slow, fast = float(row["test loss, slow"]), float(row["test loss, fast"])
    assert slow == pytest.approx(histories[0.01]["test_loss"][2], abs=1e-4)
    assert slow == pytest.approx(fast, rel=0.1)
    assert experiments.same_distance({0.1: histories[0.01]}).index[0].startswith("no two rates")


def test_learning_rate_range_test_finds_an_edge(digits):
    tables = experiments.learning_rate_range_test(digits, seed=42, epochs=2, points=6)
    for table in tables.values():
        assert 0 < table["train_loss"].idxmin() < 5
        untrained = table["untrained_loss"].iloc[0]
        assert table["train_loss"].iloc[0] == pytest.approx(untrained, rel=0.2)
    best = experiments.best_rates(tables)
    assert (best["lowest loss"].astype(float) < best["untrained loss"].astype(float)).all()


def test_the_best_rate_comes_with_the_range_of_those_that_are_about_as_good():
    losses = {"lr": [0.1, 1.0, 10.0], "train_loss": [1.05, 1.0, 3.0]}
    table = pd.DataFrame(losses | {"train_accuracy": [0.4, 0.5, 0.1], "untrained_loss": 9.0})
    (row,) = experiments.best_rates({"start": table}).to_dict("index").values()
    assert row["at lr"] == "1" and row["at most a tenth higher"] == "lr 0.1 to 1"
    assert experiments.rates_between(pd.Series([2.154, 2.154])) == "2.2 alone"


def test_every_rate_starts_alike_and_what_is_known_is_not_trained_again(digits):
    first, second = (train_each_rate([0.1], digits, 2, seed, {}) for seed in (7, 7))
    other = train_each_rate([0.1], digits, 2, 8, {})
    assert first == second != other
    assert {name: len(values) for name, values in first[0.1].items()} == dict.fromkeys(
        mlp.FIGURES, 2
    )
    known = {0.1: first[0.1], 5.0: {}}
    histories = train_each_rate([0.01, 0.1], digits, 2, 7, known)
    assert list(histories) == [0.01, 0.1] and histories[0.1] is first[0.1]


LOW = {"train_loss": [1.0, 0.5, 0.4], "test_loss": [1.0, 0.5, 0.25],
       "train_accuracy": [0.7, 0.8, 0.9], "test_accuracy": [0.7, 0.8, 0.95]}  # fmt: skip


def test_final_figures_are_the_last_epoch_s():
    one_epoch = {name: values[:1] for name, values in LOW.items()}
    table = experiments.final_figures({0.1: LOW, 0.01: one_epoch})
    assert table.loc["lr = 0.1"].to_dict() == {
        "train loss": "0.4000", "test loss": "0.2500", "train accuracy": "0.9000",
        "test accuracy": "0.9500", "test − train loss": "-0.1500",
        "fall in the last epoch": "20.0%",
    }  # fmt: skip
    assert table.loc["lr = 0.01", "fall in the last epoch"] == "–"  # needs two epochs


def test_the_curves_are_told_in_sentences():
    text = experiments.curves_text(LOW)
    assert "the training loss falls from 1.0000 to 0.4000" in text
    assert "and the test accuracy rises from 0.7000 to 0.9500." in text
    assert "test loss is 0.150 below" in text and "5.0 percentage points above" in text
    assert "still fell by more than 1% at this rate" in text
    level = LOW | {"train_loss": [1.0, 0.4, 0.3999]}
    assert experiments.curves_text(level).endswith("it has levelled off.")


def test_the_order_of_the_rates_is_told_in_sentences():
    high = {name: values[:1] * 3 for name, values in LOW.items()}
    order, falling = experiments.rates_text({1.0: high, 0.1: LOW}).splitlines()
    assert "0.250 (lr 0.1), 1.000 (lr 1)" in order and "same in 3 of 3 epochs" in order
    assert order.endswith("test accuracy is the same.")
    assert "at lr 0.1:" in falling and "lr 1," not in falling
    better = high | {"test_accuracy": [0.7, 0.8, 0.99], "test_loss": [0.9, 1.0, 1.0]}
    order, *_ = experiments.rates_text({1.0: better, 0.1: LOW}).splitlines()
    assert "same in 2 of 3 epochs" in order and order.endswith("test accuracy is another.")


def test_the_gap_between_the_losses_is_told_where_it_is_widest():
    other = LOW | {"train_loss": [1.0, 0.5, 0.3], "test_loss": [0.9, 0.6, 0.7]}
    gap, lowest = experiments.gap_text({0.1: LOW, 1.0: other}).splitlines()
    assert "largest at lr 1 (+0.400; at most −0.150 at the other rates)" in gap
    assert "From epoch 2 to 3" in gap and "0.500 to 0.300, the test loss from 0.600 to 0.700" in gap
    assert lowest.endswith("lr 1 has the lowest training loss, lr 0.1 the lowest test loss.")
    alone, both = experiments.gap_text({0.1: LOW}).splitlines()
    assert "(−0.150)" in alone and both.endswith("training loss, and the lowest test loss.")


@pytest.mark.parametrize(("rates", "place"), [([0.01], "below"), ([0.1], "in"), ([9.0], "above")])
def test_the_largest_rate_is_placed_beside_the_range_of_the_best(rates, place):
    table = pd.DataFrame({"lr": [0.1, 1.0, 10.0], "train_loss": [1.05, 1.0, 3.0]})
    text = experiments.range_text({"start": table}, [*rates, 0.001])
    assert f"{rates[0]:g}, is {place} the range" in text and "(0.1 to 1)" in text
