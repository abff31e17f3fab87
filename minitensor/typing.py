"""Names of the types that stand in the library's signatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Number = int | float
Ints = int | Sequence[int]  # one whole number for both axes, or one per axis: (height, width)
Axes = int | Sequence[int] | None  # None means all axes
DtypeLike = type | np.dtype | str | None
