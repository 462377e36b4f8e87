"""Jobs on a real Dask cluster."""

import operator
import os
import re
import time

import pytest
from support import wait_until

from hwlib.jobs.cluster import dask_pool
from hwlib.jobs.pool import JobError


def test_jobs_are_performed_and_no_process_is_left(cluster):
    with dask_pool(cluster.address, {"GREETING": "hello"}, use_gpu=False) as submit:
        assert submit(operator.add, 1, 2).result() == 3
        assert submit(os.getenv, "GREETING").result() == "hello"
        with pytest.raises(JobError, match="FileNotFoundError"):
            submit(os.stat, "/nowhere").result()
        assert {submit(os.getppid).result() for _ in range(4)} <= {w.pid for w in cluster.workers}
        futures = [submit(time.sleep, 1000) for _ in range(2)]
        wait_until(lambda: all(worker.children() for worker in cluster.workers))
    assert all(future.cancelled() or future.exception() for future in futures)
    wait_until(lambda: not any(worker.children() for worker in cluster.workers))


def test_a_job_that_hangs_is_ended_on_a_cluster_too(cluster):
    with dask_pool(cluster.address, {}, use_gpu=False, time_limit=2) as submit:
        hanging = submit(time.sleep, 1000)
        with pytest.raises(JobError, match="ended after 2 s"):
            hanging.result()


def test_a_gpu_that_no_worker_has_is_asked_for_in_vain(cluster):
    hint = "dask worker --nthreads 1 --resources GPU=1"
    with pytest.raises(JobError, match=hint), dask_pool(cluster.address, {}, use_gpu=True):
        pass


def test_a_scheduler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("hwlib.jobs.cluster.CONNECT_SECONDS", 0.5)
    nobody = "tcp://127.0.0.1:9"
    with pytest.raises(JobError, match=re.escape(nobody)), dask_pool(nobody, {}, use_gpu=False):
        pass
