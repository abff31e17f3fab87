"""Wrong answers to exercise 12, and a part of the message that each must get."""

import numpy as np


def _in_one_go(f, x, margin, tile):
    return f(np.pad(x, margin, mode="reflect"))


def _tiles_alone(f, x, margin, tile):
    pieces = [x[start : start + tile] for start in range(0, len(x), tile)]
    return np.concatenate([f(np.pad(piece, margin, mode="symmetric")) for piece in pieces])


def _edge_repeated(f, x, margin, tile):
    continued = np.pad(x, margin, mode="symmetric")
    return np.concatenate([f(continued[i : min(i + tile, len(x)) + 2 * margin]) for i in range(0, len(x), tile)])


def _zeros_outside(f, x, margin, tile):
    continued = np.pad(x, margin)
    return np.concatenate([f(continued[i : min(i + tile, len(x)) + 2 * margin]) for i in range(0, len(x), tile)])


def _last_tile_forgotten(f, x, margin, tile):
    continued = np.pad(x, margin, mode="reflect")
    starts = range(0, len(x) - tile + 1, tile)
    return np.concatenate([np.empty(0), *(f(continued[i : i + tile + 2 * margin]) for i in starts)])


WRONG = [
    ({"by_tiles": _in_one_go}, "at most"),
    ({"by_tiles": _tiles_alone}, "seam"),
    ({"by_tiles": _edge_repeated}, "repeat"),
    ({"by_tiles": _zeros_outside}, "mirror"),
    ({"by_tiles": _last_tile_forgotten}, "may be shorter"),
]
