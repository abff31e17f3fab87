"""Objects from probabilities: every step against plain loops over pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.data import cells
from nets.segmentation.instances import found_objects, outlines, separated, touching, watershed
from nets.segmentation.paint import object_colors, paint_objects

SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))
maps = st.builds(
    lambda seed, height, width, most: np.random.default_rng(seed).integers(0, most + 1, (height, width), np.int32),
    st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7), st.integers(0, 3),
)  # fmt: skip


def beside(array, row, column):
    """The values of the pixels above, below, left and right that are inside the map."""
    places = [(row + down, column + right) for down, right in SIDES]
    return [array[r, c] for r, c in places if 0 <= r < array.shape[0] and 0 <= c < array.shape[1]]


def components(mask):
    """The connected regions of a mask as sets of pixels, by flooding from pixel to pixel."""
    left, found = set(zip(*np.nonzero(mask), strict=True)), []
    while left:
        region, waiting = set(), [left.pop()]
        while waiting:
            row, column = waiting.pop()
            region.add((row, column))
            for down, right in SIDES:
                place = row + down, column + right
                if place in left:
                    left.remove(place)
                    waiting.append(place)
        found.append(region)
    return found


@given(maps)
def test_borders_and_outlines_by_loops(instances):
    for row, column in np.ndindex(instances.shape):
        mine, others = instances[row, column], beside(instances, row, column)
        assert touching(instances)[row, column] == (mine > 0 and any(o > 0 and o != mine for o in others))
        assert outlines(instances)[row, column] == (mine > 0 and any(o != mine for o in others))


@given(maps)
def test_separated_objects_do_not_touch(instances):
    label = np.where(instances > 0, 2, 1).astype(np.uint8)
    label[0, 0] = 255
    new_label, new_instances = separated(label, instances, background=1)
    assert not touching(new_instances).any()
    assert new_label[0, 0] == 255
    changed = touching(instances)
    changed[0, 0] = False
    assert (new_label[changed] == 1).all() and (new_label[~changed] == label[~changed]).all()


@given(maps, st.sampled_from([(0.25, 0.25), (0.25, 0.75), (0.5, 0.75), (0.75, 0.75)]))
def test_every_object_grows_from_one_seed(levels, thresholds):
    foreground, seed = thresholds
    probability = np.array([0, 0.3, 0.6, 0.9])[levels]
    objects = watershed(probability, foreground, seed)
    seeds, regions = components(probability > seed), components(probability > foreground)
    assert objects.max() == len(seeds)
    for region in seeds:
        assert len({objects[place] for place in region} - {0}) == 1  # one object ...
    for number in range(1, objects.max() + 1):
        inside = set(zip(*np.nonzero(objects == number), strict=True))
        assert sum(region <= inside for region in seeds) == 1  # ... for each seed
        assert any(inside <= region for region in regions)
    seeded = {place for region in regions if any(s <= region for s in seeds) for place in region}
    assert set(zip(*np.nonzero(objects), strict=True)) == seeded  # no pixel of a region with a seed is left over


def test_the_flood_stops_in_the_valley():
    probability = np.array([[0.9, 0.8, 0.6, 0.4, 0.6, 0.9, 0.1]])
    assert watershed(probability, 0.5, 0.7).tolist() == [[1, 1, 1, 0, 2, 2, 0]]
    assert watershed(probability, 0.2, 0.7)[0, [0, 1, 2, 4, 5, 6]].tolist() == [1, 1, 1, 2, 2, 0]
    assert watershed(probability.T, 0.5, 0.7).T.tolist() == [[1, 1, 1, 0, 2, 2, 0]]
    assert watershed(probability, 0.2, 0.3).max() == 1
    assert watershed(probability, 0.5, 0.7, least=3).tolist() == [[1, 1, 1, 0, 0, 0, 0]]
    assert not watershed(probability, 0.95, 0.95).any()


def test_objects_that_touch_are_told_apart_once_they_are_separated():
    sample = cells(length=1).sample(0)
    _, apart = separated(sample.label, sample.instances, 0)
    probability = np.where(apart > 0, 0.95, np.where(sample.instances > 0, 0.45, 0.0))
    assert watershed(probability, 0.4, 0.6).max() >= len(np.unique(apart)) - 1
    assert watershed(sample.label.astype(float), 0.4, 0.6).max() < len(np.unique(apart)) - 1


def test_bad_thresholds_are_named():
    with pytest.raises(ValueError, match="0 <= foreground <= seed <= 1, got 0.7 and 0.5"):
        watershed(np.zeros((2, 2)), 0.7, 0.5)
    with pytest.raises(ValueError, match=r"probability must be \(H, W\), got shape \(2,\)"):
        watershed(np.zeros(2))


@given(maps, st.integers(0, 2**32 - 1))
def test_found_objects_by_loops(objects, seed):
    objects = np.unique(np.append(objects, 0), return_inverse=True)[1][:-1].reshape(objects.shape)  # without gaps
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(4), objects.shape).transpose(2, 0, 1)
    things = (1, 3)
    found = found_objects(probabilities, objects, things)
    assert [entry.id for entry in found.objects] == list(range(1, objects.max() + 1))
    for entry in found.objects:
        places = [(int(r), int(c)) for r, c in zip(*np.nonzero(objects == entry.id), strict=True)]
        rows, columns = zip(*places, strict=True)
        assert entry.area == len(places)
        assert entry.centroid == pytest.approx((sum(rows) / len(rows), sum(columns) / len(columns)))
        assert entry.box == (min(rows), min(columns), max(rows) + 1, max(columns) + 1)
        means = {c: np.mean([probabilities[c, r, k] for r, k in places]) for c in things}
        assert entry.score == pytest.approx(max(means.values())) and means[entry.label] == pytest.approx(entry.score)
        assert all(found.label[place] == entry.label for place in places)
    for row, column in zip(*np.nonzero(objects == 0), strict=True):
        best = 0 if probabilities[0, row, column] >= probabilities[2, row, column] else 2
        assert found.label[row, column] == best


def test_neighbouring_objects_have_different_colours():
    colors = object_colors(5000)
    assert colors.shape == (5001, 3) and not colors[0].any()
    assert (np.abs(np.diff(colors.astype(int), axis=0)).sum(1) > 60).all()
    image = np.full((4, 6), 100, np.uint8)
    instances = np.zeros((4, 6), np.int32)
    instances[:, :2], instances[:, 2:5] = 7, 900
    painted = paint_objects(image, instances)
    assert (painted[:, 5] == 100).all()
    assert (painted[0, 1] == object_colors(2)[1]).all() and (painted[0, 2] == object_colors(2)[2]).all()
    assert np.array_equal(painted, paint_objects(np.stack([image] * 3, -1), instances))
