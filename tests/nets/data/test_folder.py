"""What the folder loader accepts as images, and what it refuses, always by the file's name."""

import json

import numpy as np
import pytest
from PIL import Image

from nets.data import open_dataset, open_folder

RNG = np.random.default_rng(1)
MASK = RNG.integers(0, 3, (20, 24)).astype(np.uint8)
GREY = RNG.integers(0, 256, (20, 24), dtype=np.uint8)
RGB = RNG.integers(0, 256, (20, 24, 3), dtype=np.uint8)


def test_rgb_grey_and_mixed_images(make_folder):
    rgb = open_folder(make_folder({"a.png": MASK}, {"a.png": RGB}, name="rgb"))
    assert rgb.channels == 3 and rgb.orientation == "upright" and "RGB" in rgb.description
    assert np.array_equal(rgb.sample(0).image, RGB)
    stored = open_folder(make_folder({"a.png": MASK}, {"a.png": np.stack([GREY] * 3, -1)}, name="stored"))
    assert stored.channels == 1 and stored.orientation == "free" and "grey stored as RGB" in stored.description
    assert np.array_equal(stored.sample(0).image, GREY)
    masks = {"a.png": MASK, "b.png": MASK}
    mixed = open_folder(make_folder(masks, {"a.png": GREY, "b.png": RGB}, name="mixed"))
    assert mixed.channels == 3 and "1 grey ones among 1 RGB" in mixed.description
    assert np.array_equal(mixed.sample(0).image, np.stack([GREY] * 3, -1))


def test_the_run_decides_the_channels(make_folder):
    folder = make_folder({"a.png": MASK}, {"a.png": RGB})
    run = open_folder(folder)
    assert open_folder(folder, run.encoding, 1).sample(0).image.shape == (20, 24)
    assert open_folder(folder, run.encoding, 3).sample(0).image.shape == (20, 24, 3)


def test_alpha_is_dropped(make_folder):
    transparent = np.dstack([RGB, np.zeros((20, 24), np.uint8)])
    dataset = open_folder(make_folder({"a.png": MASK}, {"a.png": transparent}))
    assert np.array_equal(dataset.sample(0).image, RGB)


def test_deep_images_are_stretched(make_folder):
    ramp = np.linspace(1000, 5000, 20 * 24).reshape(20, 24).astype(np.uint16)
    image = open_folder(make_folder({"a.png": MASK}, {"a.png": ramp})).sample(0).image
    assert image.dtype == np.uint8 and image.min() == 0 and image.max() == 255
    assert np.abs(np.diff(np.sort(image.ravel()).astype(int))).max() <= 2
    line = open_folder(make_folder({"a.png": MASK}, {"a.png": ramp}, name="line")).description
    assert "1 of more than 8 bits, each stretched to 8" in line
    floats = ramp.astype(np.float32) / 1e6
    image = open_folder(make_folder({"a.png": MASK}, {"a.tif": floats}, name="float")).sample(0).image
    assert image.min() == 0 and image.max() == 255


def test_the_orientation_tag_is_obeyed(make_folder):
    folder = make_folder({"a.png": MASK})
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show it
    (folder / "images" / "a.png").unlink()
    Image.fromarray(np.rot90(GREY).copy()).save(folder / "images" / "a.png", exif=exif)
    assert np.array_equal(open_folder(folder).sample(0).image, GREY)


def test_nested_names_other_suffixes_and_bystanders(make_folder):
    folder = make_folder({"x/a.png": MASK, "b.v2.tif": MASK}, {"x/a.JPG": RGB, "b.v2.bmp": RGB})
    (folder / "images" / ".hidden.png").write_bytes(b"")
    (folder / "masks" / "readme.txt").write_text("not an image")
    assert open_folder(folder).names == ["b.v2", "x/a"]


def test_a_large_folder_is_read_each_time(make_folder, monkeypatch):
    monkeypatch.setattr("nets.data.folder.MEMORY_BYTES", 0)
    dataset = open_folder(make_folder({"a.png": MASK}, {"a.png": RGB}))
    assert np.array_equal(dataset.sample(0).image, RGB) and np.array_equal(dataset.sample(0).label, MASK)


def test_sizes_may_differ_between_images(make_folder):
    dataset = open_folder(make_folder({"a.png": MASK, "b.png": MASK[:8, :9], "c.png": MASK[:30, :5]}))
    assert dataset.smallest == (8, 5)
    assert "8x9 to 20x24" in dataset.description


