"""What a terminal shows."""

import pytest

from hwlib.pdf.terminal import on_screen


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        ("step 100\rdone\x1b[K\n", "done"),
        ("10%\n20%\n\x1b[2A\x1b[2Kall\n\x1b[2K", "all"),
        ("abcdef\x1b[3DXY\x1b[1GZ", "ZbcXYf"),
        ("12\x08\x08345", "345"),
        ("\x1b[31mred\x1b[0m\x1b[9999999999Bdeep", "red" + "\n" * 1000 + "   deep"),
        ("50%|a|b[c]\n99 items [1:2]", "50%|a|b[c]\n99 items [1:2]"),
        ("result: 42\r\r\nnext", "result: 42\nnext"),
        ("\x1b]8;;http://a.b/c\x1b\\link\x1b]8;;\x1b\\ after\x1b]0;title\x07", "link after"),
        (
            "\x1b(B\x1b[m\x1b[1;38;2;9;9;9mtrue\x1b[?25l\x1b=\x1b[>4;1m colour\x07\x1b",
            "true colour",
        ),
        ("\x1b[1mword\x1b[0m\x1b[10Gend\x1b[5mX", "word     endX"),
    ],
)
def test_what_a_terminal_would_show(printed, seen):
    assert on_screen(printed) == seen


def test_progress_bars_leave_no_debris():
    bar = "".join(
        f"\rtraining: {n}%|{'█' * (n // 10)}| {n}/100 [00:01<00:00, 9.1it/s]" for n in range(101)
    )
    assert on_screen(bar + "\ndone\n") == "done"
    assert on_screen("outer\ninner 1\x1b[A\rOUTER\n\rinner 2\n") == "OUTER\ninner 2"


def test_what_a_progress_bar_reports_stays():
    first = "Epoch 1/2: 100%|██████████| 50/50 [00:03<00:00, 15.2it/s, loss=0.41, acc=0.87]\n"
    last = "\rEpoch 2/2:  50%|█████     | 25/50 [00:01<00:01, 15.4it/s, loss=0.35]"
    last += "\rEpoch 2/2: 100%|██████████| 50/50 [00:03<00:00, 15.4it/s, loss=0.29]Test: 0.9\n"
    assert on_screen(first + last + "7it [00:01,  7.0it/s]\n") == (
        "Epoch 1/2: 100% 50/50, loss=0.41, acc=0.87\nEpoch 2/2: 100% 50/50, loss=0.29Test: 0.9"
    )


def test_cursors_that_run_away_cost_no_memory():
    assert len(on_screen("\x1b[1000C" * 5000 + "x" + "\x1b[1000Cy" * 5000)) < 10_000
    assert len(on_screen("a" + "\x1b[1000B" * 5000 + "x")) < 2000
    assert on_screen("ab\x08" * 100_000) == "a" * 100_000 + "b"
