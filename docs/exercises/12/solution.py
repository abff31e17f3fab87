"""A solution of exercise 12."""

import numpy as np


def by_tiles(f, x, margin, tile):
    """Each tile reads margin more on both sides than it keeps."""
    continued = np.pad(x, margin, mode="reflect") if margin else x
    pieces = []
    for start in range(0, len(x), tile):
        stop = min(start + tile, len(x))
        pieces.append(f(continued[start : stop + 2 * margin]))
    return np.concatenate(pieces)
