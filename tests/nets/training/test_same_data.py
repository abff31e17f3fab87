"""A run goes on with the data that it began with: whatever changed between stop and resume is named."""

import shutil

import numpy as np
import pytest
from PIL import Image

import nets
from layers import Conv2d
from nets.__main__ import main
from nets.training.run import CONFIG, FILES
from tests.nets.commands.refused import refused
from tests.nets.tiny import TINY, write_folder


@pytest.fixture
def stopped(tmp_path):
    """(data, run): a run of 4 steps on a folder of its own."""
    data, run = write_folder(tmp_path / "data"), tmp_path / "run"
    assert main(["train", "--data", str(data), *TINY, "--steps", "4", "--out", str(run)]) == 0
    return data, run


def pixel(path):
    values = np.asarray(Image.open(path)).copy()
    values[3, 3] ^= 1
    Image.fromarray(values).save(path)


def smaller(path):
    for part in ("images", "masks"):
        target = path.parents[1] / part / path.name
        Image.fromarray(np.asarray(Image.open(target))[:20, :16]).save(target)


def in_color(path):
    Image.open(path).convert("RGB").point(lambda v: v // 2).save(path)


def swapped(path):
    other = path.with_name("02.png")
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


CHANGES = {
    "a pixel": ("images/01.png", pixel),
    "a mask": ("masks/01.png", pixel),
    "the size": ("images/01.png", smaller),
    "the channels": ("images/01.png", in_color),
    "two images swapped": ("images/01.png", swapped),
    "a mask cut short": ("masks/01.png", lambda path: path.write_bytes(path.read_bytes()[:50])),
    "a mask of another class": ("masks/01.png", lambda path: Image.fromarray(np.full((24, 20), 7, "u1")).save(path)),
    "a missing image": ("images/01.png", lambda path: path.unlink()),
}


@pytest.mark.parametrize("name, change", CHANGES.values(), ids=CHANGES)
def test_what_changed_is_named(stopped, capsys, name, change):
    data, run = stopped
    change(data / name)
    for command in (["train", "--resume", "--steps", "6", "--out", run], ["evaluate", run]):
        refused(capsys, *command, saying=[str(data / name), "put that back"])


def test_a_new_image_is_named(stopped, capsys):
    data, run = stopped
    for part in ("images", "masks"):
        shutil.copy(data / part / "01.png", data / part / "new.png")
    refused(capsys, "train", "--resume", "--steps", "6", "--out", run, saying=["new.png", "is new since the run began"])


def test_unchanged_data_goes_on_and_old_runs_too(stopped):
    data, run = stopped
    assert main(["train", "--resume", "--steps", "6", "--out", str(run)]) == 0
    (run / FILES).unlink()  # as in runs of earlier versions
    pixel(data / "images/01.png")
    assert main(["train", "--resume", "--steps", "8", "--out", str(run)]) == 0


@pytest.mark.parametrize("content", ["[]", "{", '{"../x": "00"}', '{"/etc/passwd": "00"}', '{"images/01.png": 5}'])
def test_damaged_hashes_are_refused(stopped, capsys, content):
    _, run = stopped
    (run / FILES).write_text(content)
    refused(capsys, "train", "--resume", "--steps", "6", "--out", run, saying=[str(run.parent)])


class Squares:
    """Samples made from their number; `moved` shifts the square of one of them."""

    def __init__(self, moved=None, channels=1, random=False):
        self.moved, self.channels, self.random = moved, channels, random

    def __len__(self):
        return 4

    def __getitem__(self, index):
        begin = 3 + (index == self.moved)
        image = np.full((16, 16), 40, np.uint8)
        image[begin : begin + 6, 4:10] = 200
        if self.random:
            image += np.random.default_rng().integers(0, 9, image.shape, np.uint8)
        return (image if self.channels == 1 else np.stack([image] * 3, axis=-1)), (image > 100).astype(np.int64)


def test_own_data(tmp_path):
    def train(data, net_channels=1, **options):
        net = Conv2d(net_channels, 2, 3, padding=1)
        return nets.train(net, data, Squares(), crop=16, batch=2, out=tmp_path / "run", **options)

    train(Squares(), steps=2)
    with pytest.raises(ValueError, match="train_set: sample 2 has changed since the run began"):
        train(Squares(moved=2), steps=4, resume=True)
    with pytest.raises(ValueError, match="has the channels 1, got 3"):
        train(Squares(channels=3), 3, steps=4, resume=True)
    train(Squares(), steps=4, resume=True)


def test_own_data_made_anew_each_time(tmp_path):
    for steps in (2, 4):
        run = nets.train(
            Conv2d(1, 2, 3, padding=1), Squares(random=True), Squares(), crop=16, batch=2, steps=steps,
            out=tmp_path / "run", resume=steps == 4,
        )  # fmt: skip
    assert run.metrics[-1]["step"] == 4
    assert (tmp_path / "run" / CONFIG).is_file()
