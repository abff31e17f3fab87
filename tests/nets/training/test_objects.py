"""What a net learns for the task "instance", and how its thresholds are found and kept."""

from types import SimpleNamespace

import numpy as np
import pytest

import minitensor as mt
from nets.data import Normalization, Sample, border_weights, cells
from nets.segmentation.centres import OFFSET_UNIT, centre_targets
from nets.segmentation.instances import separated
from nets.segmentation.semantic import MIRRORINGS
from nets.training import objects
from nets.training.losses import batch_maker, loss_of
from nets.training.objects import CentresDecision, WatershedDecision, decide_objects, must_have_objects, views_of
from nets.training.run import Run

CONFIG = SimpleNamespace(
    recipe=None,
    task="instance", method="watershed", border_weight=10.0, background=0, classes=cells(length=1).classes,
    class_weights=(0.5, 2.0), things=(1,), orientation="free",
    normalization=Normalization((0.0,), (1.0,)),
)  # fmt: skip


def test_the_target_is_separated_and_weighs_the_gaps():
    sample = cells(length=1, size=(64, 64)).sample(0)
    _, (label,), (weights,) = batch_maker(CONFIG)([sample], CONFIG.normalization)
    expected, apart = separated(sample.label, sample.instances, 0)
    np.testing.assert_array_equal(label, expected)
    balance = np.where(label == 1, 2.0, 0.5)
    np.testing.assert_allclose(weights, balance + border_weights(apart, 10.0), rtol=1e-6)
    assert weights[sample.label != label].min() > 7  # between touching cells
    without = SimpleNamespace(**{**vars(CONFIG), "border_weight": 0.0})
    _, _, (flat,) = batch_maker(without)([sample], CONFIG.normalization)
    np.testing.assert_array_equal(flat, balance)


def test_a_batch_has_three_arrays_for_objects_and_two_for_classes():
    dataset = cells(length=2, size=(32, 48))
    samples = [dataset.sample(0), dataset.sample(1)]
    x, label, weights = batch_maker(CONFIG)(samples, CONFIG.normalization)
    assert x.shape == (2, 1, 32, 48) and label.shape == weights.shape == (2, 32, 48)
    assert label.dtype == np.int64 and weights.dtype == np.float32
    assert len(batch_maker(SimpleNamespace(method=None))(samples, CONFIG.normalization)) == 2


def test_the_thresholds_are_found_on_the_data(monkeypatch):
    """Two objects joined by a bridge of probability .7, and a speck of 4 pixels: only some thresholds are right."""
    thing = np.zeros((20, 20))
    thing[2:8, 2:8] = thing[2:8, 10:16] = 0.95
    thing[4:6, 8:10] = 0.7
    thing[15:17, 15:17] = 0.95
    instances = np.zeros((20, 20), np.int32)
    instances[2:8, 2:9], instances[2:8, 9:16] = 1, 2
    sample = Sample(np.zeros((20, 20), np.uint8), (instances > 0).astype(np.uint8), instances, "drawn")
    views = [np.stack([1 - thing, thing]), np.full((2, 20, 20), 0.5)]
    scores = [((), np.log(view + 1e-9)) for view in views]
    monkeypatch.setattr(objects, "view_scores", lambda *_: iter(scores))
    found = decide_objects(None, SimpleNamespace(sample=lambda _: sample), CONFIG, [0])
    assert not found.views  # the second view knows nothing
    assert found.seed >= 0.8 and found.least >= 8 and found.foreground < 0.7
    assert len(found.find(None, sample.image, CONFIG).objects) == 2


def test_it_is_kept_with_the_run(tmp_path):
    run = Run(tmp_path, None)
    assert WatershedDecision.load(run) == WatershedDecision()
    WatershedDecision(foreground=0.2, seed=0.9, least=32, views=False).save(run)
    assert WatershedDecision.load(run) == WatershedDecision(foreground=0.2, seed=0.9, least=32, views=False)
    (tmp_path / "decision.json").write_text('{"strength": 0.5, "views": true}')
    with pytest.raises(ValueError, match=r"decision\.json: cannot be read as the decision of a run"):
        WatershedDecision.load(run)


def test_data_without_objects_is_refused():
    dataset = cells(length=2, size=(32, 32))
    must_have_objects(dataset, "cells", "instance")
    for instances, message in (
        (None, "hold classes, not objects.*encoding"),
        (np.zeros((32, 32), int), "no mask of x"),
    ):
        blank = SimpleNamespace(
            classes=dataset.classes,
            sample=lambda index, instances=instances: dataset.sample(index)._replace(instances=instances),
            __len__=None,
        )
        with pytest.raises(ValueError, match=message):
            must_have_objects(_Sized(blank), "x", "instance")


class _Sized:
    def __init__(self, dataset):
        self.classes, self.sample = dataset.classes, dataset.sample

    def __len__(self):
        return 2


def test_offsets_turn_with_the_mirrored_view(monkeypatch):
    """A net that sees the mirrored truth everywhere is right everywhere: the mean of its views is the truth."""
    sample = cells(length=1, size=(48, 40)).sample(0)
    config = SimpleNamespace(**{**vars(CONFIG), "method": "centres"})
    label = np.stack([sample.label == 0, sample.label == 1]) * 20.0

    def outputs(_net, _image, orientation):
        for axes in MIRRORINGS[orientation]:
            targets = centre_targets(np.flip(sample.instances, axes))
            yield axes, np.concatenate([label, np.flip(targets[:3], [axis % 3 for axis in axes])])

    monkeypatch.setattr(objects, "view_scores", outputs)
    views = list(views_of(None, sample.image, config))
    assert len(views) == 4
    for view in views:
        np.testing.assert_allclose(view.offsets, centre_targets(sample.instances)[1:3], atol=1e-6)
    found = CentresDecision(views=True).find(None, sample.image, config)
    assert len(found.objects) >= len(np.unique(sample.instances)) - 2


def test_the_loss_of_centres_by_its_formula():
    rng = np.random.default_rng(0)
    sample = cells(length=1, size=(32, 36)).sample(0)
    config = SimpleNamespace(**{**vars(CONFIG), "method": "centres"})
    _, label, targets = batch_maker(config)([sample], CONFIG.normalization)
    scores = rng.normal(0, 1, (1, 5, 32, 36)).astype(np.float32)
    weights = mt.Tensor(np.array(CONFIG.class_weights, np.float32))
    found = loss_of(config, weights)(mt.Tensor(scores), mt.Tensor(label), mt.Tensor(targets)).item()
    known = targets[0, 3] > 0
    heat = ((scores[0, 2] - targets[0, 0]) ** 2).mean()
    offset = OFFSET_UNIT * np.abs(scores[0, 3:] - targets[0, 1:3])[:, known].sum() / known.sum()
    entropy = mt.cross_entropy(mt.Tensor(scores[:, :2]), mt.Tensor(label), weight=weights).item()
    assert found == pytest.approx(entropy + 20 * heat + 0.01 * offset, rel=1e-5)
