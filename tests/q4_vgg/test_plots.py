"""Figures of the birds and the dog."""

import torch
from PIL import Image

from hwlib.q4_vgg import plots, vgg

PICTURES = [vgg.Picture(name, Image.new("RGB", (300, 260), name)) for name in ("red", "blue")]


def test_pictures_are_shown_with_name_and_size():
    fig = plots.picture_row(PICTURES)
    assert [ax.get_title() for ax in fig.axes] == ["red, 300 × 260", "blue, 300 × 260"]
    assert fig.axes[1].images[0].get_array()[0, 0].tolist() == [0, 0, 255]


def test_preprocessed_pictures_look_as_before_and_all_their_pixels_are_counted():
    left, right, *_ = plots.preprocessed(PICTURES).axes
    shown = torch.tensor(left.images[0].get_array())
    torch.testing.assert_close(shown, torch.tensor([1.0, 0, 0]).expand(224, 224, 3))
    sums = [1000 * line.get_ydata().sum() for line in right.lines]
    assert [round(pixels) for pixels in sums] == [224 * 224] * 3


def test_filters_are_shown_by_colour_with_their_numbers_and_responses():
    filters = torch.arange(54.0).view(2, 3, 3, 3) / 100
    first = vgg.Responses(filters, torch.zeros(2), torch.randn(2, 8, 8))
    axes = [ax for ax in plots.filter_responses(first).axes if ax.get_title()]
    assert [ax.get_title() for ax in axes[4:]] == [
        *("filter 2, red", "filter 2, green", "filter 2, blue"),
        "response of filter 2",
    ]
    assert [text.get_text() for text in axes[5].texts] == [f"{k / 100:.2f}" for k in range(36, 45)]
