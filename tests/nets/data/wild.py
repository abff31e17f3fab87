"""Files as other programs write them, made here: PNG of 16 bits in each channel, TIFF with pages, tags and 64 bits."""

import struct
import zlib

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

ORIENTATION, GDAL_NODATA, SUBFILE_TYPE = 274, 42113, 254
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels


def write_png16(path, values):
    """(H, W, channels) of 16 bits: grey, grey and alpha, RGB, RGBA."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, COLOR_TYPES[channels], 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(content)


def write_tiff(path, values, order="<", tile=None, deflate=False):
    """Values (H, W) or (H, W, bands) of any dtype, in strips of 7 rows or in tiles."""
    height, width = values.shape[:2]
    bands = values.shape[2] if values.ndim == 3 else 1
    values = values.reshape(height, width, bands).astype(values.dtype.newbyteorder(order))
    tall, wide = tile or (7, width)
    parts = []
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            part = values[top : top + tall, left : left + wide]
            if tile:
                part = np.pad(part, ((0, tall - part.shape[0]), (0, wide - part.shape[1]), (0, 0)))
            parts.append(zlib.compress(part.tobytes()) if deflate else part.tobytes())
    offsets = [8 + sum(map(len, parts[:i])) for i in range(len(parts))]
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    bits = 8 * values.dtype.itemsize
    tags = [(256, "I", [width]), (257, "I", [height]), (258, "H", [bits] * bands), (259, "H", [8 if deflate else 1]),
            (262, "H", [1]), (277, "H", [bands]), (339, "H", [kind] * bands)]  # fmt: skip
    counts = [len(part) for part in parts]
    if tile:
        tags += [(322, "I", [wide]), (323, "I", [tall]), (324, "I", offsets), (325, "I", counts)]
    else:
        tags += [(273, "I", offsets), (278, "I", [tall]), (279, "I", counts)]
    start = 8 + sum(counts)
    after = start + 2 + 12 * len(tags) + 4
    table, extra = struct.pack(order + "H", len(tags)), b""
    for number, letter, numbers in sorted(tags):
        packed = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(packed) > 4:
            packed, extra = struct.pack(order + "I", after + len(extra)), extra + packed
        table += struct.pack(order + "HHI", number, 4 if letter == "I" else 3, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    path.write_bytes(head + b"".join(parts) + table + b"\0\0\0\0" + extra)


def tagged(tag):
    """EXIF with an orientation tag."""
    exif = Image.Exif()
    exif[ORIENTATION] = tag
    return exif


def with_nodata(path, values, text):
    """A TIFF with GDAL's tag."""
    tags = ImageFileDirectory_v2()
    tags[GDAL_NODATA] = text
    tags.tagtype[GDAL_NODATA] = 2
    Image.fromarray(values).save(path, tiffinfo=tags)


def palette_image(values, colors):
    image = Image.fromarray(values.astype(np.uint8), "P")
    flat = [0] * 768
    for number, color in colors.items():
        flat[3 * number : 3 * number + 3] = color
    image.putpalette(flat)
    return image
