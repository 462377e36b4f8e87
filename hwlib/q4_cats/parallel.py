"""A batch in parts that are worked on side by side, a thread each.

Networks as small as ours do not fill two cores with one operation at a time: the threads wait for
each other at its end. With half a batch each they meet once a step.
"""

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import nn


def replicas(network: nn.Module, count: int) -> list[nn.Module]:
    """``network`` and ``count`` - 1 copies with the very same weights in memory, each with its own
    gradients and batch-norm statistics.
    """
    copies = [copy.deepcopy(network) for _ in range(count - 1)]
    for other in copies:
        for weight, shared in zip(other.parameters(), network.parameters(), strict=True):
            weight.data = shared.data
    return [network, *copies]


@torch.no_grad()
def gather_gradients(networks: Sequence[nn.Module]) -> None:
    """Add the gradients of all replicas into the first one's, always in the same order, and clear
    the others'.
    """
    first, *others = networks
    for other in others:
        for weight, part in zip(first.parameters(), other.parameters(), strict=True):
            if weight.grad is not None and part.grad is not None:
                weight.grad.add_(part.grad)
        other.zero_grad()


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of ``count`` threads, fewer where torch may not use as many; torch's own threads are
    divided among them.
    """
    threads = torch.get_num_threads()
    working = min(count, threads)
    share = threads // working
    try:
        with ThreadPoolExecutor(
            working, initializer=torch.set_num_threads, initargs=(share,)
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)  # threads that start later take over what was set last
