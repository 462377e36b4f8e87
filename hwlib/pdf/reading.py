"""Notebook files, read as forgivingly as JupyterLab reads them."""

import json
from typing import Any, TextIO

import nbformat
from nbformat import NotebookNode
from nbformat.reader import NotJSONError

from hwlib.pdf.errors import PdfError

UNREADABLE = (
    NotJSONError, nbformat.ValidationError, ValueError, TypeError, AttributeError, KeyError,
)  # fmt: skip


def without_nulls(part: Any) -> Any:
    """Return a part of a notebook's JSON without the names whose value is null, which other
    programs write where nothing is to be said; a count stays.
    """
    if isinstance(part, dict):
        kept = {k: v for k, v in part.items() if v is not None or k == "execution_count"}
        return {name: without_nulls(value) for name, value in kept.items()}
    return [without_nulls(value) for value in part] if isinstance(part, list) else part


def mend(content: Any) -> Any:
    """Return a notebook's JSON without nulls and with the empty parts that code cells need."""
    content = without_nulls(content)
    cells = content.get("cells") if isinstance(content, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        cell.setdefault("metadata", {})
        cell.setdefault("source", "")
        if cell.get("cell_type") == "code":
            cell.setdefault("execution_count", None)
            cell.setdefault("outputs", [])
        else:
            cell.pop("execution_count", None)
            cell.pop("outputs", None)
        for output in cell.get("outputs", []):
            if output.get("output_type") in ("display_data", "execute_result"):
                output.setdefault("metadata", {})
            if output.get("output_type") == "execute_result":
                output.setdefault("execution_count", None)
    return content


def load_notebook(stream: TextIO) -> NotebookNode:
    """Return the notebook of an open file; PdfError with the reason if there is none in it."""
    text = stream.read()
    try:
        if not nbformat.validator.isvalid(json.loads(text)):
            text = json.dumps(mend(json.loads(text)))
        return nbformat.reads(text, 4)
    except UNREADABLE as error:
        reason = str(error).split("\n")[0][:200]
        raise PdfError(f"The file is no notebook that can be read: {reason}") from error
