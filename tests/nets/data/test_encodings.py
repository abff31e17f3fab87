"""Every encoding of masks, written to files and read back."""

import numpy as np
import pytest
from PIL import Image

from nets.data import IGNORE, Encoding, open_evaluation, open_folder

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, (20, 24)).astype(np.uint8)


def palette_image(values, colors):
    image = Image.fromarray(values, "P")
    flat = [0] * 768
    for number, color in colors.items():
        flat[3 * number : 3 * number + 3] = color
    image.putpalette(flat)
    return image


def test_class_ids_keep_their_place(make_folder):
    dataset = open_folder(make_folder({"a.png": TRUTH, "b.png": TRUTH[::-1]}))
    assert dataset.encoding.kind == "ids" and dataset.encoding.ids == (0, 1, 2)
    assert np.array_equal(dataset.sample(0).label, TRUTH)
    assert np.array_equal(dataset.sample(1).label, TRUTH[::-1])
    assert dataset.sample(0).instances is None
    assert "2 images, 20x24, grey, masks of class ids 0-2, 3 classes" in dataset.description


def test_ids_with_gaps_become_positions(make_folder):
    ids = np.array([0, 7, 21], np.uint8)
    dataset = open_folder(make_folder({"a.png": ids[TRUTH]}))
    assert dataset.encoding.ids == (0, 7, 21)
    assert np.array_equal(dataset.sample(0).label, TRUTH)
    assert "class ids 0, 7, 21" in dataset.description


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif"])
def test_0_and_255_are_two_classes(make_folder, suffix):
    mask = np.where(TRUTH == 1, 255, 0).astype(np.uint8)
    dataset = open_folder(make_folder({f"a.{suffix}": mask}, images={"a.png": TRUTH}))
    assert dataset.encoding.kind == "binary" and len(dataset.classes) == 2
    assert np.array_equal(dataset.sample(0).label, TRUTH == 1)
    assert "binary 0/255" in dataset.description and "no ignore" in dataset.description


def test_0_and_255_with_two_declared_classes(make_folder):
    classes = [{"id": 0, "name": "membrane"}, {"id": 1, "name": "inside"}]
    mask = np.where(TRUTH == 1, 255, 0).astype(np.uint8)
    dataset = open_folder(make_folder({"a.png": mask}, classes=classes))
    assert [entry.name for entry in dataset.classes] == ["membrane", "inside"]
    assert np.array_equal(dataset.sample(0).label, TRUTH == 1)


def test_one_bit_masks(make_folder):
    mask = Image.fromarray(TRUTH == 2).convert("1")
    dataset = open_folder(make_folder({"a.png": mask}))
    assert np.array_equal(dataset.sample(0).label, TRUTH == 2)


def test_palette_indices_are_ids_and_255_is_ignored(make_folder):
    values = np.array([0, 15, 255], np.uint8)[TRUTH]
    image = palette_image(values, {0: (0, 0, 0), 15: (192, 128, 128), 255: (224, 224, 192)})
    dataset = open_folder(make_folder({"a.png": image}))
    assert dataset.encoding.ids == (0, 15) and dataset.encoding.ignored == (255,)
    assert dataset.classes[1].color == (192, 128, 128)
    assert np.array_equal(dataset.sample(0).label, np.array([0, 1, IGNORE])[TRUTH])
    assert "ignore 255" in dataset.description


def test_greys_spread_over_the_range_are_classes_255_among_them(make_folder):
    dataset = open_folder(make_folder({"a.png": np.array([0, 128, 255], np.uint8)[TRUTH]}))
    assert dataset.encoding.ids == (0, 128, 255) and not dataset.encoding.ignored
    assert np.array_equal(dataset.sample(0).label, TRUTH)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_masks_hold_objects(make_folder, suffix):
    objects = np.zeros((20, 24), np.uint16)
    objects[2:6, 3:9], objects[8:15, 10:20] = 4, 700
    dataset = open_folder(make_folder({f"a.{suffix}": objects}, images={"a.png": TRUTH}))
    sample = dataset.sample(0)
    assert dataset.encoding.kind == "instances" and dataset.classes[1].thing
    assert np.array_equal(sample.label, objects > 0)
    assert np.array_equal(sample.instances, objects)


