"""The rules of Question 3, proved from the source: tensor operations and nothing else."""

import ast
from pathlib import Path

import pytest

HWLIB = Path(__file__).resolve().parents[2] / "hwlib"
ROOMS = ["activations", "mlp", "stacked", "seeding"]
MODULES = {"torch", "numpy", "math", "os", "random", "collections.abc", "pathlib", "typing"}
FORBIDDEN_OF_TORCH = {"nn", "optim", "autograd", "func", "compile"}
FORBIDDEN_METHODS = {
    "requires_grad", "requires_grad_", "grad", "enable_grad", "sigmoid_", "log_softmax",
    "logsumexp", "relu_", "tanh_", "logsigmoid", "leaky_relu", "nll_loss",
}  # fmt: skip
OWN_NAMES = {"sigmoid", "softmax", "tanh", "relu", "cross_entropy"}


def violations(source: str) -> list[str]:
    """Every import, attribute and call in ``source`` that Question 3 does not allow."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name not in MODULES]
        elif isinstance(node, ast.ImportFrom):
            own = node.module.removeprefix("hwlib.") in ROOMS
            names = {alias.name for alias in node.names}
            if node.module == "torch" and names - {"Tensor"}:
                found.append(f"from torch import {', '.join(names)}")
            elif node.module not in MODULES and not own:
                found.append(f"from {node.module}")
        elif isinstance(node, ast.Attribute):
            of_torch = isinstance(node.value, ast.Name) and node.value.id == "torch"
            if of_torch and node.attr in FORBIDDEN_OF_TORCH | OWN_NAMES:
                found.append(f"torch.{node.attr}")
            elif node.attr in FORBIDDEN_METHODS | OWN_NAMES:
                found.append(f".{node.attr}")
            elif node.attr == "backward" and getattr(node.value, "id", "") not in (
                "network",
                "self",
            ):
                found.append(".backward of something else than the network")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_of_question_3_use_tensor_operations_alone(room):
    assert violations((HWLIB / f"{room}.py").read_text()) == []


@pytest.mark.parametrize(
    "cheat",
    [
        "from torch import nn",
        "import torch.nn.functional as F",
        "import torch\ny = torch.nn.Linear(2, 3)",
        "import torch\ny = torch.sigmoid(x)",
        "y = x.softmax(-1)",
        "loss.backward()",
        "import torch\ntorch.optim.SGD(p, 0.1)",
        "w.requires_grad_()",
        "from hwlib.training import predict",
        "import sklearn",
    ],
)
def test_each_way_to_cheat_is_seen(cheat):
    assert violations(cheat)


def test_own_network_may_go_backward():
    assert violations("network.backward(x, y, y_hat)\nself.backward(x, y, y_hat)") == []
