"""Random variants of a sample: another crop, another size, mirrored, rotated, deformed, in another light.

Image, label and objects go through the same geometry, so they stay one picture. Light changes only the image. All
randomness comes from the Generator that is passed in: equal states give equal variants, so a resumed training can
repeat an uninterrupted one bit for bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.elastic import GRID, bend, cubic_matrix
from nets.data.images import pillow
from nets.data.sample import IGNORE, Sample

ORIENTATIONS = ("free", "upright")
# How many random crops are tried until one contains a pixel that counts. A loss over ignored pixels only would be 0/0.
TRIES = 10


class Augmentation(NamedTuple):
    """What may happen to a sample, and how much.

    crop         (H, W) of the result
    orientation  "free": all eight mirrored and rotated views; "upright": only mirrored left to right, for pictures
                 with a ground and a sky. A dataset's own `orientation` is the right default
    scale        the picture is enlarged by a factor between these two (uniform in its logarithm)
    elastic      probability of bending on a 3x3 grid with sigma 10 px, as in the U-Net paper
    brightness   added to every pixel: at most this share of the full range, up or down
    contrast     factor of the distance from the image's mean: from 1 / (1 + this) to 1 + this
    gamma        exponent, in the same range
    color        factor of each channel of an RGB image, in the same range
    shade        uneven light: a smooth field is added, a normal number with this standard deviation (as a share of the
                 full range) on each point of a 3x3 grid. Under a microscope the light is seldom even, and a bright
                 corner looks like an object to a net that has never seen one
    """

    crop: tuple[int, int]
    orientation: str = "free"
    scale: tuple[float, float] = (0.8, 1.25)
    elastic: float = 0.0
    brightness: float = 0.1
    contrast: float = 0.25
    gamma: float = 0.25
    color: float = 0.1
    shade: float = 0.0


def default_crop(dataset, most=256, multiple=16):
    """The crop (H, W) for a dataset: its smallest image rounded down to `multiple`, at most `most`, at least 64."""
    return tuple(max(64, min(most, size // multiple * multiple)) for size in dataset.smallest)


def augment(sample, rng, settings):
    """One random variant of `sample`: a Sample of size settings.crop.

    If the picture is smaller than the crop, the picture and its label are continued by their mirror image. The mirrored
    pixels count too: a mirrored cell is still a picture of a cell, and its label is known.
    """
    _check(settings)
    turns = int(rng.integers(4)) if settings.orientation == "free" else 0
    mirrored = rng.random() < 0.5
    factor = np.exp(rng.uniform(*np.log(settings.scale)))
    # The window is rotated after it is cut. An odd number of quarter turns swaps its sides, so they are swapped here.
    crop = settings.crop if turns % 2 == 0 else settings.crop[::-1]
    for _ in range(TRIES):
        window = [_window(rng, size, wanted / factor) for size, wanted in zip(sample.label.shape, crop, strict=True)]
        rows, columns = (_nearest(start, extent, wanted) for (start, extent), wanted in zip(window, crop, strict=True))
        label = _take(sample.label, rows, columns)
        if (label != IGNORE).any():
            break
    else:
        window, rows, columns = _window_on_counted(rng, sample.label, crop, factor, (window, rows, columns))
        label = _take(sample.label, rows, columns)
    image = _resample(sample.image, window, crop)
    instances = None if sample.instances is None else _take(sample.instances, rows, columns)
    variant = Sample(image, label, instances, sample.name)
    variant = variant._replace(
        **{field: np.ascontiguousarray(_turn(array, turns, mirrored)) for field, array in _arrays(variant)}
    )
    if settings.elastic and rng.random() < settings.elastic:
        variant = bend(variant, rng)
    if settings.shade:
        variant = variant._replace(image=shaded(variant.image, rng, settings.shade))
    return variant._replace(image=relight(variant.image, rng, settings))


def shaded(image, rng, spread):
    """The image with a smooth field added: normal numbers on a 3x3 grid, interpolated bicubically to every pixel."""
    height, width = image.shape[:2]
    grid = rng.normal(0, 255 * spread, (GRID, GRID))
    # (H, 3) @ (3, 3) @ (3, W) -> (H, W)
    field = cubic_matrix(height) @ grid @ cubic_matrix(width).T
    field = field if image.ndim == 2 else field[..., None]
    return np.clip(image + field + 0.5, 0, 255).astype(np.uint8)


def _check(settings):
    if settings.orientation not in ORIENTATIONS:
        raise ValueError(f"augment: orientation must be one of {ORIENTATIONS}, got {settings.orientation!r}")
    if min(settings.crop) < 1:
        raise ValueError(f"augment: crop must be positive, got {settings.crop}")
    if not 0 < settings.scale[0] <= settings.scale[1]:
        raise ValueError(f"augment: scale must be (least, most), both positive, got {settings.scale}")


def _arrays(sample):
    """The (field, array) pairs that share the picture's geometry."""
    fields = ("image", "label", "instances")
    return [(field, getattr(sample, field)) for field in fields if getattr(sample, field) is not None]