def test_16_bit_masks_with_many_declared_classes_hold_ids(make_folder):
    classes = [{"id": number} for number in (0, 300, 600)]
    mask = np.array([0, 300, 600], np.uint16)[TRUTH]
    dataset = open_folder(make_folder({"a.png": mask}, classes=classes))
    assert np.array_equal(dataset.sample(0).label, TRUTH)


def test_8_bit_objects_where_classes_json_says_so(make_folder):
    classes = {"classes": [{"id": 0, "name": "empty"}, {"id": 1, "name": "cell"}], "encoding": "instances"}
    sample = open_folder(make_folder({"a.png": TRUTH}, classes=classes)).sample(0)
    assert np.array_equal(sample.label, TRUTH > 0) and np.array_equal(sample.instances, TRUTH)


@pytest.mark.parametrize(("encoding", "white"), [("binary", 255), ("instances", 9)])
def test_a_told_encoding_honours_ignore(make_folder, encoding, white):
    classes = {"classes": [{"id": 0}, {"id": 1}, {"id": 100, "ignore": True}], "encoding": encoding}
    mask = np.array([0, white, 100], np.uint8)[TRUTH]
    sample = open_folder(make_folder({"a.png": mask}, classes=classes)).sample(0)
    assert np.array_equal(sample.label, np.array([0, 1, IGNORE])[TRUTH])


def test_colors_of_classes_json(make_folder):
    colors = np.array([[0, 0, 0], [255, 0, 0], [10, 20, 30], [1, 2, 3]], np.uint8)
    classes = [{"id": n, "name": f"c{n}", "color": colors[n].tolist(), "ignore": n == 3} for n in range(4)]
    truth = RNG.integers(0, 4, (20, 24))
    black = np.zeros((20, 24, 3), np.uint8)  # all grey: it must still be read by colour
    dataset = open_folder(make_folder({"a.png": colors[truth], "b.png": black}, classes=classes))
    assert dataset.encoding.kind == "colors"
    assert np.array_equal(dataset.sample(0).label, np.where(truth == 3, IGNORE, truth))
    assert not dataset.sample(1).label.any()


def test_white_may_be_the_first_class(make_folder):
    classes = [{"id": 0, "color": "#ffffff"}, {"id": 1, "color": "#000000"}]
    mask = np.where(TRUTH == 1, 255, 0).astype(np.uint8)
    dataset = open_folder(make_folder({"a.png": np.stack([mask] * 3, -1)}, classes=classes))
    assert np.array_equal(dataset.sample(0).label, TRUTH != 1)


def test_grey_masks_stored_as_rgb_or_rgba(make_folder):
    rgb = np.stack([TRUTH] * 3, -1)
    rgba = np.dstack([rgb, np.full((20, 24), 255, np.uint8)])
    dataset = open_folder(make_folder({"a.png": rgb, "b.png": rgba}))
    assert all(np.array_equal(dataset.sample(i).label, TRUTH) for i in range(2))


def test_declared_ignore(make_folder):
    classes = {"classes": [{"id": 2, "name": "b"}, {"id": 0, "name": "a"}, {"id": 1, "ignore": True}]}
    dataset = open_folder(make_folder({"a.png": TRUTH}, classes=classes))
    assert [entry.name for entry in dataset.classes] == ["a", "b"]
    assert np.array_equal(dataset.sample(0).label, np.array([0, IGNORE, 1])[TRUTH])
    assert "ignore 1" in dataset.description


def test_255_is_ignored_beside_declared_classes(make_folder):
    classes = [{"id": number} for number in range(3)]
    mask = TRUTH.copy()
    mask[:3] = 255
    label = open_folder(make_folder({"a.png": mask}, classes=classes)).sample(0).label
    assert (label[:3] == IGNORE).all() and np.array_equal(label[3:], TRUTH[3:])


