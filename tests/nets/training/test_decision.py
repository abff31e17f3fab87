"""Answering for the mean IU: the formula, what it is worth, and that it is kept with the run."""

from types import SimpleNamespace

import numpy as np
import pytest

from nets.data import Normalization, Sample, SegmentationClass
from nets.segmentation.metrics import confusion_matrix
from nets.segmentation.metrics import scores as confusion_scores
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


def test_each_class_gets_its_own_threshold(monkeypatch):
    """Three classes, two of them rare. The one that the net underrates must be favoured, and the other one must not."""
    rng = np.random.default_rng(0)
    label = rng.choice(3, (300, 300), p=[0.8, 0.1, 0.1]).astype(np.uint8)
    seen = np.stack([(label == c) * 1.2 for c in range(3)]) + rng.normal(0, 0.7, (3, 300, 300))
    seen[1] -= 1.5
    probabilities = np.exp(seen) / np.exp(seen).sum(0)
    halves = [Sample(np.zeros((150, 300), np.uint8), label[part], None, "") for part in (slice(150), slice(150, 300))]
    views = {0: probabilities[:, :150], 1: probabilities[:, 150:]}
    config = SimpleNamespace(**vars(CONFIG) | {"class_weights": (0.5, 2.0, 2.0)})
    config.classes = (*CONFIG.classes, SegmentationClass(2, "other", (1, 1, 1)))
    now = []
    monkeypatch.setattr(decision, "view_probabilities", lambda *_: iter([views[now[-1]]]))

    def sample(index):
        now.append(index)
        return halves[index]

    found, scores = decide(None, SimpleNamespace(sample=sample), config, [0])
    assert found.offsets[1] > found.offsets[2] + 0.5
    now.append(1)
    sole = found._replace(offsets=())
    answers = [each.class_map(None, halves[1].image, config) for each in (found, sole)]
    unseen = [confusion_scores(confusion_matrix(halves[1].label, each, 3)).mean_iu for each in answers]
    assert unseen[0] > unseen[1] + 0.02  # on pixels that the offsets were not chosen on
    assert scores.mean_iu > unseen[1]


def test_a_class_that_hardly_occurs_is_left_alone():
    rng = np.random.default_rng(1)
    logs = np.log(rng.dirichlet((5, 1, 1), 5000).T)
    labels = np.where(rng.random(5000) < 0.01, 2, rng.integers(0, 2, 5000))
    start = np.zeros(3, np.float32)
    found = decision._raised(logs, labels, start)
    assert found[2] == 0 and found[1] > 0 and not start.any()


def test_pixels_are_drawn_from_those_that_count():
    label = np.array([[0, 255, 1], [1, 255, 0]], np.uint8)
    np.testing.assert_array_equal(decision._some_pixels(label, 9, 0), [0, 2, 3, 5])
    few = decision._some_pixels(label, 2, 0)
    assert len(set(few.tolist())) == 2 and set(few.tolist()) <= {0, 2, 3, 5}
    np.testing.assert_array_equal(few, decision._some_pixels(label, 2, 0))


def test_it_is_kept_with_the_run(tmp_path):
    run = Run(tmp_path, CONFIG)
    assert Decision.load(run) == Decision(0.0, True)
    for kept in (Decision(0.75, False), Decision(0.75, False, (0.5, -1.0))):
        kept.save(run)
        assert Decision.load(run) == kept
    run.path("decision.json").write_text('{"strength": 0.5, "views": true}')  # as earlier versions wrote it
    assert Decision.load(run) == Decision(0.5, True)
    for offsets in ("[1.0]", '"x"', "[1, true]", "[NaN, 0]", "[1, 1e9]", "null"):
        run.path("decision.json").write_text(f'{{"strength": 0.5, "views": true, "offsets": {offsets}}}')
        with pytest.raises(ValueError, match=r"decision\.json.*offsets must be a list of 2 numbers"):
            Decision.load(run)


@pytest.mark.parametrize("views", [False, True])
def test_views_are_averaged_or_not(monkeypatch, views):
    seen = [np.array([[[0.6]], [[0.4]]]), np.array([[[0.1]], [[0.9]]])]
    monkeypatch.setattr(decision, "view_probabilities", lambda *_: iter(seen))
    image = np.zeros((1, 1), np.uint8)
    assert Decision(0.0, views).class_map(None, image, CONFIG) == (1 if views else 0)
