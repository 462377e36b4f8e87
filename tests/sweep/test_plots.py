"""Figures of a sweep."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from hwlib.sweep import plots

TABLE = pd.DataFrame(
    {
        "setting": ["b", "b", "a", "a"],
        "learning_rate": [0.001, 0.001, 0.1, 0.1],
        "seed": [1, 2, 1, 2],
        "q3_train_loss": [1.0, 3.0, 0.5, 0.7],
        "q3_test_loss": [2.0, 4.0, 0.6, np.nan],
    }
)
HISTORIES = pd.DataFrame(
    [
        {
            "setting": setting,
            "seed": seed,
            "epoch": epoch,
            "train_loss": loss + seed,
            "test_loss": 9,
        }
        for setting, loss in (("a", 1.0), ("b", 2.0))
        for seed in (1, 3)
        for epoch in (1, 2, 3)
    ]
)
STYLES = plots.line_styles(["a", "b"])


@pytest.mark.parametrize("count", [1, 7, 8, 40])
def test_every_setting_has_a_style_of_its_own(count):
    styles = plots.line_styles([str(i) for i in range(count)])
    assert len(set(styles.values())) == count
    assert {style.linestyle for style in styles.values()} <= set(plots.DASHES)


def test_curves_are_means_over_the_seeds_on_one_scale():
    panels = plots.curves(HISTORIES, STYLES)
    (train,), (test,) = (panel.figure.axes for panel in panels)
    assert (train.get_ylabel(), test.get_ylabel()) == ("training loss (nats)", "test loss (nats)")
    assert [list(line.get_ydata()) for line in train.get_lines()] == [[3.0] * 3, [4.0] * 3]
    assert train.get_ylim() == test.get_ylim()
    assert [line.get_color() for line in train.get_lines()] == [STYLES[s].color for s in "ab"]


def test_settings_stand_by_their_number_with_the_first_on_top():
    (ax,) = plots.seed_dots(TABLE, "q3_train_loss", STYLES).figure.axes
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert [sorted(line.get_xdata()) for line in dots] == [[0.5, 0.7], [1.0, 3.0]]
    assert [round(line.get_ydata()[0]) for line in dots] == [1, 2]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_runs_keep_the_colour_of_their_setting_against_a_parameter():
    (ax,) = plots.against_parameter(TABLE, "learning_rate", "q3_train_loss", STYLES).figure.axes
    (dots,) = ax.collections
    assert [to_hex(c[:3]) for c in dots.get_facecolors()] == [
        STYLES[s].color.lower() for s in TABLE["setting"]
    ]
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "learning rate"
    (line,) = ax.get_lines()
    assert list(line.get_ydata()) == [2.0, 0.6]


def test_a_value_that_is_no_number_leaves_a_gap_among_all_runs():
    columns = ["learning_rate", "seed", "q3_train_loss", "q3_test_loss"]
    (ax,) = plots.parallel(TABLE, columns, STYLES).figure.axes
    runs = [line for line in ax.get_lines() if len(line.get_xdata()) == 4]
    assert [list(line.get_ydata()[:3]) for line in runs] == [
        [0, 0, 2 / 3],
        [0, 1, 1],
        [1, 0, 0],
        [1, 1, 1 / 3],
    ]
    assert np.isnan(runs[-1].get_ydata()[-1])
