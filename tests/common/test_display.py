import pytest

from hwlib.common import device, display, download, files


@pytest.fixture
def displayed(monkeypatch) -> list:
    """What is displayed, in its order."""
    outputs = []
    monkeypatch.setattr(display, "display", lambda output, **_: outputs.append(output))
    return outputs


def test_source_stands_under_the_path_of_its_file(displayed):
    display.show_source(device.set_seed, device.device_name, files)
    first, second = (output["text/x-python"] for output in displayed)
    assert first.startswith("# hwlib/common/device.py\n\ndef set_seed(") and "def device" in first
    assert second.startswith('# hwlib/common/files.py\n\n"""Files that are complete')
    assert set(displayed[0]) == {"text/x-python", "text/html", "text/plain"}


def test_source_of_a_decorated_function_is_its_own(displayed):
    display.show_source(files.replacing)
    assert (
        "# hwlib/common/files.py\n\n@contextmanager\ndef replacing(" in displayed[0]["text/plain"]
    )


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
