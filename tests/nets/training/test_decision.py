"""Answering for the mean IU: the formula, what it is worth, and that it is kept with the run."""

from types import SimpleNamespace

import numpy as np
import pytest

from nets.data import Normalization, Sample, SegmentationClass
from nets.training import decision
from nets.training.decision import STRENGTHS, Decision, answer, decide
from nets.training.run import Run

CONFIG = SimpleNamespace(
    class_weights=(0.5, 2.0),
    classes=(SegmentationClass(0, "common", (0, 0, 0)), SegmentationClass(1, "rare", (9, 9, 9))),
    normalization=Normalization((0.0,), (1.0,)),
    orientation="free",
)


def test_the_answer_weighs_probabilities():
    rare = np.array([[0.1, 0.3, 0.45, 0.6]])
    probabilities = np.stack([1 - rare, rare])
    np.testing.assert_array_equal(answer(probabilities, CONFIG, 0.0), [[0, 0, 0, 1]])
    # odds are multiplied by (2 / 0.5)^strength: 4 moves the threshold from 1/2 to 1/5
    np.testing.assert_array_equal(answer(probabilities, CONFIG, 1.0), [[0, 1, 1, 1]])
    np.testing.assert_array_equal(answer(probabilities, CONFIG, -1.0), [[0, 0, 0, 0]])
    assert answer(np.array([[[1.0]], [[0.0]]]), CONFIG, 1.0) == 0


def test_the_best_threshold_is_found_on_the_data(monkeypatch):
    """A class of probability p where it may be, uncertain everywhere: right is p > IU / (1 + IU), not p > 1/2."""
    rng = np.random.default_rng(0)
    probability = rng.beta(0.5, 1.5, (1, 200, 200))
    label = (rng.random((200, 200)) < probability[0]).astype(np.uint8)
    sample = Sample(np.zeros((200, 200), np.uint8), label, None, "drawn")
    dataset = SimpleNamespace(sample=lambda index: sample)
    views = [np.concatenate([1 - probability, probability]), np.full((2, 200, 200), 0.5)]
    monkeypatch.setattr(decision, "view_probabilities", lambda *_: iter(views))
    found, scores = decide(None, dataset, CONFIG, [0])
    assert not found.views  # the second view knows nothing
    assert 0 < found.strength <= max(STRENGTHS)
    usual = answer(views[0], CONFIG, 0.0)
    iu = [((label == c) & (usual == c)).sum() / ((label == c) | (usual == c)).sum() for c in (0, 1)]
    assert scores.mean_iu > np.mean(iu) + 0.005


def test_it_is_kept_with_the_run(tmp_path):
    run = Run(tmp_path, None)
    assert Decision.load(run) == Decision(0.0, True)
    Decision(0.75, False).save(run)
    assert Decision.load(run) == Decision(0.75, False)


@pytest.mark.parametrize("views", [False, True])
def test_views_are_averaged_or_not(monkeypatch, views):
    seen = [np.array([[[0.6]], [[0.4]]]), np.array([[[0.1]], [[0.9]]])]
    monkeypatch.setattr(decision, "view_probabilities", lambda *_: iter(seen))
    image = np.zeros((1, 1), np.uint8)
    assert Decision(0.0, views).class_map(None, image, CONFIG) == (1 if views else 0)
