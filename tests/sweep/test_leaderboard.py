"""Tables of a sweep."""

import pandas as pd
import pytest

from hwlib.sweep import leaderboard as tables

TABLE = pd.DataFrame(
    {
        "status": "done",
        "learning_rate": [0.1, 0.1, 0.2, 0.2, 0.3],
        "seed": [1, 2, 1, 2, 1],
        "q3_train_loss": [0.5, 0.7, 0.3, 0.5, float("nan")],
        "q3_test_accuracy": [0.9, 0.9, 0.1, 0.1, 1.0],
        "seconds": 1.0,
    }
)
SWEPT = ["learning_rate", "seed"]


def test_nothing_is_ranked_by_a_test_figure():
    board = tables.leaderboard(TABLE, SWEPT)
    assert board["setting"].to_list() == [f"learning_rate {x}" for x in (0.2, 0.1, 0.3)]
    assert board["q3 train loss"].to_list()[:2] == ["0.4000 ± 0.1414", "0.6000 ± 0.1414"]
    with_q4 = TABLE.assign(q4_validation_accuracy=[0.1, 0.1, 0.2, 0.2, 0.9], q4_test_accuracy=0.5)
    best = tables.leaderboard(with_q4, SWEPT).iloc[0]
    assert best["setting"] == "learning_rate 0.3"
    assert not any("test" in rank.figure for rank in tables.RANKED_BY)


def test_failed_runs_are_not_ranked():
    board = tables.leaderboard(TABLE.assign(status=["done"] * 3 + ["failed"] * 2), SWEPT)
    assert board["runs"].to_list() == [1, 2] and len(board) == 2
    assert tables.leaderboard(TABLE.assign(status="failed"), SWEPT).empty


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_leaderboard_fits_the_terminal_without_breaking_a_number(width):
    board = tables.leaderboard(TABLE, SWEPT)
    text = tables.fit_width(board, width)
    lines = text.splitlines()[: len(board) + 1]
    assert max(map(len, lines)) <= max(width, 45)
    for row, line in zip(board.itertuples(), lines[1:], strict=True):
        assert row.setting in line and row._3 in line  # the figure that ranks
    shown = [name for name in board if name in lines[0]]
    left_out = [name for name in board if name not in shown]
    assert ("Not shown" in text) == bool(left_out)
    assert all(name in text for name in left_out)
    assert bool(left_out) == (width < 80)


def test_a_finished_sweep_is_read_as_tables(undisturbed):
    out = str(undisturbed.out)
    table = tables.load_sweep(out)
    assert table["learning_rate"].to_list() == [0.01, 0.01, 0.1, 0.1]
    assert table["q3_train_loss"].notna().all() and table["finished"].notna().all()
    written = pd.read_csv(undisturbed.out / "results.csv")
    assert written["q3_train_loss"].to_list() == pytest.approx(table["q3_train_loss"].to_list())
    histories = tables.load_histories(out, "q3")
    assert len(histories) == 20 and set(histories["seed"]) == {1, 2}
    last = histories[histories["epoch"] == 5].set_index("run")["train_loss"]
    assert last.to_dict() == table.set_index("run")["q3_train_loss"].to_dict()


def test_a_folder_without_a_sweep_is_not_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        tables.load_sweep(str(tmp_path))
