"""Cut work into tiles that fit the cache, and run the tiles on threads.

NumPy releases Python's global lock while it copies, adds or multiplies large arrays. So plain Python threads use all
cores, if each tile is large enough (about 0.1 ms of work or more) to outweigh the Python around it. It must also be
small enough: then what one step of a kernel writes is still in the cache when the next step reads it. A kernel says

    def tile(rows):                     # rows is a slice
        np.maximum(x[rows], 0, out=out[rows])

    run_tiles(tile, split(len(x), threads_for(x.nbytes)))

Tiles must not write to the same place. While they run, each BLAS call uses one thread: the tiles already use all cores,
and two layers of threads would compete for them. The threads are the workers of workers.py. They end by themselves, so
there is no pool that a fork could break or that the end of the program would have to wait for.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from contextvars import copy_context
from functools import partial

import numpy as np

from minitensor.kernels.geometry import ceil_div
from minitensor.kernels.threads.blas import blas
from minitensor.kernels.threads.budgets import SERIAL_BYTES, TILE_BYTES
from minitensor.kernels.threads.workers import start

# Numbers in a buffer of NumPy's elementwise functions. If a column (C, 1) meets rows (C, n), NumPy first spreads the
# column out in a buffer, if the buffer holds two rows or more, and the pass takes twice as long. NumPy's own 8192 does
# so for rows of up to 4096 numbers, which most rows of tiles are. A smaller buffer would slow down the conversion of
# types.
BUFFER = 1 << 10

# Threads by default, on a machine with as many CPUs or more. Between NumPy's calls a thread needs Python's global lock,
# and each further thread waits longer for it: on 16 cores, 4 threads are faster than 8 or 16 (docs/results-cpu.md).
MOST_THREADS = 4

_threads: int | None = None  # what set_num_threads asked for
_here = threading.local()  # .in_tile is True on a thread that is running a tile


def get_num_threads() -> int:
    """The threads that CPU kernels use: what `set_num_threads` said, else one for each available CPU, at most 4."""
    if _threads is not None:
        return _threads
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cpus, MOST_THREADS)


def set_num_threads(n: int) -> None:
    """Let CPU kernels, and NumPy's BLAS with them, use `n` threads.

    Raises TypeError if `n` is not an int, and ValueError if it is below 1.
    """
    global _threads
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads: n must be an int, got {n!r}")
    if n < 1:
        raise ValueError(f"set_num_threads: n must be at least 1, got {n}")
    _threads = n
    blas.set_threads(n)


def threads_for(work, serial=SERIAL_BYTES):
    """How many threads `work` keeps busy: one below `serial`, then one for each half of `serial`.

    Both are bytes that are touched, or both are products. So a small layer does not wake the 16 threads of a large
    machine, where each would have a few microseconds to work and would wait for Python's lock far longer.
    """
    return 1 if work < serial else min(get_num_threads(), 2 * work // max(1, serial))


def split(length, parts):
    """Cut range(length) into at most `parts` slices. Their lengths differ by at most one, and none is empty."""
    parts = max(1, min(parts, length))
    edges = [length * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False) if a < b]


def array_parts(shape, parts):
    """Indices that cut an array into parts along its first axis that is long enough for all of them."""
    axis = next((axis for axis, length in enumerate(shape) if length >= parts), 0)
    return [(slice(None),) * axis + (part,) for part in split(shape[axis], parts)]


def blocks(length, bytes_each, budget=TILE_BYTES):
    """Cut range(length) into slices of nearly equal length, each of which takes at most `budget` bytes.

    `bytes_each` is what one item (one row of an image, say) needs in buffers. A slice holds at least one item.
    """
    fitting = max(1, int(budget // max(1, bytes_each)))
    return split(length, ceil_div(length, fitting))


def rounded_up(parts, multiple):
    """`parts` rounded up to a multiple, usually of the number of threads: so no thread waits for the last part."""
    return ceil_div(parts, multiple) * multiple


def shares(length, bytes_each, budget=TILE_BYTES, serial=SERIAL_BYTES):
    """`blocks` for `run_tiles`: one slice below `serial` bytes, else a multiple of the threads they occupy."""
    if length * bytes_each < serial:
        return split(length, 1)
    threads = threads_for(length * bytes_each, serial)
    return split(length, rounded_up(len(blocks(length, bytes_each, budget)), threads))


def run_tiles(function, tiles, beside=None):
    """Call `function(tile)` for every tile, on up to `get_num_threads()` threads, the caller's own included.

    Threads take tiles from one queue, in order, so uneven tiles even out. Results are not collected: tiles write into
    arrays that the caller made. The first exception stops the queue, and is raised here when all threads have ended. A
    call from inside a tile runs its tiles in place, one after the other. NumPy's errstate and other context variables
    of the caller hold in the tiles, except for the size of its buffers. `beside`, a function without arguments, is
    called once, before the first tile or at the same time.
    """
    jobs = deque(partial(function, tile) for tile in tiles)
    if beside is not None and len(jobs) > 1:
        jobs.appendleft(beside)
    elif beside is not None:
        beside()  # not worth a thread
    buffer = np.setbufsize(BUFFER)
    try:
        _run(jobs)
    finally:
        np.setbufsize(buffer)


def _run(jobs):
    """Call each function of the deque, on several threads if there is more than one function."""
    workers = min(get_num_threads(), len(jobs)) - 1
    if workers < 1 or getattr(_here, "in_tile", False):
        for job in jobs:
            job()
        return
    errors = []
    with blas.one_thread():
        running = []
        try:
            for _ in range(workers):
                running.append(start(copy_context().run, _work, jobs, errors))
            _work(jobs, errors)
        finally:
            jobs.clear()  # something is left only after an exception
            for end in running:
                end()
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # the exception refers to this frame and must not be referred to by it


def _work(jobs, errors):
    """Take jobs until none is left. Keep an exception for the caller, and drop the remaining jobs."""
    _here.in_tile = True
    try:
        while True:
            try:
                job = jobs.popleft()
            except IndexError:
                return
            job()
    except BaseException as error:  # Ctrl-C too: the caller raises it again
        errors.append(error)
        jobs.clear()
    finally:
        _here.in_tile = False


class Scratch(threading.local):
    """Buffers of one kernel call, which a thread uses again for each of its tiles: fresh memory costs page faults.

    `scratch.empty("columns", shape, dtype)` is like np.empty, but the same thread gets the same memory each time it
    asks for that name; the next such call overwrites it. `scratch.zeros` is zero wherever nobody has written since the
    name was first asked for: a border along the last axis stays zero if every call for that name has the same last axis
    and writes the same part of it. A name that relies on such a border must not be passed to `empty`. Without a border,
    `empty` and `zeros` may share a name.
    """

    def __init__(self):
        self.buffers = {}  # name -> (memory, the array last made of it)

    def empty(self, name, shape, dtype, make=np.empty):
        memory, array = self.buffers.get(name, (None, None))
        if array is not None and array.shape == shape and array.dtype == dtype:
            return array
        size = math.prod(shape)
        if memory is None or memory.size < size or memory.dtype != dtype:
            memory = make(size, dtype)
        array = memory[:size].reshape(shape)
        self.buffers[name] = memory, array
        return array

    def zeros(self, name, shape, dtype):
        return self.empty(name, shape, dtype, np.zeros)


def add_parts(sums):
    """The sum over the first axis, in its order, written into the first entry: no copy of a large gradient."""
    if not len(sums):
        return sums.sum(axis=0)
    for part in sums[1:]:
        sums[0] += part
    return sums[0]
