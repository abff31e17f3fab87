"""Masks that are black and white except for a few pixels: resized, with soft edges, compressed, or badly drawn.

Read as class ids, 254 would be a class, and 255, which is nearly all of the foreground, would be ignored.
"""

from __future__ import annotations

import numpy as np

from nets.data.encoding import MIDDLE, Encoding

# In a binary mask that was resized or has soft edges, the rims are grey. Rims are at most this share of all pixels.
SOFT_EDGE_SHARE = 0.15
NEARLY_BLACK, NEARLY_WHITE = 40, 215  # how far JPEG may move a black or a white pixel
STRAY_SHARE = 0.05  # of the white or the black pixels: fewer are drawing mistakes, not a class
SEVERAL = 3  # at least so many different values look like noise or soft edges; classes are fewer


def is_nearly_binary(surveys):
    """Whether 8-bit masks are 0 and 255 except for a rim of greys, noise near both ends, or stray pixels.

    Values from 215 to 254 count as white, because class ids are rarely so high. Values up to 40 may be class ids. They
    are noise if they are few, if there are several different values near both ends, or if the greys form a ramp.
    """
    histogram = np.zeros(256, np.int64)
    for entry in surveys:
        if entry.kind == "8 bit":
            histogram[entry.values] += entry.counts
    black, white = histogram[: NEARLY_BLACK + 1].sum(), histogram[NEARLY_WHITE:].sum()
    low, middle = histogram[1 : NEARLY_BLACK + 1], histogram[NEARLY_BLACK + 1 : NEARLY_WHITE]
    if histogram[255] == 0 or black == 0 or middle.sum() > min(SOFT_EDGE_SHARE * histogram.sum(), white):
        return False
    stray = STRAY_SHARE * min(white, black)
    spread = np.count_nonzero(low) >= SEVERAL and np.count_nonzero(histogram[NEARLY_WHITE:255]) >= SEVERAL
    greys = np.flatnonzero(histogram[1:255]) + 1
    rim = len(greys) >= SEVERAL and greys.max() >= MIDDLE
    return bool((low.sum() <= stray or spread or (rim and _is_ramp(histogram))) and (middle.sum() <= stray or rim))


def _is_ramp(histogram):
    """Whether the greys spread over the whole range, as after antialiasing, and low ones are not the majority."""
    low, rest = histogram[1 : NEARLY_BLACK + 1].sum(), histogram[NEARLY_BLACK + 1 : 255].sum()
    return low <= rest and np.count_nonzero(histogram[1:255]) >= 4 * SEVERAL


def binary_from_jpeg(surveys, classes, may_be_black=False):
    """(Encoding, note) of JPEG masks, which are cut at 128. JPEG blurs: black and white survive this, class ids do not.

    Raises ValueError if a JPEG mask is not black and white.
    """
    for entry in surveys:
        between = entry.counts[(entry.values > NEARLY_BLACK) & (entry.values < NEARLY_WHITE)].sum()
        if entry.kind == "lossy" and between > SOFT_EDGE_SHARE * entry.counts.sum():
            named = "" if entry.path.suffix.lower() in (".jpg", ".jpeg") else ", though it is named otherwise,"
            raise ValueError(
                f"{entry.path}: a JPEG{named} that is not black and white keeps no class ids; save it as PNG"
            )
    # Class ids from 0 to 40 would all look black. So there must be white, unless it is known that the masks are binary.
    if not may_be_black and max(entry.values.max() for entry in surveys) < NEARLY_WHITE:
        folder = surveys[0].path.parent
        raise ValueError(
            f"{folder}: the masks are JPEG files. JPEG changes values a little, so class ids are lost, and only black "
            "and white masks survive; save the masks as PNG"
        )
    return Encoding("binary", classes), "JPEG masks cut at 128"
