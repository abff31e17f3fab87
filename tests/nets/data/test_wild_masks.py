"""Masks as people have them: nearly binary, mixed, with palettes of their own, in the alpha channel, of odd types."""

import json

import numpy as np
import pytest
from PIL import Image

from nets.data import IGNORE, Encoding, open_evaluation, open_folder
from tests.nets.data.wild import palette_image, with_nodata, write_png16, write_tiff

RNG = np.random.default_rng(0)
BLOB = np.hypot(*(np.mgrid[:64, :64] - 32)) < 20
SPLIT = np.arange(64) < 32
RED, BLACK, WHITE = (255, 0, 0), (0, 0, 0), (255, 255, 255)


def mask_of(values):
    return np.asarray(values).astype(np.uint8)


def two_classes(folder, truth=BLOB):
    dataset = open_folder(folder)
    assert len(dataset.classes) == 2
    for position in range(len(dataset)):
        assert np.array_equal(dataset.sample(position).label, truth)
    return dataset


def nearly_binary(values):
    """0 and 255, a hundredth of each replaced by other values of its own side."""
    mask = mask_of(BLOB * 255)
    for value in values:
        side = BLOB if value >= 128 else ~BLOB
        mask[side & (RNG.random(mask.shape) < 0.01)] = value
    return mask


@pytest.mark.parametrize("values", [(254,), (1, 254), (253, 254), (250,), (3, 200), (1, 2, 3, 251, 252, 253)])
def test_masks_that_are_nearly_binary_have_two_classes(make_folder, values):
    two_classes(make_folder({f"{i}.png": nearly_binary(values) for i in range(3)}))


def test_a_stray_pixel_makes_no_class(make_folder):
    masks = [mask_of(BLOB * 255) for _ in range(8)]
    masks[0][0, 0], masks[1][32, 32] = 3, 200
    dataset = two_classes(make_folder({f"{i}.png": mask for i, mask in enumerate(masks)}))
    assert "cut at 128" in dataset.description and "3, 200" in dataset.description


@pytest.mark.parametrize("white", [250, 220])
def test_much_of_the_white_may_be_a_little_less(make_folder, white):
    mask = mask_of(BLOB * 255)
    mask[BLOB & SPLIT] = white
    two_classes(make_folder({"a.png": mask}))


def test_rare_classes_with_an_ignored_rim_stay_classes(make_folder):
    mask = mask_of(np.zeros((64, 64)))
    mask[2:10, 2:10], mask[20:28, 2:10], mask[40:48, 40:48] = 1, 62, 157
    mask[10, 2:10] = 255
    dataset = open_folder(make_folder({"a.png": mask}))
    assert dataset.encoding.ids == (0, 1, 62, 157) and dataset.encoding.ignored == (255,)


def test_rare_greys_spread_evenly_are_classes(make_folder):
    mask = mask_of(np.zeros((64, 64)))
    for at, value in enumerate((64, 128, 192, 255)):
        mask[10 * at : 10 * at + 5, :5] = value
    assert open_folder(make_folder({"a.png": mask})).encoding.ids == (0, 64, 128, 192, 255)


def test_scribbles_are_not_taken_for_binary(make_folder):
    """Two thin lines of 0 and 1 in a mask of 255: nothing says what 255 is, so the user is asked, and may answer."""
    mask = np.full((64, 64), 255, np.uint8)
    mask[5, :20], mask[9, :20] = 0, 1
    folder = make_folder({"a.png": mask})
    with pytest.raises(ValueError, match=r'leave out 100% .*"encoding": "binary".*"encoding": "ids"'):
        open_folder(folder)
    (folder / "classes.json").write_text('{"encoding": "ids"}')
    assert (open_folder(folder).sample(0).label == IGNORE).mean() > 0.95
    (folder / "classes.json").write_text('[{"id": 0}, {"id": 1}, {"id": 255, "ignore": true}]')
    assert open_folder(folder).encoding.ids == (0, 1)


@pytest.mark.parametrize("classes", [None, [{"id": 0}, {"id": 1}], [{"id": 0}, {"id": 1}, {"id": 2}]])
def test_files_of_0_and_1_among_files_of_0_and_255_are_refused_by_name(make_folder, classes):
    folder = make_folder({"a.png": mask_of(BLOB), "b.png": mask_of(BLOB * 255)}, classes=classes)
    with pytest.raises(ValueError, match=r"b\.png.*a\.png.*one way"):
        open_folder(folder)


def test_one_dim_file_among_many_bright_ones_is_refused_too(make_folder):
    masks = {f"{i}.png": mask_of(BLOB * 255) for i in range(60)}
    with pytest.raises(ValueError, match=r"z\.png.*background"):
        open_folder(make_folder(masks | {"z.png": mask_of(BLOB)}))


