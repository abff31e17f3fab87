"""Generated pictures: the same for the same seed, true to their truth, and neither trivial nor blank."""

import numpy as np
import pytest

from nets.data import IGNORE, cells, instance_classes, open_dataset, street

GENERATORS = [cells, street]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first[:3], second[:3], strict=True))


@pytest.mark.parametrize("generate", GENERATORS)
def test_a_sample_depends_on_seed_split_and_index_alone(generate):
    forward = generate(length=4, seed=3)
    backward = generate(length=9, seed=3)
    for index in reversed(range(4)):
        assert equal(backward.sample(index), forward.sample(index))
    others = [generate(length=4, seed=4), generate("validation", length=4, seed=3)]
    for other in others:
        assert not any(equal(other.sample(i), forward.sample(k)) for i in range(4) for k in range(4))


@pytest.mark.parametrize("generate", GENERATORS)
def test_shapes_types_and_classes(generate):
    dataset = generate(length=3, seed=1, size=(96, 128))
    assert dataset.smallest == (96, 128)
    for index in range(3):
        sample = dataset.sample(index)
        expected = (96, 128) if dataset.channels == 1 else (96, 128, 3)
        assert sample.image.shape == expected and sample.image.dtype == np.uint8
        assert sample.label.shape == (96, 128) and sample.label.dtype == np.uint8
        assert sample.instances.shape == (96, 128) and sample.instances.dtype == np.int32
        assert sample.label.max() < len(dataset.classes)
        assert sample.image.std() > 8


@pytest.mark.parametrize("generate", GENERATORS)
def test_objects_lie_in_classes_of_things_and_are_numbered_without_gaps(generate):
    dataset = generate(length=12, seed=5)
    things = {position for position, entry in enumerate(dataset.classes) if entry.thing}
    seen = set()
    for index in range(len(dataset)):
        sample = dataset.sample(index)
        numbers = np.unique(sample.instances)
        assert numbers.tolist() == list(range(numbers.max() + 1))
        for number in numbers[1:]:
            inside = np.unique(sample.label[sample.instances == number])
            assert len(inside) == 1 and inside[0] in things
        of_class = instance_classes(sample.label, sample.instances)
        assert sorted(of_class) == numbers[1:].tolist()
        seen |= set(np.unique(sample.label).tolist())
        assert set(of_class.values()) <= things
    assert seen == set(range(len(dataset.classes)))


def test_every_cell_pixel_of_size_belongs_to_a_cell():
    dataset = cells(length=6)
    for index in range(6):
        sample = dataset.sample(index)
        assert np.array_equal(sample.label == 1, sample.instances > 0)


def test_cells_touch_and_streets_occlude():
    touching = 0
    for index in range(4):
        instances = cells(length=4).sample(index).instances
        left, right = instances[:, :-1], instances[:, 1:]
        touching += int(((left != right) & (left > 0) & (right > 0)).sum())
    assert touching > 40
    overlapping = 0
    for index in range(12):
        instances = street(length=12).sample(index).instances
        left, right = instances[:, :-1], instances[:, 1:]
        overlapping += int(((left != right) & (left > 0) & (right > 0)).sum())
    assert overlapping > 10


def test_a_threshold_does_not_find_the_cells():
    """The best threshold an image has, chosen with the truth in hand, for either polarity."""
    dataset = cells(length=12)
    best = []
    for index in range(len(dataset)):
        sample = dataset.sample(index)
        of_cells = np.bincount(sample.image[sample.label == 1], minlength=256)
        of_medium = np.bincount(sample.image[sample.label == 0], minlength=256)
        scores = []
        for inside, outside in ((of_cells, of_medium), (of_medium, of_cells)):
            below, wrong = np.cumsum(inside), np.cumsum(outside)
            first = below / (inside.sum() + wrong)
            second = (outside.sum() - wrong) / (outside.sum() + inside.sum() - below)
            scores.append(((first + second) / 2).max())
        best.append(max(scores))
    assert np.mean(best) < 0.7


def test_open_dataset_gives_disjoint_sides_and_a_line():
    train, validation = open_dataset("cells", seed=7)
    assert len(train) > len(validation) >= 20
    assert "cells" in train.description and "\n" not in train.description
    assert not equal(train.sample(0), validation.sample(0))
    assert IGNORE not in train.sample(0).label


@pytest.mark.parametrize("generate", GENERATORS)
def test_bad_arguments_are_named(generate):
    with pytest.raises(ValueError, match="split must be one of train, validation, got 'test'"):
        generate("test")
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        generate(seed=-1)
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        generate(length=0)
    with pytest.raises(ValueError, match="got 8x200"):
        generate(size=(8, 200))
    with pytest.raises(IndexError, match="sample 2 of 2"):
        generate(length=2).sample(2)
