"""Notebook files that are not quite as they should be."""

import io
import json

import nbformat
import pytest

from hwlib.pdf.errors import PdfError
from hwlib.pdf.reading import load_notebook


def notebook_with(**cell) -> io.StringIO:
    cell = {"cell_type": "code", "source": ["x = 1"], "outputs": []} | cell
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    return io.StringIO(json.dumps(content))


NULLS = {"output_type": "display_data", "metadata": None, "data": {"text/plain": ["1"]}}


@pytest.mark.parametrize(
    "cell",
    [
        {"metadata": None, "execution_count": None},
        {"metadata": {"jupyter": None, "tags": None}, "execution_count": 1, "id": "a"},
        {"metadata": {}, "execution_count": None, "outputs": [NULLS]},
        {"cell_type": "markdown", "metadata": {}, "attachments": None},
        {},
    ],
)
def test_null_and_missing_metadata_are_empty(cell):
    notebook = load_notebook(notebook_with(**cell))
    nbformat.validate(notebook)
    assert notebook.cells[0].source == "x = 1"


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "no JSON", '{"cells": 1}', '{"nbformat": 4}', "{}"]
)
def test_what_is_no_notebook_is_said_in_a_sentence(text):
    with pytest.raises(PdfError, match="no notebook that can be read"):
        load_notebook(io.StringIO(text))
