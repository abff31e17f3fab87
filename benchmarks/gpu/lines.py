"""Facts as JSON lines: each is written and flushed as soon as it is known, so a run that is cut off keeps them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
import traceback
from contextlib import contextmanager

from benchmarks.harness import ROOT

MEASURED_CODE = ("minitensor", "layers", "nets")  # the folders on which a figure depends
LONGEST_ERROR = 400  # characters of an error's text that are kept, and
LONGEST_TRACE = 800  # of the lines that led to it


class DeviceLost(RuntimeError):
    """The GPU answers nothing any more: after an illegal access each further call fails, so the run must end."""


class Lines:
    """A file of JSON lines, or none, and the clock of the run.

    `say("layer", ms=1.0)` appends {"t": seconds since the start, "kind": "layer", "ms": 1.0} and flushes it.
    """

    def __init__(self, path=None, minutes=float("inf"), synchronize=lambda: None):
        self.began, self.seconds = time.monotonic(), 60 * minutes
        self.file = open(path, "a", encoding="utf-8", buffering=1) if path else None
        self.synchronize = synchronize
        self.failures = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.file:
            self.file.close()

    def elapsed(self):
        return time.monotonic() - self.began

    def time_is_up(self, needed=0.0):
        """True where `needed` further seconds would go beyond the limit."""
        return self.elapsed() + needed > self.seconds

    def say(self, kind, text=None, **facts):
        """Append one fact; print `text`, where there is one."""
        if self.file:
            line = {"t": round(self.elapsed(), 1), "kind": kind} | facts
            self.file.write(json.dumps(line, default=str) + "\n")
        if text is not None:
            print(text, flush=True)

    @contextmanager
    def guarded(self, what, **about):
        """One failure stops nothing else: it is said, and the block ends. Raises DeviceLost if the GPU is lost."""
        try:
            yield
            self.synchronize()  # a kernel's fault shows here and not in a later check
        except DeviceLost:
            raise
        except Exception as error:
            self.failures += 1
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_ERROR]
            where = " ".join(f"{key} {value}" for key, value in about.items())
            trace = traceback.format_exc()[-LONGEST_TRACE:]
            self.say("FAILED", f"FAILED {what} {where}: {reason[:200]}", what=what, error=reason, trace=trace, **about)
            self._check_alive(error)

    def _check_alive(self, error):
        try:
            self.synchronize()
        except Exception:
            self.say("lost", "the GPU is lost; the run ends here", error=str(error)[:LONGEST_ERROR])
            raise DeviceLost(str(error)) from error


def read(path):
    """The facts of a file of JSON lines. A last line that a killed run left unfinished is passed over."""
    facts = []
    with open(path, encoding="utf-8") as file:
        rows = file.read().split("\n")
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            facts.append(json.loads(row))
        except ValueError as error:
            if number == len(rows):
                break
            raise ValueError(f"{path}: line {number} is not JSON: {row[:80]!r}") from error
    return facts


def code_version():
    """{"commit": of the working tree, where git knows it; "code": a digest of the files that are measured}.

    A machine may have the files without their history. The digest says there, too, whether two runs measured the same.
    """
    digest = hashlib.sha256()
    for folder in MEASURED_CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".cu", ".h"):
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        commit = done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    return {"commit": commit, "code": digest.hexdigest()[:12]}
