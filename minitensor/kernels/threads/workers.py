"""The threads that run tiles. A worker waits a moment for the next call, and ends if none comes.

Starting a thread costs more than it seems. The system may place it on the processor of its parent, which is busy, and
move it away only milliseconds later. So a worker first moves to another processor, and only then counts as started; and
it stays for the calls that follow, which in a train step come every millisecond or two. After LINGER seconds without
work it ends by itself. So no thread outlives the work by more than that. None is there when a process forks (a child
would wait for it forever), and none delays the end of the program.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import os
from collections import deque
from contextlib import suppress
from functools import partial

LINGER = 0.02  # seconds without work after which a worker ends
FORGOTTEN = 60  # seconds after which a worker that was taken, and given nothing, ends

try:
    # looked up once: the loader has a lock of its own, and a child forked while a thread holds it could not look again
    _current_processor = ctypes.CDLL(None).sched_getcpu
except (OSError, AttributeError, TypeError):  # no such library, no such function; Windows refuses None
    _current_processor = None

_idle = []  # workers that wait for work; append, pop and remove are atomic


class _Worker:
    """A thread that runs the functions it is given, one after the other."""

    def __init__(self):
        self.given = deque()  # of _Work, or None: end
        self.wake, self.gone, placed = (_taken_lock() for _ in range(3))
        _thread.start_new_thread(self._live, (_other_processors(), placed))
        placed.acquire()

    def _live(self, processors, placed):
        try:
            _move_to(processors)
            placed.release()
            while self._woken():
                while self.given:
                    work = self.given.popleft()
                    if work is None:
                        return
                    work.run(self)
                    del work
        finally:
            self.gone.release()

    def _woken(self):
        """Wait for work. Returns False if there will be none."""
        if self.wake.acquire(timeout=LINGER):
            return True
        try:
            _idle.remove(self)
            return False
        except ValueError:
            # somebody has just taken this worker: work is on its way, unless Ctrl-C came between
            return self.wake.acquire(timeout=FORGOTTEN)

    def give(self, work):
        self.given.append(work)
        # The lock is already free: the worker was woken for work that was taken back. It will find the new work.
        with suppress(RuntimeError):
            self.wake.release()

    def dismiss(self):
        """End the thread, which must be waiting, and wait until it has ended."""
        self.give(None)
        self.gone.acquire()


class _Work:
    """A function for a worker. The worker runs it, unless the caller takes it back before it has begun."""

    def __init__(self, function):
        self.function = deque([function])  # pop is atomic, so only one of worker and caller gets it
        self.ended = _taken_lock()

    def run(self, worker):
        try:
            function = self.function.pop()
        except IndexError:  # it was taken back, and `worker` with it
            return
        function()
        del function  # and with it the arrays it works on
        _idle.append(worker)
        self.ended.release()

    def end(self, worker):
        """Take the function back and return False if it has not begun; else wait for its end and return True."""
        try:
            self.function.pop()
        except IndexError:
            self.ended.acquire()
            return True
        _idle.append(worker)
        return False


def start(function, *arguments):
    """Run a function on a worker. The function must not raise.

    Returns a function `end`. If the work has begun, end() waits for it and returns True. If not, end() cancels it and
    returns False: waking a thread takes about 0.1 ms, and meanwhile the caller may have done the work itself.
    """
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    work = _Work(partial(function, *arguments))
    worker.give(work)
    return partial(work.end, worker)


def dismiss_idle():
    """End all workers that wait for work."""
    while _idle:
        try:
            worker = _idle.pop()
        except IndexError:  # it has just ended by itself
            return
        worker.dismiss()


def _taken_lock():
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _other_processors():
    """The processors that this thread may use, except for the one it is on. Empty if the system does not say."""
    if _current_processor is None or not hasattr(os, "sched_getaffinity"):
        return set()
    return os.sched_getaffinity(0) - {_current_processor()}


def _move_to(processors):
    """Put this thread on one of these processors, and leave the rest to the system."""
    if processors:
        allowed = os.sched_getaffinity(0)
        # a container may forbid it, and processors may have been taken away meanwhile
        with suppress(OSError):
            os.sched_setaffinity(0, processors)
            os.sched_setaffinity(0, allowed)


atexit.register(dismiss_idle)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=dismiss_idle, after_in_child=_idle.clear)
