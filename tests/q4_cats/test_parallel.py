"""Parts of a batch, side by side."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from hwlib.q4_cats import parallel


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


def test_gathered_gradients_are_the_batch_s_if_parts_do_not_share_statistics():
    """Without batch norm, parts of unequal size give together the gradient of the mean."""
    alone = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    x = torch.randn(7, 3, dtype=torch.float64)
    networks = parallel.replicas(alone, 3)
    expected = torch.autograd.grad(alone(x).square().mean(), list(alone.parameters()))
    for replica, part in zip(networks, x.chunk(3), strict=True):
        (replica(part).square().sum() / 7).backward()
    parallel.gather_gradients(networks)
    for weight, gradient in zip(alone.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient)
    assert all(weight.grad is None for weight in networks[1].parameters())


def threads_of_a_later_thread() -> int:
    """How many threads torch uses in a thread that starts now."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def test_workers_divide_the_threads_and_give_them_back(use_threads):
    use_threads(4)
    together = threading.Barrier(2, timeout=10)

    def threads_of_a_worker() -> int:
        together.wait()  # so that each is asked once, at the same time
        return torch.get_num_threads()

    with parallel.workers(2) as pool:
        futures = [pool.submit(threads_of_a_worker) for _ in range(2)]
        assert [future.result() for future in futures] == [2, 2]
        assert torch.get_num_threads() == 4
    assert threads_of_a_later_thread() == 4


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (2, 2), (5, 2)])
def test_no_more_workers_than_parts_and_threads(use_threads, threads, expected):
    use_threads(threads)

    def name_the_thread() -> int:
        time.sleep(0.05)  # long enough for all workers to take their turn
        return threading.get_ident()

    with parallel.workers(2) as pool:
        futures = [pool.submit(name_the_thread) for _ in range(4)]
    assert len({future.result() for future in futures}) == expected


def test_threads_are_given_back_after_an_error(use_threads):
    use_threads(2)
    with pytest.raises(ZeroDivisionError), parallel.workers(2) as pool:
        pool.submit(lambda: 1 / 0).result()
    assert threads_of_a_later_thread() == 2


def test_parts_one_after_the_other_are_the_parts_side_by_side(use_threads):
    """A GPU's way beside a CPU's: the same gradients and running statistics, and those of one
    network that is given one half after the other, if the first half's statistics stay. (Not to the
    last bit: a thread that works alone uses more of torch's own.)
    """
    use_threads(2)
    x = torch.randn(9, 3, dtype=torch.float64)
    results = []
    for working in (2, 1):
        networks = parallel.replicas(network().double(), 2)
        with parallel.workers(working) as pool:
            halves = zip(networks, x.chunk(2), strict=True)
            futures = [pool.submit(lambda n, part: n(part).sum().backward(), *h) for h in halves]
            [future.result() for future in futures]
        parallel.gather_gradients(networks)
        gradients = [weight.grad for weight in networks[0].parameters()]
        results.append(gradients + [buffer.double() for buffer in networks[0].buffers()])
    alone = network().double()
    alone(x.chunk(2)[0]).sum().backward()
    statistics = [buffer.double().clone() for buffer in alone.buffers()]
    alone(x.chunk(2)[1]).sum().backward()
    expected = [weight.grad for weight in alone.parameters()] + statistics
    for side_by_side, in_turn, plain in zip(*results, expected, strict=True):
        torch.testing.assert_close(in_turn, side_by_side, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(plain, in_turn, rtol=1e-12, atol=1e-12)
