"""A folder in COCO's panoptic format: what its masks become, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from nets.__main__ import main
from nets.data import IGNORE, open_dataset, open_evaluation, open_folder
from nets.segmentation.metrics import InstanceTally, PanopticQuality
from nets.segmentation.panoptic import as_colors, true_map
from tests.nets.commands.refused import refused
from tests.nets.tiny import TINY

CATEGORIES = [
    {"id": 7, "name": "car", "isthing": 1, "color": [200, 10, 10]},
    {"id": 3, "name": "person", "isthing": 1, "color": [10, 200, 10]},
    {"id": 90, "name": "road", "isthing": 0, "color": [90, 90, 90]},
]
PERSON, CAR, ROAD = 0, 1, 2  # positions: sorted by id
SEGMENTS = [
    {"id": 70000, "category_id": 7, "iscrowd": 0, "area": 16, "bbox": [0, 0, 4, 4]},
    {"id": 300, "category_id": 7, "iscrowd": 0},
    {"id": 9, "category_id": 3, "iscrowd": 1},
    {"id": 10, "category_id": 3},
    {"id": 16777215, "category_id": 90, "iscrowd": 0},
]


def ids(shift=0):
    """The numbers of the segments of a mask of 24x32 pixels."""
    found = np.full((24, 32), 16777215)
    found[20:] = 0
    found[2:6, 2:6] = 70000
    found[2:6, 6 + shift : 10] = 300
    found[10:14, 2:20] = 9
    found[10:14, 22:26] = 10
    return found


def write(folder, content=None, masks=None, suffix=""):
    """The folder, with a mask for each of `masks` and noise for images."""
    masks = {"a": ids(), "b": ids(1)} if masks is None else masks
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name, mask in masks.items():
        Image.fromarray(rng.integers(0, 256, (*mask.shape, 3), dtype=np.uint8)).save(folder / f"images/{name}.jpg")
        Image.fromarray(as_colors(mask)).save(folder / f"masks/{name}{suffix}.png")
    if content is None:
        annotations = [{"image_id": 1, "file_name": f"{name}{suffix}.png", "segments_info": SEGMENTS} for name in masks]
        content = {"info": {}, "images": [], "categories": CATEGORIES, "annotations": annotations}
    (folder / "panoptic.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize("kept", [True, False])
def test_colors_become_classes_and_objects(tmp_path, monkeypatch, kept):
    if not kept:
        monkeypatch.setattr("nets.data.folder.MEMORY_BYTES", 0)
    dataset = open_folder(write(tmp_path / "coco"))
    assert [entry.name for entry in dataset.classes] == ["person", "car", "road"]
    assert [entry.thing for entry in dataset.classes] == [True, True, False]
    assert "masks of COCO panoptic segments, 3 classes (person, car, road)" in dataset.description
    found, mask = dataset.sample(0), ids()
    expected = {0: IGNORE, 70000: CAR, 300: CAR, 9: PERSON, 10: PERSON, 16777215: ROAD}
    for number, label in expected.items():
        assert (found.label[mask == number] == label).all()
    objects = {number: np.unique(found.instances[mask == number]).tolist() for number in expected}
    assert objects.pop(0) == objects.pop(9) == objects.pop(16777215) == [0]  # a crowd is not an object
    assert sorted(objects.values()) == [[1], [2], [3]]


def test_crowds_are_crowds_again_in_the_scores(tmp_path):
    dataset = open_folder(write(tmp_path / "coco"))
    sample, things = dataset.sample(0), (PERSON, CAR)
    truth = true_map(sample, things)
    crowds = [number for number, segment in truth.segments.items() if segment.crowd]
    assert len(crowds) == 1 and np.array_equal(truth.ids == crowds[0], ids() == 9)
    quality = PanopticQuality()
    quality.update(*truth, *truth)
    assert quality.scores().pq == 1.0
    # Objects that a net finds in a crowd are neither right nor wrong.
    instances, tally = sample.instances.copy(), InstanceTally(dataset.classes)
    instances[10:14, 2:8], instances[10:14, 8:20] = 8, 9
    tally.update(sample.label, sample.instances, sample.label, instances)
    assert tally.scores().f1_50 == tally.scores().mean_ap == tally.scores().aji == 1.0


def test_masks_may_have_another_name_than_images(tmp_path):
    dataset = open_folder(write(tmp_path / "coco", suffix="_panoptic"))
    assert dataset.names == ["a", "b"] and dataset.sample(1).instances.max() == 3


def annotated(**changes):
    """The file's content with one segment changed; a change to None leaves the field out."""
    segment = {key: value for key, value in (SEGMENTS[0] | changes).items() if value is not None}
    annotations = [{"file_name": f"{name}.png", "segments_info": [segment, *SEGMENTS[1:]]} for name in "ab"]
    return {"categories": CATEGORIES, "annotations": annotations}


def categories(**changes):
    return annotated() | {"categories": [CATEGORIES[0] | changes, *CATEGORIES[1:]]}


