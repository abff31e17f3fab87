"""The real folders beside the repository, each with its trap. Skipped where they are absent."""

import csv

import numpy as np

from nets.data import IGNORE, open_dataset, open_evaluation


def test_isbi_is_binary(real_folder):
    train, validation = open_dataset(real_folder("isbi_em"))
    assert train.encoding.kind == "binary" and train.channels == 1 and train.orientation == "free"
    assert len(train) + len(validation) == 24
    interior = np.mean([train.sample(i).label.mean() for i in range(len(train))])
    assert 0.75 < interior < 0.8  # facts/data.md: 22% membrane, and membrane is 0
    assert "24 images, 512x512, grey, masks of binary 0/255, 2 classes" in train.description


def test_dsb_holds_objects_and_keeps_fields_of_view_together(real_folder):
    folder = real_folder("dsb2018_fluo256")
    train, validation = open_dataset(folder)
    assert train.encoding.kind == "instances" and len(train.classes) == 2
    with (folder / "manifest.csv").open(newline="") as file:
        group = {row["name"].removesuffix(".png"): row["fov_group"] for row in csv.DictReader(file)}
    assert not {group[name] for name in train.names} & {group[name] for name in validation.names}
    sample = train.sample(0)
    assert np.array_equal(sample.label, sample.instances > 0) and sample.instances.max() > 1


def test_camvid_ignores_class_11(real_folder):
    train, validation = open_dataset(real_folder("camvid_240x180"))
    assert (len(train), len(validation)) == (184, 26) and len(train.classes) == 11
    assert train.channels == 3 and train.orientation == "upright"
    values = set(np.unique(train.sample(0).label).tolist())
    assert IGNORE in values and values - {IGNORE} <= set(range(11))
    assert train.classes[0].name == "Sky" and train.classes[8].color == (64, 0, 128)


def test_voc_has_gaps_and_ignores_255(real_folder):
    train, _ = open_dataset(real_folder("voc_labelme_sample"))
    assert train.encoding.ids == (0, 5, 6, 7, 9, 15, 18) and train.encoding.ignored == (255,)
    assert train.classes[5].color == (192, 128, 128)  # the palette's person


def test_evaluation_sees_all_images(real_folder):
    folder = real_folder("camvid_240x180")
    train, _ = open_dataset(folder)
    whole = open_evaluation(folder, train.encoding, train.channels)
    assert len(whole) == 210 and whole.encoding.ids == train.encoding.ids
