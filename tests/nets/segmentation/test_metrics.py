"""Every metric of objects and outlines against its definition, written as plain loops over sets of pixels."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.segmentation.metrics import (
    THRESHOLDS,
    AggregatedJaccard,
    Boundaries,
    Confusion,
    Matching,
    PanopticQuality,
    Partition,
    Segment,
    overlap,
)


@st.composite
def two_maps(draw, most=4):
    """Truth and prediction: rectangles painted over each other; the prediction is like the truth, or not at all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    truth = _rectangles(rng, shape, draw(st.integers(0, most)))
    if draw(st.booleans()):
        prediction = _rectangles(rng, shape, draw(st.integers(0, most)))
    else:
        prediction = np.where(rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.4])), 0, truth)
    return truth, prediction * draw(st.sampled_from([1, 7]))  # ids may have gaps


def _rectangles(rng, shape, count):
    painted = np.zeros(shape, np.int32)
    for number in range(1, count + 1):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, size + 1, 2)) for size in shape)
        painted[top:bottom, left:right] = number
    return painted


def pixels(array):
    """{object: its set of pixels}"""
    found = {}
    for place in zip(*np.nonzero(array), strict=True):
        found.setdefault(int(array[place]), set()).add(place)
    return found


def iou(a, b):
    return len(a & b) / len(a | b)


def one_to_one(first, second):
    """Every way to pair the shorter list's entries with different entries of the longer one."""
    if len(first) > len(second):
        return [[(a, b) for b, a in pairing] for pairing in one_to_one(second, first)]
    return [list(zip(first, chosen, strict=True)) for chosen in permutations(second, len(first))]


@given(two_maps())
def test_matching_by_trying_every_pairing(maps):
    true, predicted = (list(pixels(array).values()) for array in maps)
    matching = Matching((0.2, *THRESHOLDS))
    matching.update(*maps)
    scores = []
    for threshold in matching.thresholds:
        tp = max(sum(iou(a, b) >= threshold for a, b in pairing) for pairing in one_to_one(true, predicted))
        assert matching.counts(threshold) == (tp, len(predicted) - tp, len(true) - tp)
        total = len(true) + len(predicted)
        expected = None if not total else pytest.approx(2 * tp / total)
        assert matching.f1(threshold) == matching.f1_by_image(threshold) == expected
        scores.append(tp / (total - tp) if total else None)
        assert matching.ap(threshold) == matching.ap_by_image(threshold) == scores[-1]
    assert matching.mean_ap() == (None if scores[0] is None else pytest.approx(np.mean(scores)))


def test_pooled_scores_weigh_objects_and_the_others_weigh_images():
    matching = Matching()
    one = np.array([[1]])
    matching.update(one, one)
    matching.update(np.array([[1, 2, 3]]), np.array([[0, 0, 3]]))
    matching.update(one * 0, one * 0)
    assert matching.ap(0.5) == 2 / 4 and matching.ap_by_image(0.5) == pytest.approx((1 + 1 / 3) / 2)
    assert matching.f1(0.5) == pytest.approx(4 / 6) and matching.f1_by_image(0.5) == pytest.approx((1 + 1 / 2) / 2)
    assert matching.mean_ap_by_image() == pytest.approx((1 + 1 / 3) / 2)


def test_an_iou_that_equals_the_threshold_is_a_match():
    for percent in range(50, 100, 5):
        truth, prediction = np.ones(100, int), (np.arange(100) < percent).astype(int)
        matching = Matching()
        matching.update(truth[None], prediction[None])
        assert matching.counts(percent / 100) == (1, 0, 0)


def test_pixels_that_do_not_count_belong_to_no_object():
    truth, prediction = np.array([[1, 1, 0, 0]]), np.array([[1, 1, 1, 2]])
    found = overlap(truth, prediction, np.array([[True, True, False, False]]))
    assert found.iou.tolist() == [[1.0]] and found.predicted_ids.tolist() == [1]


def aji_by_loops(truth, prediction, pairs):
    """(intersection, union) with these (truth, prediction) partners."""
    pairs = [(a, b) for a, b in pairs if truth[a] & prediction[b]]
    alone = [truth[a] for a in truth if a not in {a for a, _ in pairs}]
    alone += [prediction[b] for b in prediction if b not in {b for _, b in pairs}]
    union = sum(len(truth[a] | prediction[b]) for a, b in pairs) + sum(map(len, alone))
    return sum(len(truth[a] & prediction[b]) for a, b in pairs), union


@given(two_maps(), two_maps())
def test_aji_by_loops(first, second):
    metric = AggregatedJaccard()
    sums = []
    for maps in (first, second):
        metric.update(*maps)
        true, predicted = map(pixels, maps)
        best = []
        for a in true:
            ranked = sorted(predicted, key=lambda b: (-iou(true[a], predicted[b]), b))
            best += [(a, ranked[0])] if ranked else []
        sums.append(aji_by_loops(true, predicted, best))
    union = sum(union for _, union in sums)
    assert metric.aji() == (pytest.approx(sum(both for both, _ in sums) / union) if union else None)
    shares = [both / union for both, union in sums if union]
    assert metric.aji_by_image() == (pytest.approx(np.mean(shares)) if shares else None)


