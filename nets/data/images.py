"""Reading image and mask files into plain arrays, whatever they are stored as."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
LOSSY = (".jpg", ".jpeg")
MOST_TINT = 24  # JPEG may move the channels of a grey pixel apart by a few levels

# The share of a deep (16 or 32 bit) image's pixels that may turn quite black and quite white.
DARKEST, BRIGHTEST = 0.1, 99.9  # percent


def pillow():
    """Pillow's Image module, or one line that says how to get it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("image files need Pillow: pip install 'minitensor[train]'") from error
    return Image


def _opened(path):
    """The decoded file as a Pillow image. Raises ValueError with its name where it cannot be read."""
    image_module = pillow()
    try:
        with image_module.open(path) as image:
            # A phone's photo may carry a preview as a second frame (MPO); a TIFF's or GIF's frames are a stack.
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            image.load()  # decodes all of it: a truncated file is found here
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except image_module.UnidentifiedImageError:
        raise ValueError(f"{path}: not an image file that can be read") from None
    except Exception as error:  # decoders of broken files raise struct.error, zlib.error, IndexError and more
        raise ValueError(f"{path}: cannot be read ({error})") from error
    if frames > 1:
        raise ValueError(f"{path}: holds {frames} frames; save each frame as a file of its own")
    return image


def head(path):
    """(height, width, mode) from the file's first bytes; None where even those cannot be read."""
    try:
        with pillow().open(path) as image:
            return image.height, image.width, image.mode
    except Exception:  # reading the whole file says what is wrong with it
        return None


def is_deep(mode):
    """Whether Pillow's `mode` stands for grey values of more than 8 bits."""
    return mode == "F" or mode.startswith("I")


def read_image(path):
    """An image file as uint8, (H, W) where it is grey and (H, W, 3) where it is RGB.

    Transparency is dropped, palettes are looked up, the camera's orientation tag is obeyed. Images of more than
    8 bits are stretched, each by itself: cameras fill 10, 12 or 14 of 16 bits, so that the full range says
    nothing about black and white, and a division by 257 would leave most of them black.
    """
    from PIL import ImageOps

    image = ImageOps.exif_transpose(_opened(path))
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("L", "LA"):
        return np.asarray(image.getchannel(0)).copy()
    if is_deep(image.mode):
        return stretch(np.asarray(image), path)
    return np.asarray(image.convert("RGB")).copy()


def stretch(values, path):
    """A deep grey image as uint8: its 0.1 and 99.9 percent points become black and white."""
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: holds values that are not finite")
    low, high = np.percentile(values, (DARKEST, BRIGHTEST))
    if high <= low:
        low, high = values.min(), max(values.max(), values.min() + 1)
    return np.clip((values - low) * (255 / (high - low)) + 0.5, 0, 255).astype(np.uint8)


def is_grey(image):
    """Whether an RGB image holds nothing but shades of grey."""
    return image.ndim == 2 or bool(
        (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all()
    )


def as_channels(image, channels):
    """The image with 1 or 3 channels: grey is repeated; RGB becomes its luminance .299 R + .587 G + .114 B."""
    if channels == 3:
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    if image.ndim == 2:
        return image
    if is_grey(image):
        return image[..., 0].copy()
    luminance = image @ np.array([0.299, 0.587, 0.114], np.float32)
    return (luminance + 0.5).astype(np.uint8)


class RawMask(NamedTuple):
    """A mask file as it is stored.

    values   whole numbers (H, W); a colour mask's are packed, 65536 R + 256 G + B
    kind     "8 bit", "deep" (16 or 32 bit), "color", or "lossy" (JPEG)
    palette  {id: colour} of a palette file, else None
    """

    values: np.ndarray
    kind: str
    palette: dict | None


def read_mask(path):
    """A mask file as RawMask. A colour file that holds only shades of grey counts as 8 bit."""
    image = _opened(path)
    if (
        image.mode == "P" and path.suffix.lower() != ".gif"
    ):  # a GIF's palette is in no order that means anything
        entries = image.getpalette() or []
        palette = {i: tuple(entries[3 * i : 3 * i + 3]) for i in range(len(entries) // 3)}
        return RawMask(np.asarray(image).copy(), "8 bit", palette)
    if image.mode in ("1", "L", "LA"):
        kind = "lossy" if path.suffix.lower() in LOSSY else "8 bit"
        return RawMask(np.asarray(image.getchannel(0)).astype(np.uint8), kind, None)
    if is_deep(image.mode):
        values = np.asarray(image)
        if image.mode == "F" and not (values == np.floor(values)).all():
            raise ValueError(f"{path}: a mask holds whole numbers, this one holds fractions")
        if values.min() < 0:
            raise ValueError(f"{path}: a mask's ids are not negative, this one holds {values.min():.0f}")
        return RawMask(values.astype(np.int32), "deep", None)
    color = np.asarray(image.convert("RGB"))
    if path.suffix.lower() in LOSSY:
        if np.ptp(color, axis=2).max() > MOST_TINT:
            raise ValueError(f"{path}: JPEG does not keep the colours of a mask; save it as PNG")
        return RawMask(as_channels(color, 1), "lossy", None)
    if is_grey(color):
        return RawMask(color[..., 0].copy(), "8 bit", None)
    return RawMask(pack(color), "color", None)


def pack(color):
    """(..., 3) colours as single numbers, 65536 R + 256 G + B."""
    red, green, blue = np.moveaxis(np.asarray(color).astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def unpack(number):
    """The colour of a packed number."""
    return int(number) >> 16 & 255, int(number) >> 8 & 255, int(number) & 255
