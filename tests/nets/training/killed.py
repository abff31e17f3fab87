"""A training that is killed before a chosen file operation, or at a chosen moment, and goes on until it ends.

python -m tests.nets.training.killed FOLDER placed     before each of the run's file operations, one run for each
python -m tests.nets.training.killed FOLDER random 100 at random moments, one run for each

Each run must end with the bits of a run that nobody killed. It is forked from this process, which has imported
everything and has no threads, so that a run takes less than a second.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np

import minitensor as mt
from nets.__main__ import main
from tests.nets.tiny import TINY, write_folder

STEPS = 6
# Audit events of operations that change files, and which argument is the path
OPERATIONS = {"open": 0, "os.rename": 0, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.chmod": 0, "os.truncate": 0}
WRITES = os.O_WRONLY | os.O_RDWR
ENDED, KILLED = 0, -signal.SIGKILL
RESULTS = ("best.safetensors", "last.safetensors", "decision.json", "predictions.png")


def train(data, out, kill_before=None, count=None, kill_after=None):
    """Begin the run in `out`, or go on with it, in a forked child; returns its exit code, -9 if it was killed.

    kill_before  the number of the file operation before which it is killed, from 1 up
    count        a file for the number of its file operations, if it ends
    kill_after   seconds after which it is killed
    """
    go_on = (out / "config.json").is_file()
    arguments = ["--resume"] if go_on else ["--data", str(data), *TINY, "--steps", str(STEPS)]
    child = os.fork()
    if child == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        done = _counted(os.path.realpath(out), kill_before)
        code = main(["train", *arguments, "--out", str(out)])
        if count is not None:
            count.write_text(str(done[0]))
        os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _counted(folder, kill_before):
    """A list whose one number grows with each file operation in the folder; kills this process at the chosen one."""
    done = [0]

    def hook(event, arguments):
        place = OPERATIONS.get(event)
        if place is None or isinstance(arguments[place], int):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITES):
            return
        where = os.path.realpath(os.fsdecode(arguments[place]))
        if where == folder or where.startswith(folder + os.sep):
            done[0] += 1
            if done[0] == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return done


def whole_run(folder):
    """(data, the folder of a run that nobody killed, the number of its file operations, its seconds)."""
    folder = Path(folder)
    data, out, count = write_folder(folder / "data"), folder / "whole", folder / "count"
    begin = time.monotonic()
    if train(data, out, count=count) != ENDED:
        raise RuntimeError("the run that nobody kills did not end")
    return data, out, int(count.read_text()), time.monotonic() - begin


def survives(data, whole, out, **kill):
    """Kill a new run once, let it go on to its end, compare. Returns whether it was killed before it ended.

    Raises AssertionError with what is wrong.
    """
    shutil.rmtree(out, ignore_errors=True)
    code = train(data, out, **kill)
    assert code in (ENDED, KILLED), f"{kill}: exit code {code}"
    if code == KILLED:
        again = train(data, out)
        finished = again != ENDED and (out / "report.html").is_file()  # killed after its last operation
        assert again == ENDED or finished, f"{kill}: to go on gave exit code {again}"
    for name in RESULTS:
        if name.endswith(".safetensors"):
            expected, found = mt.load(whole / name), mt.load(out / name)
            assert expected.keys() == found.keys(), f"{kill}: other tensors in {name}"
            for key in expected:
                np.testing.assert_array_equal(
                    found[key].numpy(), expected[key].numpy(), err_msg=f"{kill}: {name} {key}"
                )
        else:
            assert (whole / name).read_bytes() == (out / name).read_bytes(), f"{kill}: {name} differs"
    left = [path.name for path in out.iterdir() if path.name.endswith(".tmp")]
    assert not left, f"{kill}: {left} left behind"
    return code == KILLED


def attack(folder, way, times=0):
    """All placed kills, or `times` random ones; prints and returns how many there were."""
    data, whole, operations, seconds = whole_run(folder)
    out = Path(folder) / "killed"
    if way == "placed":
        kills = [survives(data, whole, out, kill_before=number) for number in range(1, operations + 1)]
    else:
        rng = random.Random(1)
        kills = [survives(data, whole, out, kill_after=rng.uniform(0, seconds)) for _ in range(times)]
    print(f"{way}: {operations} file operations, {len(kills)} runs, {sum(kills)} of them killed, all ended alike")
    return sum(kills)


if __name__ == "__main__":
    attack(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
