"""How good a net is on a data set: predict each image, and count in one confusion matrix."""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

import numpy as np

import minitensor as mt
from nets.data import IGNORE
from nets.segmentation.metrics import Confusion, Scores
from nets.segmentation.semantic import predict


class Validation(NamedTuple):
    """Scores over `images` images, the mean of their losses, and the seconds it took."""

    scores: Scores
    loss: float
    images: int
    seconds: float


def evaluate(net, dataset, config, decision):
    """Scores of the decision's answers over a whole data set."""
    confusion = _confusion(config)
    for position in range(len(dataset)):
        sample = dataset.sample(position)
        confusion.update(sample.label, decision.class_map(net, sample.image, config))
    return confusion.scores()


def validate(net, dataset, config, positions=None, most_seconds=None, proceed=None, loss=None):
    """Predict the images at `positions` (default: all) whole and compare them with the truth, while a training goes on.

    Unlike `evaluate` it looks at each image only once, unmirrored, and it also computes the loss.

    most_seconds   stop after as many images as this time allows, but at least one
    loss           loss(scores (1, C, H, W), target (1, H, W)) -> Tensor; None: the training's cross entropy
    proceed        called with the number of images done; if it returns False, validation stops and returns None
    """
    positions = range(len(dataset)) if positions is None else positions
    confusion = _confusion(config)
    loss = loss or partial(
        mt.cross_entropy, weight=mt.Tensor(np.array(config.class_weights, np.float32)), ignore_index=IGNORE
    )
    losses = []
    begin = time.perf_counter()
    for done, position in enumerate(positions):
        if proceed is not None and not proceed(done):
            return None
        if done and most_seconds is not None and time.perf_counter() - begin > most_seconds:
            break
        sample = dataset.sample(int(position))
        scores = predict(net, config.normalization.apply(sample.image))  # (classes, H, W)
        confusion.update(sample.label, scores.argmax(0))
        losses.append(_loss_of_image(loss, scores, sample.label))
    known = [value for value in losses if value is not None]
    mean_loss = float(np.mean(known)) if known else float("nan")
    return Validation(confusion.scores(), mean_loss, len(losses), time.perf_counter() - begin)


def _confusion(config):
    return Confusion(len(config.classes), [entry.name for entry in config.classes])


def _loss_of_image(loss, scores, label):
    """The training's loss on one image. None if all its pixels are ignored."""
    if not (label != IGNORE).any():
        return None
    target = mt.Tensor(label[None].astype(np.int64))
    with mt.no_grad():
        return loss(mt.Tensor(scores[None]), target).item()
