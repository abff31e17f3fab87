"""Masks with a palette: read by index (VOC), or by colour if each file numbers its colours differently."""

from __future__ import annotations

import numpy as np

from nets.data.masks import pack
from nets.data.sample import SegmentationClass

BLACK = 0


def colors_of(values, palette):
    """The packed colours of palette indices, in their shape. An index beyond the palette is black, as in Pillow."""
    table = np.zeros(256, np.int32)
    for index, color in palette.items():
        table[index] = pack(color)
    return table[values]


def by_color(entry):
    """A RawMask or Survey with colours in the place of palette indices. Without a palette it is unchanged.

    A file that contains only greys becomes "8 bit", as a colour file with only greys does.
    """
    if entry.palette is None:
        return entry
    values = colors_of(entry.values, entry.palette)
    grey = all(color & 255 == color >> 8 & 255 == color >> 16 for color in np.unique(values).tolist())
    values = values & 255 if grey else values
    kind = "8 bit" if grey else "color"
    if hasattr(entry, "counts"):  # a Survey: indices of the same colour become one value
        values, place = np.unique(values, return_inverse=True)
        counts = np.bincount(place, weights=entry.counts).astype(np.int64)
        return entry._replace(values=values, counts=counts, kind=kind, palette=None, from_palette=True)
    return entry._replace(values=values, kind=kind, palette=None)


def disagree(surveys):
    """Whether an index has different colours in different files. Then only the colours can be meant, not the indices.

    If all palettes are grey, grey files without a palette are compared too: 255 may be index 1 of a palette.
    """
    with_palette = [entry for entry in surveys if entry.palette is not None]
    if not with_palette:
        return False
    known = {}
    all_grey = True
    for entry in with_palette:
        colors = colors_of(entry.values, entry.palette)
        if len(np.unique(colors)) < len(colors):
            return False  # two indices have the same colour: colours cannot replace them
        for index, color in zip(entry.values.tolist(), colors.tolist(), strict=True):
            all_grey &= color % 65793 == 0  # 65793 = 1 + 256 + 65536, so v * 65793 is (v, v, v)
            if known.setdefault(index, color) != color:
                return True
    plain = [entry for entry in surveys if entry.palette is None and entry.kind == "8 bit"]
    if all_grey and plain:
        return any(known.get(value, value * 65793) != value * 65793 or value not in known
                   for entry in plain for value in entry.values.tolist())  # fmt: skip
    return False


def fit_colors(surveys, colors):
    """Whether all files with a palette contain only the known packed colours."""
    with_palette = [entry for entry in surveys if entry.palette is not None]
    return bool(with_palette) and all(
        set(colors_of(entry.values, entry.palette).tolist()) <= set(colors) for entry in with_palette
    )


def classes_of_colors(numbers):
    """A class for each packed colour, in the order of the numbers (black first), named by its hexadecimal form."""
    return tuple(
        SegmentationClass(position, f"#{color:06x}", (color >> 16, color >> 8 & 255, color & 255))
        for position, color in enumerate(sorted(numbers))
    )
