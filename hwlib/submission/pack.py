"""The homework as one notebook file that carries the library, for Colab, Kaggle or an empty folder,
with or without a network. What is handed in is of this kind too.
"""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from hwlib.common.errors import HwlibError
from hwlib.common.files import replacing
from hwlib.common.project import NOTEBOOK
from hwlib.run.cells import parameter_cell, tags_of
from hwlib.run.parameters import Parameters
from hwlib.submission.carrier import CARRIER, carrier_source, library_files

FOLDED = {  # how Jupyter and VS Code, Colab, and Kaggle are told to show no source
    "jupyter": {"source_hidden": True},
    "cellView": "form",
    "_kg_hide-input": True,
}


class PackError(HwlibError):
    """The notebook cannot be packed; the message says why."""


def carrier_cell() -> NotebookNode:
    """Return the cell that carries the library as it is here."""
    metadata = {"tags": [CARRIER], **FOLDED}
    cell: NotebookNode = nbformat.v4.new_code_cell(
        carrier_source(library_files()), metadata=metadata, id=CARRIER
    )
    return cell


def with_library(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with the library in a cell behind its parameters, or in its first cell if
    it has none; a library that it carries already is replaced.
    """
    cells = [cell for cell in notebook.cells if CARRIER not in tags_of(cell)]
    own = parameter_cell(notebook)
    place = cells.index(own) + 1 if own else 0
    return NotebookNode(notebook | {"cells": [*cells[:place], carrier_cell(), *cells[place:]]})


def as_source(value: Any) -> str:
    """Return a parameter's value as Python source, text in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def replace_values(source: str, values: Mapping[str, Any]) -> str:
    """Return the assignments of a cell with these values, and with everything else as it was;
    PackError if a name is not assigned there.
    """
    lines = [line.encode() for line in source.splitlines()]  # ast counts in bytes
    left = dict(values)
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if node.value and node.target.id in left:
            line, value = lines[node.lineno - 1], as_source(left.pop(node.target.id))
            before, after = line[: node.value.col_offset], line[node.value.end_col_offset :]
            lines[node.lineno - 1] = before + value.encode() + after
    if left:
        raise PackError(f"The notebook has no parameter {', '.join(left)}.")
    return b"\n".join(lines).decode()


def pack(parameters: Parameters, target: Path, notebook: Path = NOTEBOOK) -> Path:
    """Write the notebook with the library in it and these parameters as its own, and return its
    path. Its last cell makes the files that are handed in.
    """
    content = nbformat.read(notebook, as_version=4)
    own = parameter_cell(content)
    if own is None:
        raise PackError(f"{notebook} has no cell of parameters, with the tag parameters.")
    own.source = replace_values(own.source, parameters.changed() | {"make_files": True})
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as unfinished:
        nbformat.write(with_library(content), unfinished)
    return target