def test_greys_of_colours_are_no_ids_with_ignore(make_folder):
    mask = np.where(BLOB, np.where(SPLIT, 76, 255), 0).astype(np.uint8)
    with pytest.raises(ValueError, match=r'255 read as ignore .*\{"id": 0\}, \{"id": 76\}, \{"id": 255\}'):
        open_folder(make_folder({"a.png": mask}))
    with pytest.raises(ValueError, match="one way"):
        open_folder(make_folder({"a.png": mask_of(BLOB * 76), "b.png": mask_of(BLOB * 255)}, name="mixed"))


def test_a_file_that_loses_its_foreground_is_named(make_folder):
    """One file with 1 and a rim of 255 shows that 255 is ignore; the file of 255 alone is still worth a warning."""
    with_rim = mask_of(BLOB)
    with_rim[30:34] = 255
    dataset = open_folder(make_folder({"a.png": with_rim, "b.png": mask_of(BLOB * 255)}))
    assert "warning: 255 is read as ignore" in dataset.description and "b.png" in dataset.description


def test_a_class_of_a_handful_of_pixels_is_named(make_folder):
    mask = np.tile(mask_of(BLOB), (4, 4))
    mask[0, 0] = 7
    line = open_folder(make_folder({"a.png": mask})).description
    assert "warning: class class 7 has 1 pixel in all masks together" in line and "a.png" in line


def test_masks_of_one_declared_class_alone_are_refused(make_folder):
    classes = [{"id": 0, "name": "ground"}, {"id": 1}]
    with pytest.raises(ValueError, match="every pixel that counts is class ground"):
        open_folder(make_folder({"a.png": mask_of(BLOB * 0)}, classes=classes))


@pytest.mark.parametrize(
    ("encoding", "kind", "classes"), [("binary", "binary", 2), ("instances", "instances", 2), ("ids", "ids", 3)]
)
def test_the_encoding_alone_is_enough(make_folder, encoding, kind, classes):
    mask = np.where(BLOB, np.where(SPLIT, 200, 130), 0).astype(np.uint8)
    dataset = open_folder(make_folder({"a.png": mask}, classes={"encoding": encoding}))
    assert dataset.encoding.kind == kind and len(dataset.classes) == classes


def test_colours_become_classes_where_that_is_said(make_folder):
    colors = np.array([BLACK, RED, (0, 0, 255)], np.uint8)[BLOB.astype(int) + (BLOB & SPLIT)]
    folder = make_folder({"a.png": colors}, classes={"encoding": "colors"})
    dataset = open_folder(folder)
    assert [entry.name for entry in dataset.classes] == ["#000000", "#0000ff", "#ff0000"]


def test_palettes_that_differ_are_read_by_colour(make_folder):
    one = palette_image(BLOB, {0: BLACK, 1: RED})
    other = palette_image(~BLOB, {0: RED, 1: BLACK})
    folder = make_folder({"a.png": one, "b.png": other})
    dataset = two_classes(folder)
    assert "read by colour" in dataset.description and dataset.classes[1].color == RED
    again = Encoding.from_dict(json.loads(json.dumps(dataset.encoding.as_dict())))
    assert again == dataset.encoding
    assert np.array_equal(open_evaluation(folder, again, 1).sample(1).label, BLOB)


def test_quantized_palettes_and_classes_with_colours(make_folder):
    colors = np.where(BLOB[..., None], np.uint8(RED), np.uint8(BLACK))
    images = {f"{i}.png": Image.fromarray(np.roll(colors, 8 * i, 1)).quantize(4) for i in range(3)}
    classes = [{"id": 5, "color": list(RED)}, {"id": 9, "color": [0, 0, 0]}]
    dataset = open_folder(make_folder(images, classes=classes))
    for position in range(3):
        assert np.array_equal(dataset.sample(position).label, ~np.roll(BLOB, 8 * position, 1))


def test_black_and_white_palettes_beside_grey_files(make_folder):
    masks = {"a.png": palette_image(BLOB, {0: BLACK, 1: WHITE}), "b.png": mask_of(BLOB * 255),
             "c.png": palette_image(~BLOB, {0: WHITE, 1: BLACK})}  # fmt: skip
    two_classes(make_folder(masks))


def test_a_run_by_index_reads_other_palettes_by_its_colours(make_folder):
    run = open_folder(make_folder({"a.png": palette_image(BLOB, {0: BLACK, 1: RED})}))
    assert run.encoding.kind == "ids"
    other = make_folder({"a.png": palette_image(~BLOB, {0: RED, 1: BLACK})}, name="other")
    assert np.array_equal(open_evaluation(other, run.encoding, 1).sample(0).label, BLOB)


