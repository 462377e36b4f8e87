"""Notebooks run by a real kernel."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from hwlib.run import notebook as run
from hwlib.run.parameters import Parameters

PARAMETERS = Parameters(seed=7)


@pytest.fixture
def use_notebook(tmp_path):
    """Let ``run`` take a small notebook with a parameters cell and these cells for the homework."""

    def write(*cells):
        head = new_code_cell("seed = 42", metadata={"tags": ["parameters"]})
        metadata = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
        path = tmp_path / "small.ipynb"
        nbformat.write(new_notebook(cells=[head, *cells], metadata=metadata), path)
        return tmp_path / "executed.ipynb"

    return write


def tagged(source: str, question: str):
    return new_code_cell(source, metadata={"tags": [question]})


def test_parameters_are_injected_and_paths_are_not_kept(use_notebook):
    target = use_notebook(new_code_cell("print('seed is', seed)"))
    run.execute(PARAMETERS, run.QUESTIONS, target, notebook=target.with_name("small.ipynb"))
    executed = nbformat.read(target, as_version=4)
    assert executed.cells[-1].outputs[0].text == "seed is 7\n"
    assert "papermill" not in executed.metadata and str(target.parent) not in target.read_text()


def test_only_the_chosen_questions_are_run(use_notebook):
    target = use_notebook(tagged("1 / 0", "q1"), new_markdown_cell("kept"), tagged("x = 3", "q3"))
    run.execute(PARAMETERS, ("q3",), target, notebook=target.with_name("small.ipynb"))
    sources = [cell.source for cell in nbformat.read(target, as_version=4).cells]
    assert "1 / 0" not in sources and "kept" in sources and "x = 3" in sources


def test_a_failing_cell_is_named_and_what_ran_is_kept(use_notebook):
    target = use_notebook(new_code_cell("print('before')"), tagged("value = 1\nvalue / 0", "q2"))
    with pytest.raises(run.RunError) as failure:
        run.execute(PARAMETERS, run.QUESTIONS, target, notebook=target.with_name("small.ipynb"))
    message = str(failure.value)
    assert "question 2" in message and "ZeroDivisionError: division by zero" in message
    assert "value / 0" in message and "Traceback" not in message
    assert "before" in target.read_text()


def test_a_dying_kernel_is_reported(use_notebook):
    target = use_notebook(new_code_cell("import os\nos._exit(1)"))
    with pytest.raises(run.RunError, match="kernel died"):
        run.execute(PARAMETERS, run.QUESTIONS, target, notebook=target.with_name("small.ipynb"))


def test_missing_inputs_are_found_before_a_kernel_starts(tmp_path):
    empty = Parameters(data_dir=str(tmp_path), vgg_weights="none")
    with pytest.raises(run.RunError, match="big_cats"):
        run.check_inputs(empty, ("q4",))
    run.check_inputs(empty, ("q1", "q2"))
    mistyped = Parameters(data_dir=str(tmp_path / "dta"))
    with pytest.raises(run.RunError, match="fetch all --data-dir"):
        run.check_inputs(mistyped, ("q3",))
    assert not list(tmp_path.iterdir())  # a wrong name is not made right by a download
    with pytest.raises(run.RunError, match="cuda:77"):
        run.check_inputs(Parameters(device="cuda:77"), ("q1",))


def test_progress_bars_are_not_kept_and_warnings_are(use_notebook):
    bars = "from tqdm import tqdm\nfor _ in tqdm(range(3)):\n    pass"
    target = use_notebook(
        new_code_cell(bars), new_code_cell("import sys\nprint('careful', file=sys.stderr)")
    )
    run.execute(PARAMETERS, run.QUESTIONS, target, notebook=target.with_name("small.ipynb"))
    first, second = nbformat.read(target, as_version=4).cells[-2:]
    assert first.outputs == [] and second.outputs[0].text == "careful\n"


def test_a_log_gets_the_last_line_once_in_a_while(capsys, monkeypatch):
    monkeypatch.setattr(run, "QUIET_SECONDS", -1)
    run.LastLine(live=False).write("epoch 1\repoch 2\n")
    monkeypatch.setattr(run, "QUIET_SECONDS", 60)
    run.LastLine(live=False).write("epoch 3\n")
    assert capsys.readouterr().err == "  epoch 2\n"
