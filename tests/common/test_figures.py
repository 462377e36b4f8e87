import base64
import io

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import torch
from nbclient import NotebookClient
from nbformat import v4
from PIL import Image
from support import ROOT, small_notebook

from hwlib.common import figures
from hwlib.common.figures import (
    finish,
    new_figure,
    picture_grid,
    show_values,
    training_curves,
)

DRAW = """
from hwlib.common.figures import finish, new_figure, use_style
use_style()
fig, (ax,) = new_figure(1, 1, 2, 1)
ax.plot([1, 3, 2])
finish(fig)
"""


def test_a_figure_is_kept_as_svg_and_png_with_the_same_bytes_every_time(tmp_path):
    """In a kernel, since the set-up of its figures differs from that of a shell."""
    path = small_notebook(tmp_path / "figure.ipynb", [v4.new_code_cell(DRAW) for _ in range(2)])
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": ROOT}}).execute()
    first, second = (cell.outputs[-1].data for cell in notebook.cells)
    assert first == second and {"image/svg+xml", "image/png"} <= set(first)
    with Image.open(io.BytesIO(base64.b64decode(first["image/png"]))) as picture:
        assert picture.text == {} and picture.width > 100
    assert matplotlib.__version__ not in first["image/svg+xml"]
    assert "<dc:date>" not in first["image/svg+xml"]


def test_a_figure_shrinks_on_a_narrow_screen_and_its_caption_is_seen(monkeypatch):
    outputs = []
    monkeypatch.setattr(figures, "display", lambda output, **_: outputs.append(output))
    fig, _ = new_figure(1, 1, 2, 1)
    figures.show_figure(finish(fig, "Loss < 1 & falling."))
    picture, caption = outputs
    assert 'style="max-width: 100%; height: auto"' in picture["image/svg+xml"]
    assert caption["text/html"].startswith("<figcaption")
    assert caption["text/html"].endswith(">Loss &lt; 1 &amp; falling.</figcaption>")


def test_numbers_are_readable_on_their_shade_and_zero_has_no_sign():
    fig, (ax,) = new_figure(1, 1, 2, 2)
    show_values(ax, torch.tensor([[-0.001, 1.0]]), "{:.2f}".format, vmin=0, vmax=1)
    plt.close(fig)
    assert [(text.get_text(), text.get_color()) for text in ax.texts] == [
        ("0.00", "black"),
        ("1.00", "white"),
    ]


def test_a_grid_shows_five_pictures_a_row():
    fig = picture_grid(torch.zeros(7, 3, 4, 4, dtype=torch.uint8), list("abcdefg"), "Seven.")
    assert [ax.get_title() for ax in fig.axes] == [*"abcdefg", "", "", ""]
    assert len({round(ax.get_subplotspec().rowspan.start) for ax in fig.axes}) == 2


def test_training_curves_draw_both_splits_and_mark_epochs():
    history = {
        "train_loss": [3.0, 2.0, 1.0],
        "train_accuracy": [0.1, 0.2, 0.3],
        "validation_loss": [4.0, 3.0, 2.0],
        "validation_accuracy": [0.0, 0.1, 0.2],
    }
    loss, accuracy = training_curves(history, growth=(1, 2)).axes
    curves = {line.get_label(): line.get_xydata().tolist() for line in loss.lines}
    assert curves["training"] == [[1, 3], [2, 2], [3, 1]]  # epochs count from 1
    assert curves["validation"] == [[1, 4], [2, 3], [3, 2]]
    marks = [line.get_xdata()[0] for line in accuracy.lines[2:]]
    assert marks == [1.5, 2.5]
    (legend,) = loss.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["training", "validation", "pictures grow"]
