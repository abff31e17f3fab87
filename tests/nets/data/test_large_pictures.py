"""Large pictures and masks are read with little memory beside their own; files of many pages are refused at once."""

import struct
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from nets.data import images
from nets.data.encoding import Encoding
from nets.data.masks import RawMask, pack, read_mask, survey
from nets.data.sample import SegmentationClass
from nets.data.strips import STRIP, slices, strips
from nets.limits import MOST_PAGES

SIDE = 4096
# What NumPy and Python may take at once, in bytes for each pixel: the array itself, one more, or a few bools.
# Pillow's own picture takes 1 or 4 bytes more for each pixel.
MOST = {"L": 2, "RGB": 4, "RGBA": 6, "P": 5, "1": 4, "I;16": 4, "F": 12}
MOST_OF_A_MASK = {"L": 3, "RGB": 10, "P": 3, "1": 4, "I;16": 10}
STRIPS = 32 << 20  # bytes of what is made from one strip at a time


def write(path, mode, values=(10, 200, 60, 255)):
    """A file of SIDE x SIDE pixels, the left half 0 and the right half not."""
    size = (SIDE, SIDE)
    if mode == "I;16":
        image = Image.fromarray(np.full(size, 3000, np.uint16))
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        image = Image.new(mode, size, values[:bands] if bands > 1 else values[0])
    if mode == "P":
        image.putpalette([7, 8, 9] * 256)
    image.paste(0, (0, 0, SIDE // 2, SIDE))
    image.save(path, **({} if path.suffix == ".tif" else {"compress_level": 1}))
    return path


def peak(call):
    """(what the call returns, the most bytes that NumPy and Python held at once during it)"""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mode", MOST)
def test_a_picture_takes_little_memory(mode, tmp_path):
    path = write(tmp_path / ("a.tif" if mode == "F" else "a.png"), mode)
    picture, most = peak(lambda: images.read_picture(path))
    assert picture.pixels.shape[:2] == (SIDE, SIDE) and len(np.unique(picture.pixels[0])) > 1
    assert most < MOST[mode] * SIDE * SIDE + STRIPS, f"{most / SIDE / SIDE:.1f} bytes for each pixel"


@pytest.mark.parametrize("mode", MOST_OF_A_MASK)
def test_a_mask_takes_little_memory(mode, tmp_path):
    path = write(tmp_path / "a.png", mode)
    found, most = peak(lambda: survey(read_mask(path), path))
    assert len(found.values) == 2 and found.counts.sum() == SIDE * SIDE
    assert most < MOST_OF_A_MASK[mode] * SIDE * SIDE + STRIPS, f"{most / SIDE / SIDE:.1f} bytes for each pixel"


def test_labels_are_found_strip_by_strip():
    encoding = Encoding("ids", (SegmentationClass(0, "a", (0, 0, 0)), SegmentationClass(7, "b", (9, 9, 9))), (255,))
    values = np.random.default_rng(0).choice(np.array([0, 7, 255], np.int32), (3000, 3000))
    mask = RawMask(values, "deep")
    (label, _), most = peak(lambda: encoding.decode(mask, "a.png"))
    np.testing.assert_array_equal(label, np.select([values == 0, values == 7], [0, 1], 255))
    assert most < 2 * values.size + 3 * STRIPS
    values[-1, -1] = 8
    with pytest.raises(ValueError, match="a.png: value 8 is no class"):
        encoding.decode(mask, "a.png")


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("with_void", [False, True])
def test_percentiles_in_strips_are_numpys(dtype, with_void, monkeypatch):
    monkeypatch.setattr("nets.data.strips.STRIP", 500)
    rng = np.random.default_rng(1)
    values = (rng.gamma(2.0, 700.0, (67, 41)) + 1).astype(dtype)
    void = rng.random(values.shape) < 0.2 if with_void else None
    kept = values if void is None else values[~void]
    expected = np.percentile(kept.astype(np.float64), [images.DARKEST, images.BRIGHTEST])
    np.testing.assert_allclose(images._darkest_and_brightest(values, void), expected, rtol=1e-15)
    colors = np.stack([values, values[::-1], values], 2)
    kept = colors if void is None else colors[~void]
    expected = np.percentile(kept.astype(np.float64), [images.DARKEST, images.BRIGHTEST])
    np.testing.assert_allclose(images._darkest_and_brightest(colors, void), expected, rtol=1e-15)


def test_strips_are_all_rows_once():
    for rows, numbers in ((1, 1), (7, STRIP), (7, 2 * STRIP), (1000, STRIP // 3), (5, 0)):
        assert [row for part in slices(rows, numbers) for row in range(rows)[part]] == list(range(rows))
    assert strips(np.zeros((0, 4))) == [slice(0, 0)]


def test_pack_of_colors():
    colors = np.random.default_rng(2).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    wide = colors.astype(np.int64)
    np.testing.assert_array_equal(pack(colors), wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2])
    assert pack((1, 2, 3)).item() == 0x010203 and pack(colors).dtype == np.int32


def write_pages(path, count):
    """A TIFF file of pages of one pixel."""
    tags = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1)]  # fmt: skip
    entries = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    start, size = 16, len(entries) + 4
    nexts = [start + size * (page + 1) for page in range(count - 1)] + [0]
    pages = b"".join(entries + struct.pack("<I", after) for after in nexts)
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + b"\x05" * 8 + pages)
    return path


def test_a_file_of_many_pages_is_refused_at_once(tmp_path):
    begin = time.perf_counter()
    with pytest.raises(ValueError, match=f"a.tif: cannot be read .it has more than {MOST_PAGES} pages"):
        images.read_picture(write_pages(tmp_path / "a.tif", 50_000))
    assert time.perf_counter() - begin < 10  # it was 40 s
    some = images.read_picture(write_pages(tmp_path / "b.tif", MOST_PAGES))
    assert some.pixels.tolist() == [[5]]
