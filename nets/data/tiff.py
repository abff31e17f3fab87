"""TIFF files that Pillow does not know: 64-bit numbers are read here; for other files the reason is given.

A TIFF file holds a table of tags, and strips or tiles of numbers. This file reads numbers without compression or with
deflate.
"""

from __future__ import annotations

import zlib
from math import ceil

import numpy as np

from nets.plain_files import reason

NODATA_TAG = 42113  # GDAL's tag: the value that stands for missing data, as text
WIDTH, HEIGHT, BITS, COMPRESSION, OFFSETS, BANDS, ROWS, COUNTS = 256, 257, 258, 259, 273, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, FORMAT = (284, 317, 322, 323, 324, 325, 339)
NUMBER_KINDS = {1: "u", 2: "i", 3: "f"}
PLAIN, DEFLATE = 1, (8, 32946)
MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_tiff(path):
    """Whether the file begins like a TIFF file."""
    with open(path, "rb") as file:
        return file.read(4) in MAGICS


def nodata_of(tags):
    """The value of GDAL's tag, or None if there is no such tag or no number in it."""
    text = tags.get(NODATA_TAG)
    try:
        return float(str(text).strip("\0 \n"))
    except ValueError:
        return None


def read_numbers(path, most_pixels):
    """(values (H, W) or (H, W, 3), nodata or None) of the first page. Raises ValueError with the reason if it fails."""
    try:
        with open(path, "rb") as file:
            tags = _first_tags(file)
            return _values(file, tags, most_pixels), nodata_of(tags)
    except OSError:
        raise
    except Exception as error:  # a damaged file can go wrong anywhere
        raise ValueError(f"{path}: a TIFF that cannot be read ({reason(error)})") from error


def _first_tags(file):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    head = file.read(8)
    if head[2] == ord("+") or head[3] == ord("+"):  # BigTIFF
        head += file.read(8)
    tags = ImageFileDirectory_v2(head)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _values(file, tags, most_pixels):
    height, width, bands = _number(tags, HEIGHT), _number(tags, WIDTH), _number(tags, BANDS, 1)
    bits = tags.get(BITS, (1,))
    kind = NUMBER_KINDS.get(_number(tags, FORMAT, 1))
    if bands not in (1, 3):
        raise ValueError(f"it has {bands} bands of {bits[0]} bits; a picture has 1 or 3: save those that you need")
    if kind is None or len(set(bits)) > 1 or bits[0] not in (8, 16, 32, 64):
        raise ValueError(f"numbers of {'/'.join(map(str, bits))} bits, sample format {tags.get(FORMAT)}")
    compression = tags.get(COMPRESSION, PLAIN)
    if compression != PLAIN and compression not in DEFLATE:
        raise ValueError(f"{bits[0]}-bit numbers in compression {compression}; save it uncompressed, or as 32 bit")
    if tags.get(PREDICTOR, 1) != 1 or (tags.get(PLANAR, 1) != 1 and bands > 1):
        raise ValueError(f"{bits[0]}-bit numbers with a predictor or in planes; save it without")
    if not 0 < height * width <= most_pixels:
        raise ValueError(f"{height}x{width} pixels, at most {most_pixels:,} are allowed")
    order = "<" if tags.prefix == b"II" else ">"
    dtype = np.dtype(f"{order}{kind}{bits[0] // 8}")
    tiled = TILE_OFFSETS in tags
    tall = _number(tags, TILE_HEIGHT) if tiled else min(_number(tags, ROWS, height), height)
    wide = _number(tags, TILE_WIDTH) if tiled else width
    offsets, counts = (tags[TILE_OFFSETS], tags[TILE_COUNTS]) if tiled else (tags[OFFSETS], tags[COUNTS])
    if tall < 1 or wide < 1 or tall * wide > 4 * most_pixels:
        raise ValueError(f"parts of {tall}x{wide} pixels")
    across = ceil(width / wide)
    if len(offsets) < across * ceil(height / tall) or len(counts) != len(offsets):
        raise ValueError("parts are missing")
    whole = np.empty((height, width, bands), dtype.newbyteorder("="))
    for part in range(across * ceil(height / tall)):
        top, left = part // across * tall, part % across * wide
        rows = tall if tiled else min(tall, height - top)
        size = rows * wide * bands * dtype.itemsize
        file.seek(offsets[part])
        data = file.read(min(counts[part], size) if compression == PLAIN else counts[part])
        if compression in DEFLATE:
            data = zlib.decompressobj().decompress(data, size)
        if len(data) < size:
            raise ValueError("it is cut short")
        block = np.frombuffer(data, dtype, rows * wide * bands).reshape(rows, wide, bands)
        whole[top : top + rows, left : left + wide] = block[: height - top, : width - left]
    return whole[..., 0] if bands == 1 else whole


def _number(tags, tag, default=None):
    value = tags.get(tag, default)
    value = value[0] if isinstance(value, tuple) else value
    if not isinstance(value, int):
        raise ValueError(f"tag {tag} is {value!r}")
    return value
