"""From probabilities to classes: which answer gives the highest mean IU.

The most probable class is the best answer if every wrong pixel costs the same. For the mean IU this is not so. Let a
class have IU = n / u: n pixels are in both prediction and truth, u in either. If one more pixel, with probability p,
gets this class, the IU becomes (n + p) / (u + 1 - p) on average. This is better if p > IU / (1 + IU), which is half the
F1 score (Lipton, Elkan, Narayanaswamy 2014, theorem 1). So a class with an IU of 0.5 should be the answer from a
probability of 1/3 on. Rare and difficult classes have low IUs, so they should be the answer more often. How much more
often is one number, `strength`, found on the validation images when a training ends:

    answer = argmax_c log p_c + strength * log w_c            w_c: the class weights of the loss
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from nets.limits import MOST_STRENGTH
from nets.plain_files import quoted, read_json
from nets.segmentation.instances import Found
from nets.segmentation.metrics import Confusion
from nets.segmentation.semantic import view_probabilities
from nets.training.run import DECISION, write_text

STRENGTHS = tuple(np.arange(-4, 7) / 4)  # from -1, which undoes the weights of the loss, to 1.5
LEAST_PROBABILITY = 1e-12  # added to every probability, because log 0 is minus infinity


class Decision(NamedTuple):
    """`strength`: see above. `views`: whether to average over mirrored views, or to use only the image itself."""

    strength: float = 0.0
    views: bool = True

    @classmethod
    def load(cls, run):
        """The decision of a finished run. For a run that is still in training, the default one."""
        path = run.path(DECISION)
        if not path.is_file():
            return cls()
        values = read_decision(path, {"strength": (-MOST_STRENGTH, MOST_STRENGTH), "views": None})
        return cls(float(values["strength"]), values["views"])

    def save(self, run):
        """Write it into the run folder."""
        write_text(run.path(DECISION), json.dumps(self._asdict()) + "\n")

    def find(self, net, image, config) -> Found:
        """The classes of an image uint8 (H, W) or (H, W, 3), as the answer of a task."""
        return Found(self.class_map(net, image, config))

    def class_map(self, net, image, config):
        """The class of every pixel, uint8 (H, W), of an image uint8 (H, W) or (H, W, 3)."""
        views = view_probabilities(net, config.normalization.apply(image), config.orientation)
        probabilities = np.mean(list(views), axis=0) if self.views else next(views)
        return answer(probabilities, config, self.strength)


def read_decision(path, bounds):
    """The values of a decision.json: {name: value}. Raises ValueError with the file's name.

    bounds: {name: (least, most) of a number, or None for true and false}
    """
    values = read_json(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path}: cannot be read as the decision of a run (it is not an object)")
    for name, limits in bounds.items():
        value = values.get(name)
        if limits is None:
            right, expected = isinstance(value, bool), "true or false"
        else:
            right = type(value) in (int, float) and limits[0] <= value <= limits[1]
            expected = f"a number from {limits[0]:g} to {limits[1]:g}"
        if not right:
            raise ValueError(
                f"{path}: cannot be read as the decision of a run ({name} must be {expected}, got {quoted(value)})"
            )
    return values


def answer(probabilities, config, strength):
    """argmax_c log p_c + strength * log w_c of probabilities (classes, H, W): uint8 (H, W)."""
    offsets = strength * np.log(np.array(config.class_weights, np.float32))[:, None, None]
    return (np.log(probabilities + LEAST_PROBABILITY) + offsets).argmax(0).astype(np.uint8)


def decide(net, dataset, config, positions):
    """The Decision with the highest mean IU over the images at `positions`, and its Scores."""
    names = [entry.name for entry in config.classes]
    candidates = [Decision(float(strength), views) for views in (False, True) for strength in STRENGTHS]
    confusions = {candidate: Confusion(len(names), names) for candidate in candidates}
    for position in positions:
        sample = dataset.sample(int(position))
        views = list(view_probabilities(net, config.normalization.apply(sample.image), config.orientation))
        seen = {False: views[0], True: np.mean(views, axis=0)}
        for candidate, confusion in confusions.items():
            confusion.update(sample.label, answer(seen[candidate.views], config, candidate.strength))
    # If several have the same mean IU, take one with the smallest |strength|: it changes least.
    best = max(candidates, key=lambda c: (confusions[c].scores().mean_iu, -abs(c.strength)))
    return best, confusions[best].scores()
