"""Masks with a palette: read by index, as VOC's, or by colour, if programs number colours anew in each file."""

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
    """A RawMask or Survey with a palette, as the colour file that it stands for; any other unchanged.

    A file that contains only greys is then "8 bit", as a colour file is.
    """
    if entry.palette is None:
        return entry
    values = colors_of(entry.values, entry.palette)
    grey = all(color & 255 == color >> 8 & 255 == color >> 16 for color in np.unique(values).tolist())
    values = values & 255 if grey else values
    kind = "8 bit" if grey else "color"
    if hasattr(entry, "counts"):  # two indices of one colour become one value
        values, place = np.unique(values, return_inverse=True)
        counts = np.bincount(place, weights=entry.counts).astype(np.int64)
        return entry._replace(values=values, counts=counts, kind=kind, palette=None, from_palette=True)
    return entry._replace(values=values, kind=kind, palette=None)


def disagree(surveys):
    """Whether an index has one colour in one file and another elsewhere, so that only the colours can be meant.

    Grey files without a palette are included if all palettes are grey: 255 there and index 1, white, are the same.
    """
    with_palette = [entry for entry in surveys if entry.palette is not None]
    if not with_palette:
        return False
    known = {}
    all_grey = True
    for entry in with_palette:
        colors = colors_of(entry.values, entry.palette)
        if len(np.unique(colors)) < len(colors):
            return False  # indices of one colour: the colours are no key
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
    """Whether all palette files hold the known packed colours alone."""
    with_palette = [entry for entry in surveys if entry.palette is not None]
    return bool(with_palette) and all(
        set(colors_of(entry.values, entry.palette).tolist()) <= set(colors) for entry in with_palette
    )


def classes_of_colors(numbers):
    """A class for each packed colour, black first, the others by their number, named by their hexadecimal form."""
    return tuple(
        SegmentationClass(position, f"#{color:06x}", (color >> 16, color >> 8 & 255, color & 255))
        for position, color in enumerate(sorted(numbers))
    )
