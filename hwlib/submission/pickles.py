"""What a student's pickle holds, however it was saved. Runs in the judged process."""

import io
import pickle
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

MAX_TENSOR_BYTES = 512 << 20  # of one pickle
MAX_TENSORS = 20_000
TYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool,
        torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    )
}  # fmt: skip

# Under which name a checkpoint holds the weights, beside those of an optimiser.
CHECKPOINT_NAMES = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and AveragedModel, and of torch.compile
ZIP = b"PK"  # the first bytes of what torch.save writes


class PickledTensors(NamedTuple):
    """What a pickle holds, or the sentence that says why it cannot be read; ``remarks`` say what
    was done to read it.
    """

    tensors: dict[str, Tensor]
    problem: str = ""
    remarks: tuple[str, ...] = ()


def type_name(tensor: Tensor) -> str:
    """Return "float32" for torch.float32."""
    return str(tensor.dtype).removeprefix("torch.")


def explain_refusal(content: bytes, error: Exception) -> str:
    """Return why torch does not load a pickle, and what the student should do, as a predicate."""
    if not content:
        return "is empty"
    if isinstance(error, pickle.UnpicklingError) and content.startswith(ZIP):
        return (
            "holds more than tensors and was not loaded; save the weights alone, by "
            "torch.save(network.state_dict(), path)"
        )
    if isinstance(error, pickle.UnpicklingError) and content.startswith(b"\x80"):
        return (
            "was not written by torch and was not loaded; save it with "
            "torch.save(network.state_dict(), path)"
        )
    if isinstance(error, pickle.UnpicklingError):
        return "is no file of torch's and was not loaded"
    return f"is damaged and cannot be read ({type(error).__name__})"


def is_state_dict(value: object) -> bool:
    """Whether a value is a dictionary of named tensors, which is not empty."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items())
    )


def find_state_dict(loaded: Any) -> tuple[Any, list[str]]:
    """Return the weights of a checkpoint that holds other things too, or what was loaded as it is,
    and a remark if they are not the same.
    """
    if is_state_dict(loaded) or not isinstance(loaded, Mapping):
        return loaded, []
    inner = {key: value for key, value in loaded.items() if is_state_dict(value)}
    for name in (*CHECKPOINT_NAMES, *inner):
        if name in inner:
            return inner[name], [f"is a checkpoint; its {str(name)[:40]!r} was taken"]
    return loaded, []


def without_prefixes(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return tensors under the names that the network itself gives them, and a remark if wrappers
    had changed these.
    """
    plain, removed = dict(tensors), []
    if "n_averaged" in plain and any(name.startswith("module.") for name in plain):
        del plain["n_averaged"]  # of AveragedModel
    for prefix in (*PREFIXES, *PREFIXES):
        if plain and all(name.startswith(prefix) for name in plain):
            plain = {name.removeprefix(prefix): value for name, value in plain.items()}
            removed.append(prefix)
    return plain, [f"names its tensors {prefix}..., which was left out" for prefix in removed]


def load_weights(content: bytes) -> PickledTensors:
    """Return the tensors of a pickle, or why there are none."""
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in many ways
        return PickledTensors({}, explain_refusal(content, error))
    found, remarks = find_state_dict(loaded)
    if not is_state_dict(found):
        return PickledTensors({}, "is not a dictionary of tensors")
    if len(found) > MAX_TENSORS:
        return PickledTensors({}, f"holds more than {MAX_TENSORS:,} tensors")
    named, more = without_prefixes(found)
    for name, value in named.items():
        plain = value.layout == torch.strided and not (value.is_meta or value.is_quantized)
        if not plain or type_name(value) not in TYPES:
            return PickledTensors({}, f"holds {name!r}, which is no plain tensor of numbers")
    if sum(t.numel() * t.itemsize for t in named.values()) > MAX_TENSOR_BYTES:
        return PickledTensors({}, f"holds more than {MAX_TENSOR_BYTES >> 20} MiB of tensors")
    detached = {name: value.detach().contiguous() for name, value in named.items()}
    return PickledTensors(detached, remarks=(*remarks, *more))
