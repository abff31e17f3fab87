"""The tasks "instance" and "panoptic": objects from what the net says, and which thresholds make the best objects.

There are two methods. By "watershed" the net learns objects that do not touch (segmentation/instances.py). By "centres"
it has three more outputs, which say where the centre of each pixel's object is (segmentation/centres.py).

The thresholds are found on the validation images when a training ends, as the strength of decision.py is: those with
the highest sum of F1@.5 and the mean of the images' AJI. The first counts objects, the second their pixels. (AJI of all
images together would not do: one large false object in one image outweighs the objects of all others.)
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from nets.data import IGNORE
from nets.limits import LARGEST_LEAST, MOST_WINDOW
from nets.plain_files import is_whole
from nets.segmentation.centres import group
from nets.segmentation.instances import found_objects, watershed, without_small
from nets.segmentation.metrics import AggregatedJaccard, Matching, overlap
from nets.segmentation.metrics.instances import AT
from nets.segmentation.semantic import softmax, view_scores
from nets.training.decision import read_decision
from nets.training.run import DECISION, write_text

FOREGROUNDS = (0.2, 0.35, 0.5, 0.65, 0.8)
SEEDS = (0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
HEATS = (0.05, 0.1, 0.2, 0.4)
WINDOWS = (5, 9, 13)  # Panoptic-DeepLab: 7
LEASTS = (1, 8, 16, 32)  # pixels of the smallest object
# What may stand in decision.json; all other values are from 0 to 1
BOUNDS = {"views": None, "least": (1, LARGEST_LEAST), "window": (1, MOST_WINDOW)}
COUNTS = ("least", "window")
DECIDING_PIXELS = 1024 * 1024  # of all images together that the thresholds are chosen on


def must_know_objects(dataset, name, task):
    """Raise ValueError if a data set's masks tell no object from another, and say how they must look."""
    if not any(entry.thing for entry in dataset.classes) or dataset.sample(0).instances is None:
        raise ValueError(
            f"task {task}: the masks of {name} hold classes, not objects; number the objects of each mask 1, 2, 3 "
            '... (0 = background) and save it with 16 bits, or write {"encoding": "instances"} into classes.json if '
            "they are numbered already"
        )


def must_have_objects(dataset, name, task):
    """Raise ValueError if a data set has no objects to learn."""
    must_know_objects(dataset, name, task)
    if not any(dataset.sample(position).instances.any() for position in range(len(dataset))):
        raise ValueError(f"task {task}: no mask of {name} holds an object, every pixel is background (0)")


class Evidence(NamedTuple):
    """What a net says about an image: probabilities (classes, H, W); heat (H, W) and offsets (2, H, W) by centres."""

    probabilities: np.ndarray
    heat: np.ndarray | None = None
    offsets: np.ndarray | None = None

    @classmethod
    def of(cls, scores, config):
        """The evidence in a net's outputs (outputs, H, W)."""
        classes = len(config.classes)
        probabilities = softmax(scores[:classes])
        if config.method == "watershed":
            return cls(probabilities)
        return cls(probabilities, scores[classes], scores[classes + 1 :])

    def thing(self, config):
        """(H, W) the probability that a pixel belongs to any thing."""
        return self.probabilities[list(config.things)].sum(0)


def views_of(net, image, config):
    """The Evidence of each mirrored view of an image, mirrored back. In a mirror image, offsets point the other way."""
    for axes, scores in view_scores(net, config.normalization.apply(image), config.orientation):
        evidence = Evidence.of(scores, config)
        if evidence.offsets is not None:
            signs = np.array([-1 if -2 in axes else 1, -1 if -1 in axes else 1], np.float32)
            evidence = evidence._replace(offsets=evidence.offsets * signs[:, None, None])
        yield evidence


def mean_evidence(views):
    """The mean of several Evidences."""
    return Evidence(*(None if parts[0] is None else np.mean(parts, axis=0) for parts in zip(*views, strict=True)))


