"""CUDA tensors without a GPU: fake tensors of torch have a device, a type and a shape, no values.
An operation on tensors of two devices raises, as does whatever must wait for a value. Autograd's
backward needs a real GPU.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

CUDA = torch.device("cuda", 0)


def move_one_by_one(self: nn.Module, function: Callable, recurse: bool = True) -> nn.Module:
    """Do what ``Module.to`` does, which cannot exchange fake parameters in place."""
    for module in self.modules():
        for name, value in module._parameters.items():
            if value is not None:
                module._parameters[name] = nn.Parameter(function(value.detach()))
        for name, value in module._buffers.items():
            module._buffers[name] = function(value)
    return self


def copy_without_values(self: nn.Module, memo: dict) -> nn.Module:
    """Do what ``deepcopy`` does, which would copy the memory that fake tensors do not have."""
    twin = self.__class__.__new__(self.__class__)
    twin.__dict__ = dict(self.__dict__)
    twin._parameters = {
        name: None if value is None else nn.Parameter(value.detach().clone())
        for name, value in self._parameters.items()
    }
    twin._buffers = {name: value.clone() for name, value in self._buffers.items()}
    twin._modules = {name: copy_without_values(m, memo) for name, m in self._modules.items()}
    return twin


class CountTransfers(TorchDispatchMode):
    """Counts copies from one device to another."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        tensors = [a for a in args if isinstance(a, Tensor)]
        if isinstance(result, Tensor) and "copy" in function.__name__:
            devices = {tensor.device.type for tensor in [*tensors, result]}
            self.count["transfers"] += len(devices) > 1
        return result


@contextmanager
def pretended_cuda(capability: tuple[int, int] = (8, 0)) -> Iterator[None]:
    """Let every tensor in the block be a fake one; there is a card of this compute capability."""
    with (
        patch.object(torch.cuda, "get_device_capability", lambda device=None: capability),
        patch.object(nn.Module, "_apply", move_one_by_one),
        patch.object(nn.Module, "__deepcopy__", copy_without_values, create=True),
        FakeTensorMode(allow_non_fake_inputs=True),
    ):
        yield
