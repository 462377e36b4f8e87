"""Scores the two pickles of a bundle, in a process of its own:
``python -m hwlib.submission.score REQUEST``.

The class file is somebody else's code. Only ``verify`` starts this, in a temporary folder and with
a time limit. While that code runs, whatever leaves the process is refused: files other than
Python's own, sockets, other programs. That stops simple malice; it is no container.
"""

import json
import os
import pickle
import site
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from hwlib.common import data
from hwlib.common.errors import DataError
from hwlib.common.images import load_image_set
from hwlib.q3 import mlp
from hwlib.q3.activations import sigmoid
from hwlib.q4_cats import cnn, evaluation
from hwlib.submission.bundle import BundleError
from hwlib.submission.report import CatScore, DigitScore

SHAPES = {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)}
FORBIDDEN = ("open", "socket.", "subprocess.", "os.", "shutil.", "urllib.", "ctypes.dlopen")
OWN = (sys.prefix, sys.base_prefix, site.getusersitepackages(), str(Path(__file__).parent))
LIBRARIES = tuple(str(Path(folder)) + os.sep for folder in OWN)
watched: list[str] | None = None  # what was refused; None while only our own code runs


def load_tensors(path: Path) -> dict[str, Tensor]:
    """A pickle of tensors by name, or BundleError where it is damaged or holds other things."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BundleError(f"{path.name} holds more than tensors and was not loaded.") from error
    except Exception as error:  # a damaged file fails in many ways
        raise BundleError(f"{path.name} is damaged and cannot be read.") from error
    if not isinstance(content, dict) or not all(torch.is_tensor(v) for v in content.values()):
        raise BundleError(f"{path.name} is not a dictionary of tensors.")
    return content


def check_tensors(name: str, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Raise BundleError unless all are finite, with the names, shapes and types of ``wanted``."""
    if set(found) != set(wanted):
        raise BundleError(f"{name} holds other tensors than {', '.join(wanted)}.")
    for key, model in wanted.items():
        value = found[key]
        if value.shape != model.shape:
            shapes = f"{tuple(value.shape)}, expected is {tuple(model.shape)}"
            raise BundleError(f"{name}: {key} has the shape {shapes}.")
        if value.dtype != model.dtype or value.layout != model.layout or value.is_meta:
            types = f"{value.dtype}, expected is {model.dtype}"
            raise BundleError(f"{name}: {key} is of type {types}.")
        if not value.isfinite().all():
            raise BundleError(f"{name}: {key} holds values that are not finite.")


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: nothing leaves this process while ``watched`` is a list.

    Python reads its own modules even then, as late imports need it.
    """
    if watched is None or not event.startswith(FORBIDDEN):
        return
    first = arguments[0] if arguments else ""
    path = os.fsdecode(first) if isinstance(first, (bytes, str)) else str(first)
    path = os.path.normpath(path)  # or "/usr/../etc" would begin like Python's own
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if path.startswith(LIBRARIES) and event in ("open", "os.listdir", "os.scandir") and not writes:
        return
    watched.append(f"{event} {path}")
    raise PermissionError(event)


@contextmanager
def watching() -> Iterator[None]:
    """While the class file's code runs, refuse what no network needs; BundleError if it tried."""
    global watched
    refused: list[str] = []
    watched = refused
    try:
        yield
    finally:
        watched = None
        if refused:
            raise BundleError(f"The class file reaches outside ({refused[0]}) and was stopped.")


def score_q3(path: Path, data_dir: str, source: str) -> DigitScore:
    """Test accuracy of the pickled weights of Question 3 on MNIST's test digits."""
    weights = load_tensors(path)
    check_tensors(path.name, weights, {name: torch.empty(shape) for name, shape in SHAPES.items()})
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.0)
    for name, value in weights.items():
        setattr(network, name, value)
    digits = mlp.prepare_digits(*data.load_mnist(data_dir, source))
    _, accuracy = mlp.evaluate(network, digits.x_test, digits.y_test)
    return DigitScore(accuracy.item())


def import_class_file(path: Path) -> ModuleType:
    """The class file as a module; BundleError if that raises, or reaches outside."""
    module = ModuleType("class_file")
    sys.modules["class_file"] = module
    try:
        code = compile(path.read_bytes(), path.name, "exec")
        with watching():
            exec(code, vars(module))  # noqa: S102 - watched, in a process of its own
    except BundleError:
        raise
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise BundleError(f"{path.name} cannot be imported ({reason}).") from error
    return module


def build_network(module: ModuleType, weights: dict[str, Tensor], name: str) -> nn.Module:
    """The class file's network that takes the weights of the pickle ``name``, or BundleError."""
    classes = [item for item in vars(module).values() if isinstance(item, type)]
    candidates = [item for item in classes if issubclass(item, nn.Module)]
    for candidate in candidates:
        try:
            network = candidate()
            network.load_state_dict(weights)
        except (TypeError, AttributeError, RuntimeError):
            continue
        check_tensors(name, weights, network.state_dict())
        return network.eval()
    names = ", ".join(candidate.__name__ for candidate in candidates) or "it has none"
    raise BundleError(f"The Q4 pickle fits no class of the class file ({names}).")


def score_q4(weights_path: Path, class_path: Path, folder: Path) -> CatScore:
    """Right answers of the pickled network on a folder of class folders."""
    weights = load_tensors(weights_path)
    module = import_class_file(class_path)
    with watching():
        network = build_network(module, weights, weights_path.name)
    names = getattr(module, "CLASS_NAMES", cnn.CLASS_NAMES)
    pictures = load_image_set(folder, getattr(module, "IMAGE_SIZE", 224), names, partial=True)
    with watching():
        result = evaluation.score_network(network, pictures)
    parameters = sum(p.numel() for p in nn.Module.parameters(network))
    return CatScore(result.accuracy, result.correct, result.total, parameters, result.pictures)


def answer(request: dict[str, Any]) -> None:
    """Write each score into the folder when it is known, or ``{"error": sentence}`` instead."""
    folder, stem = Path(request["folder"]), request["stem"]
    data_dir, source = request["data_dir"], request["data_source"]
    if source == "sample" and not Path(data_dir, "sample").is_dir():
        data_dir = request["folder"]  # looking at a bundle leaves nothing in the data folder
    where = (data_dir, source)

    def big_cats() -> Path:
        named = request["big_cats"]
        return Path(named) if named else data.locate("big_cats", *where) / "test"

    tasks: dict[str, Callable[[], DigitScore | CatScore]] = {
        "q3": lambda: score_q3(folder / f"{stem}_Q3.pkl", *where),
        "q4": lambda: score_q4(folder / f"{stem}_Q4.pkl", folder / f"{stem}.py", big_cats()),
    }
    for name, task in tasks.items():
        try:
            content = asdict(task())
        except (BundleError, DataError, OSError) as error:
            content = {"error": str(error)}
        except (Exception, SystemExit) as error:  # the class file may raise anything
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            content = {"error": f"{name.upper()} cannot be scored ({reason})."}
        (folder / f"{name}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.addaudithook(refuse)
    answer(json.loads(sys.argv[1]))
