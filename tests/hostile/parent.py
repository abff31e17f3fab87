"""Starts children, gives them cases, waits for each at most five seconds, and counts."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.hostile.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5.0  # of processor time for one case: by the clock, other programs on the machine would count too
PATIENCE = 60.0  # seconds by the clock, for a case that waits
GLANCE = 0.25  # seconds between two looks at the processor time
CHUNK = 1 << 16  # bytes read from a child at once
LAST_WORDS = 2000  # characters of what a child wrote before it ended
START_SECONDS = 120.0  # for a child's imports, and to make the files of a case


class Finding(NamedTuple):
    """A case that was not read, and not refused as it should be."""

    kind: str
    number: int
    what: str
    detail: str


class Child:
    """A process that runs cases. It is started again after a case that ended it."""

    def __init__(self, workspace, plant=None):
        self.arguments = [str(workspace)] + ([plant] if plant else [])
        self.log = Path(workspace) / "child.log"  # what it writes on standard error
        self.process, self.unread = None, b""

    def _start(self):
        self.unread = b""
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.hostile.child", *self.arguments],
                cwd=ROOT, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        if self._line(START_SECONDS) is None:
            self.end()
            raise RuntimeError(f"the child did not start: {self._last_words()}")

    def _line(self, seconds):
        """The next line; None if none comes in time, or no more."""
        end = time.monotonic() + seconds
        while b"\n" not in self.unread:
            if not select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            read = os.read(self.process.stdout.fileno(), CHUNK)
            if not read:
                return None
            self.unread += read
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def run(self, kind, number):
        """("read" or "refused", None), or (None, Finding)."""
        if self.process is None:
            self._start()
        try:
            self.process.stdin.write(f"{kind} {number}\n".encode())
            self.process.stdin.flush()
            line = self._line(START_SECONDS) and self._answer()
        except BrokenPipeError:
            line = None
        if line is None:
            code = self.end()
            what = (
                f"more than {SECONDS:g} s of processor time, or {PATIENCE:g} s by the clock"
                if code is None
                else f"the process ended with {_named(code)}"
            )
            return None, Finding(kind, number, what, self._last_words())
        answer = json.loads(line)
        if "finding" in answer:
            return None, Finding(kind, number, answer["finding"], answer["detail"])
        return answer["outcome"], None

    def _answer(self):
        """What became of a case; None if it takes too long, or if the process has ended."""
        end, most = time.monotonic() + PATIENCE, self._processor_time() + SECONDS
        while time.monotonic() < end and self.process.poll() is None and self._processor_time() < most:
            line = self._line(GLANCE)
            if line is not None:
                return line
        return self._line(GLANCE)

    def _processor_time(self):
        """Seconds that all threads of the child have used so far; 0 if it has ended."""
        try:
            # PID (name) state ...: utime and stime are fields 14 and 15, so 11 and 12 after the name
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _last_words(self):
        return self.log.read_text(errors="backslashreplace")[-LAST_WORDS:]

    def end(self):
        """Stop the process. Returns its exit code if it had ended by itself, else None."""
        process, self.process = self.process, None
        if process is None:
            return None
        try:
            code = process.wait(0.2)
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
        return code


def _named(code):
    return signal.Signals(-code).name if code < 0 else f"code {code}"


class Tally:
    """Cases read and refused by kind, and the findings."""

    def __init__(self):
        self.read, self.refused, self.findings = Counter(), Counter(), []

    def add(self, kind, outcome, finding):
        """Count one case."""
        if finding is not None:
            self.findings.append(finding)
        else:
            {"read": self.read, "refused": self.refused}[outcome][kind] += 1

    @property
    def cases(self):
        return sum(self.read.values()) + sum(self.refused.values()) + len(self.findings)

    def table(self):
        """The lines of a Markdown table."""
        found = Counter(finding.kind for finding in self.findings)
        rows = ["| files | cases | read | refused | findings |", "|---|--:|--:|--:|--:|"]
        for kind in KINDS:
            count = self.read[kind] + self.refused[kind] + found[kind]
            if count:
                rows.append(f"| {kind} | {count:,} | {self.read[kind]:,} | {self.refused[kind]:,} | {found[kind]} |")
        total = sum(self.read.values()), sum(self.refused.values())
        rows.append(f"| **all** | **{self.cases:,}** | {total[0]:,} | {total[1]:,} | **{len(self.findings)}** |")
        return rows


def schedule(first, kinds):
    """(kind, number) without end: each kind as often as its share, the numbers from `first` up."""
    number = first
    while True:
        for kind in kinds:
            for part in range(KINDS[kind].share):
                yield kind, number * KINDS[kind].share + part
        number += 1


def attack(child, cases, proceed, tally, found=None):
    """Run cases until `proceed()` is false. Each finding is handed to `found` at once."""
    for kind, number in cases:
        if not proceed():
            return
        outcome, finding = child.run(kind, number)
        tally.add(kind, outcome, finding)
        if finding is not None and found is not None:
            found(finding)
