"""Ctrl-C while `python -m nets` is being imported, which takes a second: the program ends without a traceback.

Python imports this package before nets/__main__.py, whose `main` answers Ctrl-C with a line. Until then the system ends
the program, as it ends one that is not written in Python. A program that imports nets keeps its own answer.
"""

from __future__ import annotations

import signal
import sys
import threading

LOCATING = "-m"  # Python's sys.argv[0] while it imports the package that `python -m` is to run


def quiet():
    """Leave Ctrl-C to the system, if this is `python -m nets` at its start. Returns whether it is."""
    ours = sys.argv[:1] == [LOCATING] and threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return True
    return False


def awake():
    """Let Ctrl-C raise KeyboardInterrupt again, if `quiet` has changed that."""
    if IS_QUIET:
        signal.signal(signal.SIGINT, signal.default_int_handler)


IS_QUIET = quiet()