@dataclass(frozen=True)
class ObjectDecision:
    """What both methods have in common. A method adds `objects(evidence, config)` and `candidates(views)`.

    foreground  the least probability of a thing; least: pixels of the smallest object
    views       whether to average over mirrored views, or to use only the image itself
    """

    foreground: float = 0.5
    least: int = 8
    views: bool = True

    @classmethod
    def load(cls, run):
        """The decision of a finished run. For a run that is still in training, the default one."""
        path = run.path(DECISION)
        if not path.is_file():
            return cls()
        usual = asdict(cls())
        values = read_decision(path, {name: BOUNDS.get(name, (0, 1)) for name in usual})
        for name in COUNTS:
            if name in usual and not is_whole(values[name]):
                raise ValueError(f"{path}: cannot be read as the decision of a run ({name} must be a whole number)")
        return cls(**{name: values[name] for name in usual})

    def save(self, run):
        """Write it into the run folder."""
        write_text(run.path(DECISION), json.dumps(asdict(self)) + "\n")

    def find(self, net, image, config):
        """The Found of an image uint8 (H, W) or (H, W, 3)."""
        views = views_of(net, image, config)
        return self.of_evidence(mean_evidence(list(views)) if self.views else next(views), config)

    def of_evidence(self, evidence, config):
        """The Found that the evidence shows."""
        objects = without_small(self.objects(evidence, config), self.least)
        return found_objects(evidence.probabilities, objects, config.things)


@dataclass(frozen=True)
class WatershedDecision(ObjectDecision):
    """The arguments of `watershed`."""

    seed: float = 0.65

    def objects(self, evidence, config):
        """Objects of any size."""
        return watershed(evidence.thing(config), self.foreground, self.seed)

    @classmethod
    def load(cls, run):
        """The decision of a finished run. For a run that is still in training, the default one."""
        decision = super().load(run)
        if decision.seed < decision.foreground:
            raise ValueError(
                f"{run.path(DECISION)}: cannot be read as the decision of a run (seed {decision.seed} is below "
                f"foreground {decision.foreground})"
            )
        return decision

    @classmethod
    def candidates(cls, views):
        """The decisions to choose from, with any size of the smallest object."""
        pairs = [pair for pair in product(FOREGROUNDS, SEEDS) if pair[0] <= pair[1]]
        return [cls(foreground=foreground, seed=seed, least=1, views=views) for foreground, seed in pairs]


@dataclass(frozen=True)
class CentresDecision(ObjectDecision):
    """The arguments of `group`."""

    heat: float = 0.3
    window: int = 5

    def objects(self, evidence, config):
        """Objects of any size."""
        thing = evidence.thing(config) > self.foreground
        return group(thing, evidence.heat, evidence.offsets, self.heat, self.window)

    @classmethod
    def candidates(cls, views):
        """The decisions to choose from, with any size of the smallest object."""
        values = product(FOREGROUNDS[1:-1], HEATS, WINDOWS)
        return [cls(foreground=f, heat=heat, window=window, least=1, views=views) for f, heat, window in values]


METHODS = {"watershed": WatershedDecision, "centres": CentresDecision}


def decide_objects(net, dataset, config, positions):
    """The decision with the highest worth over the first images at `positions`, up to DECIDING_PIXELS."""
    metrics = {}
    pixels = 0
    for position in positions:
        sample = dataset.sample(int(position))
        pixels += sample.label.size
        if metrics and pixels > DECIDING_PIXELS:
            break
        counted = sample.label != IGNORE
        views = list(views_of(net, sample.image, config))
        for mirrored, evidence in ((False, views[0]), (True, mean_evidence(views))):
            for candidate in METHODS[config.method].candidates(mirrored):
                table = overlap(sample.instances, candidate.objects(evidence, config), counted)
                for least in LEASTS:
                    kept = table.select(np.ones(len(table.truth_ids), bool), table.predicted_areas >= least)
                    matching, aji = metrics.setdefault(
                        replace(candidate, least=least), (Matching((AT,)), AggregatedJaccard())
                    )
                    matching.add(kept)
                    aji.add(kept)
    return max(metrics, key=lambda decision: _worth(*metrics[decision]))


def _worth(matching, aji):
    return (matching.f1(AT) or 0.0) + (aji.aji_by_image() or 0.0)
