"""Keep freed memory for the next array, instead of returning it to the system and asking for it again.

The C library returns arrays above 128 KiB to the system the moment they are freed. The next array is fresh memory, and
the system clears each of its pages on first touch, which makes a simple pass over a large array about half as fast. A
network makes arrays of the same sizes at every step, so it would pay this price again and again. Two settings of
glibc's allocator avoid it. PyTorch users know them as the environment variables MALLOC_MMAP_MAX_ and
MALLOC_TRIM_THRESHOLD_.
"""

from __future__ import annotations

import ctypes

# From glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4

# the largest threshold an int holds: memory freed at the heap's end stays with the process
KEEP_BYTES = 2**31 - 1


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for this process. Does nothing with another C library."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # no such library, no such function; Windows refuses None
        return
    mallopt(M_MMAP_MAX, 0)  # no array is a mapping of its own, which would vanish when freed
    mallopt(M_TRIM_THRESHOLD, KEEP_BYTES)
