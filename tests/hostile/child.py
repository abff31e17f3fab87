"""A process in which cases run: it lends them little memory and watches what they do.

The parent writes a line "KIND NUMBER" for each case and reads two lines of JSON: {"made": number} when the files are
there, then {"outcome": "read" or "refused"} or {"finding": what, "detail": text}. If the process ends or is silent, the
parent knows in which case.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import sys
import traceback
import unicodedata
import warnings
import zlib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np

from tests.hostile import kinds

MEMORY = 1 << 30  # bytes that a case may take beside what the process has when it begins
MOST_PIXELS = 1 << 24  # of an image file
LONGEST_MESSAGE = 1000
WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
# Audit events, and which of their arguments are paths that are changed
CHANGES = {
    "os.remove": (0,), "os.rename": (0, 1), "os.rmdir": (0,), "os.mkdir": (0,), "os.truncate": (0,), "os.link": (0, 1),
    "os.symlink": (1,), "os.chmod": (0,), "os.chown": (0,), "os.utime": (0,), "shutil.rmtree": (0,),
    "tempfile.mkstemp": (0,), "tempfile.mkdtemp": (0,),
}  # fmt: skip
# The beginnings of audit events that no reader has a reason for
FORBIDDEN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn"),
    *("socket.connect", "socket.bind", "urllib.Request", "ctypes.dlopen", "code.__new__", "pickle.find_class"),
)


class Watch:
    """An audit hook: while it is on, it notes what a case may not do."""

    def __init__(self):
        self.on, self.allowed, self.seen = False, (), []
        sys.addaudithook(self._event)

    def _event(self, event, arguments):
        if not self.on:
            return
        if event.startswith(FORBIDDEN):
            self.seen.append(f"{event} {arguments!r}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITES:
                self._check(event, path)
        else:
            for place in CHANGES.get(event, ()):
                self._check(event, arguments[place])

    def _check(self, event, path):
        if isinstance(path, int):  # an open file
            return
        where = os.path.realpath(os.fsdecode(path))
        if where != os.devnull and not where.startswith(self.allowed):
            self.seen.append(f"{event} {where!r}")


def control_characters(text):
    """The characters of a text that would steer a terminal."""
    return sorted({c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t\r"})


def _broken_names(folder):
    """The names of files in which a line ends or a column begins."""
    return [path.name for path in folder.rglob("*") if "\n" in path.name or "\t" in path.name]


def judged(error, folder):
    """What is wrong with the message of an error, in words; None if nothing is."""
    text = str(error)
    names = [str(folder.parent), *(path.name for path in folder.rglob("*"))]
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return None
    if not any(name in text for name in names):
        return "a message without the file's name"
    if len(text) > LONGEST_MESSAGE:
        return f"a message of {len(text)} characters"
    if control_characters(text):
        return f"control characters {control_characters(text)!r} in a message"
    return None


def make(kind, number, seeds, folder):
    """Write the files of one case into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    rng = np.random.default_rng([zlib.crc32(kind.encode()), number])
    kinds.KINDS[kind].make(rng, seeds, folder)


def run(kind, folder, watch):
    """The outcome of the case in the folder, as a dict."""
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict")
    error = None
    watch.seen, watch.allowed = [], (os.path.realpath(folder) + os.sep,)
    watch.on = True
    try:
        with redirect_stdout(output), redirect_stderr(output), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kinds.KINDS[kind].read(folder)
    except BaseException as found:
        error = found
    finally:
        watch.on = False
    if watch.seen:
        return {"finding": "something that a case may not do", "detail": "\n".join(watch.seen[:5])}
    output.flush()
    printed = output.buffer.getvalue().decode()
    if control_characters(printed) or any(name in printed for name in _broken_names(folder)):
        return {"finding": "a name steers the terminal, or breaks a line", "detail": repr(printed)}
    if error is None:
        return {"outcome": "read"}
    detail = "".join(traceback.format_exception(error))[-4000:]
    errors = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
    strange = [each for each in errors if not isinstance(each, (ValueError, OSError))]
    if strange:
        return {"finding": type(strange[0]).__name__, "detail": detail}
    problem = next(filter(None, (judged(each, folder) for each in errors)), None)
    return {"outcome": "refused"} if problem is None else {"finding": problem, "detail": detail}


def limit_pixels():
    """Refuse larger images, as --max-pixels does: a whole picture of 170 megapixels takes more than MEMORY."""
    from nets.data.decoding import allow_pixels

    allow_pixels(MOST_PIXELS)


def limit_memory():
    """Let this process take MEMORY more address space than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(workspace, plant=None):
    """Serve cases until standard input ends."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    workspace = Path(workspace)
    seeds = kinds.Seeds(workspace / "seeds")
    if plant:
        from tests.hostile import planted

        planted.plant()
    limit_pixels()
    watch = Watch()
    folder = workspace / "case"
    if not (workspace / "run").exists():
        shutil.copytree(seeds.runs["semantic"], workspace / "run")
    for kind in kinds.KINDS:  # imports, threads and buffers come before the limit
        make(kind, 0, seeds, folder)
        run(kind, folder, watch)
    limit_memory()

    def say(content):
        print(json.dumps(content), file=channel, flush=True)

    say({"ready": os.getpid()})
    for line in sys.stdin:
        kind, _, number = line.rstrip("\n").rpartition(" ")
        make(kind, int(number), seeds, folder)
        say({"made": int(number)})
        say(run(kind, folder, watch))


if __name__ == "__main__":
    main(*sys.argv[1:])
