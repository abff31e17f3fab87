"""SIGKILL before a file operation of a run: it goes on and ends with the bits of a run that nobody killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
ROOT = Path(__file__).resolve().parents[3]


def run(code, folder):
    command = [sys.executable, "-c", f"from tests.nets.training.killed import *; {code}", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_killed_before_a_few_file_operations(tmp_path):
    """The first, the last, and some between: all of them are in the slow test below."""
    code = """
folder = Path(sys.argv[1])
data, whole, count, _ = whole_run(folder)
chosen = sorted({1, 2, 3, count // 4, count // 2, 3 * count // 4, count})
print(count, sum(survives(data, whole, folder / "killed", kill_before=number) for number in chosen), len(chosen))
"""
    count, killed, chosen = map(int, run(f"exec({code!r})", tmp_path).split()[-3:])
    assert count > 40 and killed == chosen == 7


@pytest.mark.slow
def test_killed_before_every_file_operation(tmp_path):
    printed = run("attack(sys.argv[1], 'placed')", tmp_path).splitlines()[-1]
    operations, runs, killed = (int(word) for word in printed.replace(",", "").split() if word.isdigit())
    assert operations == runs == killed


@pytest.mark.slow
def test_killed_at_a_hundred_random_moments(tmp_path):
    assert "100 runs" in run("attack(sys.argv[1], 'random', 100)", tmp_path)
