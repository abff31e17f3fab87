"""Pictures from files, always as 8 bits, and which of their pixels have no data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.decoding import SUFFIXES, decode, pillow
from nets.data.orientation import UPRIGHT
from nets.data.strips import strips

__all__ = ["SUFFIXES", "Picture", "as_channels", "is_grey", "pillow", "read_image", "read_picture", "stretch"]

# The percentiles of a deep image (more than 8 bits) that become black and white.
DARKEST, BRIGHTEST = 0.1, 99.9
# 8-bit values in 16 bits are often stored as v * 257, so that 255 becomes 65535.
REPEATED = 257

# Values that GIS programs and sensors write for missing data. They are used if no tag names the value.
USUAL_NODATA = (-9999.0, -99999.0, -32767.0, -32768.0, -3.4028234663852886e38, -1e20, -1e32, 1e20, 1e32)
COUNTABLE = (np.uint8, np.uint16)  # dtypes with so few numbers that a table can count each
FAR = 3  # such a value marks missing data if it is more than this many times as large as all others


class Picture(NamedTuple):
    """One image file.

    pixels  uint8, (H, W) if it is grey and (H, W, 3) if it is RGB
    void    bool (H, W): where there is no data; None if there is data everywhere
    deep    whether more than 8 bits were stretched to 8
    tag     the orientation tag that was applied, 1 if none
    """

    pixels: np.ndarray
    void: np.ndarray | None = None
    deep: bool = False
    tag: int = UPRIGHT


def read_image(path):
    """An image file as uint8, (H, W) if it is grey and (H, W, 3) if it is RGB; see `read_picture`."""
    return read_picture(path).pixels


def read_picture(path, nodata=None):
    """An image file as a Picture.

    Transparency is dropped, palettes are looked up, the camera's orientation tag is applied. Images of more than 8 bits
    are stretched, each by itself: cameras use 10, 12 or 14 of 16 bits, so dividing by 257 would leave most images
    almost black. `nodata` is the value of pixels without data. Without it, the file's own tag, NaN, infinity, and a
    usual value that is far from all others mean "no data". These pixels are black in the picture. Raises ValueError
    with the file's name.
    """
    decoded = decode(path)
    values = decoded.values
    marker = decoded.nodata if nodata is None else nodata
    if decoded.palette is not None:
        colors = np.zeros((256, 3), np.uint8)
        for index, color in decoded.palette.items():
            colors[index] = color
        return Picture(colors[values], None, False, decoded.tag)
    if values.dtype == bool:
        values = values * np.uint8(255)
    if values.dtype == np.uint8:
        void = None if marker is None else _everywhere(values == marker)
        return Picture(values, void if void is not None and void.any() else None, False, decoded.tag)
    if values.dtype.kind == "u" and values.max() > 255 and are_repeated(values):
        return Picture(_in_strips(values, lambda strip: strip // REPEATED), None, False, decoded.tag)
    missing = _missing(values, marker)
    void = None if missing is None else _everywhere(missing)
    del missing
    if void is not None and void.all():
        raise ValueError(f"{path}: holds no data, every pixel is missing")
    void = void if void is not None and void.any() else None
    return Picture(stretch(values, void), void, True, decoded.tag)


def _in_strips(values, change):
    """change(values) as uint8, strip by strip: a copy of a large image in another dtype would not fit into memory."""
    whole = np.empty(values.shape, np.uint8)
    for rows in strips(values):
        whole[rows] = change(values[rows])
    return whole


def are_repeated(values):
    """Whether all values are v * 257."""
    return not any((values[rows] % REPEATED).any() for rows in strips(values))


def _everywhere(missing):
    """A pixel has no data if none of its channels has data."""
    return missing if missing.ndim == 2 else missing.all(axis=2)


def _missing(values, marker):
    """Where a deep image has no data: bool, in the shape of `values`; None if there is data everywhere."""
    if values.dtype.kind == "f":
        missing = ~np.isfinite(values)
        if marker is None:
            marker = _usual_nodata(values[~missing] if missing.any() else values)
        # A tag says -3.4e38 in decimal digits. Rounded to the file's dtype, it equals the stored number.
        with np.errstate(over="ignore"):
            return missing if marker is None else missing | (values == values.dtype.type(marker))
    if marker is None:
        marker = _usual_nodata(values)
    return None if marker is None else values == marker


def _usual_nodata(values):
    """A usual marker among the values, if it is far below or above all others; else None."""
    if values.size == 0 or values.dtype.kind == "u":
        return None
    for extreme in (values.min(), values.max()):
        if any(extreme == values.dtype.type(usual) for usual in _held_by(values.dtype)):
            others = values[values != extreme].astype(np.float64)
            if others.size and abs(float(extreme)) > FAR * np.abs(others).max():
                return float(extreme)
    return None


def _held_by(dtype):
    """The usual markers that this dtype can represent."""
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return [usual for usual in USUAL_NODATA if limits.min <= usual <= limits.max]


def stretch(values, void=None):
    """A deep image as uint8: its 0.1 and 99.9 percentiles become black and white, missing pixels black.

    The percentiles are taken over all channels together, so that colours keep their balance.
    """
    low, high = _darkest_and_brightest(values, void)

    def scaled(strip):
        strip = np.nan_to_num(strip.astype(np.float32))
        return np.clip((np.clip(strip, low, high) - low) * (255 / (high - low)) + 0.5, 0, 255)

    pixels = _in_strips(values, scaled)
    if void is not None:
        pixels[void] = 0
    return pixels


def _darkest_and_brightest(values, void):
    """The two percentiles in float64, the second above the first."""
    void = None if void is None or not void.any() else void
    count, ordered = (_ordered_counts if values.dtype in COUNTABLE else _ordered_copy)(values, void)
    places = [(count - 1) * share / 100 for share in (DARKEST, BRIGHTEST)]
    below = [int(place) for place in places]
    above = [min(at + 1, count - 1) for at in below]
    numbers = dict(zip((0, count - 1, *below, *above), ordered([0, count - 1, *below, *above]), strict=True))
    low, high = (
        _between(numbers[at], numbers[after], place - at) for at, after, place in zip(below, above, places, strict=True)
    )
    if high <= low:
        low, high = numbers[0], max(numbers[count - 1], numbers[0] + 1)
    return low, high


def _ordered_counts(values, void):
    """(how many numbers have data, a function of ranks that gives the numbers in order): by counting, without a copy.

    For dtypes of 16 bits.
    """
    counts = np.zeros(1 << 16, np.int64)
    for rows in strips(values):
        strip = values[rows] if void is None else values[rows][~void[rows]]
        counts += np.bincount(strip.ravel(), minlength=len(counts))
    until = np.cumsum(counts)
    return int(until[-1]), lambda ranks: np.searchsorted(until, ranks, side="right").astype(np.float64)


def _ordered_copy(values, void):
    """The same for other dtypes: with one copy of the values. Infinite numbers and NaN have no data."""
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if void is not None:
            finite &= ~(void if values.ndim == 2 else void[..., None])
        kept = values[finite]
    else:
        kept = values.flatten() if void is None else values[~void].ravel()

    def ordered(ranks):
        kept.partition(sorted(set(ranks)))
        return kept[ranks].astype(np.float64)

    return len(kept), ordered


def _between(one, other, share):
    """The number at `share` of the way between two, rounded as np.percentile rounds it."""
    way = other - one
    return one + way * share if share < 0.5 else other - way * (1 - share)


def is_grey(image):
    """Whether an image contains only shades of grey."""
    return image.ndim == 2 or bool((image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all())


def as_channels(image, channels):
    """The image with 1 or 3 channels: grey is repeated; RGB becomes its luminance .299 R + .587 G + .114 B."""
    if channels == 3:
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    if image.ndim == 2:
        return image
    if is_grey(image):
        return image[..., 0].copy()
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    grey = np.empty(image.shape[:2], np.uint8)
    for rows in strips(image):
        grey[rows] = image[rows] @ weights + 0.5
    return grey
