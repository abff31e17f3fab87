"""Tiles: the cuts cover all once, threads end with the call, errors arrive, BLAS's limit comes back."""

import os
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels.conv.columns import plan_tiles, worth_threads
from minitensor.kernels.threads import tiles
from minitensor.kernels.threads.blas import blas
from minitensor.kernels.threads.budgets import COLUMN_TILE_BYTES
from minitensor.kernels.threads.tiles import (
    blocks,
    get_num_threads,
    run_tiles,
    set_num_threads,
    shares,
    split,
    threads_for,
)


@pytest.fixture(autouse=True)
def two_threads():
    """Two threads on any machine, and the process's own number afterwards."""
    before_blas = [(library, library.num_threads) for library in blas.find()]
    before = tiles._threads
    set_num_threads(2)
    yield
    tiles._threads = before
    for library, n in before_blas:
        library.set_num_threads(n)


def blas_threads():
    return [library.num_threads for library in blas.find()]


@given(length=st.integers(0, 200), parts=st.integers(1, 20))
def test_split_covers_range_once_with_equal_parts(length, parts):
    slices = split(length, parts)
    covered = [i for part in slices for i in range(length)[part]]
    lengths = [part.stop - part.start for part in slices]
    assert covered == list(range(length))
    assert len(slices) == min(parts, length)
    assert not lengths or max(lengths) - min(lengths) <= 1


@given(length=st.integers(0, 200), bytes_each=st.integers(0, 50), budget=st.integers(1, 300))
def test_blocks_stay_within_the_budget(length, bytes_each, budget):
    slices = blocks(length, bytes_each, budget)
    assert [i for part in slices for i in range(length)[part]] == list(range(length))
    for part in slices:
        assert part.stop - part.start == 1 or (part.stop - part.start) * bytes_each <= budget


@pytest.mark.parametrize(("cpus", "threads"), [(1, 1), (3, 3), (4, 4), (16, 4)])
def test_by_default_a_thread_for_each_cpu_and_at_most_four(monkeypatch, cpus, threads):
    monkeypatch.setattr(tiles, "_threads", None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cpus)), raising=False)
    assert get_num_threads() == threads


def test_work_occupies_a_thread_for_each_half_of_what_one_does_alone(monkeypatch):
    monkeypatch.setattr(tiles, "_threads", 8)
    assert [threads_for(work, serial=100) for work in (0, 99, 100, 149, 150, 250, 399, 400, 4000)] == [
        1, 1, 2, 2, 3, 5, 7, 8, 8
    ]  # fmt: skip
    assert [len(shares(n, bytes_each=1, budget=1000, serial=100)) for n in (99, 100, 150, 4000)] == [1, 2, 3, 8]


def test_small_passes_are_not_cut():
    assert threads_for(100) == 1
    assert threads_for(1 << 30) == 2
    assert len(shares(100, bytes_each=1, budget=10, serial=101)) == 1


@given(length=st.integers(1, 200), bytes_each=st.integers(1, 50), budget=st.integers(1, 300))
def test_shares_are_a_multiple_of_the_threads(length, bytes_each, budget):
    slices = shares(length, bytes_each, budget, serial=0)
    assert [i for part in slices for i in range(length)[part]] == list(range(length))
    assert len(slices) % get_num_threads() == 0 or len(slices) == length


@given(
    images=st.integers(0, 9),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    bytes_per_pixel=st.integers(1, 1 << 16),
    weights=st.integers(1, 1 << 20),
    multiple=st.integers(1, 4),
)
def test_tiles_of_a_convolution_cover_its_output_once(images, size, bytes_per_pixel, weights, multiple):
    tiles = plan_tiles(images, size, bytes_per_pixel, weights, multiple=multiple)
    covered = np.zeros((images, size[0]), int)
    for some, rows in tiles:
        covered[some, rows] += 1
        pixels = (some.stop - some.start) * (rows.stop - rows.start) * size[1]
        assert pixels * bytes_per_pixel <= COLUMN_TILE_BYTES or pixels == size[1]  # a row, at least
    assert (covered == 1).all()
    few = not worth_threads(images * size[0] * size[1] * weights)
    even = len(tiles) % multiple == 0 or len(tiles) in (images, images * size[0])
    assert even or images < multiple or (few and len(tiles) == 1)


def test_every_tile_runs_once_and_no_thread_remains():
    done = np.zeros(100, dtype=int)

    def tile(part):
        done[part] += 1

    before = threading.active_count()
    run_tiles(tile, split(100, 13))
    assert threading.active_count() == before
    assert (done == 1).all()


def test_tiles_run_on_two_threads_at_once():
    both_here = threading.Barrier(2)
    run_tiles(lambda tile: both_here.wait(timeout=10), [0, 1])


