"""Work on the parts of a batch side by side, in a thread each.

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
    """Return ``network`` and ``count`` - 1 copies that share its weights in memory, each with its
    own gradients and batch-norm statistics.
    """
    copies = [copy.deepcopy(network) for _ in range(count - 1)]
    for replica in copies:
        for weight, shared in zip(replica.parameters(), network.parameters(), strict=True):
            weight.data = shared.data
    return [network, *copies]


@torch.no_grad()
def gather_gradients(networks: Sequence[nn.Module]) -> None:
    """Add the gradients of all replicas into the first one's, always in the same order, and clear
    the others'.
    """
    first, *others = networks
    for replica in others:
        for weight, part in zip(first.parameters(), replica.parameters(), strict=True):
            if weight.grad is not None and part.grad is not None:
                weight.grad.add_(part.grad)
        replica.zero_grad()


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of ``count`` threads, fewer if torch may not use as many; torch's own threads
    are divided among them.
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
