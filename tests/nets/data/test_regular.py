"""Pipes and folders in the place of files are named, not waited for."""

import os

import numpy as np
import pytest
from PIL import Image

from nets.data import open_folder


@pytest.fixture
def data(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for number in range(4):
        mask = np.zeros((20, 20), np.uint8)
        mask[5:15, 5:15] = 1
        Image.fromarray(mask * 90 + number).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_classes_json(data, make):
    make(data / "classes.json")
    with pytest.raises(ValueError, match="classes.json: is not a file"):
        open_folder(data)


def test_a_pipe_among_the_masks(data):
    (data / "masks" / "2.png").unlink()
    os.mkfifo(data / "masks" / "2.png")
    with pytest.raises(ValueError, match="2"):
        open_folder(data)


def test_many_classes_are_checked_in_no_time(data):
    entries = ",".join(f'{{"id": {number}, "ignore": true}}' for number in range(60_000))
    (data / "classes.json").write_text(f"[{entries}]")
    with pytest.raises(ValueError, match="every class is marked ignore"):
        open_folder(data)
