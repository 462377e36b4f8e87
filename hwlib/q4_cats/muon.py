"""Muon: momentum whose steps are made orthogonal (Jordan et al., "Muon: An optimizer for hidden
layers in neural networks", 2024).

A filter bank is a matrix that maps patches to channels. Its momentum is dominated by a few
directions; replaced by the nearest orthogonal matrix, the step moves all directions by the same
length, the rare ones too.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

# Jordan's quintic drives singular values from (0, 1] to about 1 in five rounds.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, rounds: int = 5) -> Tensor:
    """Return roughly the nearest orthogonal matrix of each, U V^T of M = U S V^T, by Newton-Schulz
    rounds.

    Singular values end between 0.7 and 1.2, which is as good as 1 for a step's direction; that of a
    single row is 1.

    Args:
        matrices: (B, M, N).
        rounds: each takes three products of matrices.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT
    x: Tensor = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(rounds if x.shape[-2] > 1 else 0):  # a single row is there already
        # a x + (b x x^T + c (x x^T)^2) x
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x if wide is matrices else x.mT


class Muon(torch.optim.Optimizer):
    """Muon for convolution filters (C_out, C_in / groups, k, k).

    A depthwise filter sees one channel and is a matrix of one row, whose nearest orthogonal matrix
    is itself at length 1.

    Args:
        parameters: filters.
        lr: length of a step, relative to an orthogonal matrix.
        momentum: share of the past in the running mean of the gradients.
        weight_decay: times ``lr``, the share of the filters that a step takes off.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every filter along its orthogonalised Nesterov momentum."""
        for group in self.param_groups:
            for filters in (p for p in group["params"] if p.grad is not None):
                state = self.state[filters]
                if "mean" not in state:
                    state["mean"] = torch.zeros_like(filters)
                mean = state["mean"]
                mean.lerp_(filters.grad, 1 - group["momentum"])
                ahead = filters.grad.lerp(mean, group["momentum"])
                count, inputs = len(filters), filters.shape[1]
                rows = 1 if inputs == 1 else count
                matrices = ahead.reshape(count // rows, rows, -1)
                # A tall matrix cannot have orthogonal rows; longer steps make up for it.
                scale = max(1, rows / matrices.shape[-1]) ** 0.5
                filters.mul_(1 - group["lr"] * group["weight_decay"])
                step = orthogonalise(matrices).reshape(filters.shape)
                filters.add_(step, alpha=-group["lr"] * scale)
