"""Checks that data, weights and device are at hand before a kernel starts, and the notebook's own
parameters in its first cells.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hwlib.common import data, download
from hwlib.common.device import find_device
from hwlib.common.errors import HwlibError
from hwlib.common.project import BY_HAND, DATA
from hwlib.q4_cats.cnn import CLASS_NAMES
from hwlib.q4_vgg.vgg import check_weights_file
from hwlib.run.errors import RunError
from hwlib.run.parameters import Parameters, check


def check_vgg_weights(weights: str, source: str) -> None:
    """Check that VGG16's weights are at hand, download them if need be; DataError otherwise."""
    usable = download.usable_weights(weights, source)
    if usable == "imagenet":
        download.fetch_vgg16()
    elif usable != "none":
        check_weights_file(usable)


def check_inputs(parameters: Parameters, questions: Iterable[str]) -> list[str]:
    """Check the device, and that the data and weights which the questions read are at hand, before
    a kernel starts, and return a sentence on each folder of real pictures; RunError otherwise. What
    can be downloaded is.
    """
    sentences: list[str] = []
    data_dir, source = parameters.data_dir, parameters.data_source
    try:
        find_device(parameters.device)  # the kernel alone takes hold of a GPU
        if source == "real" and not {"q3", "q4"}.isdisjoint(questions):
            download.check_folder(Path(data_dir))
        if source == "real" and "q3" in questions:
            data.check_mnist(data_dir)
        if "q4" in questions:
            for name in DATA["q4"]:
                if source == "real":
                    sentences.append(data.fetch_and_check(name, data_dir, CLASS_NAMES))
                else:
                    data.locate(name, data_dir, source)
            check_vgg_weights(parameters.vgg_weights, source)
    except (HwlibError, ValueError) as error:
        raise RunError(str(error)) from error
    return sentences


def missing_data(parameters: Parameters) -> list[str]:
    """Return a sentence on each data set that a question needs and that is not at hand and cannot
    be downloaded, or that is not as the question needs it.
    """
    sentences = []
    for name in [name for names in DATA.values() for name in names]:
        try:
            if name == "MNIST/raw":
                data.check_mnist(parameters.data_dir)
            else:
                data.fetch_and_check(name, parameters.data_dir, CLASS_NAMES)
        except HwlibError as error:
            sentences.append(str(error))
    return sentences


def check_parameters(namespace: Mapping[str, Any]) -> Parameters:
    """Return the notebook's parameters from among its names. ParameterError if one of them is not
    what it must be, as after papermill has read an ID as a number.

    In a notebook that somebody runs by hand, say also at once which data are missing: the questions
    that need none of them still run.
    """
    values = {name: namespace[name] for name in Parameters.model_fields if name in namespace}
    parameters = check(Parameters, values, strict=True)
    if parameters.command == BY_HAND and parameters.data_source == "real":
        for sentence in missing_data(parameters):
            print(f"Missing or unusable: {sentence}")
    return parameters
