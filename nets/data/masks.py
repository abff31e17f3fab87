"""Mask files as they are stored, and the values in each file, from which detect.py finds the encoding."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nets.data.decoding import decode
from nets.data.images import REPEATED, are_repeated, as_channels, is_grey
from nets.data.orientation import UPRIGHT
from nets.data.strips import strips

MOST_TINT = 24  # JPEG may make the channels of a grey pixel differ by a few levels
LARGEST_ID = 2**31 - 1
# The types of arrays if nobody chooses one. Such a type does not tell whether ids are classes or objects.
UNCHOSEN = (np.int64, np.uint64, np.float64)


class RawMask(NamedTuple):
    """A mask file as it is stored.

    values   whole numbers (H, W); a colour mask's are packed, 65536 R + 256 G + B
    kind     "1 bit", "8 bit", "deep" (16 or more bits), "color", or "lossy" (JPEG)
    palette  {id: colour} of a palette file, else None
    alpha    (H, W) the alpha channel of a file that has one colour everywhere, else None
    void     bool (H, W): where the file has no data; None if it has data everywhere
    tag      the orientation tag that was applied, 1 if none
    """

    values: np.ndarray
    kind: str
    palette: dict | None = None
    alpha: np.ndarray | None = None
    void: np.ndarray | None = None
    tag: int = UPRIGHT


def read_mask(path):
    """A mask file as RawMask. A colour file that holds only shades of grey counts as 8 bit."""
    path = Path(path)
    decoded = decode(path)
    values, tag = decoded.values, decoded.tag
    if decoded.palette is not None:
        return RawMask(values, "8 bit", decoded.palette, tag=tag)
    alpha = None
    if decoded.alpha is not None and (values == values[:1, :1]).all():
        alpha = _narrow(decoded.alpha)
    if values.ndim == 3 and values.dtype != np.uint8:
        _check_whole(values, path)
        values = _narrow(values)
        if values.max() > 255:
            raise ValueError(f"{path}: a colour mask of more than 8 bits a channel; save it with 8")
        values = values.astype(np.uint8)
    if values.ndim == 3:
        if decoded.lossy and np.ptp(values, axis=2).max() > MOST_TINT:
            raise ValueError(f"{path}: JPEG{_in_spite_of(path)} does not keep the colours of a mask; save it as PNG")
        if not decoded.lossy and not is_grey(values):
            return RawMask(pack(values), "color", None, alpha, tag=tag)
        values = as_channels(values, 1)
    if values.dtype == bool:
        return RawMask(values.astype(np.uint8), "1 bit", None, alpha, tag=tag)
    if values.dtype == np.uint8:
        return RawMask(values, "lossy" if decoded.lossy else "8 bit", None, alpha, tag=tag)
    void = _void(values, decoded.nodata)
    if void is not None:
        values = np.where(void, 0, values)
    chosen = values.dtype not in UNCHOSEN
    _check_whole(values, path)
    if not chosen and values.max() <= 255:
        return RawMask(values.astype(np.uint8), "8 bit", None, alpha, void, tag)
    return RawMask(values.astype(np.int32), "deep", None, alpha, void, tag)


def _in_spite_of(path):
    """A remark for the message, if the file's name is that of another format."""
    return (
        "" if path.suffix.lower() in (".jpg", ".jpeg") else f" (the content is JPEG, in spite of the name {path.name})"
    )


def _void(values, nodata):
    """Where a deep mask has no data: NaN, and the file's own marker. A marker 0 does not count: 0 is background."""
    void = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    if nodata:
        void |= values == nodata
    return void if void.any() else None


def _check_whole(values, path):
    """Raise ValueError for fractions, negative numbers and numbers above LARGEST_ID."""
    if values.dtype.kind == "f" and not all((values[rows] == np.floor(values[rows])).all() for rows in strips(values)):
        raise ValueError(f"{path}: a mask holds whole numbers, this one holds fractions")
    if values.min() < 0:
        raise ValueError(f"{path}: a mask's ids are not negative, this one holds {values.min():.0f}")
    if float(values.max()) > LARGEST_ID:
        raise ValueError(f"{path}: a mask's ids are at most {LARGEST_ID}, this one holds {float(values.max()):.6g}")


def _narrow(values):
    """16-bit channels as 8 bits, if every value is v * 257 for an 8-bit v."""
    if values.dtype == np.uint8 or values.max() <= 255 or not are_repeated(values):
        return values
    return values // REPEATED


def pack(color):
    """(..., 3) colours as single numbers, 65536 R + 256 G + B."""
    color = np.asarray(color)
    packed = color[..., 0].astype(np.int32)
    for channel in (1, 2):  # in place: a mask of 170 million pixels has 0.7 GB
        packed <<= 8
        packed += color[..., channel]
    return packed


def unpack(number):
    """The colour of a packed number."""
    return int(number) >> 16 & 255, int(number) >> 8 & 255, int(number) & 255


class Survey(NamedTuple):
    """What one mask file contains: its different values, how often each occurs, and how it is stored.

    `alpha` is the Survey of the alpha channel of a file that has one colour everywhere, else None.
    """

    path: Path
    values: np.ndarray
    counts: np.ndarray
    kind: str
    palette: dict | None = None
    alpha: Survey | None = None
    from_palette: bool = False  # its values were looked up in its palette


def survey(mask, path):
    """The Survey of a RawMask. Pixels without data are left out."""
    alpha = None
    if mask.alpha is not None:
        values, counts = np.unique(mask.alpha, return_counts=True)
        alpha = Survey(path, values.astype(np.int64), counts, "8 bit" if values.max() <= 255 else "deep")
    kept = mask.values if mask.void is None else mask.values[~mask.void]
    if mask.kind in ("1 bit", "8 bit", "lossy"):
        histogram = sum((np.bincount(kept[rows].ravel(), minlength=256) for rows in strips(kept)), np.zeros(256, int))
        values = np.flatnonzero(histogram)
        return Survey(path, values, histogram[values], mask.kind, mask.palette, alpha)
    values, counts = np.unique(kept, return_counts=True)
    return Survey(path, values, counts, mask.kind, mask.palette, alpha)