BAD = {
    "no JSON": ("{", "cannot be read as JSON"),
    "a list": ([], "expected COCO's"),
    "no categories": ({"annotations": annotated()["annotations"]}, "expected COCO's"),
    "no annotations": ({"categories": CATEGORIES, "annotations": []}, "expected COCO's"),
    "another mask": (annotated() | {"annotations": annotated()["annotations"][:1]}, "no annotation whose file_name"),
    "twice": (annotated() | {"annotations": annotated()["annotations"] * 2}, "'a' occurs twice"),
    "annotation": (annotated() | {"annotations": [3]}, "annotation 0 must be an object with a file_name, got 3"),
    "name": (annotated() | {"annotations": [{"file_name": 3}]}, "annotation 0 must be an object with a file_name"),
    "no name": (annotated() | {"annotations": [{"file_name": "."}]}, "annotation 0 must be an object with a file_name"),
    "segments": (annotated() | {"annotations": [{"file_name": "a.png"}]}, "segments_info must be a list, got None"),
    "a segment": (annotated(id="x"), "a segment must have an id from 1"),
    "no category": (annotated(category_id=8), "segment 70000: category_id 8 is no category"),
    "a list for a category": (annotated(category_id=[7]), "category_id a list is no category"),
    "true for a category": (annotated(category_id=True), "category_id True is no category"),
    "crowd": (annotated(iscrowd=2), "segment 70000: iscrowd must be 0 or 1, got 2"),
    "a list for crowd": (annotated(iscrowd=[]), "iscrowd must be 0 or 1"),
    "unknown segment": (annotated(id=70001), "a.png: segments 70000 are not in"),
    "id": (categories(id=-1), "category 0 must be an object with an id"),
    "same id": (categories(id=3), "two categories have the id 3"),
    "same name": (categories(name="road"), "two categories have the name 'road'"),
    "thing": (categories(isthing="yes"), "category 0: isthing must be 0 or 1, got 'yes'"),
    "color": (categories(color=[1, 2]), "category 0: color must be [r, g, b]"),
    "control": (categories(name="a\x1b[2J"), "category 0: name must not hold the control character"),
    "many": (
        annotated() | {"categories": [{"id": n, "name": str(n), "isthing": 0} for n in range(300)]},
        "300 categories, at most 255",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused(tmp_path, capsys, name):
    content, message = BAD[name]
    folder = write(tmp_path / "coco", content)
    out = tmp_path / "run"
    refused(capsys, "train", "--data", folder, "--out", out, saying=[str(folder), message])
    assert not out.exists()


def test_other_masks_and_a_second_list_of_classes_are_refused(tmp_path):
    folder = write(tmp_path / "grey")
    Image.fromarray(ids().astype(np.uint16)).save(folder / "masks" / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: a panoptic mask is a PNG of three channels of 8 bits"):
        open_folder(folder)
    folder = write(tmp_path / "twice")
    (folder / "classes.json").write_text('{"encoding": "ids"}')
    with pytest.raises(ValueError, match=r"classes\.json: panoptic\.json gives the classes already"):
        open_folder(folder)


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_train_and_evaluate_in_all_tasks(tmp_path, capsys, task):
    folder, run = write(tmp_path / "coco"), tmp_path / "run"
    options = ["--task", task, *TINY, "--steps", "2", "--out", str(run)]
    assert main(["train", "--data", str(folder), *options]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["pixels"] for entry in found["per_class"]] == [
        2 * (72 + 16),
        16 * 2 + 16 + 12,
        found["per_class"][2]["pixels"],
    ]
    plain = tmp_path / "plain"
    (folder / "panoptic.json").rename(tmp_path / "elsewhere.json")
    refused(capsys, "evaluate", run, "--data", folder, saying=["panoptic.json: no such file"])
    write(
        plain,
        categories(id=8)
        | {
            "annotations": [
                {
                    "file_name": f"{name}.png",
                    "segments_info": [
                        e | {"category_id": 8 if e["category_id"] == 7 else e["category_id"]} for e in SEGMENTS
                    ],
                }
                for name in "ab"
            ]
        },
    )
    refused(
        capsys, "evaluate", run, "--data", plain, saying=["panoptic.json: classes 3, 8, 90 are not the run's, 3, 7, 90"]
    )


def test_a_changed_list_of_segments_is_noticed_at_resume(tmp_path, capsys):
    folder, run = write(tmp_path / "coco"), tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "2", "--out", str(run)]) == 0
    (folder / "panoptic.json").write_text(json.dumps(annotated(iscrowd=1)))
    refused(capsys, "train", "--resume", "--out", run, "--steps", "4", saying=["panoptic.json: has changed"])


def test_coco_sample(real_folder):
    folder = real_folder("coco_panoptic_sample")
    train, validation = open_dataset(folder)
    assert train.encoding.kind == "panoptic" and len(train.classes) == 133
    content = json.loads((folder / "panoptic.json").read_text())
    whole = open_evaluation(folder, train.encoding, train.channels)
    for annotation in content["annotations"]:
        name = annotation["file_name"].removesuffix(".png")
        sample = whole.sample(whole.names.index(name))
        segments = annotation["segments_info"]
        things = {entry["id"] for entry in content["categories"] if entry["isthing"]}
        objects = [entry["area"] for entry in segments if entry["category_id"] in things and not entry["iscrowd"]]
        assert sorted(np.bincount(sample.instances.ravel())[1:]) == sorted(objects)
        assert (sample.label != IGNORE).sum() == sum(entry["area"] for entry in segments)
