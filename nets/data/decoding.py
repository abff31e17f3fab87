"""The numbers that a file stores. What they mean is decided elsewhere.

Pillow reads the formats. Four things that Pillow does not tell are found out here: whether the compression changes
values, which page of a TIFF file is the picture, all 16 bits of each colour channel (Pillow keeps 8), and which value
marks missing data.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nets.data.arrays import ARRAY_SUFFIXES, read_array
from nets.data.orientation import UPRIGHT, orientation_tag, turned
from nets.data.strips import slices
from nets.data.tiff import is_tiff, nodata_of, read_numbers
from nets.limits import MOST_PAGES
from nets.plain_files import check_regular, reason

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", *ARRAY_SUFFIXES)
# Pillow looks at a file's content, not at its suffix, and it knows 43 formats. For some of them it starts other
# programs: an EPS file named a.png starts Ghostscript. So only these formats are allowed, which are decoded within this
# process. MPO, a phone's JPEG with a preview, is opened as JPEG.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
JPEGS = ("JPEG", "MPO")
PIXELS_OPTION = "--max-pixels"

# The TIFF tags that say what kind of page this is: the current tag and the older one.
SUBFILE_TYPE, OLD_SUBFILE_TYPE = 254, 255
# Bits of the current tag: a smaller copy, a transparency mask. Value of the older tag: a smaller copy.
REDUCED, TRANSPARENCY, OLD_REDUCED = 1, 4, 2


class Decoded(NamedTuple):
    """The content of one file, rotated as its orientation tag says.

    values   (H, W) or (H, W, 3); uint8; bool for 1-bit files; other types for more than 8 bits
    alpha    (H, W) if the file has a transparency channel, else None
    palette  {index: colour} if `values` are indices, else None
    lossy    whether the compression changes values, as JPEG's does
    tag      the orientation tag that was applied, 1 if none
    nodata   the value that marks missing data, according to the file's own tag, or None
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    palette: dict | None = None
    lossy: bool = False
    tag: int = UPRIGHT
    nodata: float | None = None


