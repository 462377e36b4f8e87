"""What is checked before a kernel starts."""

import pytest
import torch
from PIL import Image
from support import ROOT

from hwlib.common import data, download
from hwlib.q4_cats.cnn import CLASS_NAMES
from hwlib.q4_vgg import vgg
from hwlib.run.errors import RunError
from hwlib.run.inputs import check_inputs
from hwlib.run.parameters import Parameters


def test_missing_inputs_are_found_before_a_kernel_starts(tmp_path):
    empty = Parameters(data_dir=str(tmp_path), vgg_weights="none")
    with pytest.raises(RunError, match="big_cats"):
        check_inputs(empty, ("q4",))
    check_inputs(empty, ("q1", "q2"))
    mistyped = Parameters(data_dir=str(tmp_path / "dta"))
    with pytest.raises(RunError, match="fetch all --data-dir"):
        check_inputs(mistyped, ("q3",))
    assert not list(tmp_path.iterdir())  # a wrong name is not made right by a download
    with pytest.raises(RunError, match="cuda:77"):
        check_inputs(Parameters(device="cuda:77"), ("q1",))


def test_weights_of_another_network_are_found_before_a_kernel_starts(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(1)}, path)
    other = Parameters(data_source="sample", vgg_weights=str(path))
    with pytest.raises(RunError, match="another network's"):
        check_inputs(other, ("q4",))


def test_inputs_are_checked_without_reading_them(monkeypatch):
    def fail(*_):
        pytest.fail("The check reads what the notebook will read again")

    for module, name in ((data, "load_mnist"), (data, "load_big_cats"), (vgg, "load_vgg16")):
        monkeypatch.setattr(module, name, fail)
    checked = []
    monkeypatch.setattr(data, "check_mnist", checked.append)
    monkeypatch.setattr(data, "fetch_and_check", lambda name, *_: name)
    monkeypatch.setattr(download, "fetch_vgg16", lambda: checked.append("vgg16"))
    said = check_inputs(Parameters(data_dir=str(ROOT)), ("q3", "q4"))
    assert checked == [str(ROOT), "vgg16"] and said == ["big_cats", "birds", "dogs"]


def save_pictures(folder):
    for name in CLASS_NAMES:
        for split in ("train", "valid", "test"):
            (folder / "big_cats" / split / name).mkdir(parents=True)
            Image.new("RGB", (9, 9)).save(folder / "big_cats" / split / name / "1.jpg")
    for name in ("birds", "dogs"):
        (folder / name).mkdir()
        Image.new("RGB", (9, 9)).save(folder / name / "1.jpg")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("big_cats/valid/PUMA/2.jpg", "2.jpg cannot be read"),
        ("big_cats/train/LYNX/2.jpg", "unknown: LYNX"),
        ("big_cats/test/PUMA/2.heic", "Convert it to JPEG"),
        ("dogs/0.jpg", "0.jpg cannot be read"),
    ],
)
def test_what_the_notebook_would_stumble_over_is_refused_before(tmp_path, name, message):
    save_pictures(tmp_path)
    parameters = Parameters(data_dir=str(tmp_path), vgg_weights="none")
    assert "10, 10, 10 pictures of 10 classes" in check_inputs(parameters, ("q4",))[0]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(RunError, match=message):
        check_inputs(parameters, ("q4",))