@given(two_maps())
def test_aji_plus_by_trying_every_pairing(maps):
    true, predicted = map(pixels, maps)
    metric = AggregatedJaccard()
    metric.update(*maps)
    if not true and not predicted:
        assert metric.aji_plus() is None
        return
    worth = [
        (sum(iou(true[a], predicted[b]) for a, b in pairs), pairs) for pairs in one_to_one(list(true), list(predicted))
    ]
    most = max(value for value, _ in worth)
    allowed = [aji_by_loops(true, predicted, pairs) for value, pairs in worth if value > most - 1e-9]
    assert any(metric.aji_plus() == pytest.approx(both / union) for both, union in allowed)
    assert metric.aji_plus() == metric.aji_plus_by_image()


def test_aji_lets_one_prediction_serve_twice_and_aji_plus_does_not():
    truth, prediction = np.array([[1, 1, 2]]), np.array([[1, 1, 1]])
    metric = AggregatedJaccard()
    metric.update(truth, prediction)
    assert metric.aji() == pytest.approx((2 + 1) / (3 + 3))
    assert metric.aji_plus() == pytest.approx(2 / (3 + 1))


@given(two_maps(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_v_rand_and_v_info_by_loops_over_pixels(maps, weight):
    truth, prediction = maps
    metric = Partition(weight)
    metric.update(truth, prediction)
    drawn = [(int(p), int(t)) for t, p in zip(truth.ravel(), prediction.ravel(), strict=True) if t]
    if not drawn:
        assert metric.scores() == (None, None)
        return
    share = 1 / len(drawn)
    p, s, t = {}, {}, {}
    for i, j in drawn:
        p[i, j], s[i], t[j] = p.get((i, j), 0) + share, s.get(i, 0) + share, t.get(j, 0) + share
    squares = [sum(value**2 for value in table.values()) for table in (p, s, t)]
    assert metric.scores().v_rand == pytest.approx(squares[0] / (weight * squares[1] + (1 - weight) * squares[2]))
    information = sum(value * np.log(value / (s[i] * t[j])) for (i, j), value in p.items())
    entropies = [-sum(value * np.log(value) for value in table.values()) for table in (s, t)]
    total = (1 - weight) * entropies[0] + weight * entropies[1]
    if total > 1e-9:
        assert metric.scores().v_info == pytest.approx(information / total, abs=1e-9)
    else:
        assert metric.scores().v_info == (1 if len(s) == len(t) == 1 else 0)


def test_a_gap_in_a_membrane_costs_more_than_a_thick_membrane():
    truth = np.ones((9, 9), int)
    truth[:, 4], truth[:, 5:] = 0, 2
    thick = np.where(np.abs(np.arange(9) - 4) < 2, 0, truth)
    merged = np.ones((9, 9), int)
    for prediction, least, most in ((truth, 1, 1), (thick, 0.6, 0.99), (merged, 0, 0.7)):
        metric = Partition()
        metric.update(truth, prediction)
        assert least <= metric.scores().v_rand <= most


def outline(mask, counted):
    height, width = mask.shape
    found = set()
    for row, column in zip(*np.nonzero(mask), strict=True):
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            beside = row + down, column + right
            if 0 <= beside[0] < height and 0 <= beside[1] < width and counted[beside] and not mask[beside]:
                found.add((row, column))
    return found


def near(pixels, others, tolerance):
    return sum(any(np.hypot(a - c, b - d) <= tolerance for c, d in others) for a, b in pixels)


def band(mask, width):
    """The mask's pixels that are within `width` (king's moves) of a pixel outside; beyond the image all is outside."""
    outside = [(a - width, b - width) for a, b in zip(*np.nonzero(~np.pad(mask, width)), strict=True)]
    inside = zip(*np.nonzero(mask), strict=True)
    return {(a, b) for a, b in inside if any(max(abs(a - c), abs(b - d)) <= width for c, d in outside)}


@given(two_maps(most=2), st.sampled_from([0, 1, 1.5]), st.integers(1, 3), st.booleans())
def test_boundaries_by_loops(maps, tolerance, width, with_ignore):
    label, prediction = maps[0], (maps[1] > 0).astype(np.int32)
    if with_ignore:
        label = label.copy()
        label[0, 0] = 255
    counted = label != 255
    metric = Boundaries(3, tolerance, width)
    metric.update(label, prediction)
    for number, score in enumerate(metric.scores()):
        true, predicted = (label == number) & counted, (prediction == number) & counted
        a, b = outline(predicted, counted), outline(true, counted)
        precision, recall = (near(x, y, tolerance) / len(x) if x else 0.0 for x, y in ((a, b), (b, a)))
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert score.f1 == (pytest.approx(f1) if a or b else None)
        a, b = band(predicted, width), band(true, width)
        assert score.iou == (pytest.approx(len(a & b) / len(a | b)) if a or b else None)


def test_the_papers_shares_of_the_diagonal():
    label = np.zeros((300, 400), np.uint8)  # the diagonal is 500
    label[100:200, 100:300] = 1
    shifted = np.roll(label, 3, axis=0)  # tolerance .0075 * 500 = 3.75
    metric, strict = Boundaries(2), Boundaries(2, tolerance=2)
    metric.update(label, shifted)
    strict.update(label, shifted)
    assert metric.scores()[1].f1 == 1 and strict.scores()[1].f1 < 1
    explicit = Boundaries(2, width=10)
    explicit.update(label, shifted)
    assert explicit.scores()[1].iou == metric.scores()[1].iou < 0.9


@given(st.integers(0, 2**32 - 1))
def test_dice_by_loops(seed):
    label, prediction = np.random.default_rng(seed).integers(0, 3, (2, 3, 3))
    confusion = Confusion(4)
    confusion.update(label, prediction)
    for number, score in enumerate(confusion.scores().per_class):
        a, b = (set(np.flatnonzero(array.ravel() == number)) for array in (label, prediction))
        assert score.dice == (pytest.approx(2 * len(a & b) / (len(a) + len(b))) if a or b else None)


def pq_by_loops(images, labels):
    """panopticapi's loop, over dicts of pixel sets."""
    table = {label: [0.0, 0, 0, 0] for label in labels}
    for truth, true_info, prediction, info in images:
        true, predicted = pixels(truth), pixels(prediction)
        void = set(zip(*np.nonzero(truth == 0), strict=True))
        seen = set()
        for a, b in [(a, b) for a in true for b in predicted]:
            if true_info[a].crowd or true_info[a].label != info[b].label:
                continue
            union = len(true[a]) + len(predicted[b]) - len(true[a] & predicted[b]) - len(void & predicted[b])
            value = len(true[a] & predicted[b]) / union
            if value > 0.5:
                table[info[b].label][0] += value
                table[info[b].label][1] += 1
                seen |= {("true", a), ("predicted", b)}
        for a in true:
            if ("true", a) not in seen and not true_info[a].crowd:
                table[true_info[a].label][3] += 1
        for b in predicted:
            crowd = [true[a] for a in true if true_info[a].crowd and true_info[a].label == info[b].label]
            free = void.union(*crowd) & predicted[b]
            if ("predicted", b) not in seen and len(free) / len(predicted[b]) <= 0.5:
                table[info[b].label][2] += 1
    rows = [(s / (tp + fp / 2 + fn / 2), s / max(tp, 1), tp / (tp + fp / 2 + fn / 2))
            for s, tp, fp, fn in table.values() if tp + fp + fn]  # fmt: skip
    return np.mean(rows, axis=0) if rows else None


@given(st.lists(two_maps(), min_size=1, max_size=3), st.data())
def test_pq_by_panopticapis_loop(images, data):
    metric, seen = PanopticQuality(), []
    label = st.integers(0, 1)
    for truth, prediction in images:
        true = {number: Segment(data.draw(label), data.draw(st.booleans())) for number in pixels(truth)}
        found = {number: Segment(data.draw(label)) for number in pixels(prediction)}
        metric.update(truth, true, prediction, found)
        seen.append((truth, true, prediction, found))
    expected = pq_by_loops(seen, (0, 1))
    assert metric.scores()[:3] == ((None,) * 3 if expected is None else pytest.approx(expected))


def test_void_and_crowd_by_hand():
    truth = np.array([[1, 1, 1, 0, 0, 2, 2, 2]])
    prediction = np.array([[3, 3, 3, 3, 4, 5, 5, 6]])
    metric = PanopticQuality()
    segments = {1: Segment(0), 2: Segment(1, crowd=True)}
    found = {3: Segment(0), 4: Segment(0), 5: Segment(1), 6: Segment(0)}
    metric.update(truth, segments, prediction, found)
    # 3 equals 1 once void is left out; 4 lies on void and 5 on a crowd of its class; 6 lies on another class's crowd
    assert metric.scores().per_class == {0: (1 / 1.5, 1.0, 1 / 1.5, 1, 1, 0)}
    assert metric.scores(labels=(1,)) == (None, None, None, {})


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"truth \(1, 2\) and prediction \(2, 1\) differ in shape"):
        overlap(np.zeros((1, 2), int), np.zeros((2, 1), int))
    with pytest.raises(TypeError, match="truth must hold whole numbers, got float64"):
        overlap(np.zeros((1, 2)), np.zeros((1, 2), int))
    with pytest.raises(ValueError, match="prediction holds -1"):
        overlap(np.zeros((1, 1), int), np.array([[-1]]))
    with pytest.raises(ValueError, match=r"thresholds must lie in \(0, 1\], got \(0,\)"):
        Matching((0,))
    with pytest.raises(ValueError, match="threshold 0.33 was not counted"):
        Matching().f1(0.33)
    with pytest.raises(ValueError, match="weight must lie in"):
        Partition(2)
    with pytest.raises(ValueError, match="width is a number of pixels, got 0"):
        Boundaries(2, width=0)
    with pytest.raises(ValueError, match="truth has a segment 1 of which nothing is known"):
        PanopticQuality().update(np.array([[1]]), {}, np.array([[0]]), {})
