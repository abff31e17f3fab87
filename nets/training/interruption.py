"""Ctrl-C during training: finish the step, then stop. A second Ctrl-C stops immediately."""

from __future__ import annotations

import signal
import threading


class Interruption:
    """`with Interruption() as interruption:` notes SIGINT and SIGTERM in `interruption.asked`.

    A step that stops halfway leaves some weights updated and others not. So the signal is only noted, and the loop
    reads `asked` after every step. Python allows signal handlers only in the main thread; in others nothing is noted.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.asked = False
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *error):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
