"""Checks that data, weights and device are at hand, before a kernel starts."""

from collections.abc import Iterable
from pathlib import Path

from hwlib.common import data, download
from hwlib.common.device import find_device
from hwlib.common.errors import HwlibError
from hwlib.common.project import DATA
from hwlib.q4_vgg.vgg import check_weights_file
from hwlib.run.notebook import RunError
from hwlib.run.parameters import Parameters


def check_vgg_weights(weights: str, source: str) -> None:
    """Check that VGG16's weights are at hand, download them if need be; DataError otherwise."""
    usable = download.usable_weights(weights, source)
    if usable == "imagenet":
        download.fetch_vgg16()
    elif usable != "none":
        check_weights_file(usable)


def check_inputs(parameters: Parameters, questions: Iterable[str]) -> None:
    """Check the device, and that the data and weights which the questions read are at hand, before
    a kernel starts; RunError otherwise. What can be downloaded is.
    """
    data_dir, source = parameters.data_dir, parameters.data_source
    try:
        find_device(parameters.device)  # the kernel alone takes hold of a GPU
        if source == "real" and not {"q3", "q4"}.isdisjoint(questions):
            download.check_folder(Path(data_dir))
        if source == "real" and "q3" in questions:
            data.check_mnist(data_dir)
        if "q4" in questions:
            for name in DATA["q4"]:
                data.locate(name, data_dir, source)
            check_vgg_weights(parameters.vgg_weights, source)
    except (HwlibError, ValueError) as error:
        raise RunError(str(error)) from error
