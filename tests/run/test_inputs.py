"""What is checked before a kernel starts."""

import pytest
import torch
from PIL import Image
from support import ROOT

from hwlib.common import data, download
from hwlib.q4_cats.cnn import CLASS_NAMES
from hwlib.q4_vgg import vgg
from hwlib.run.errors import RunError
from hwlib.run.inputs import check_inputs, check_parameters
from hwlib.run.parameters import ParameterError, Parameters


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


def test_the_notebook_takes_its_parameters_from_among_its_names():
    names = Parameters().model_dump() | {"torch": torch, "seed": 7, "command": "python -m hwlib"}
    assert check_parameters(names) == Parameters(seed=7, command="python -m hwlib")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("id1", 12345678, "Papermill takes a number as text by -r id1"),
        ("learning_rate", "fast", "a finite number above 0"),
        ("mlp_epochs", "4", "a whole number from 1 up"),
        ("learning_rates", "[0.1]", "a list of different numbers"),
        ("cnn_size", "huge", "small, medium or large"),
    ],
)
def test_what_plain_papermill_makes_of_a_value_is_refused_in_the_first_cells(name, value, reason):
    with pytest.raises(ParameterError, match=reason):
        check_parameters(Parameters().model_dump() | {name: value})


def test_a_notebook_run_by_hand_says_at_once_which_data_are_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HWLIB_OFFLINE", "1")
    check_parameters(Parameters(data_dir=str(tmp_path)).model_dump())
    printed = capsys.readouterr().out
    assert printed.count("Missing or unusable: ") == 4, printed
    check_parameters(Parameters(data_dir=str(tmp_path), command="python -m hwlib").model_dump())
    assert capsys.readouterr().out == ""
