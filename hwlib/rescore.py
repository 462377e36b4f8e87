"""Scores the two pickles of a bundle, in a process of its own: ``python -m hwlib.rescore REQUEST``.

The class file is somebody else's code. Only ``verify`` starts this, in a temporary folder and with
a time limit.
"""

import importlib.util
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from hwlib import cnn, data, evaluation, mlp

SHAPES = {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)}


class RescoreError(RuntimeError):
    """A pickle or the class file cannot be used; the message is a sentence."""


def load_tensors(path: Path) -> dict[str, Tensor]:
    """A pickle that holds tensors by name and nothing else.

    Raises:
        RescoreError: it is damaged, holds other things, or a tensor is not finite.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RescoreError(f"{path.name} holds more than tensors and was not loaded.") from error
    except Exception as error:  # a damaged file fails in many ways
        raise RescoreError(f"{path.name} is damaged: {type(error).__name__}.") from error
    if not isinstance(content, dict) or not all(torch.is_tensor(v) for v in content.values()):
        raise RescoreError(f"{path.name} is not a dictionary of tensors.")
    broken = [name for name, value in content.items() if not value.isfinite().all()]
    if broken:
        raise RescoreError(f"{path.name}: {broken[0]} holds values that are not finite.")
    return content


def score_q3(path: Path, data_dir: str, source: str) -> dict[str, Any]:
    """Test accuracy of the pickled weights of Question 3 on MNIST's test digits."""
    weights = load_tensors(path)
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    if shapes != SHAPES:
        raise RescoreError(f"{path.name} holds the shapes {shapes}, expected are {SHAPES}.")
    network = mlp.FullyConnectedNetwork(784, 10, 128, "sigmoid", lr=0.0)
    for name, value in weights.items():
        setattr(network, name, value.float())
    digits = mlp.prepare(*data.load_mnist(data_dir, source))
    _, accuracy = mlp.evaluate(network, digits.x_test, digits.y_test)
    return {"test_accuracy": accuracy.item()}


def import_class_file(path: Path) -> ModuleType:
    """The bundle's class file as a module.

    Raises:
        RescoreError: it raises when it is imported.
    """
    specification = importlib.util.spec_from_file_location("class_file", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["class_file"] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise RescoreError(f"{path.name} cannot be imported: {error}.") from error
    return module


def build_network(module: ModuleType, weights: dict[str, Tensor]) -> nn.Module:
    """The network of the class file that the weights fit.

    Raises:
        RescoreError: no class of the file takes them.
    """
    reasons = []
    for name, candidate in vars(module).items():
        if not (isinstance(candidate, type) and issubclass(candidate, nn.Module)):
            continue
        try:
            network = candidate()
            network.load_state_dict(weights)
            return network.eval()
        except (TypeError, RuntimeError) as error:
            reasons.append(f"{name}: {str(error).splitlines()[0]}")
    raise RescoreError(f"The Q4 pickle fits no class of the class file ({'; '.join(reasons)}).")


def score_q4(weights_path: Path, class_path: Path, folder: Path) -> dict[str, Any]:
    """Right answers of the pickled network on a folder of class folders."""
    weights = load_tensors(weights_path)
    module = import_class_file(class_path)
    network = build_network(module, weights)
    names = getattr(module, "CLASS_NAMES", cnn.CLASS_NAMES)
    pictures = data.load_image_set(folder, getattr(module, "LOAD_SIZE", 224), names, partial=True)
    result = evaluation.score(network, pictures)
    return {
        "accuracy": result.accuracy,
        "correct": result.correct,
        "total": result.total,
        "parameters": cnn.count_parameters(network),
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Both scores; where one cannot be had, ``{"error": sentence}`` in its place."""
    folder, stem = Path(request["folder"]), request["stem"]
    where = (request["data_dir"], request["data_source"])

    def big_cats() -> Path:
        named = request["big_cats"]
        return Path(named) if named else data.locate("big_cats", *where) / "test"

    tasks = {
        "q3": lambda: score_q3(folder / f"{stem}_Q3.pkl", *where),
        "q4": lambda: score_q4(folder / f"{stem}_Q4.pkl", folder / f"{stem}.py", big_cats()),
    }
    scores = {}
    for name, task in tasks.items():
        try:
            scores[name] = task()
        except (RescoreError, data.DataError, OSError) as error:
            scores[name] = {"error": str(error)}
    return scores


if __name__ == "__main__":
    print(json.dumps(answer(json.loads(sys.argv[1]))))
