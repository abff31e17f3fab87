"""What the strict double counts and allows: launches, transfers, synchronisations, memory, the current device."""

from collections import Counter
from contextlib import contextmanager

# Functions that CuPy writes in Python out of several kernels, with their number.
COMPOSITES = {"einsum": 3, "pad": 2, "put_along_axis": 3, "take_along_axis": 3, "var": 3}

# CuPy's concatenate launches a copy for each array. More than 8 that are small on average it joins in one launch, for
# which it uploads their addresses, steps and ends (cupy/_core/_routines_manipulation.pyx).
JOINING = {"concatenate", "stack", "hstack", "vstack"}
MOST_COPIED, SMALL_BYTES, LISTS = 8, 2 << 20, 3


class State:
    """What the double counts and allows. `current` is the device on which kernels run."""

    is_double = True

    def __init__(self):
        self.reset()

    def reset(self):
        self.launches, self.syncs = Counter(), Counter()
        self.uploads = self.downloads = 0
        self.syncs_allowed, self.current, self.free_bytes = True, 0, 1 << 40

    def sync(self, what):
        if not self.syncs_allowed:
            raise AssertionError(f"{what} makes the CPU wait for the GPU")
        self.syncs[what] += 1

    def launch(self, name, arrays):
        for array in arrays:
            if array.device.id != self.current:
                raise ValueError(f"{name}: array device = {array.device.id} while current = {self.current}")
        count = COMPOSITES.get(name, 1)
        if name in JOINING:
            size = sum(array.nbytes for array in arrays)
            if len(arrays) > MOST_COPIED and size < SMALL_BYTES * len(arrays):
                self.uploads += LISTS
            else:
                count = len(arrays)
        self.launches[name] += count

    def allocate(self, size):
        if size > self.free_bytes:
            raise OutOfMemoryError(f"Out of memory allocating {size:,} bytes")

    @contextmanager
    def syncs_forbidden(self):
        self.syncs_allowed = False
        try:
            yield
        finally:
            self.syncs_allowed = True


class OutOfMemoryError(MemoryError):
    """CuPy's cupy.cuda.memory.OutOfMemoryError."""


state = State()