def test_soft_edges_and_jpeg_masks_are_cut_in_the_middle(make_folder):
    mask = np.zeros((40, 40), np.uint8)
    mask[8:30, 10:28] = 255
    soft = mask.copy()
    soft[7, 10:28], soft[30, 10:28], soft[8:30, 9] = 60, 140, 200
    dataset = open_folder(make_folder({"a.png": soft}))
    assert "cut at 128" in dataset.description
    assert np.array_equal(dataset.sample(0).label, soft >= 128)
    jpeg = open_folder(make_folder({"a.jpg": mask}, images={"a.png": mask}, name="jpeg"))
    assert "JPEG masks cut at 128" in jpeg.description
    assert np.array_equal(jpeg.sample(0).label, mask > 0)


def test_an_encoding_survives_json(make_folder):
    import json

    colors = [
        {"id": 4, "color": [9, 9, 8]},
        {"id": 6, "color": [1, 2, 3]},
        {"id": 9, "color": [0, 0, 9], "ignore": True},
    ]
    mask = np.array([[9, 9, 8], [1, 2, 3], [0, 0, 9]], np.uint8)[TRUTH]
    encoding = open_folder(make_folder({"a.png": mask}, classes=colors)).encoding
    assert Encoding.from_dict(json.loads(json.dumps(encoding.as_dict()))) == encoding


# An evaluation reads masks as the run does, whatever the few masks at hand look like by themselves.


def evaluate(train_folder, folder):
    run = open_folder(train_folder)
    return open_evaluation(folder, run.encoding, run.channels).sample(0).label


def test_evaluation_of_a_binary_run(make_folder):
    half = np.where(TRUTH == 1, 255, 0).astype(np.uint8)
    run = make_folder({"a.png": half})
    full = make_folder({"x.png": np.full((20, 24), 255, np.uint8)}, name="full")
    assert (evaluate(run, full) == 1).all()
    empty = make_folder({"x.png": np.zeros((20, 24), np.uint8)}, name="empty")
    assert (evaluate(run, empty) == 0).all()
    jpeg = make_folder({"x.jpg": np.full((20, 24), 3, np.uint8)}, images={"x.png": TRUTH}, name="jpeg")
    assert (evaluate(run, jpeg) == 0).all()
    ids = make_folder({"x.png": (TRUTH == 1).astype(np.uint8)}, name="ids")
    assert np.array_equal(evaluate(run, ids), TRUTH == 1)


def test_evaluation_of_a_run_on_0_and_1_reads_255_as_1(make_folder):
    run = make_folder({"a.png": (TRUTH == 1).astype(np.uint8)})
    masks = make_folder({"x.png": np.where(TRUTH == 1, 255, 0).astype(np.uint8)}, name="eval")
    assert np.array_equal(evaluate(run, masks), TRUTH == 1)


def test_evaluation_of_a_run_that_ignored_255_ignores_it(make_folder):
    mask = (TRUTH == 1).astype(np.uint8)
    mask[0] = 255
    run = make_folder({"a.png": mask})
    masks = make_folder({"x.png": np.where(TRUTH == 1, 255, 0).astype(np.uint8)}, name="eval")
    assert np.array_equal(evaluate(run, masks), np.where(TRUTH == 1, IGNORE, 0))


def test_evaluation_with_classes_json_keeps_the_runs_ignore(make_folder):
    classes = [{"id": 0}, {"id": 1}]
    mask = (TRUTH == 1).astype(np.uint8)
    mask[0] = 255
    run = make_folder({"a.png": mask}, classes=classes)
    masks = np.where(TRUTH == 1, 255, 0).astype(np.uint8)
    folder = make_folder({"x.png": masks}, classes=classes, name="eval")
    assert np.array_equal(evaluate(run, folder), np.where(TRUTH == 1, IGNORE, 0))


