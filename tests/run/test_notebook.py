"""Notebooks run by a real kernel."""

import json
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from support import ROOT, small_notebook

from hwlib.common.project import QUESTIONS
from hwlib.run import notebook as run
from hwlib.run.parameters import Parameters

PARAMETERS = Parameters(seed=7)


def tagged(source: str, tag: str):
    return new_code_cell(source, metadata={"tags": [tag]})


@pytest.fixture
def execute(tmp_path):
    """Run a notebook that has one parameter and these cells; its cells as they were executed."""

    def call(*cells, parameters=PARAMETERS, questions=QUESTIONS):
        notebook = small_notebook(
            tmp_path / "small.ipynb", [tagged("seed = 42", "parameters"), *cells]
        )
        target = tmp_path / "executed.ipynb"
        content = nbformat.read(notebook, as_version=4)
        run.execute(parameters, questions, target, notebook=content)
        return nbformat.read(target, as_version=4).cells

    return call


def test_parameters_are_injected(execute):
    assert execute(new_code_cell("print('seed is', seed)"))[-1].outputs[0].text == "seed is 7\n"


def test_no_path_of_this_machine_is_kept(execute, tmp_path):
    """The kernel knows both folders, and the notebook shows neither."""
    parameters = Parameters(
        seed=7, output_dir=str(tmp_path / "out"), data_dir=str(tmp_path / "data")
    )
    cell = new_code_cell("len(output_dir) - len(data_dir)")
    *_, injected, computed = execute(cell, parameters=parameters)
    assert injected.source == "# Parameters\nseed = 7"
    assert computed.outputs[0].data["text/plain"] == "-1"
    text = (tmp_path / "executed.ipynb").read_text()
    assert not [path for path in (tmp_path, ROOT, sys.prefix, Path.home()) if str(path) in text]
    assert "papermill" not in nbformat.reads(text, as_version=4).metadata
    assert {path.name for path in tmp_path.iterdir()} == {"small.ipynb", "executed.ipynb"}


def test_only_the_chosen_questions_are_run(execute):
    cells = execute(
        tagged("1 / 0", "q1"), new_markdown_cell("kept"), tagged("x = 3", "q3"), questions=("q3",)
    )
    assert [cell.source for cell in cells[2:]] == ["kept", "x = 3"]


def test_a_failed_cell_is_named_with_its_question_and_what_ran_is_kept(execute, tmp_path):
    with pytest.raises(run.RunError) as failure:
        execute(new_code_cell("print('before')"), tagged("value = 1\nvalue / 0", "q2"))
    assert str(failure.value) == (
        "Cell In [4] of question 2 failed.\n    value = 1\n    value / 0\n"
        "ZeroDivisionError: division by zero"
    )
    assert "before" in (tmp_path / "executed.ipynb").read_text()


def test_a_dying_kernel_is_reported(execute):
    with pytest.raises(run.KernelDied, match="kernel died"):
        execute(new_code_cell("import os\nos._exit(1)"))


def test_the_kernel_is_of_this_interpreter_and_this_process_keeps_its_environment(
    execute, tmp_path, monkeypatch
):
    """Whatever kernel is installed under the name python3."""
    installed = tmp_path / "jupyter" / "kernels" / "python3"
    installed.mkdir(parents=True)
    wrong = {"argv": ["false"], "display_name": "Python 3", "language": "python"}
    (installed / "kernel.json").write_text(json.dumps(wrong))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    before = dict(os.environ)
    asked = "import os, sys, hwlib\nprint(sys.executable, hwlib.__file__, os.environ['PYTHONPATH'])"
    interpreter, library, path = execute(new_code_cell(asked))[-1].outputs[0].text.split()
    assert interpreter == sys.executable and Path(library).parents[1] == ROOT
    assert path == os.pathsep.join([str(ROOT), "somewhere"])
    assert dict(os.environ) == before


def transport_in(execute) -> str:
    asked = (
        "import json, ipykernel\nprint(json.loads(ipykernel.get_connection_info())['transport'])"
    )
    return execute(new_code_cell(asked))[-1].outputs[0].text.strip()


def test_sockets_are_files_unless_their_paths_are_too_long(execute, tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        assert transport_in(execute) == "ipc" and not list(Path(short).iterdir())
        folder = tmp_path / ("x" * 100)
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        assert transport_in(execute) == "tcp" and not list(folder.iterdir())


def test_pieces_of_a_stream_are_joined(execute):
    """Otherwise their number depends on the moment at which the kernel sends what is printed."""
    cell = new_code_cell("for i in range(3):\n    print(i, flush=True)\n'value'")
    stream, value = execute(cell)[-1].outputs
    assert stream.text == "0\n1\n2\n" and value.output_type == "execute_result"


def test_progress_bars_are_not_kept_and_warnings_are(execute):
    bar = "import sys\nfrom tqdm import tqdm\nfor _ in tqdm(range(3)):\n    pass\n"
    alone = new_code_cell(bar)
    with_warning = new_code_cell(bar + "print('careful', file=sys.stderr)")
    shown = new_code_cell("print('100%|')\n1 + 1")
    wiped = "for _ in tqdm(range(3), file=sys.stdout, leave=False):\n    pass\n"
    on_stdout = new_code_cell(wiped + "print('done')")
    first, second, third, fourth = execute(alone, with_warning, shown, on_stdout)[-4:]
    assert [output.text for output in fourth.outputs] == ["done\n"]
    assert first.outputs == []
    assert [output.text.strip() for output in second.outputs] == ["careful"]
    assert [output.output_type for output in third.outputs] == ["execute_result"]


def test_a_log_gets_the_last_line_once_in_a_while(capsys, monkeypatch):
    monkeypatch.setattr(run, "QUIET_SECONDS", -1)
    run.ProgressLine(live=False).write("epoch 1\repoch 2\n")
    monkeypatch.setattr(run, "QUIET_SECONDS", 60)
    run.ProgressLine(live=False).write("epoch 3\n")
    assert capsys.readouterr().err == "  epoch 2\n"
