"""Widgets as the text that they showed last: the notebook has the state of progress bars."""

import html
import re
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

from nbformat import NotebookNode

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
MODEL_NAME = "IPY_MODEL_"
DEEPEST_BOX = 8  # boxes within each other


def texts_of(models: Mapping[str, Any], name: str, depth: int = 0) -> Iterator[str]:
    """Return the texts of a widget and those within it, in their order."""
    model = models.get(name.removeprefix(MODEL_NAME), {}).get("state", {})
    if "Progress" in str(model.get("_model_name")):
        yield f"{model.get('description', '')} {model.get('value')}/{model.get('max')}"
    elif model.get("_model_name") in ("HTMLModel", "LabelModel"):
        yield f"{model.get('description', '')} {model.get('value', '')}"
    for child in model.get("children", []) if depth < DEEPEST_BOX else []:
        yield from texts_of(models, str(child), depth + 1)


def widget_text(models: Mapping[str, Any], name: str) -> str:
    """Return what a widget shows, in one line; "" if nothing is known."""
    text = " ".join(texts_of(models, name))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


def show_widgets(notebook: NotebookNode) -> list[NotebookNode]:
    """Return a notebook's cells with widgets as their texts, if these are known."""
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    cells = []
    for node in notebook.cells:
        outputs = [show_widget(output, models) for output in node.get("outputs", [])]
        if models and outputs != node.get("outputs", []):
            node = copy(node)
            node.outputs = outputs
        cells.append(node)
    return cells


def show_widget(output: NotebookNode, models: Mapping[str, Any]) -> NotebookNode:
    """Return an output, as plain text if it is a widget whose text is known."""
    view = output.get("data", {}).get(VIEW)
    text = widget_text(models, str(view.get("model_id"))) if isinstance(view, Mapping) else ""
    if not text:
        return output
    shown = copy(output)
    shown.data = NotebookNode({"text/plain": text})
    return shown
