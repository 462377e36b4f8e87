"""Hand-ins of a class, as very different people make them."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from torch import Tensor, nn

Files = dict[str, bytes]  # by their names in the hand-in's folder

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes=10, width=%(width)d):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, stride=4)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().mean((2, 3))
        return %(output)s
"""
FIXED = """
from torch import nn

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 10))

    def forward(self, x):
        return self.layers(x)
"""
HEAD = "self.head(x)"


class Net(nn.Module):
    """The network of ``NET``."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, stride=4)
        self.norm = nn.BatchNorm2d(width)
        self.head = nn.Linear(width, 10)


def saved(content: object) -> bytes:
    """A pickle as ``torch.save`` writes it."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def zipped(files: Files) -> bytes:
    """A zip of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def notebook_of(number: int) -> bytes:
    """A notebook of somebody's own, executed."""
    words = " ".join(f"word{(number * 7919 + k * k) % 5003}" for k in range(80))
    cells = [
        new_markdown_cell(f"# Homework of pair {number}\n\n{words}"),
        new_code_cell(f"x = {number}\nprint(x)", execution_count=1),
    ]
    return nbformat.writes(new_notebook(cells=cells)).encode()


def foreign_pdf(number: int) -> bytes:
    """A PDF that another tool made."""
    buffer = io.BytesIO()
    figure = plt.figure(figsize=(4, 3))
    figure.text(0.1, 0.5, f"x = {number}\nprint(x)")
    figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    plt.close(figure)
    return buffer.getvalue()


def digit_weights(number: int) -> dict[str, Tensor]:
    """The four tensors of Question 3, of a network that knows nothing."""
    generator = torch.Generator().manual_seed(number)
    shapes = {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def cat_weights(number: int) -> dict[str, Tensor]:
    """The state dict of a network that knows nothing."""
    torch.manual_seed(number)
    return Net(4 + number % 5).state_dict()


def hand_in(number: int) -> Files:
    """A hand-in that this project did not make, but that has everything."""
    stem = f"HW1_{100000000 + number}_{200000000 + number}"
    code = NET % {"width": 4 + number % 5, "output": HEAD}
    return {
        f"{stem}.ipynb": notebook_of(number),
        f"{stem}.pdf": foreign_pdf(number),
        f"{stem}.py": code.encode(),
        f"{stem}_Q3.pkl": saved(digit_weights(number)),
        f"{stem}_Q4.pkl": saved(cat_weights(number)),
    }


def replaced(files: Files, ending: str, content: bytes) -> Files:
    """The files with one replaced."""
    return {name: content if name.endswith(ending) else old for name, old in files.items()}


def prefixed(prefix: str, number: int) -> bytes:
    """Weights under the names that a wrapper gives them."""
    return saved({prefix + name: value for name, value in cat_weights(number).items()})


def hostile(body: str, number: int) -> Files:
    """A class file that does something else than to answer."""
    code = NET % {"width": 4 + number % 5, "output": HEAD}
    return replaced(hand_in(number), ".py", f"{code}\n{body}\n".encode())


def honest(number: int) -> Files:
    return hand_in(number)


def as_zip(number: int) -> Files:
    return {f"HW1_{100000000 + number}_{200000000 + number} (1).zip": zipped(hand_in(number))}


def from_a_mac(number: int) -> Files:
    inner = {f"homework/{name}": content for name, content in hand_in(number).items()}
    junk = {f"__MACOSX/homework/._{name}": b"\0\5\26\7" for name in hand_in(number)}
    return {"homework.zip": zipped(inner | junk | {"homework/.DS_Store": b"x"}), ".DS_Store": b"x"}


def of_data_parallel(number: int) -> Files:
    return replaced(hand_in(number), "_Q4.pkl", prefixed("module.", number))


def compiled(number: int) -> Files:
    return replaced(hand_in(number), "_Q4.pkl", prefixed("_orig_mod.", number))


def checkpoint(number: int) -> Files:
    content = {"epoch": 3, "model_state_dict": cat_weights(number), "optimizer": {"state": {}}}
    return replaced(hand_in(number), "_Q4.pkl", saved(content))


def whole_network(number: int) -> Files:
    return replaced(hand_in(number), "_Q4.pkl", saved(Net(4)))


def plain_pickle(number: int) -> Files:
    return replaced(hand_in(number), "_Q4.pkl", pickle.dumps(cat_weights(number)))


def log_softmax(number: int) -> Files:
    code = NET % {"width": 4 + number % 5, "output": f"{HEAD}.log_softmax(1)"}
    return replaced(hand_in(number), ".py", code.replace("Net", "MyBest").encode())


def other_size(number: int) -> Files:
    torch.manual_seed(number)
    weights = {"layers.1.weight": torch.randn(10, 3 * 64 * 64), "layers.1.bias": torch.zeros(10)}
    files = replaced(hand_in(number), ".py", FIXED.encode())
    return replaced(files, "_Q4.pkl", saved(weights))


def doubles(number: int) -> Files:
    q3 = {name: nn.Parameter(value.double()) for name, value in digit_weights(number).items()}
    q4 = {
        name: value.double() if value.is_floating_point() else value
        for name, value in cat_weights(number).items()
    }
    return replaced(replaced(hand_in(number), "_Q3.pkl", saved(q3)), "_Q4.pkl", saved(q4))


def without_class_file(number: int) -> Files:
    return {name: content for name, content in hand_in(number).items() if name[-3:] != ".py"}


def other_names(number: int) -> Files:
    names = ["my homework.ipynb", "print.pdf", "model.py", "mnist_q3.pth", "cats q4.pt"]
    return dict(zip(names, hand_in(number).values(), strict=True))


def needs_an_argument(number: int) -> Files:
    code = NET % {"width": 4, "output": HEAD}
    return replaced(hand_in(number), ".py", code.replace("num_classes=10", "num_classes").encode())


def damaged_zip(number: int) -> Files:
    return {"homework.zip": zipped(hand_in(number))[:2000]}


def endless(number: int) -> Files:
    return hostile("while True: pass", number)


def sleeps(number: int) -> Files:
    return hostile("import time; time.sleep(10**6)", number)


def eats_memory(number: int) -> Files:
    return hostile("x = [bytearray(1 << 24) for _ in range(10**4)]", number)


def writes_files(number: int) -> Files:
    return hostile("open('/tmp/hw-pwned-grade', 'w').write('x')", number)


def floods(number: int) -> Files:
    return hostile("while True: print('x' * 10**6)", number)


def deceives_the_terminal(number: int) -> Files:
    return hostile("raise RuntimeError('\\x1b[2J\\u202e all is well')", number)


SCORED: list[Callable[[int], Files]] = [
    honest, as_zip, from_a_mac, of_data_parallel, compiled, checkpoint, log_softmax, other_size,
    doubles, other_names,
]  # fmt: skip
REFUSED: list[Callable[[int], Files]] = [
    whole_network, plain_pickle, without_class_file, needs_an_argument, damaged_zip,
]  # fmt: skip
HOSTILE: list[Callable[[int], Files]] = [
    endless, sleeps, eats_memory, writes_files, floods, deceives_the_terminal,
]  # fmt: skip


def moodle_name(kind: Callable[[int], Files], number: int) -> str:
    """The folder's name as Moodle writes it."""
    return (
        f"{kind.__name__.replace('_', ' ').title()} {number}_{5000 + number}_assignsubmission_file_"
    )


def write_hand_in(kind: Callable[[int], Files], number: int, folder: Path) -> Path:
    """Write a hand-in as Moodle's download has it; its folder."""
    target = folder / moodle_name(kind, number)
    for name, content in kind(number).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return target