def test_missing_and_extra_files(make_folder):
    folder = make_folder({"a.png": MASK, "b.png": MASK, "c.png": MASK})
    (folder / "masks" / "b.png").unlink()
    with pytest.raises(ValueError, match=r"masks: no mask for .*images.b\.png"):
        open_folder(folder)
    (folder / "images" / "b.png").unlink()
    (folder / "images" / "c.png").unlink()
    with pytest.raises(ValueError, match=r"images: no image for .*masks.c\.png"):
        open_folder(folder)


def test_many_missing_files_are_counted(make_folder):
    folder = make_folder({f"{n}.png": MASK for n in range(9)})
    for n in range(8):
        (folder / "masks" / f"{n}.png").unlink()
    with pytest.raises(ValueError, match=r"0\.png.* and 3 more"):
        open_folder(folder)


def test_a_name_twice(make_folder):
    folder = make_folder({"a.png": MASK})
    Image.fromarray(GREY).save(folder / "images" / "a.bmp")
    with pytest.raises(ValueError, match=r"a\.png: the name occurs twice, a\.bmp"):
        open_folder(folder)


def test_missing_parts(tmp_path, make_folder):
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="nowhere: neither a folder nor one of cells, street"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "half" / "images").mkdir(parents=True)
    with pytest.raises(ValueError, match="half: has no masks/ folder .*found images"):
        open_folder(tmp_path / "half")
    (tmp_path / "half" / "masks").mkdir()
    with pytest.raises(ValueError, match=r"half.images: holds no image \(\.png"):
        open_folder(tmp_path / "half")


def test_size_mismatch_names_both_sizes(make_folder):
    folder = make_folder({"a.png": MASK, "b.png": MASK.T.copy()}, {"a.png": GREY, "b.png": GREY})
    with pytest.raises(ValueError, match=r"masks.b\.png: the mask is 24x20 .*images.b\.png is 20x24"):
        open_folder(folder)