def test_1_bit_files_among_0_and_255(make_folder):
    two_classes(make_folder({"a.png": Image.fromarray(BLOB), "b.png": mask_of(BLOB * 255)}))
    two_classes(make_folder({"a.png": Image.fromarray(BLOB), "b.png": mask_of(BLOB)}, name="ids"))


def test_grey_masks_of_16_bits_with_alpha(make_folder):
    ids = np.where(BLOB, np.where(SPLIT, 3, 300), 0)
    folder = make_folder({"a.png": mask_of(BLOB)})
    write_png16(folder / "masks" / "a.png", np.dstack([ids, np.full_like(ids, 65535)]))
    sample = open_folder(folder).sample(0)
    assert np.array_equal(sample.instances, ids) and np.array_equal(sample.label, BLOB)


def test_the_mask_in_the_alpha_channel(make_folder):
    def alpha(mask):
        return np.dstack([np.zeros((64, 64, 3), np.uint8), mask_of(mask * 255)])

    folder = make_folder({"a.png": alpha(BLOB), "b.png": alpha(BLOB)})
    dataset = two_classes(folder)
    assert "read from the alpha channel" in dataset.description
    full = make_folder({"x.png": alpha(BLOB | True)}, name="full")
    assert (open_evaluation(full, dataset.encoding, 1).sample(0).label == 1).all()
    mixed = make_folder({"a.png": alpha(BLOB), "b.png": mask_of(BLOB * 255)}, name="mixed")
    with pytest.raises(ValueError, match=r"a\.png: its colours are all one .*b\.png"):
        open_folder(mixed)


@pytest.mark.parametrize("dtype", ["int64", "float64", "uint64"])
@pytest.mark.parametrize("layout", [{}, {"order": ">"}, {"tile": (16, 48)}, {"deflate": True}])
def test_tiff_masks_of_64_bits(make_folder, dtype, layout):
    ids = np.where(BLOB, np.where(SPLIT, 1, 2), 0)
    folder = make_folder({"a.tif": mask_of(BLOB)})
    write_tiff(folder / "masks" / "a.tif", ids.astype(dtype), **layout)
    dataset = open_folder(folder)
    assert dataset.encoding.ids == (0, 1, 2) and np.array_equal(dataset.sample(0).label, ids)


def test_five_bands_are_the_reason(make_folder):
    folder = make_folder({"a.tif": mask_of(BLOB)})
    write_tiff(folder / "images" / "a.tif", RNG.integers(0, 9, (64, 64, 5)).astype(np.uint16))
    with pytest.raises(ValueError, match=r"a\.tif: .*5 bands"):
        open_folder(folder)


def test_masks_with_missing_data_ignore_it(make_folder):
    values = BLOB.astype(np.int32)
    values[0] = -9999
    folder = make_folder({"a.tif": mask_of(BLOB)})
    with_nodata(folder / "masks" / "a.tif", values, "-9999")
    label = open_folder(folder).sample(0).label
    assert (label[0] == IGNORE).all() and np.array_equal(label[1:], BLOB[1:])


@pytest.mark.parametrize("value", [np.inf, 1e20, 2.0**31, -1])
def test_ids_that_no_mask_can_hold(make_folder, value):
    mask = BLOB.astype(np.float32)
    mask[0, 0] = value
    with pytest.raises(ValueError, match=r"a\.tif: a mask's ids are"):
        open_folder(make_folder({"a.tif": mask}))


def test_the_content_counts_and_not_the_suffix(make_folder):
    folder = make_folder({"a.png": mask_of(BLOB), "b.png": mask_of(BLOB)})
    for name in "ab":
        (folder / "masks" / f"{name}.png").rename(folder / "masks" / f"{name}.jpg")
    two_classes(folder)
    ids = np.kron(np.arange(64).reshape(8, 8) % 9, np.ones((8, 8))).astype(np.uint8)
    jpeg = make_folder({"a.png": mask_of(BLOB)}, name="jpeg")
    Image.fromarray(ids * 20).save(jpeg / "masks" / "a.png", format="JPEG")
    with pytest.raises(ValueError, match=r"a\.png: a JPEG, though it is named otherwise"):
        open_folder(jpeg)


def test_16_bit_masks_of_few_values_are_asked_about(make_folder):
    ids = np.where(BLOB, np.where(SPLIT, 1, 2), 0).astype(np.uint16)
    folder = make_folder({"a.png": ids, "b.png": ids})
    assert "read as objects of one class" in open_folder(folder).description
    (folder / "classes.json").write_text('{"encoding": "ids"}')
    dataset = open_folder(folder)
    assert dataset.encoding.ids == (0, 1, 2) and "warning" not in dataset.description
