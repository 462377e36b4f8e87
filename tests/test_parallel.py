"""Parts of a batch, side by side."""

import threading

import torch
from torch import nn

from hwlib import parallel


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1))


def test_replicas_share_weights_and_nothing_else():
    first, second = parallel.replicas(network(), 2)
    with torch.no_grad():
        first[0].weight.fill_(2)
    assert torch.equal(second[0].weight, torch.full((5, 3), 2.0))
    second(torch.randn(8, 3)).sum().backward()
    assert first[0].weight.grad is None
    assert torch.equal(first[1].running_mean, torch.zeros(5))


def test_gathered_gradients_are_the_batch_s_where_parts_do_not_share_statistics():
    """Without batch norm, parts of unequal size give together the gradient of the mean."""
    alone = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    x = torch.randn(7, 3, dtype=torch.float64)
    networks = parallel.replicas(alone, 3)
    expected = torch.autograd.grad(alone(x).square().mean(), list(alone.parameters()))
    for one, part in zip(networks, x.chunk(3), strict=True):
        (one(part).square().sum() / 7).backward()
    parallel.gather_gradients(networks)
    for weight, gradient in zip(alone.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)
    assert all(weight.grad is None for weight in networks[1].parameters())


def test_workers_divide_the_threads_and_give_them_back():
    before, together = torch.get_num_threads(), threading.Barrier(2, timeout=10)

    def threads_of_a_worker() -> int:
        together.wait()  # so that each is asked once, at the same time
        return torch.get_num_threads()

    torch.set_num_threads(4)
    try:
        with parallel.workers(2) as pool:
            found = [pool.submit(threads_of_a_worker) for _ in range(2)]
            assert [one.result() for one in found] == [2, 2]
            assert torch.get_num_threads() == 4
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [4]
    finally:
        torch.set_num_threads(before)


def test_one_thread_works_on_all_parts_in_turn():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with parallel.workers(2) as pool:
            names = {pool.submit(threading.get_ident).result() for _ in range(4)}
        assert len(names) == 1
    finally:
        torch.set_num_threads(before)
