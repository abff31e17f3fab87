"""The task "instance" in a training: what the net learns, and which thresholds make objects of its answer.

The thresholds are found on the validation images when a training ends, as the strength of decision.py is: those with
the highest sum of F1@.5 and AJI. The first counts objects, the second their pixels.
"""

from __future__ import annotations

import json
from itertools import product
from typing import NamedTuple

import numpy as np

from nets.data import IGNORE, make_batch, weight_map
from nets.segmentation.instances import Found, found_objects, separated, watershed
from nets.segmentation.metrics import AggregatedJaccard, Matching, overlap
from nets.segmentation.metrics.instances import AT
from nets.segmentation.semantic import view_probabilities
from nets.training.run import DECISION, write_text

FOREGROUNDS = (0.2, 0.35, 0.5, 0.65, 0.8)
SEEDS = (0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
LEASTS = (1, 8, 16, 32)  # pixels of the smallest object
DECIDING_PIXELS = 4 * 1024 * 1024  # of all images together that the thresholds are chosen on


def must_know_objects(dataset, name):
    """Raise ValueError if a data set's masks tell no object from another, and say how they must look."""
    if not any(entry.thing for entry in dataset.classes) or dataset.sample(0).instances is None:
        raise ValueError(
            f"task instance: the masks of {name} hold classes, not objects; number the objects of each mask 1, 2, 3 "
            '... (0 = background) and save it with 16 bits, or write {"encoding": "instances"} into classes.json if '
            "they are numbered already"
        )


def must_have_objects(dataset, name):
    """Raise ValueError if a data set has no objects to learn."""
    must_know_objects(dataset, name)
    if not any(dataset.sample(position).instances.any() for position in range(len(dataset))):
        raise ValueError(f"task instance: no mask of {name} holds an object, every pixel is background (0)")


def target(sample, config):
    """(label, w float32 (H, W)) that the net learns: objects that do not touch, and U-Net's weight map.

    The map holds the class weights too, so the loss needs no others.
    """
    label, instances = separated(sample.label, sample.instances, config.background)
    return label, weight_map(label, instances, config.class_weights, config.border_weight)


def batch_maker(config):
    """The function that makes the arrays of a batch from samples, for the task of a run."""
    if config.task == "semantic":
        return make_batch

    def make(samples, normalization):
        targets = [target(sample, config) for sample in samples]
        learned = [sample._replace(label=label) for sample, (label, _) in zip(samples, targets, strict=True)]
        return *make_batch(learned, normalization), np.stack([weights for _, weights in targets])

    return make


class ObjectDecision(NamedTuple):
    """The arguments of `watershed`, and whether to average over mirrored views."""

    foreground: float = 0.5
    seed: float = 0.65
    least: int = 8
    views: bool = True

    @classmethod
    def load(cls, run):
        """The decision of a finished run. For a run that is still in training, the default one."""
        path = run.path(DECISION)
        if not path.is_file():
            return cls()
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            read = float(values["foreground"]), float(values["seed"]), int(values["least"]), bool(values["views"])
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: cannot be read as the decision of a run ({error!r})") from error
        return cls(*read)

    def save(self, run):
        """Write it into the run folder."""
        write_text(run.path(DECISION), json.dumps(self._asdict()) + "\n")

    def find(self, net, image, config) -> Found:
        """The classes and objects of an image uint8 (H, W) or (H, W, 3)."""
        views = view_probabilities(net, config.normalization.apply(image), config.orientation)
        return self.of_probabilities(np.mean(list(views), axis=0) if self.views else next(views), config)

    def of_probabilities(self, probabilities, config) -> Found:
        """The classes and objects, from probabilities (classes, H, W)."""
        thing = probabilities[list(config.things)].sum(0)
        return found_objects(probabilities, watershed(thing, self.foreground, self.seed, self.least), config.things)


def decide_objects(net, dataset, config, positions):
    """The ObjectDecision with the highest F1@.5 + AJI over the first images at `positions`, up to DECIDING_PIXELS."""
    thresholds = [pair for pair in product(FOREGROUNDS, SEEDS) if pair[0] <= pair[1]]
    metrics = {}
    pixels = 0
    for position in positions:
        sample = dataset.sample(int(position))
        pixels += sample.label.size
        if metrics and pixels > DECIDING_PIXELS:
            break
        counted = sample.label != IGNORE
        views = list(view_probabilities(net, config.normalization.apply(sample.image), config.orientation))
        for mirrored, probabilities in ((False, views[0]), (True, np.mean(views, axis=0))):
            thing = probabilities[list(config.things)].sum(0)
            for pair in thresholds:
                table = overlap(sample.instances, watershed(thing, *pair), counted)
                for least in LEASTS:
                    kept = table.select(np.ones(len(table.truth_ids), bool), table.predicted_areas >= least)
                    for metric in metrics.setdefault(ObjectDecision(*pair, least, mirrored), _metrics()):
                        metric.add(kept)
    return max(metrics, key=lambda decision: _worth(*metrics[decision]))


def _metrics():
    return Matching((AT,)), AggregatedJaccard()


def _worth(matching, aji):
    return (matching.f1(AT) or 0.0) + (aji.aji() or 0.0)
