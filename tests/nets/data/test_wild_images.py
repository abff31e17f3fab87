"""Pictures as people have them: 48 bits, missing data, orientation tags, pages, arrays, names, damaged EXIF."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from nets.data import IGNORE, open_folder, read_image
from nets.data.images import read_picture
from tests.nets.data.wild import SUBFILE_TYPE, tagged, with_nodata, write_png16, write_tiff

RNG = np.random.default_rng(2)
MASK = RNG.integers(0, 3, (20, 24)).astype(np.uint8)
GREY = RNG.integers(0, 256, (20, 24), dtype=np.uint8)
TALL = np.repeat(np.arange(20, dtype=np.uint8)[:, None] * 12, 24, axis=1)


def test_48_bits_are_read_whole(tmp_path):
    values = RNG.integers(0, 4096, (40, 50, 3))
    write_png16(tmp_path / "a.png", values)
    picture = read_picture(tmp_path / "a.png")
    assert picture.deep and picture.pixels.shape == (40, 50, 3)
    assert np.abs(picture.pixels - values / 4095 * 255).max() < 2
    write_tiff(tmp_path / "a.tif", values.astype(np.uint16))
    deep = read_picture(tmp_path / "a.tif").pixels
    assert np.abs(deep - values / 4095 * 255).max() < 2
    write_png16(tmp_path / "b.png", (values % 256) * 257)  # 8 bits stored as 16: they come back as they were
    assert np.array_equal(read_image(tmp_path / "b.png"), values % 256)


@pytest.mark.parametrize("said", ["tag", "classes.json", "usual", "nan"])
def test_missing_data_is_ignored_and_leaves_the_contrast_alone(make_folder, said):
    values = RNG.uniform(200, 300, (20, 24)).astype(np.float32)
    void = RNG.random(values.shape) < 0.1
    marker = {"tag": -1.0, "classes.json": -7.0, "usual": -9999.0, "nan": np.nan}[said]
    classes = {"classes": [{"id": n} for n in range(3)], "nodata": -7} if said == "classes.json" else None
    folder = make_folder({"a.tif": MASK}, classes=classes)
    stored = np.where(void, np.float32(marker), values)
    with_nodata(folder / "images" / "a.tif", stored, "-1" if said == "tag" else "none")
    dataset = open_folder(folder)
    sample = dataset.sample(0)
    assert "1 with pixels without data" in dataset.description
    assert np.array_equal(sample.label, np.where(void, IGNORE, MASK))
    assert np.ptp(sample.image[~void]) == 255 and sample.image[~void].std() > 60


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize("tag", [2, 3, 4, 5, 6, 7, 8])
def test_picture_and_mask_are_turned_together(make_folder, suffix, tag):
    folder = make_folder({"a.png": TALL})
    for part in ("images", "masks"):
        (folder / part / "a.png").unlink()
        name = f"a.{suffix}" if part == "images" else "a.png"
        Image.fromarray(TALL).save(folder / part / name, exif=tagged(tag), quality=100)
    (folder / "classes.json").write_text('{"encoding": "ids"}')
    dataset = open_folder(folder)
    sample = dataset.sample(0)
    shown = np.array(dataset.encoding.ids)[sample.label].astype(int)
    assert "warning" not in dataset.description and np.abs(sample.image - shown).max() <= 3
    assert sample.image.shape == ((24, 20) if tag > 4 else (20, 24))


def test_a_tag_on_one_side_alone(make_folder):
    folder = make_folder({"a.png": MASK})
    Image.fromarray(GREY).save(folder / "images" / "a.png", exif=tagged(3))
    line = open_folder(folder).description
    assert "warning: " in line and "orientation tag 3 (rotated by 180 degrees)" in line and "a.png" in line
    Image.fromarray(GREY).save(folder / "images" / "a.png", exif=tagged(6))
    with pytest.raises(ValueError, match=r"orientation tag 6 .* fits only before it is obeyed"):
        open_folder(folder)
    Image.fromarray(GREY).save(folder / "images" / "a.png")
    Image.fromarray(MASK).save(folder / "masks" / "a.png", exif=tagged(8))
    assert np.array_equal(open_folder(folder).sample(0).label, MASK)


def test_smaller_copies_in_a_tiff_are_passed_over(tmp_path):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    big = RNG.integers(0, 256, (64, 96), dtype=np.uint8)
    small = Image.fromarray(big[::2, ::2].copy())
    Image.fromarray(big).save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert np.array_equal(read_image(tmp_path / "a.tif"), big)
    reduced = ImageFileDirectory_v2()
    reduced[SUBFILE_TYPE] = 1
    small.encoderinfo = {"tiffinfo": reduced}
    Image.fromarray(big).save(tmp_path / "b.tif", save_all=True, append_images=[small])
    assert np.array_equal(read_image(tmp_path / "b.tif"), big)


@pytest.mark.parametrize(("image", "mask"), [("a.npy", "a.npy"), ("a.npz", "a.npz"), ("a.webp", "a.npy")])
def test_arrays_and_webp(make_folder, image, mask):
    folder = make_folder({"a.png": MASK})
    for part, name, values in (("images", image, GREY), ("masks", mask, MASK.astype(np.int64))):
        (folder / part / "a.png").unlink()
        if name.endswith("webp"):
            Image.fromarray(values).save(folder / part / name, lossless=True)
        else:
            (np.save if name.endswith("npy") else np.savez)(folder / part / name, values)
    sample = open_folder(folder).sample(0)
    assert np.array_equal(sample.label, MASK) and np.array_equal(sample.image, GREY)


def test_arrays_that_are_no_pictures(tmp_path):
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    np.save(tmp_path / "line.npy", np.zeros(5))
    np.savez(tmp_path / "two.npz", a=MASK, b=MASK)
    (tmp_path / "text.npy").write_text("hello")
    for name, message in {"object": "cannot be read", "line": r"\(5,\)", "two": "holds 2 arrays"}.items():
        with pytest.raises(ValueError, match=rf"{name}\.np.: .*{message}"):
            read_image(next(tmp_path.glob(f"{name}.*")))
    with pytest.raises(ValueError, match=r"text\.npy: cannot be read"):
        read_image(tmp_path / "text.npy")


def test_names_in_two_unicode_forms(make_folder):
    name = "세포_01"
    forms = [unicodedata.normalize(form, name) for form in ("NFD", "NFC")]
    folder = make_folder({f"{forms[0]}.png": MASK}, {f"{forms[1]}.png": GREY})
    assert open_folder(folder).names == [forms[1]]


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        (["a.png", "b.png"], ["a_mask.png", "b_mask.png"], "NAME_mask"),
        (["a.png", "ab.png"], ["gt_a.png", "gt_ab.png"], "gt_NAME"),
        (["a.ome.tif", "b.tif"], ["a.png", "b.ome.tiff"], ""),
        (["img_1.png", "img_2.png"], ["mask_1.png", "mask_2.png"], "maskNAME beside imgNAME"),
        (["x/1_rgb.png", "x/2_rgb.png"], ["x/1_label.png", "x/2_label.png"], "NAMElabel"),
        (["a.jpg"], ["a_seg.png"], "NAME_seg"),
    ],
)
def test_names_with_one_common_difference(make_folder, images, masks, said):
    one = {name: MASK for name in masks}
    dataset = open_folder(make_folder(one, {name: GREY for name in images}))
    assert len(dataset) == len(images) and (f"masks named {said}" in dataset.description) == bool(said)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["1.png", "2.png"], ["2.png", "3.png"]),
        (["a.png", "b.png"], ["a_mask.png", "b_label.png"]),
        (["a.png"], ["b.png"]),
        (["a.png", "b.png"], ["a_mask.png", "b_mask.png", "c_mask.png"]),
    ],
)
def test_names_that_do_not_pair(make_folder, images, masks):
    with pytest.raises(ValueError, match="no mask for"):
        open_folder(make_folder({name: MASK for name in masks}, {name: GREY for name in images}))
