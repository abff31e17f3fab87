"""Pictures and masks in NumPy's own files, .npy and .npz. They are read without unpickling anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nets.plain_files import reason, shown

ARRAY_SUFFIXES = (".npy", ".npz")
CHANNELS = (1, 3, 4)
MOST_BYTES = 8 * max(CHANNELS)  # per pixel: 8-byte numbers in every channel


def read_array(path, most_pixels):
    """The single array of the file as (H, W) or (H, W, 3). A fourth channel is dropped; one channel gives (H, W).

    Raises ValueError with the file's name for several arrays, Python objects, or a shape that no picture has.
    """
    path = Path(path)
    try:
        array = _load(path, most_pixels)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # for broken files: TokenError, OverflowError, zlib.error, struct.error and more
        raise ValueError(f"{path}: cannot be read as an array ({reason(error)})") from error
    shape = array.shape
    if array.ndim == 3 and shape[2] not in CHANNELS and shape[0] in CHANNELS:
        array = np.moveaxis(array, 0, -1)  # (C, H, W), as torch stores pictures
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in CHANNELS) or array.size == 0:
        raise ValueError(f"{path}: a picture is (H, W) or (H, W, 3), this array is {shape}")
    if array.dtype.kind not in "buif":
        raise ValueError(f"{path}: holds {array.dtype}, not real numbers")
    array = np.ascontiguousarray(array[..., :3] if array.ndim == 3 else array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _load(path, most_pixels):
    if path.suffix.lower() == ".npy":
        # A memory map cannot be larger than the file, even if the header claims a huge shape.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(array)
    with np.load(path, allow_pickle=False) as archive:
        if len(archive.files) != 1:
            raise ValueError(
                f"holds {len(archive.files)} arrays ({shown(', '.join(archive.files[:8]))}); one is needed"
            )
        size = archive.zip.infolist()[0].file_size
        if size > most_pixels * MOST_BYTES:
            raise ValueError(f"unpacks to {size:,} bytes, more than a picture of {most_pixels:,} pixels has")
        return archive[archive.files[0]]
