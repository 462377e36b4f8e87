"""What the notebook's cells say."""

from nbformat import NotebookNode, v4

from hwlib.run.cells import own_values, parameter_cell


def notebook_of(source: str) -> NotebookNode:
    return v4.new_notebook(cells=[v4.new_code_cell(source, metadata={"tags": ["parameters"]})])


def test_values_are_read_with_and_without_their_types():
    source = 'id1: str = "ID1"  # @param\nrates = [0.1, 1]\nseed: int\nfolder = str(1)'
    assert own_values(notebook_of(source)) == {"id1": "ID1", "rates": [0.1, 1], "folder": ...}


def test_a_cell_that_is_not_python_has_no_values():
    assert own_values(notebook_of("%matplotlib inline\nseed = 7")) == {}
    assert own_values(notebook_of("seed = = 7")) == {}


def test_a_notebook_without_parameters_has_none():
    content = v4.new_notebook(cells=[v4.new_code_cell("seed = 7")])
    assert parameter_cell(content) is None and own_values(content) == {}