def test_evaluation_never_ignores_what_the_run_counts_as_unknown(make_folder):
    ids = np.array([0, 7, 200], np.uint8)
    run = make_folder({"a.png": ids[TRUTH]})
    masks = ids[TRUTH]
    masks[0] = 255
    with pytest.raises(ValueError, match=r"x\.png: value 255 is no class; allowed are 0, 7, 200"):
        evaluate(run, make_folder({"x.png": masks}, name="stranger"))
    classes = [*({"id": number} for number in (0, 7, 200)), {"id": 255, "ignore": True}]
    declared = make_folder({"x.png": masks}, classes=classes, name="declared")
    assert np.array_equal(evaluate(run, declared), np.where(masks == 255, IGNORE, TRUTH))


def test_evaluation_of_a_colour_run_ignores_its_white(make_folder):
    classes = [
        {"id": 1, "color": [0, 0, 0]},
        {"id": 2, "color": [255, 0, 0]},
        {"id": 3, "color": [255, 255, 255], "ignore": True},
    ]
    colors = np.array([entry["color"] for entry in classes], np.uint8)
    run = make_folder({"a.png": colors[TRUTH]}, classes=classes)
    greys = np.where(TRUTH == 1, 255, 0).astype(np.uint8)
    assert np.array_equal(evaluate(run, make_folder({"x.png": greys}, name="greys")), greys)


def test_evaluation_of_an_instance_run(make_folder):
    run = make_folder({"a.png": TRUTH.astype(np.uint16) * 9})
    for name, mask in (("deep", TRUTH.astype(np.uint16)), ("binary", np.where(TRUTH > 0, 255, 0).astype(np.uint8))):
        assert np.array_equal(evaluate(run, make_folder({"x.png": mask}, name=name)), TRUTH > 0)


def test_evaluation_refuses_other_classes(make_folder):
    run = open_folder(make_folder({"a.png": TRUTH}))
    stranger = make_folder({"x.png": np.full((20, 24), 5, np.uint8)}, name="stranger")
    with pytest.raises(ValueError, match=r"x\.png: value 5 is no class; allowed are 0, 1, 2"):
        open_evaluation(stranger, run.encoding, 1)
    classes = [{"id": number} for number in (0, 1, 4)]
    declared = make_folder({"x.png": TRUTH * 0 + 4}, classes=classes, name="declared")
    with pytest.raises(ValueError, match=r"classes\.json: classes 0-1, 4 are not the run's, 0-2"):
        open_evaluation(declared, run.encoding, 1)
    with pytest.raises(ValueError, match="cells: 1 channels and classes"):
        open_evaluation("cells", run.encoding, 1)


def test_evaluation_of_a_generator_and_of_its_run(make_folder):
    from nets.data import cells

    run = cells(length=2)
    assert len(open_evaluation("cells", run.encoding, 1)) == 40
    folder = make_folder({"x.png": np.where(TRUTH > 0, 255, 0).astype(np.uint8)})
    assert np.array_equal(open_evaluation(folder, run.encoding, 1).sample(0).label, TRUTH > 0)


def test_masks_of_0_and_1_are_not_told_to_be_binary(make_folder):
    """Cut at 128 they would be background throughout, and a training would learn nothing."""
    classes = {"classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}], "encoding": "binary"}
    folder = make_folder({"a.png": (TRUTH > 0).astype(np.uint8)}, classes=classes)
    with pytest.raises(ValueError, match=r'a\.png: .*"binary", which is 0 and 255, but the masks hold 0, 1'):
        open_folder(folder)


def test_huge_object_numbers_do_not_ask_for_huge_tables(make_folder):
    mask = np.zeros((6, 5), np.int32)
    mask[:2, :2], mask[4:, 3:] = 2**31 - 1, 2**31 - 2
    folder = make_folder({"x.tif": mask, "y.tif": mask}, classes={"encoding": "instances"})
    sample = open_folder(folder).sample(0)
    assert sample.instances.max() <= 2
    for number in (0, 2**31 - 1, 2**31 - 2):
        assert len(np.unique(sample.instances[mask == number])) == 1
    assert len(np.unique(sample.instances)) == 3 and not sample.instances[mask == 0].any()
    whole = np.full((6, 5), 2**31 - 1, np.int32)
    folder = make_folder({"x.tif": whole, "y.tif": mask}, classes={"encoding": "instances"}, name="whole")
    assert open_folder(folder).sample(0).instances.min() > 0
