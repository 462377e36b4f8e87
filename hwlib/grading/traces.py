"""What tells hand-ins apart: hashes of weights and shapes, singular values, and words."""

import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from hwlib.common.project import NOTEBOOK
from hwlib.submission.inspection import NotebookFacts

MOST_NUMBERS = 1 << 20  # of a tensor whose singular values are computed
MOST_TENSORS = 60
LEAST_NUMBERS = 64
KEPT_VALUES = 4  # the largest singular values of each tensor
SHINGLE_WORDS = 5  # of a shingle
SKETCH = 1_000  # hashes kept: the smallest ones, which are a fair sample of any two texts


def weights_hash(tensors: dict[str, Tensor]) -> str:
    """Return a hash of all numbers, whatever the tensors are called."""
    digest = hashlib.sha256()
    for tensor in tensors.values():
        flat = tensor.contiguous().view(-1).view(torch.uint8)
        digest.update(str(tuple(tensor.shape)).encode() + flat.numpy().tobytes())
    return digest.hexdigest()[:16]


def shapes_hash(tensors: dict[str, Tensor]) -> str:
    """Return a hash of all shapes in their order: networks of one architecture have the same."""
    shapes = [tuple(tensor.shape) for tensor in tensors.values()]
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]


def spectrum_of(tensors: dict[str, Tensor]) -> list[float]:
    """Return the largest singular values of the larger tensors, as shares of each tensor's norm:
    they stay as they are if rows or columns change their places or signs.
    """
    values: list[float] = []
    matrices = [
        tensor.double().flatten(1)
        for tensor in tensors.values()
        if tensor.dim() > 1 and LEAST_NUMBERS <= tensor.numel() <= MOST_NUMBERS
    ]
    for matrix in matrices[:MOST_TENSORS]:
        singular = torch.linalg.svdvals(matrix)
        shares = singular[:KEPT_VALUES] / singular.norm().clamp(min=1e-30)
        values += [round(share, 6) for share in shares.tolist()]
    return values


def shingles(texts: Iterable[str]) -> set[int]:
    """Return the hashes of all runs of five words, in lower case."""
    words = re.findall(r"\w+", " ".join(texts).casefold())
    runs = (" ".join(words[n : n + SHINGLE_WORDS]) for n in range(len(words) - SHINGLE_WORDS + 1))
    return {
        int.from_bytes(hashlib.blake2b(run.encode(), digest_size=6).digest(), "big") for run in runs
    }


@cache
def homework_shingles() -> set[int]:
    """Return those of the homework's own notebook, which every hand-in may share."""
    if not NOTEBOOK.is_file():
        return set()
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return shingles("".join(cell["source"]) for cell in cells)


def shingles_of(notebook: NotebookFacts) -> list[int]:
    """Return a sample of a notebook's own shingles, of text and code, without the homework's."""
    texts = [*notebook.texts, *(cell.source for cell in notebook.cells)]
    return sorted(shingles(texts) - homework_shingles())[:SKETCH]
