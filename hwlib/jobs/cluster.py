"""A pool whose worker processes are on the machines of a Dask cluster. Needs ``distributed``."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import distributed

from hwlib.jobs.pool import JobError, Submit, Workers

CONNECT_SECONDS = 10


class WorkersPlugin(distributed.WorkerPlugin):
    """Gives every Dask worker a worker process for each of its threads."""

    workers: Workers  # of one Dask worker, on whose machine alone they are

    def __init__(self, environment: Mapping[str, str], time_limit: float | None):
        self.name = f"hwlib-{uuid.uuid4().hex}"  # two pools on one cluster are kept apart
        self.environment = environment
        self.time_limit = time_limit

    def setup(self, worker: distributed.Worker) -> None:
        """Called by Dask on a worker that is there or that joins later."""
        self.workers = Workers([self.environment] * worker.state.nthreads, self.time_limit)

    def teardown(self, worker: distributed.Worker) -> None:
        """Called by Dask when the pool or the worker is closed."""
        self.workers.close()


def perform_on_dask_worker(plugin: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Perform a job by a process of the Dask worker in whose thread this is called."""
    attached: Any = distributed.get_worker().plugins[plugin]
    return attached.workers.perform(function, *arguments)


def connect(address: str) -> distributed.Client:
    """Return a client of a Dask scheduler; JobError if there is none at this address."""
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise JobError(f"There is no Dask scheduler at {address}: {error}") from error


@contextmanager
def dask_pool(
    address: str, environment: Mapping[str, str], use_gpu: bool, time_limit: float | None = None
) -> Iterator[Submit]:
    """Yield the ``submit`` of a pool on a Dask cluster; with ``use_gpu`` a job takes one of the
    resource ``GPU``.

    Jobs that have not ended when the block does are ended then. JobError if there is no scheduler,
    or no worker has a GPU to give.
    """
    with connect(address) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if use_gpu and workers and not any(worker["resources"].get("GPU") for worker in workers):
            raise JobError(
                "No worker of this cluster has a GPU to give. Start one worker a GPU with "
                "dask worker --nthreads 1 --resources GPU=1, or set device to cpu."
            )
        plugin = WorkersPlugin(environment, time_limit)
        client.register_plugin(plugin)
        executor = client.get_executor(pure=False, resources={"GPU": 1} if use_gpu else {})
        try:
            yield partial(executor.submit, perform_on_dask_worker, plugin.name)
        finally:
            executor.shutdown(wait=False)
            client.unregister_worker_plugin(plugin.name)