def pillow():
    """Pillow's Image module. Raises ImportError with the pip command if Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("image files need Pillow: pip install 'minitensor[train]'") from error
    return Image


def allow_pixels(most):
    """Allow files of up to `most` pixels. Pillow's own limit, 179 million, protects against decompression bombs.

    Pillow refuses images of more than twice MAX_IMAGE_PIXELS. Its warning above MAX_IMAGE_PIXELS is switched off.
    """
    image_module = pillow()
    image_module.MAX_IMAGE_PIXELS = -(-most // 2)
    warnings.filterwarnings("ignore", category=image_module.DecompressionBombWarning)


def most_pixels():
    """The current limit: the largest number of pixels that a file may have."""
    return 2 * (pillow().MAX_IMAGE_PIXELS or sys.maxsize)


def decode(path):
    """The file as Decoded. Raises ValueError with its name and the reason if it cannot be read."""
    path = Path(path)
    check_regular(path)
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return Decoded(read_array(path, most_pixels()))
    image_module = pillow()
    frames = 1
    try:
        # Pillow gets an open file, not a name. A file that it opens by name may be mapped into memory, and then Pillow
        # swaps height and width without rotating the pixels.
        with open(path, "rb") as file, image_module.open(file, formats=FORMATS) as image:
            is_turned = image.format == "TIFF"  # Pillow rotates these while it loads them, and drops the tag
            tag = orientation_tag(image) if is_turned else None
            frames = _choose_page(image)
            if frames == 1:
                decoded = _content(path, image)
                tag = orientation_tag(image) if tag is None else tag
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except image_module.UnidentifiedImageError:
        return _unidentified(path)
    except image_module.DecompressionBombError as error:
        raise ValueError(
            f"{path}: more than {most_pixels():,} pixels ({error}); if you trust the file, allow more with "
            f"{PIXELS_OPTION} N"
        ) from error
    except Exception as error:  # for broken files: struct.error, zlib.error, IndexError and more
        raise ValueError(f"{path}: cannot be read ({reason(error)})") from error
    if frames > 1:
        raise ValueError(f"{path}: holds {frames} frames; save each frame as a file of its own")
    if is_turned:
        return decoded._replace(tag=tag)
    alpha = None if decoded.alpha is None else turned(decoded.alpha, tag)
    return decoded._replace(tag=tag, values=turned(decoded.values, tag), alpha=alpha)


def size_of(path):
    """(height, width) from the first bytes of the file; None if even those cannot be read."""
    try:
        check_regular(Path(path))
        if Path(path).suffix.lower() in ARRAY_SUFFIXES:
            return read_array(path, most_pixels()).shape[:2]
        with pillow().open(path, formats=FORMATS) as image:
            return image.height, image.width
    except Exception:  # `decode` reads the whole file and reports the error
        return None


def _unidentified(path):
    """Decode a TIFF file of 64-bit numbers, which Pillow does not know. Raises ValueError for all other files."""
    if is_tiff(path):
        values, nodata = read_numbers(path, most_pixels())
        return Decoded(values, nodata=nodata)
    raise ValueError(f"{path}: not an image file that can be read")


def _choose_page(image):
    """Go to the page that is the picture; return the number of pictures in the file.

    A phone's photo may contain a preview as a second frame (MPO). A TIFF file may contain smaller copies of its first
    page. In all other files, several frames are several pictures.
    """
    if image.format != "TIFF":
        return 1 if image.format in JPEGS else getattr(image, "n_frames", 1)
    full, pages = [], 0
    for page in _pages(image):
        pages = page + 1
        kind, old = image.tag_v2.get(SUBFILE_TYPE, 0), image.tag_v2.get(OLD_SUBFILE_TYPE, 0)
        if not kind & (REDUCED | TRANSPARENCY) and old != OLD_REDUCED:
            full.append((page, image.size))
    if not full:
        full = [(0, image.size)]
    (first, (width, height)), *others = full
    # Not every smaller copy is marked. A page is a copy if it is at most half as wide as the first and has the same
    # proportions, up to one pixel.
    others = [
        size for _, size in others
        if 2 * size[0] > width + 1 or abs(size[0] * height - size[1] * width) > max(width, height)
    ]  # fmt: skip
    image.seek(first)
    return pages if others else 1


def _pages(image):
    """Go to each page of a TIFF file, and give its number.

    Pillow's `n_frames` compares each page with all pages before it, without an end: 60,000 pages take a minute.
    """
    for page in range(MOST_PAGES + 1):
        try:
            image.seek(page)
        except EOFError:
            return
        if page == MOST_PAGES:
            raise ValueError(f"it has more than {MOST_PAGES} pages")
        yield page


def _content(path, image):
    """The Decoded of an open image, not yet rotated. All of it is decoded here, so a truncated file is found."""
    lossy = _is_lossy(path, image)
    nodata = nodata_of(image.tag_v2) if image.format == "TIFF" else None
    deep = _deep_channels(path, image)
    if deep is not None:
        values, alpha = deep
        return Decoded(values, alpha, None, lossy, nodata=nodata)
    image.load()
    if image.mode == "P" and image.format != "GIF":  # the order of a GIF's palette has no meaning
        entries = image.getpalette() or []
        palette = {i: tuple(entries[3 * i : 3 * i + 3]) for i in range(len(entries) // 3)}
        return Decoded(_as_array(image), None, palette, lossy, nodata=nodata)
    alpha = _as_array(image, lambda strip: strip.getchannel("A")) if image.mode in ("LA", "RGBA", "PA") else None
    if image.mode in ("L", "LA"):
        values = _as_array(image, lambda strip: strip.getchannel(0))
    elif image.mode in ("1", "F", "RGB") or image.mode.startswith("I"):
        values = _as_array(image)
    else:
        values = _as_array(image, lambda strip: strip.convert("RGB"))
    return Decoded(values, alpha, None, lossy, nodata=nodata)


def _as_array(image, change=lambda strip: strip, dtype=None):
    """An image that is loaded, as an array, each strip changed by a function.

    np.asarray(image) is the same array, but needs memory for three copies of it.
    """
    whole = None
    for rows, strip in _strips(image):
        part = np.asarray(change(strip))
        if whole is None:
            whole = np.empty((image.height, *part.shape[1:]), dtype or part.dtype)
        whole[rows] = part
    return whole


def _strips(image):
    """(slice of rows, these rows as an image)"""
    for rows in slices(image.height, image.width):
        yield rows, image.crop((0, rows.start, image.width, rows.stop))


def _is_lossy(path, image):
    """Whether the compression changes values: decided by the content, not by the suffix."""
    if image.format in JPEGS:
        return True
    if image.format == "TIFF":
        return image.info.get("compression") in ("jpeg", "tiff_jpeg", "webp")
    return image.format == "WEBP" and not _is_lossless_webp(path)


def _is_lossless_webp(path):
    """Whether a WebP file is lossless.

    The file is a sequence of chunks: 4 letters, a size of 4 bytes, the content. The pixels are in a chunk VP8L
    (lossless) or VP8 (lossy).
    """
    with open(path, "rb") as file:
        file.seek(len("RIFF....WEBP"))
        while len(head := file.read(8)) == 8:
            if head[:4] in (b"VP8L", b"VP8 "):
                return head[:4] == b"VP8L"
            size = int.from_bytes(head[4:], "little")
            file.seek(10 if head[:4] == b"VP8X" else size + size % 2, 1)
    return False


def _deep_channels(path, image):
    """(values, alpha) of a file with 16 bits in each of several channels; None for all others.

    Pillow keeps only the high byte of each number. With the opposite byte order, a second reading gives the low byte.
    """
    raw = _raw_mode(image)
    if ";16" not in raw or image.mode not in ("RGB", "RGBA", "LA"):
        return None
    if raw.startswith("LA"):  # 2 channels of 2 bytes are read as 4 channels of 1 byte
        grey_high, grey_low, high, low = np.moveaxis(_as_stored(path, image.tell(), "RGBA"), -1, 0)
        return grey_high * np.uint16(256) + grey_low, high * np.uint16(256) + low
    order = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    values = _as_stored(path, image.tell(), raw[:-1] + order[raw[-1]], np.uint16)
    image.load()
    for rows, strip in _strips(image):
        values[rows] += np.asarray(strip) * np.uint16(256)
    return (values[..., :3].copy(), values[..., 3].copy()) if values.shape[2] == 4 else (values, None)


def _raw_mode(image):
    """Pillow's name for the order of bytes in the file, for example RGB;16B."""
    arguments = image.tile[0].args if image.tile else ""
    return arguments if isinstance(arguments, str) else str((arguments or ("",))[0])


def _as_stored(path, page, raw, dtype=None):
    """The image's channels, read as if the file had the raw mode `raw`."""
    with open(path, "rb") as file, pillow().open(file, formats=FORMATS) as image:
        image.seek(page)
        image.tile = [
            tile._replace(args=raw if isinstance(tile.args, str) else (raw, *tile.args[1:])) for tile in image.tile
        ]
        image.load()
        return _as_array(image, dtype=dtype)
