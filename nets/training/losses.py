"""What a net learns for each task and method: the arrays of a batch, and the loss.

semantic            cross entropy, with the weights of the classes
instance/watershed  cross entropy on objects that do not touch, with U-Net's weight map: it holds the weights of
                    the classes and those of the gaps between objects (data/weight_map.py)
instance/centres    cross entropy + 20 (heat - truth)^2 + 0.01 |offset - truth|; each term is a mean over its
                    pixels, offsets in pixels and on things alone (Cheng et al. 2020, section 3.2)
"""

from __future__ import annotations

import numpy as np

import minitensor as mt
from nets.data import IGNORE, make_batch, weight_map
from nets.segmentation.centres import OFFSET_UNIT, centre_targets
from nets.segmentation.instances import separated
from nets.training.recipes import is_summed

# The paper's 200 suits 90,000 steps. In a thousand steps the heat then leaves nothing for the classes
# (docs/results-segmentation.md).
HEAT_WEIGHT = 20.0
OFFSET_WEIGHT = 0.01


def batch_maker(config):
    """The function (samples, normalization) -> (x, label, ...), the arrays of a batch for a run."""
    return {"watershed": _apart, "centres": _with_centres}.get(config.method, lambda _: make_batch)(config)


def _apart(config):
    def make(samples, normalization):
        learned, weights = [], []
        for sample in samples:
            label, instances = separated(sample.label, sample.instances, config.background)
            learned.append(sample._replace(label=label))
            weights.append(weight_map(label, instances, config.class_weights, config.border_weight))
        return *make_batch(learned, normalization), np.stack(weights)

    return make


def _with_centres(_config):
    def make(samples, normalization):
        return *make_batch(samples, normalization), np.stack([centre_targets(sample.instances) for sample in samples])

    return make


def loss_of(config, class_weights):
    """The function (scores, label, ...) -> loss, all Tensors, for the arrays of `batch_maker`."""
    terms = terms_of(config, class_weights)
    return lambda scores, *truth: sum(terms(scores, *truth))


def terms_of(config, class_weights):
    """The function (scores, label, ...) -> the terms of the loss. Each is a mean; `counts_of` says over how much.

    With a recipe whose loss is summed, the term is a sum over the pixels.
    """
    classes = len(config.classes)
    how = {"ignore_index": IGNORE, "reduction": "sum" if is_summed(config) else "mean"}

    def semantic(scores, label):
        return (mt.cross_entropy(scores, label, weight=class_weights, **how),)

    def watershed(scores, label, pixel_weight):
        return (mt.cross_entropy(scores, label, pixel_weight=pixel_weight, **how),)

    def centres(scores, label, targets):
        heat = mt.mse_loss(scores[:, classes : classes + 1], targets[:, :1])
        known = targets[:, 3:]
        distance = (scores[:, classes + 1 :] - targets[:, 1:3]).abs() * known
        offset = distance.sum() * (OFFSET_UNIT / max(1.0, float(known.sum().item())))
        return *semantic(scores[:, :classes], label), HEAT_WEIGHT * heat, OFFSET_WEIGHT * offset

    return {"watershed": watershed, "centres": centres}.get(config.method, semantic)


def counts_of(config):
    """The function (label, ...) of a batch's arrays -> float64: what each term of the loss is a mean over.

    Processes that share a batch need it: the mean over all of them is the sum of their means, each multiplied by its
    share of the count (minitensor/distributed). A mean of their means would be wrong, because the counts differ.
    """
    weights = np.array(config.class_weights, np.float64)

    def semantic(label):
        return np.array([weights[label[label != IGNORE]].sum()])

    def watershed(label, pixel_weight):
        return np.array([pixel_weight[label != IGNORE].sum(dtype=np.float64)])

    def centres(label, targets):
        return np.array([*semantic(label), targets[:, 0].size, targets[:, 3:].sum(dtype=np.float64)])

    return {"watershed": watershed, "centres": centres}.get(config.method, semantic)
