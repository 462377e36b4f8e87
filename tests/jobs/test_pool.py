"""Jobs that succeed, fail, hang and die, performed by real processes."""

import operator
import os
import signal
import sys
import threading
import time

import psutil
import pytest
from support import wait_until

from hwlib.jobs.pool import JobError, WorkerDiedError, environments, local_pool, perform_all
from hwlib.jobs.worker import serve

# Jobs are functions of the standard library, which every worker process can import.
NOTHING = [{}]


def test_results_come_back_and_a_process_performs_many_jobs():
    with local_pool([{}, {}]) as submit:
        futures = [submit(operator.add, i, i) for i in range(6)]
        assert [future.result() for future in futures] == [0, 2, 4, 6, 8, 10]
        processes = {submit(os.getpid).result() for _ in range(4)}
    assert len(processes) <= 2 and os.getpid() not in processes


def test_all_jobs_are_yielded_as_they_end():
    with local_pool([{}, {}]) as submit:
        ended = list(perform_all(submit, operator.neg, [1, 2, "no number"], "test", 5))
    results = {job: future.exception() or future.result() for job, future in ended}
    assert (results[1], results[2]) == (-1, -2)
    assert "TypeError: bad operand type" in str(results["no number"])


def test_a_job_that_raises_says_where_and_is_not_tried_again(tmp_path):
    with local_pool(NOTHING) as submit:
        before = submit(os.getpid).result()
        with pytest.raises(JobError, match="FileExistsError") as caught:
            submit(os.mkdir, tmp_path).result()
        assert caught.value.traceback.startswith("Traceback")
        assert submit(os.getpid).result() == before


def test_a_result_that_cannot_be_sent_is_an_error_of_the_job():
    with local_pool(NOTHING) as submit:
        with pytest.raises(JobError, match="pickle"):
            submit(threading.Lock).result()
        assert submit(operator.add, 1, 1).result() == 2


def test_a_job_that_hangs_is_ended_and_costs_only_itself():
    with local_pool(NOTHING, time_limit=3) as submit:
        hanging, next_job = submit(time.sleep, 1000), submit(operator.add, 1, 1)
        with pytest.raises(JobError, match="ended after 3 s, its time limit"):
            hanging.result()
        assert next_job.result() == 2


def test_a_job_whose_process_dies_is_tried_three_times(tmp_path):
    script = f"open({str(tmp_path / 'tries')!r}, 'a').write('x'); print('epoch 1', flush=True)\n"
    with local_pool(NOTHING) as submit:
        with pytest.raises(WorkerDiedError, match=r"^no memory$") as caught:
            submit(exec, f"{script}raise SystemExit('no memory')").result()
        assert caught.value.traceback == "epoch 1\nno memory"
        assert (tmp_path / "tries").read_text() == "xxx"
        assert submit(operator.add, 1, 1).result() == 2


def test_a_killed_process_is_replaced():
    with local_pool(NOTHING) as submit:
        victim = psutil.Process(submit(os.getpid).result())
        sleeping = submit(time.sleep, 0.5)
        victim.send_signal(signal.SIGKILL)
        assert sleeping.result() is None
        assert submit(os.getpid).result() != victim.pid


def test_what_has_not_ended_is_ended_with_the_pool():
    with pytest.raises(KeyboardInterrupt), local_pool([{}, {}]) as submit:
        processes = [psutil.Process(pid) for pid in {submit(os.getpid).result() for _ in range(4)}]
        futures = [submit(time.sleep, 1000) for _ in range(9)]
        wait_until(lambda: sum(future.running() for future in futures) == 2)
        raise KeyboardInterrupt
    assert all(future.cancelled() or future.exception() for future in futures)
    assert not any(process.is_running() for process in processes)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_processes_die_with_whoever_started_them(tmp_path):
    import subprocess  # the parent, which is killed

    script = (
        "import os, time; from hwlib.jobs.pool import local_pool\n"
        "with local_pool([{}]) as submit:\n"
        "    print(submit(os.getpid).result(), flush=True)\n"
        "    submit(time.sleep, 1000).result()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert not psutil.wait_procs([child], timeout=60)[1]


def test_an_idle_worker_ends():
    class Silent:
        def poll(self, seconds: float) -> bool:
            asked.append(seconds)
            return False

    asked = []
    serve(Silent(), idle_seconds=7)
    assert asked == [7]


def test_processes_get_their_own_environment():
    assert environments(2, 3) == [dict.fromkeys(environments(1, 3)[0], "3")] * 2
    with local_pool(environments(1, 3)) as submit:
        assert submit(os.getenv, "OMP_NUM_THREADS").result() == "3"


def test_two_jobs_never_share_a_gpu():
    gpus = [env["CUDA_VISIBLE_DEVICES"] for env in environments(4, 1, ["3", "5"])]
    assert gpus == ["3", "5"]
    with local_pool(environments(4, 1, ["3", "5"])) as submit:
        seen = [submit(os.getenv, "CUDA_VISIBLE_DEVICES") for _ in range(8)]
        processes = {submit(os.getpid).result() for _ in range(8)}
        assert {future.result() for future in seen} <= {"3", "5"} and len(processes) <= 2
