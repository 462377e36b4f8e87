import io
import sys

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
