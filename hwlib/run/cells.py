"""What the cells of the homework's notebook say: their questions and its parameters."""

import ast
from collections.abc import Iterable
from typing import Any

from nbformat import NotebookNode

from hwlib.common.project import QUESTIONS

PARAMETERS = "parameters"  # the tag, papermill's, of the cell that gives every parameter its value


def tags_of(cell: NotebookNode) -> set[str]:
    """Return a cell's tags; some editors write ``null`` for none."""
    return set(cell.metadata.get("tags") or [])


def select(notebook: NotebookNode, questions: Iterable[str]) -> NotebookNode:
    """Return the notebook without the cells of the questions that were not asked for."""
    unwanted = set(QUESTIONS) - set(questions)
    return NotebookNode(
        notebook | {"cells": [cell for cell in notebook.cells if not unwanted & tags_of(cell)]}
    )


def parameter_cell(notebook: NotebookNode) -> NotebookNode | None:
    """Return the cell of the parameters, None if there is none."""
    return next((cell for cell in notebook.cells if PARAMETERS in tags_of(cell)), None)


def own_values(notebook: NotebookNode) -> dict[str, Any]:
    """Return the values that the cell of the parameters gives them, if they are literals; none if
    the cell is not Python, which its run will say.
    """
    cell = parameter_cell(notebook)
    values: dict[str, Any] = {}
    try:
        lines = ast.parse(cell.source).body if cell else []
    except SyntaxError:
        return values
    for node in lines:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        value = getattr(node, "value", None)
        if len(targets) == 1 and isinstance(targets[0], ast.Name) and value is not None:
            try:
                values[targets[0].id] = ast.literal_eval(value)
            except ValueError:
                values[targets[0].id] = ...  # computed there, so it is given once more
    return values
