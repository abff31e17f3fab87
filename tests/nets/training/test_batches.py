"""A batch depends on the seed and its number, on nothing else."""

import numpy as np

from nets.data import Augmentation, Normalization, cells
from nets.training.batches import Batches


def make(seed=0, size=3):
    dataset = cells(length=5, size=(32, 32))
    return Batches(dataset, Normalization((128.0,), (64.0,)), Augmentation((16, 24)), size, seed)


def test_batches_do_not_depend_on_those_before():
    with make() as one, make() as other:
        in_order = [one[number] for number in range(4)]
        for number in (3, 0, 2):
            for a, b in zip(in_order[number], other[number], strict=True):
                np.testing.assert_array_equal(a, b)


def test_shapes_and_seed():
    with make() as batches, make(seed=1) as others:
        x, label = batches[0]
        assert x.shape == (3, 1, 16, 24) and x.dtype == np.float32
        assert label.shape == (3, 16, 24) and label.dtype == np.int64
        assert not np.array_equal(x, others[0][0])


def test_an_epoch_shows_every_sample_once(monkeypatch):
    shown = []
    batches = make()
    monkeypatch.setattr("nets.training.batches.augment", lambda sample, *_: shown.append(sample.name) or sample)
    for draw in range(10):
        batches._variant(draw)
    assert len(set(shown[:5])) == len(set(shown[5:])) == 5
    assert shown[:5] != shown[5:]
