import re
from pathlib import Path

import pytest

from hwlib.common import device, display, download, files


@pytest.fixture
def displayed(monkeypatch) -> list:
    """What is displayed, in its order."""
    outputs = []
    monkeypatch.setattr(display, "display", lambda output, **_: outputs.append(output))
    return outputs


def test_source_stands_under_the_path_of_its_file_and_its_lines(displayed):
    display.show_source(device.set_seed, device.device_name, files)
    first, second = (output["text/x-python"] for output in displayed)
    lines = Path(device.__file__).read_text().splitlines()
    start = lines.index("def set_seed(seed: int = 42) -> None:") + 1
    assert re.match(rf"# hwlib/common/device.py, lines {start}-\d+, \d+-\d+\ndef set_seed\(", first)
    assert "def device_name" in first
    last = len(Path(files.__file__).read_text().splitlines())
    assert second.startswith(f'# hwlib/common/files.py, lines 1-{last}\n"""Files that are complete')
    assert set(displayed[0]) == {"text/x-python", "text/html", "text/plain"}


def test_source_of_a_decorated_function_and_of_a_method_is_its_own(displayed):
    display.show_source(files.replacing)
    assert "\n@contextmanager\ndef replacing(" in displayed[0]["text/plain"]


def test_browsers_show_source_folded_and_scroll_its_lines(displayed):
    display.show_source(device.set_seed)
    (html,) = (output["text/html"] for output in displayed)
    assert html.startswith("<details><summary") and "<code>set_seed</code>" in html
    for rule in ("white-space: pre;", "overflow-x: auto", "monospace", "color: #1f2328"):
        assert rule in html
    assert "# hwlib" not in html  # its summary says so


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_of_source_has_a_contrast_of_seven():
    background = luminance(display.SourceStyle.background_color)
    colours = {f"#{style['color']}" for _, style in display.SourceStyle if style["color"]}
    assert len(colours) > 5
    assert min((background + 0.05) / (luminance(colour) + 0.05) for colour in colours) >= 7


def test_helpers_are_named_with_file_and_line_and_without_links_that_lead_nowhere(displayed):
    display.name_source(device.set_seed, device.device_name, files.replacing)
    (text,) = (output.data for output in displayed)
    (line,) = re.findall(r"hwlib/common/device.py: `set_seed` (\d+), `device_name` \d+;", text)
    lines = Path(device.__file__).read_text().splitlines()
    assert lines[int(line) - 1].startswith("def set_seed(")
    assert "hwlib/common/files.py: `replacing` " in text and "](" not in text


@pytest.mark.parametrize(
    ("source", "weights", "cached", "random"),
    [
        ("sample", "imagenet", False, True),  # plain papermill on sample data
        ("sample", "imagenet", True, False),
        ("sample", "none", True, True),
        ("real", "none", False, True),
        ("real", "imagenet", False, False),  # will be downloaded
    ],
)
def test_the_notice_says_when_vgg16_has_random_weights(
    displayed, tmp_path, monkeypatch, source, weights, cached, random
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    if cached:
        download.vgg16_file().parent.mkdir(parents=True)
        download.vgg16_file().touch()
    display.show_notice(source, weights)
    (notice,) = displayed
    assert ("VGG16 has random weights" in notice.data) == random
    assert ("not a submission" in notice.data) == (source == "sample")
