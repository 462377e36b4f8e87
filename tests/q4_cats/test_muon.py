"""Orthogonal steps."""

import pytest
import torch
from torch import nn

from hwlib.q4_cats import muon


@pytest.mark.parametrize("shape", [(1, 4, 9), (1, 9, 4), (3, 5, 16), (6, 1, 9)])
def test_orthogonalise_keeps_the_singular_vectors_and_levels_the_values(shape):
    matrices = torch.randn(*shape, dtype=torch.float64)
    steps = muon.orthogonalise(matrices)
    values = torch.linalg.svdvals(steps)
    assert values.min() > 0.6 and values.max() < 1.3
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    inner = u.mT @ steps @ v.mT  # diagonal if the singular vectors are the same
    torch.testing.assert_close(inner, torch.diag_embed(inner.diagonal(dim1=-2, dim2=-1)))


def test_muon_moves_every_filter_of_a_depthwise_bank_by_the_same_length():
    filters = nn.Parameter(torch.randn(6, 1, 3, 3))
    before = filters.detach().clone()
    filters.grad = torch.randn(6, 1, 3, 3) * torch.logspace(-3, 3, 6).view(-1, 1, 1, 1)
    muon.Muon([filters], lr=0.1).step()
    lengths = (filters.detach() - before).flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((6,), 0.1))
