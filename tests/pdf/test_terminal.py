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
