"""The rules of Question 3, proved from the source: tensor operations and nothing else."""

import ast
import re
from pathlib import Path

import pytest
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[2]
EXEMPT = {"gradient_check", "plots"}  # compares with autograd; draws. Nothing else imports them.
OWN_MODULE = re.compile(r"hwlib\.(common|q3)\.\w+")
MODULES = {
    "collections.abc", "contextlib", "hashlib", "itertools", "math", "numpy", "os", "pandas",
    "pathlib", "random", "re", "shutil", "torch", "typing", "uuid", "warnings",
}  # fmt: skip
OF_TORCH = {
    "Tensor", "device", "dtype", "finfo", "float32", "float64", "long",
    "cat", "eye", "logspace", "randn", "save", "stack", "tensor", "zeros",
    "addmm", "baddbmm", "diag_embed", "exp", "expm1", "reciprocal",
    "manual_seed", "get_num_threads", "set_num_threads", "cuda", "backends",
}  # fmt: skip
BUILT_IN = {name.rstrip("_") for name in dir(functional)} | {"logsumexp", "logcumsumexp", "expit"}
LIBRARIES = {"torch", "nn", "optim", "autograd", "func", "functional", "special", "ops", "jit"}
GRADIENTS = {"requires_grad", "requires_grad_", "grad", "grad_fn", "enable_grad"}
LOOKUPS = {"getattr", "__import__", "eval", "exec", "compile", "globals", "locals", "vars"}


def imported_modules(tree: ast.AST) -> set[str]:
    """Full names of the modules that a source imports, ``from hwlib.q3 import mlp`` among them."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = "." * node.level + (node.module or "")
            names = {f"{package}.{alias.name}" for alias in node.names}
            modules |= names if package in ("hwlib", "hwlib.common", "hwlib.q3") else {package}
    return modules


def forbidden_attribute(node: ast.Attribute) -> bool:
    """Whether an attribute is neither one of tensors nor an allowed one of ``torch``."""
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    if owner == "torch":
        return node.attr not in OF_TORCH
    if node.attr == "backward":
        return owner not in ("network", "self")
    return (
        node.attr.rstrip("_") in BUILT_IN
        or node.attr in LIBRARIES | GRADIENTS
        or node.attr.startswith("__")
    )


def violations(source: str) -> list[str]:
    """Every import, name, attribute and argument in ``source`` that Question 3 does not allow."""
    tree = ast.parse(source)
    modules = imported_modules(tree)
    wrong = {name for name in modules if name not in MODULES and not OWN_MODULE.fullmatch(name)}
    nodes = list(ast.walk(tree))
    owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            wrong |= names - {"Tensor"} if node.module == "torch" else names & LIBRARIES
        elif isinstance(node, ast.Import):
            wrong |= {alias.name for alias in node.names if alias.name == "torch" and alias.asname}
        elif isinstance(node, ast.Name):
            bare_torch = node.id == "torch" and id(node) not in owners
            wrong |= {node.id} if bare_torch or node.id in LOOKUPS else set()
        elif isinstance(node, ast.Attribute) and forbidden_attribute(node):
            wrong.add(ast.unparse(node))
        elif isinstance(node, ast.keyword) and node.arg in GRADIENTS:
            wrong.add(f"{node.arg}=")
    return sorted(wrong)


def path_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def modules_of_question_3() -> list[str]:
    """The modules of ``hwlib/q3`` under the rules, and whatever they import of ``hwlib``."""
    paths = (ROOT / "hwlib/q3").glob("*.py")
    waiting = {f"hwlib.q3.{path.stem}" for path in paths if path.stem not in EXEMPT}
    modules = set()
    while waiting:
        module = waiting.pop()
        modules.add(module)
        imports = imported_modules(ast.parse(path_of(module).read_text()))
        waiting |= {name for name in imports if OWN_MODULE.fullmatch(name)} - modules
    return sorted(modules)


@pytest.mark.parametrize("module", modules_of_question_3())
def test_modules_of_question_3_use_tensor_operations_alone(module):
    assert violations(path_of(module).read_text()) == []


def test_all_of_the_network_is_under_the_rules():
    modules = set(modules_of_question_3())
    for name in ("activations", "mlp", "stacked", "experiments"):
        assert f"hwlib.q3.{name}" in modules
    assert "hwlib.common.device" in modules  # set_seed


@pytest.mark.parametrize("exempt", sorted(EXEMPT))
def test_no_module_of_question_3_imports_an_exempt_one(exempt):
    assert path_of(f"hwlib.q3.{exempt}").is_file()
    assert f"hwlib.q3.{exempt}" not in modules_of_question_3()


@pytest.mark.parametrize(
    "cheat",
    [
        "from torch import nn",
        "from torch import sigmoid",
        "from torch import *",
        "from torch.nn.functional import softmax",
        "import torch.nn",
        "import torch.nn.functional as F",
        "import torch as t\ny = t.sigmoid(x)",
        "import torch\nt = torch\ny = t.sigmoid(x)",
        "import torch\ny = torch.nn.Linear(2, 3)",
        "import torch\ny = torch.sigmoid(x)",
        "import torch\ny = torch.softmax(x, -1)",
        "import torch\ny = torch.special.expit(x)",
        "import torch\ny = torch.Tensor.sigmoid(x)",
        "import torch\ny = torch.ops.aten.sigmoid(x)",
        "import torch\ntorch.optim.SGD(p, 0.1)",
        "import torch\nw = torch.zeros(3, requires_grad=True)",
        'import torch\nnn = getattr(torch, "nn")',
        'import torch\nnn = torch.__dict__["nn"]',
        'nn = __import__("torch.nn")',
        'import importlib\nnn = importlib.import_module("torch.nn")',
        'exec("import torch.nn")',
        "y = x.sigmoid()",
        "y = x.sigmoid_()",
        "y = x.softmax(-1)",
        "y = x.log_softmax(-1)",
        "y = x.logsumexp(-1)",
        "loss.backward()",
        "w.requires_grad_()",
        "w.requires_grad = True",
        "from hwlib.q4_cats.training import predict",
        "from hwlib import q4_cats",
        "from hwlib.q3.mlp import torch as t\ny = t.sigmoid(x)",
        "from hwlib.q3 import mlp\ny = mlp.torch.sigmoid(x)",
        "from ..q4_cats import training",
        "import sklearn",
    ],
)
def test_each_way_to_cheat_is_seen(cheat):
    assert violations(cheat)


def test_own_network_may_go_backward():
    assert violations("network.backward(x, y, y_hat)\nself.backward(x, y, y_hat)") == []
