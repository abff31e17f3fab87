"""The threads of the BLAS library that NumPy calls: limited to one while a kernel runs.

Tiles already use all cores, and BLAS's own threads would compete with them, not only inside a tile: after a product,
OpenBLAS's threads spin for a while and wait for the next one. With BLAS at one thread throughout, a train step of a
small U-Net takes about half the processor time.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager


class Blas:
    """The number of threads of BLAS. It belongs to the whole process, so concurrent callers share one limit: the first
    to enter `one_thread` sets it, and the last to leave restores it.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.users = 0  # blocks of `one_thread` that are open, in all threads
        self.here = threading.local()  # .users: those of this thread
        self.saved = []  # (library, its number of threads before the first user came)
        self.libraries = None  # found on first use: looking costs 2 ms, and importing threadpoolctl more

    def find(self):
        if self.libraries is None:
            try:
                from threadpoolctl import ThreadpoolController
            except ImportError:  # run from the repository, not installed: right all the same, but slower
                self.libraries = []
            else:
                self.libraries = ThreadpoolController().select(user_api="blas").lib_controllers
        return self.libraries

    def set_threads(self, n):
        """Give BLAS `n` threads from now on; while tiles run, from the moment they have ended."""
        with self.lock:
            if self.users:
                self.saved = [(library, n) for library, _ in self.saved]
            else:
                _limit([(library, n) for library in self.find()])

    @contextmanager
    def one_thread(self):
        """Within the block, every BLAS call runs on the thread that makes it."""
        with self.lock:
            if self.users == 0:
                self.saved = [(library, library.num_threads) for library in self.find()]
                _limit([(library, 1) for library in self.find()])
            self.users += 1
            self.here.users = getattr(self.here, "users", 0) + 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                self.here.users -= 1
                if self.users == 0:
                    _limit(self.saved)

    def before_fork(self):
        """Wait until no other thread is setting limits: a forked child would wait for OpenBLAS's own lock forever."""
        self.lock.acquire()

    def after_fork_in_parent(self):
        self.lock.release()

    def after_fork_in_child(self):
        """In a forked child only the forking thread lives on. The blocks of all other threads will never be left."""
        self.lock = threading.Lock()
        inside = self.users > 0
        self.users = getattr(self.here, "users", 0)
        if inside and self.users == 0:
            _limit(self.saved)


def _limit(limits):
    """Set the number of threads of each (library, number)."""
    for library, n in limits:
        # threadpoolctl 3.8 lets only the first thread that ever set a limit set another, and ignores the rest; Blas
        # keeps its users from contradicting each other, so none of them needs to stay in control.
        let_go = getattr(library, "clear_controlling_thread", None)
        if let_go is not None:
            let_go(force=True)
        library.set_num_threads(n)
        if let_go is not None:
            let_go(force=True)


blas = Blas()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=blas.before_fork, after_in_parent=blas.after_fork_in_parent, after_in_child=blas.after_fork_in_child
    )
