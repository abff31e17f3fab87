"""How long a run has been training, over all its processes, and when its next checkpoint is due."""

from __future__ import annotations

import time

CHECKPOINT_SECONDS = 30.0
CHECKPOINT_SHARE = 0.05  # at most this share of the time is spent writing checkpoints


class Clock:
    """Counts on from the `elapsed` seconds that earlier processes trained, and says when to write a checkpoint."""

    def __init__(self, elapsed):
        self._begin = time.perf_counter() - elapsed
        self._written = time.perf_counter()
        self._due_after = CHECKPOINT_SECONDS
        self._due_at = None

    def now(self):
        """Seconds of training so far."""
        return time.perf_counter() - self._begin

    def checkpoint_due(self):
        """Whether a checkpoint is due. The time is noted, so that `checkpoint_written` knows how long writing took."""
        now = time.perf_counter()
        self._due_at = now if now - self._written >= self._due_after else None
        return self._due_at is not None

    def checkpoint_written(self):
        """The next checkpoint is due after 30 s, or later if writing is slow (hundreds of megabytes on a slow disk)."""
        now = time.perf_counter()
        if self._due_at is not None:
            self._due_after = max(CHECKPOINT_SECONDS, (now - self._due_at) / CHECKPOINT_SHARE)
        self._written = now
