"""One fault of each kind that the attack looks for, in place of a reader, so that a test can see it found."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import numpy as np

from tests.hostile import kinds

FAULTS = {
    "KeyError": lambda folder: {}["no such key"],
    "MemoryError": lambda folder: np.ones(1 << 28),  # 2 GB
    "a message without the file's name": lambda folder: int("x"),
    "a message of": lambda folder: _refuse(f"{folder}: {'x' * 2000}"),
    "control characters": lambda folder: _refuse(f"{folder}: \x1b[2J"),
    "a name steers the terminal": lambda folder: print("\x1b[2J"),
    "something that a case may not do": lambda folder: (folder.parent / "outside").write_text("x"),
    "subprocess.Popen": lambda folder: subprocess.run(["true"], check=True),
    "the process ended with SIGSEGV": lambda folder: os.kill(os.getpid(), signal.SIGSEGV),
    "more than": lambda folder: time.sleep(600),
    "s of processor time": lambda folder: _spin(),
}


def _refuse(text):
    raise ValueError(text)


def _spin():
    while True:
        pass


def plant():
    """Make every kind of file be read by one of the faults, in the order of both lists; the rest read nothing."""
    faults = list(FAULTS.values())
    for at, (name, kind) in enumerate(list(kinds.KINDS.items())):
        fault = faults[at] if at < len(faults) else lambda folder: None
        kinds.KINDS[name] = kind._replace(read=_quiet_at_first(fault))


def _quiet_at_first(fault):
    """The fault from its second call on: the first is the child's warming up."""
    calls = []

    def read(folder):
        calls.append(folder)
        if len(calls) > 1:
            fault(folder)

    return read