@pytest.mark.parametrize("part", ["images", "masks"])
@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_unreadable_files(make_folder, part, damage):
    folder = make_folder({"a.png": MASK, "b.png": MASK})
    path = folder / part / "b.png"
    content = path.read_bytes()
    path.write_bytes({"truncated": content[: len(content) // 2], "text": b"hello", "empty": b""}[damage])
    with pytest.raises(ValueError, match=rf"{part}.b\.png: (cannot be read|not an image)"):
        open_folder(folder)


def test_stacks_are_refused(make_folder):
    folder = make_folder({"a.tif": MASK}, {"a.tif": GREY})
    frames = [Image.fromarray(GREY)] * 3
    frames[0].save(folder / "images" / "a.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=r"images.a\.tif: holds 3 frames"):
        open_folder(folder)


def test_a_value_that_is_no_class(make_folder):
    classes = [{"id": 0}, {"id": 1}, {"id": 9, "ignore": True}, {"id": 3}]
    folder = make_folder({"a.png": MASK * 0, "b.png": MASK}, classes=classes)
    with pytest.raises(ValueError, match=r"masks.b\.png: value 2 is no class; allowed are 0, 1, 3, ignored 9"):
        open_folder(folder)


def test_a_color_that_is_no_class_and_colors_without_classes(make_folder):
    colors = np.array([[0, 0, 0], [200, 0, 0], [0, 7, 0]], np.uint8)[MASK]
    with pytest.raises(ValueError, match=r"a\.png: an RGB mask needs a classes\.json .* 3 colours: \(0, 0, 0\)"):
        open_folder(make_folder({"a.png": colors}))
    classes = [{"id": 0, "color": [0, 0, 0]}, {"id": 1, "color": [200, 0, 0]}]
    folder = make_folder({"a.png": colors}, classes=classes, name="declared")
    with pytest.raises(ValueError, match=r"a\.png: colour \(0, 7, 0\) is no class; .*\(0, 0, 0\), \(200, 0, 0\)"):
        open_folder(folder)


def test_masks_without_anything_to_learn(make_folder):
    with pytest.raises(ValueError, match="every mask holds the one value 0"):
        open_folder(make_folder({"a.png": MASK * 0}, name="zero"))
    classes = [{"id": 0}, {"id": 1}, {"id": 2, "ignore": True}]
    with pytest.raises(ValueError, match=r"all pixels of all masks are ignore \(a\)"):
        open_folder(make_folder({"a.png": MASK * 0 + 2}, classes=classes, name="void"))
    half = make_folder({"a.png": MASK * 0 + 2, "b.png": MASK}, classes=classes, name="half")
    dataset = open_folder(half)
    assert dataset.names == ["b"] and "1 left out, their masks are all ignore (a)" in dataset.description


def test_jpeg_masks_that_hold_no_two_classes(make_folder):
    big = np.kron(MASK, np.ones((8, 8), np.uint8))
    for number, (mask, message) in enumerate(
        [
            (big * 60, r"a\.jpg: a JPEG that is not black and white keeps no class ids"),
            (big * 4, "masks: the masks are JPEG files.*save the masks as PNG"),
            (np.eye(3, dtype=np.uint8)[big] * 255, r"a\.jpg: JPEG does not keep the colours of a mask"),
        ]
    ):
        folder = make_folder({"a.jpg": mask}, {"a.png": big}, name=str(number))
        with pytest.raises(ValueError, match=message):
            open_folder(folder)


def test_a_photo_with_a_preview_is_no_stack(make_folder):
    folder = make_folder({"a.png": MASK}, {"a.png": GREY})
    (folder / "images" / "a.png").unlink()
    preview = Image.fromarray(RGB[::2, ::2].copy())
    Image.fromarray(RGB).save(folder / "images" / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    assert open_folder(folder).sample(0).image.shape == (20, 24, 3)


def test_too_many_values(make_folder):
    values = np.arange(100, dtype=np.uint8).reshape(10, 10)
    with pytest.raises(ValueError, match="100 different values; list the classes in classes.json"):
        open_folder(make_folder({"a.png": values}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "expected a list of classes"),
        ('{"names": 3}', "expected a list of classes"),
        ('[{"name": "a"}]', 'class 0 must be an object with an "id"'),
        ('[{"id": -1}]', "id must be a whole number from 0 to 65535, got -1"),
        ('[{"id": "0"}]', "id must be a whole number from 0 to 65535, got '0'"),
        ('[{"id": 0}, {"id": 0}]', "id 0 occurs twice"),
        ('[{"id": 0, "color": [1, 2]}]', r"color must be \[r, g, b\]"),
        ('[{"id": 0, "color": "#12345g"}]', r"color must be \[r, g, b\]"),
        ('[{"id": 0, "ignore": 1}]', "ignore must be true or false, got 1"),
        ('[{"id": 0, "ignore": true}]', "every class is marked ignore"),
        ('{"classes": [{"id": 0}], "encoding": "rle"}', "encoding must be one of"),
    ],
)
def test_bad_classes_files(make_folder, content, message):
    folder = make_folder({"a.png": MASK})
    (folder / "classes.json").write_text(content)
    with pytest.raises(ValueError, match=rf"classes\.json.*{message}"):
        open_folder(folder)


def test_encodings_that_classes_json_cannot_mean(make_folder):
    three = [{"id": 0}, {"id": 1}, {"id": 2}]
    folder = make_folder({"a.png": MASK})
    for encoding, message in (("binary", "needs two classes, got 3"), ("colors", "needs a different color")):
        (folder / "classes.json").write_text(json.dumps({"classes": three, "encoding": encoding}))
        with pytest.raises(ValueError, match=message):
            open_folder(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"id": 65536}]', "id must be a whole number from 0 to 65535, got 65536"),
        ('[{"id": 0, "name": "a"}, {"id": 1, "name": "a"}]', "name 'a' occurs twice"),
        ("[" * 200_000, "cannot be read as JSON"),
    ],
)
def test_classes_that_cannot_be(make_folder, text, message):
    folder = make_folder({"a.png": MASK})
    (folder / "classes.json").write_text(text)
    with pytest.raises(ValueError, match=f"classes.json: .*{message}|classes.json: {message}"):
        open_folder(folder)


def test_masks_without_image_are_listed_with_the_missing_ones(make_folder):
    folder = make_folder({"a_mask.png": MASK, "c.png": MASK}, {"a.png": GREY, "b.png": GREY})
    with pytest.raises(ValueError, match=r"no mask for .*a\.png.*; masks without an image: .*a_mask\.png"):
        open_folder(folder)


def test_an_evaluation_of_ignored_pixels_has_nothing_to_measure(make_folder):
    mask = MASK.copy()
    mask[0] = 255
    run = open_folder(make_folder({"a.png": mask}))
    void = make_folder({"a.png": np.full_like(MASK, 255)}, name="void")
    with pytest.raises(ValueError, match="nothing to measure"):
        open_folder(void, run.encoding, 1)