def _window(rng, size, extent):
    """(start, extent) of the window on an axis of `size` pixels, in pixels and fractions of pixels.

    If the window fits, anywhere inside. If it is larger than the axis, anywhere that keeps the whole axis visible.
    """
    slack = size - extent
    return rng.uniform(min(0, slack), max(0, slack)), extent


def _window_on_counted(rng, label, crop, factor, otherwise):
    """(window, rows, columns) that reads a random pixel that counts; `otherwise` if no pixel counts."""
    counted = np.flatnonzero(label != IGNORE)
    if not len(counted):
        return otherwise
    pixel = np.unravel_index(counted[rng.integers(len(counted))], label.shape)
    # Output pixel wanted // 2 is read at start + (wanted // 2 + 0.5) / factor. This must be the middle of the pixel.
    window = [
        (place + 0.5 - (wanted // 2 + 0.5) / factor, wanted / factor) for place, wanted in zip(pixel, crop, strict=True)
    ]
    return window, *(_nearest(start, extent, wanted) for (start, extent), wanted in zip(window, crop, strict=True))


def _nearest(start, extent, wanted):
    """The pixel numbers to read: the window is divided into `wanted` equal parts, each read in its middle."""
    return np.floor(start + (np.arange(wanted) + 0.5) * extent / wanted).astype(np.int64)


def _mirror(numbers, size):
    """Pixel numbers outside 0 .. size-1 folded back, without repeating the edge pixel: -1 -> 1, size -> size - 2."""
    if size == 1:
        return np.zeros_like(numbers)
    period = 2 * (size - 1)
    folded = np.abs(numbers) % period
    return np.minimum(folded, period - folded)


def _take(array, rows, columns):
    """array[rows, columns], mirrored beyond the edges."""
    height, width = array.shape[:2]
    return array[_mirror(rows, height)[:, None], _mirror(columns, width)[None, :]]


def _resample(image, window, crop):
    """The window of the image at the crop's size: bilinear, averaging if it shrinks."""
    image_module = pillow()
    # Cut whole pixels around the window, with a margin for the filter. Beyond the edges the image is mirrored.
    reach = 2
    lows = [int(np.floor(start)) - reach for start, _ in window]
    highs = [int(np.ceil(start + extent)) + reach for start, extent in window]
    rows, columns = (np.arange(low, high) for low, high in zip(lows, highs, strict=True))
    cut = image_module.fromarray(_take(image, rows, columns))
    (top, tall), (left, wide) = ((start - low, extent) for (start, extent), low in zip(window, lows, strict=True))
    box = (left, top, left + wide, top + tall)
    return np.asarray(cut.resize((crop[1], crop[0]), image_module.Resampling.BILINEAR, box))


def _turn(array, turns, mirrored):
    """Mirror left to right if `mirrored`, then rotate by `turns` quarter turns."""
    return np.rot90(array[:, ::-1] if mirrored else array, turns)


def relight(image, rng, settings):
    """The image in another light: v -> contrast * (v^gamma - mean) + mean + brightness, and a colour cast for RGB.

    8 bits have 256 values, so the formula is computed for these and looked up for every pixel.
    """
    brightness = rng.uniform(-settings.brightness, settings.brightness)
    contrast, gamma = (_factor(rng, spread) for spread in (settings.contrast, settings.gamma))
    value = (np.arange(256) / 255) ** gamma
    mean = value[int(image.mean())]
    value = contrast * (value - mean) + mean + brightness
    if image.ndim == 2:
        return _bytes(value)[image]
    cast = np.array([_factor(rng, settings.color) for _ in range(3)])
    table = _bytes(value[:, None] * cast)
    return np.stack([table[:, channel][image[..., channel]] for channel in range(3)], axis=-1)


def _factor(rng, spread):
    """A factor between 1 / (1 + spread) and 1 + spread, as likely to shrink as to grow."""
    limit = np.log1p(spread)
    return np.exp(rng.uniform(-limit, limit))


def _bytes(value):
    return np.clip(value * 255 + 0.5, 0, 255).astype(np.uint8)
