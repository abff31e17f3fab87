"""How good a net is on a data set: predict each image, compare it with the truth, and count."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

import minitensor as mt
from minitensor.distributed import Communicator
from nets.data import IGNORE
from nets.segmentation.instances import Found
from nets.segmentation.metrics import Confusion, InstanceScores, InstanceTally, Scores
from nets.segmentation.panoptic import PanopticTally, PanopticTaskScores
from nets.segmentation.semantic import predict
from nets.training.losses import batch_maker, loss_of
from nets.training.objects import METHODS, Evidence
from nets.training.together import collect


class Validation(NamedTuple):
    """Scores over `images` images, the mean of their losses, and the seconds it took."""

    scores: Scores | InstanceScores | PanopticTaskScores
    loss: float
    images: int
    seconds: float


def score(net, dataset, config, decision, positions):
    """Scores of the decision's answers over the images at `positions`."""
    tally = tally_of(config)
    for position in positions:
        sample = dataset.sample(int(position))
        count(tally, sample, decision.find(net, sample.image, config))
    return tally.scores()


def validate(net, dataset, config, positions=None, most_seconds=None, proceed=None, loss=None, world=None):
    """Predict the images at `positions` (default: all) whole and compare them with the truth, while a training goes on.

    Unlike `score` it looks at each image only once, unmirrored, and it also computes the loss.

    most_seconds   stop after as many images as this time allows, but at least one
    loss           loss(scores (1, C, H, W), target (1, H, W)) -> Tensor of the user's own; None: that of the config
    proceed        called with the number of images done; if it returns False, validation stops and returns None
    world          the processes that share the images: N of them predict N images at the same time, and all count all
                   answers, in the order of one process
    """
    world = world or Communicator()
    positions = range(len(dataset)) if positions is None else positions
    tally = tally_of(config)
    loss = loss or loss_of(config, mt.Tensor(np.array(config.class_weights, np.float32)))
    losses = []
    begin = time.perf_counter()
    for done in range(0, len(positions), world.size):
        if world.any(proceed is not None and not proceed(done)):
            return None
        late = most_seconds is not None and time.perf_counter() - begin > most_seconds
        if done and world.from_first(bool(late)):
            break
        mine, answer = done + world.rank, (None, None)
        if mine < len(positions):
            own = dataset.sample(int(positions[mine]))
            answer = _answer(net, own, config, loss)
        for place, (image_loss, found) in enumerate(filter(None, collect(world, *answer)), start=done):
            count(tally, own if place == mine else dataset.sample(int(positions[place])), found)
            losses.append(image_loss)
    known = [value for value in losses if value is not None]
    mean_loss = float(np.mean(known)) if known else float("nan")
    return Validation(tally.scores(), mean_loss, len(losses), time.perf_counter() - begin)


def _answer(net, sample, config, loss):
    """(loss, Found) of one image, unmirrored."""
    scores = predict(net, config.normalization.apply(sample.image))  # (classes, H, W)
    return _loss_of_image(loss, scores, sample, config), _found(scores, config)


def tally_of(config):
    """What counts for the task of a run: a Confusion, an InstanceTally or a PanopticTally, still empty."""
    if config.task == "panoptic":
        return PanopticTally(config.classes)
    if config.task == "instance":
        return InstanceTally(config.classes)
    return Confusion(len(config.classes), [entry.name for entry in config.classes])


def count(tally, sample, found):
    """Add one image to a tally."""
    if isinstance(tally, PanopticTally):
        tally.update(sample, found)
    elif found.instances is None:
        tally.update(sample.label, found.label)
    else:
        tally.update(sample.label, sample.instances, found.label, found.instances)


def _found(scores, config):
    """The answer before there is a decision, from the net's scores (classes, H, W)."""
    if config.task == "semantic":
        return Found(scores.argmax(0))
    return METHODS[config.method]().of_evidence(Evidence.of(scores, config), config)


def _loss_of_image(loss, scores, sample, config):
    """The training's loss on one image. None if all its pixels are ignored."""
    if not (sample.label != IGNORE).any():
        return None
    _, *truth = batch_maker(config)([sample], config.normalization)
    with mt.no_grad():
        return loss(mt.Tensor(scores[None]), *map(mt.Tensor, truth)).item()
