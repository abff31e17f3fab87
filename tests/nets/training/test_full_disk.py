"""A disk that is full at any point of a run: one line that names the file, and the run goes on when there is room.

The disk is a small tmpfs, which only root may mount. Elsewhere these tests are skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minitensor as mt
from tests.nets.tiny import TINY, write_folder

ROOT = Path(__file__).resolve().parents[3]
ROOM = "16m"
PAGE = 4096  # a tmpfs takes whole pages
# The run takes about 220 kB: from a disk that takes not even the config to one that takes all but the last picture
SIZES = [PAGE * pages for pages in (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40, 44, 48)]
SOME = [SIZES[0], SIZES[6], SIZES[15]]


@pytest.fixture
def disk(tmp_path):
    """resize(bytes or "16m") -> the folder of a disk of that size. The first call makes it."""
    place, mounted = tmp_path / "disk", []
    place.mkdir()

    def resize(size):
        options = f"size={size}" if not mounted else f"remount,size={size}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a disk cannot be mounted: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield resize
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(data, a run that always had room)."""
    folder = tmp_path_factory.mktemp("whole")
    data = write_folder(folder / "data")
    assert train(data, folder / "run").returncode == 0
    return data, folder / "run"


def train(data, out):
    begin = ["--data", str(data), *TINY, "--steps", "6"]
    arguments = ["--resume"] if (out / "config.json").is_file() else begin
    return subprocess.run(
        [sys.executable, "-m", "nets", "train", *arguments, "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def goes_on(disk, whole, size):
    """Train on a disk of this size until it is full, make room, go on; returns whether it was full."""
    data, expected = whole
    place = disk(size)
    out = place / "run"
    first = train(data, out)
    if first.returncode:
        last = [line for line in first.stderr.splitlines() if line and "|" not in line]  # without the bar
        assert len(last) == 1 and "No space left on device" in last[0] and str(place) in last[0], first.stderr
        assert ("--resume" in last[0]) == (out / "config.json").is_file(), last[0]
        assert not [path.name for path in out.rglob("*.tmp")]
    disk(ROOM)
    again = train(data, out) if first.returncode else first
    assert again.returncode == 0, again.stderr
    for name in ("best.safetensors", "last.safetensors"):
        one, other = mt.load(expected / name), mt.load(out / name)
        for key in one:
            np.testing.assert_array_equal(other[key].numpy(), one[key].numpy(), err_msg=f"{size}: {name} {key}")
    for name in ("decision.json", "predictions.png"):
        assert (expected / name).read_bytes() == (out / name).read_bytes(), (size, name)
    return bool(first.returncode)


@pytest.mark.parametrize("size", SOME)
def test_a_full_disk(disk, whole, size):
    assert goes_on(disk, whole, size)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_a_disk_full_at_twenty_sizes(disk, whole, size):
    assert goes_on(disk, whole, size)
