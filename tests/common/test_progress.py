import io
import sys
import time

from hwlib.common.progress import progress, progress_bar


def test_a_bar_is_on_standard_error_and_in_a_notebook_on_standard_output(capsys, monkeypatch):
    assert list(progress_bar([1, 2], "counting", "number")) == [1, 2]
    assert "counting: 100%" in capsys.readouterr().err

    class OutStream(io.StringIO):
        """What stands in place of ``sys.stdout`` in a kernel."""

    OutStream.__module__ = "ipykernel.iostream"
    notebook = OutStream()
    monkeypatch.setattr(sys, "stdout", notebook)
    assert list(progress("training")(range(3))) == [0, 1, 2]
    assert "training: 100%" in notebook.getvalue() and not capsys.readouterr().err


def test_a_bar_in_a_file_is_written_rarely(capsys):
    for _ in progress_bar(range(5), "counting", "number"):
        time.sleep(0.12)
    states = [state for state in capsys.readouterr().err.split("\r") if state.strip()]
    assert len(states) == 2  # the first and the last
