"""python -m docs tasks: the picture of the three tasks, made of two runs."""

import sys
from functools import partial

import numpy as np
import pytest
from PIL import Image

import docs.__main__ as command
from docs.three_tasks import MINUTES, SHADES, block, trained
from nets.__main__ import main
from nets.data import GENERATORS
from nets.data.sample import SegmentationClass
from tests.nets.tiny import TINY


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two finished runs of two steps each, on four images instead of hundreds."""
    found = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for data in MINUTES:
            patch.setitem(GENERATORS, data, partial(GENERATORS[data], length=4))
            options = ["--task", "panoptic", "--data", data, *TINY, "--steps", "2"]
            assert main(["train", *options, "--out", str(found / f"three-tasks-{data}")]) == 0
        yield found


def test_the_picture_is_drawn_of_finished_runs(folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "three.png"
    monkeypatch.setattr(sys, "argv", ["docs", "tasks", "--runs", str(folder), "--out", str(out)])
    command.main()
    assert capsys.readouterr().out.splitlines() == [str(out)]  # nothing was trained
    picture = np.asarray(Image.open(out).convert("RGB"))
    assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000


def test_all_pictures_show_one_image(folder):
    for run in trained(folder):
        _, truth, prediction, notes = block(run)
        assert len(truth) == len(prediction) == len(notes) == 4
        assert np.array_equal(truth[0], prediction[0])
        # Objects are told apart in the panoptic picture of the truth, but not in the semantic one.
        assert len({picture.shape for picture in (*truth, *prediction)}) == 1
        assert (truth[3] == 255).all(-1).any() and not np.array_equal(truth[1], truth[3])


def test_objects_of_a_class_get_different_shades():
    from docs.three_tasks import _panoptic

    classes = (SegmentationClass(0, "road", (90, 90, 90)), SegmentationClass(1, "car", (200, 100, 0), thing=True))
    instances = np.zeros((12, 24), np.int32)
    instances[2:10, 2:10], instances[2:10, 10:18] = 1, 2
    image = np.zeros((12, 24), np.uint8)
    painted = _panoptic(image, (instances > 0).astype(np.uint8), instances, {1: 1, 2: 1}, classes)
    one, other = painted[5, 5], painted[5, 14]
    assert one.tolist() == pytest.approx([0.65 * SHADES[1] * c for c in (200, 100, 0)], abs=1)
    assert other.tolist() == pytest.approx([0.65 * SHADES[2] * c for c in (200, 100, 0)], abs=1)
    assert (painted[5, 9] == 255).all() and painted[0, 0].tolist() == [59, 59, 59]