def test_blas_has_one_thread_inside_and_its_own_number_outside():
    if not blas_threads():
        pytest.skip("threadpoolctl knows no BLAS library here")
    seen = []
    run_tiles(lambda tile: seen.append(blas_threads()), [0, 1])
    assert all(n == 1 for limits in seen for n in limits)
    assert all(n == 2 for n in blas_threads())


def test_concurrent_callers_share_the_limit():
    inside, leave = threading.Barrier(2), threading.Event()
    seen = []

    def slow(tile):
        if tile == 0:
            inside.wait(timeout=10)
            leave.wait(timeout=10)
            seen.append(blas_threads())

    caller = threading.Thread(target=run_tiles, args=(slow, [0, 1]))
    caller.start()
    inside.wait(timeout=10)
    run_tiles(lambda tile: None, [0, 1])  # comes and goes while the other caller is inside
    leave.set()
    caller.join()
    assert all(n == 1 for n in seen[0])
    assert all(n == 2 for n in blas_threads())


def test_the_first_error_reaches_the_caller_and_stops_the_rest():
    ran, before = [], threading.active_count()

    def tile(number):
        ran.append(number)
        if number == 3:
            raise ValueError("tile 3 is bad")

    with pytest.raises(ValueError, match="tile 3 is bad"):
        run_tiles(tile, range(10_000))
    assert len(ran) < 10_000
    assert all(n == 2 for n in blas_threads())
    assert threading.active_count() == before
    run_tiles(ran.append, [0, 1])  # the next call works


@pytest.mark.parametrize("count", [0, 1, 7])
def test_what_is_to_run_beside_the_tiles_runs_once(count):
    calls = []
    run_tiles(calls.append, range(count), beside=lambda: calls.append("beside"))
    assert sorted(calls, key=str) == [*range(count), "beside"]


def test_an_error_beside_the_tiles_reaches_the_caller():
    def beside():
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        run_tiles(lambda tile: None, range(5), beside)


def test_numpy_has_short_buffers_in_tiles_and_its_own_afterwards():
    before, sizes = np.getbufsize(), []
    run_tiles(lambda tile: sizes.append(np.getbufsize()), range(6))
    with pytest.raises(ZeroDivisionError):
        run_tiles(lambda tile: 1 // tile, range(2))
    assert sizes == [tiles.BUFFER] * 6
    assert np.getbufsize() == before != tiles.BUFFER


def test_tiles_within_tiles_run_on_the_spot():
    threads = []

    def outer(tile):
        mine = threading.get_ident()
        run_tiles(lambda inner: threads.append(threading.get_ident() == mine), range(4))

    run_tiles(outer, range(4))
    assert threads == [True] * 16


def test_errstate_of_the_caller_holds_in_tiles():
    zeros = np.zeros(4)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        run_tiles(lambda tile: 1 / zeros, range(4))
    with np.errstate(divide="ignore"):
        run_tiles(lambda tile: 1 / zeros, range(4))


def test_one_thread_means_no_thread_is_started(monkeypatch):
    set_num_threads(1)

    def refuse(*args, **kwargs):
        raise AssertionError("a thread was started")

    monkeypatch.setattr(tiles, "start", refuse)
    run_tiles(lambda tile: None, range(8))
    assert all(n == 1 for n in blas_threads())


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_bad_thread_numbers_are_refused(n, error):
    with pytest.raises(error, match="set_num_threads: n must be"):
        set_num_threads(n)
    assert get_num_threads() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="3.12 warns about any fork beside a live thread")
def test_a_child_forked_in_mid_call_has_no_limit_and_can_run_tiles():
    inside, leave = threading.Event(), threading.Event()

    def wait(tile):
        inside.set()
        leave.wait(timeout=10)

    caller = threading.Thread(target=run_tiles, args=(wait, [0, 1]))
    caller.start()
    inside.wait(timeout=10)
    child = os.fork()
    if child == 0:
        ran = []
        run_tiles(ran.append, range(6))
        os._exit(0 if sorted(ran) == list(range(6)) and all(n == 2 for n in blas_threads()) else 1)
    leave.set()
    caller.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_forked_inside_another_threads_block_gets_its_own_number_back():
    """Only the forking thread lives on in the child; a limit that another thread holds would never be lifted."""
    if not hasattr(os, "fork") or not blas_threads():
        pytest.skip("no fork, or no BLAS whose threads can be set")
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with blas.one_thread():
            entered.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if all(n == 2 for n in blas_threads()) else 1)
    leave.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="3.12 warns about any fork beside a live thread")
def test_a_fork_waits_until_no_thread_is_setting_limits():
    holding, done = threading.Event(), []

    def set_limits():
        with blas.lock:
            holding.set()
            time.sleep(0.05)
            done.append(True)

    thread = threading.Thread(target=set_limits)
    thread.start()
    holding.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if done else 1)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
