"""Widgets as text."""

from nbformat.v4 import new_output
from pdf.helpers import code, convert, text_of

from hwlib.pdf.widgets import STATE, VIEW, widget_text

MODELS = {
    "box": {"_model_name": "HBoxModel", "children": [f"IPY_MODEL_{name}" for name in "abc"]},
    "a": {"_model_name": "HTMLModel", "value": "Epoch&nbsp;1: <b>100%</b>"},
    "b": {"_model_name": "FloatProgressModel", "value": 10.0, "max": 10.0},
    "c": {"_model_name": "HTMLModel", "value": " 10/10 [00:01&lt;00:00, loss=0.29]"},
    "loop": {"_model_name": "VBoxModel", "children": ["IPY_MODEL_loop"]},
}
STATES = {name: {"state": model} for name, model in MODELS.items()}
BOX = new_output("display_data", data={VIEW: {"model_id": "box"}, "text/plain": "0%| | 0/10"})


def test_a_finished_progress_bar_keeps_its_last_figures():
    text = text_of(convert(code("train()", BOX), widgets={STATE: {"state": STATES}}))
    assert "Epoch 1: 100% 10.0/10.0 10/10 [00:01<00:00, loss=0.29]" in text
    assert "0%|" not in text


def test_a_widget_of_unknown_state_is_a_notice():
    assert "A widget" in text_of(convert(code("train()", BOX)))


def test_a_widget_within_itself_is_no_endless_loop():
    assert widget_text(STATES, "loop") == "" == widget_text(STATES, "unknown")
