"""Helper threads: one serves several calls, ends by itself, and is gone before a fork and at the program's end."""

import _thread
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

from minitensor.kernels.threads import workers
from minitensor.kernels.threads.workers import dismiss_idle, start

PATIENCE = 10  # seconds after which something that should happen counts as not happening


@pytest.fixture(autouse=True)
def no_workers_before_and_after():
    dismiss_idle()
    yield
    dismiss_idle()


def finish(function, *arguments):
    """Run it on a worker; `end` alone would take back what has not begun."""
    begun = threading.Event()

    def work(arguments):
        begun.set()
        function(*arguments)

    end = start(work, arguments)
    assert begun.wait(PATIENCE) and end()


@contextmanager
def no_switching():
    """Within the block this thread goes on until it waits."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(PATIENCE)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def test_one_thread_serves_calls_that_follow_each_other(monkeypatch):
    monkeypatch.setattr(workers, "LINGER", PATIENCE)
    threads = []
    for _ in range(5):
        finish(lambda: threads.append(threading.get_ident()))
    assert len(set(threads)) == 1 and threads[0] != threading.get_ident()
    assert len(workers._idle) == 1


def test_callers_at_the_same_time_have_a_thread_each():
    both_here = threading.Barrier(3)
    ends = [start(both_here.wait, PATIENCE) for _ in range(2)]
    both_here.wait(PATIENCE)
    assert all(end() for end in ends)


def test_work_that_has_not_begun_is_taken_back_and_its_worker_serves_the_next_call(monkeypatch):
    monkeypatch.setattr(workers, "LINGER", PATIENCE)
    threads, array = [], np.zeros(3)
    gone = weakref.ref(array)
    finish(lambda: threads.append(threading.get_ident()))
    with no_switching():
        assert not any(start(np.add, array, 1, array)() for _ in range(5))
    assert (array == 0).all()
    del array
    assert gone() is None
    finish(lambda: threads.append(threading.get_ident()))
    assert threads[0] == threads[1] and len(workers._idle) == 1


def test_a_call_takes_back_no_work_but_its_own(monkeypatch):
    """The worker goes on to the next call's work before the first call has heard that its own has ended."""
    monkeypatch.setattr(workers, "LINGER", PATIENCE)
    done = []
    first = start(done.append, 1)
    deadline = time.monotonic() + PATIENCE
    while not (done and workers._idle) and time.monotonic() < deadline:
        time.sleep(0.001)
    with no_switching():
        second = start(done.append, 2)
        assert first() and not second()
    assert done == [1] and len(workers._idle) == 1


def test_work_is_either_done_or_taken_back():
    done, ended = [], []
    for turn in range(500):
        end = start(done.append, turn)
        time.sleep(0.00002 * (turn % 5))
        if end():
            ended.append(turn)
    assert done == ended


def test_a_worker_without_work_ends_by_itself(monkeypatch):
    monkeypatch.setattr(workers, "LINGER", 0.001)
    finish(int)
    worker = workers._idle[0] if workers._idle else None
    deadline = time.monotonic() + PATIENCE
    while workers._idle and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not workers._idle
    assert worker is None or worker.gone.acquire(timeout=PATIENCE)
    finish(int)  # and the next call has a new one


def test_work_that_comes_at_the_moment_a_worker_gives_up_is_done(monkeypatch):
    """Calls at intervals around LINGER: some find it waiting, some just gone, some on the brink."""
    monkeypatch.setattr(workers, "LINGER", 0.0002)
    done = []
    for turn in range(300):
        finish(done.append, turn)
        time.sleep(0.0001 * (turn % 4))
    assert done == list(range(300))


def test_a_waiting_worker_keeps_nothing_alive(monkeypatch):
    monkeypatch.setattr(workers, "LINGER", PATIENCE)
    array = np.zeros(3)
    gone = weakref.ref(array)
    finish(np.add, array, 1, array)
    del array
    gc.collect()
    deadline = time.monotonic() + PATIENCE  # its own frame lets go a moment after the lock
    while gone() is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert gone() is None and workers._idle


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not place threads")
def test_a_worker_may_use_all_processors_that_its_caller_may():
    seen = []
    finish(lambda: seen.append(os.sched_getaffinity(0)))
    assert seen == [os.sched_getaffinity(0)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_no_worker_is_waiting_when_a_process_forks(monkeypatch):
    monkeypatch.setattr(workers, "LINGER", PATIENCE)
    threads = []
    finish(lambda: threads.append(threading.get_native_id()))
    child = os.fork()
    if child == 0:
        ran = []
        finish(ran.append, 1)
        os._exit(0 if ran == [1] else 1)
    assert not workers._idle
    deadline = time.monotonic() + PATIENCE  # the system forgets a thread a moment after its last line
    while os.path.exists(f"/proc/self/task/{threads[0]}") and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not os.path.exists(f"/proc/self/task/{threads[0]}")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_program_does_not_wait_for_its_helpers():
    text = "from minitensor.kernels.threads import workers; workers.LINGER = 3600; workers.start(int)()"
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_thread_that_cannot_be_started_is_an_error_of_the_caller(monkeypatch):
    def refuse(*arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        start(int)
    assert not workers._idle
