"""From probabilities to classes: which answer gives the highest mean IU.

The most probable class is the best answer if every wrong pixel costs the same. For the mean IU this is not so. Let a
class have IU = n / u: n pixels are in both prediction and truth, u in either. If one more pixel, with probability p,
gets this class, the IU becomes (n + p) / (u + 1 - p) on average. This is better if p > IU / (1 + IU), which is half the
F1 score (Lipton, Elkan, Narayanaswamy 2014, theorem 1). So a class with an IU of 0.5 should be the answer from a
probability of 1/3 on, and each class from another one. How much each is favoured is found on the validation images when
a training ends, in two steps:

    answer = argmax_c log p_c + strength * log w_c + offset_c            w_c: the class weights of the loss

First one number for all, `strength`: rare and difficult classes have low IUs and high weights. Then `offsets`, one for
each class: one class after the other takes the offset with the highest mean IU, the others as they are, twice around.
On CamVid the second step adds 0.025 to the mean IU, also on images that the offsets were not chosen on
(docs/results-segmentation.md).
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from nets.data import IGNORE
from nets.limits import MOST_STRENGTH
from nets.plain_files import quoted, read_json
from nets.segmentation.instances import Found
from nets.segmentation.metrics import Confusion, confusion_matrix, scores
from nets.segmentation.semantic import view_probabilities
from nets.training.run import DECISION, write_text

STRENGTHS = tuple(np.arange(-4, 7) / 4)  # from -1, which undoes the weights of the loss, to 1.5
STEPS = tuple(np.arange(-8, 9) / 4)  # by which an offset changes in a round
ROUNDS = 2
SMALLEST_GAIN = 1e-4  # of the mean IU; what gains less is left alone
# A class with fewer pixels in the truth of the validation images keeps its offset: they say too little about it.
LEAST_PIXELS = 200
MOST_NUMBERS = 1 << 24  # probabilities that the offsets are chosen on: of all pixels, or of some of each image
LEAST_PROBABILITY = 1e-12  # added to every probability, because log 0 is minus infinity


class Decision(NamedTuple):
    """`strength`, `offsets`: see above; no offsets are offsets of 0.

    views   whether to average over mirrored views, or to use only the image itself
    """

    strength: float = 0.0
    views: bool = True
    offsets: tuple[float, ...] = ()

    @classmethod
    def load(cls, run):
        """The decision of a finished run. For a run that is still in training, the default one."""
        path = run.path(DECISION)
        if not path.is_file():
            return cls()
        values = read_decision(path, {"strength": (-MOST_STRENGTH, MOST_STRENGTH), "views": None})
        offsets = values.get("offsets", [])  # runs of earlier versions have none
        right = isinstance(offsets, list) and len(offsets) in (0, len(run.config.classes))
        if not right or not all(type(each) in (int, float) and abs(each) <= MOST_STRENGTH for each in offsets):
            raise ValueError(
                f"{path}: cannot be read as the decision of a run (offsets must be a list of {len(run.config.classes)} "
                f"numbers from {-MOST_STRENGTH:g} to {MOST_STRENGTH:g}, got {quoted(offsets)})"
            )
        return cls(float(values["strength"]), values["views"], tuple(map(float, offsets)))

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
        return answer(probabilities, config, self.strength, self.offsets)


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


def answer(probabilities, config, strength, offsets=()):
    """argmax_c log p_c + strength * log w_c + offset_c of probabilities (classes, H, W): uint8 (H, W)."""
    favoured = _favoured(config, strength, offsets)[:, None, None]
    return (np.log(probabilities + LEAST_PROBABILITY) + favoured).argmax(0).astype(np.uint8)


def _favoured(config, strength, offsets=()):
    """What is added to each class's logarithm: float32 (classes,)."""
    by_weight = strength * np.log(np.array(config.class_weights, np.float32))
    return by_weight + np.array(offsets, np.float32) if offsets else by_weight


def decide(net, dataset, config, positions):
    """The Decision with the highest mean IU over the images at `positions`, and its Scores."""
    names = [entry.name for entry in config.classes]
    candidates = [Decision(float(strength), views) for views in (False, True) for strength in STRENGTHS]
    confusions = {candidate: Confusion(len(names), names) for candidate in candidates}
    pixels = {False: [], True: []}  # views -> [(logarithms (classes, pixels), labels (pixels,))] of each image
    each = max(1, MOST_NUMBERS // (len(names) * max(1, len(positions))))
    for position in positions:
        sample = dataset.sample(int(position))
        views = list(view_probabilities(net, config.normalization.apply(sample.image), config.orientation))
        seen = {False: views[0], True: np.mean(views, axis=0)}
        for candidate, confusion in confusions.items():
            confusion.update(sample.label, answer(seen[candidate.views], config, candidate.strength))
        places = _some_pixels(sample.label, each, int(position))
        for averaged, probabilities in seen.items():
            logs = np.log(probabilities.reshape(len(names), -1)[:, places] + LEAST_PROBABILITY)
            pixels[averaged].append((logs.astype(np.float32), sample.label.ravel()[places]))
    # If several have the same mean IU, take one with the smallest |strength|: it changes least.
    best = max(candidates, key=lambda c: (confusions[c].scores().mean_iu, -abs(c.strength)))
    logs, labels = (np.concatenate(parts, axis=-1) for parts in zip(*pixels[best.views], strict=True))
    favoured = _favoured(config, best.strength)
    best = best._replace(offsets=tuple((_raised(logs, labels, favoured) - favoured).tolist()))
    confusion = Confusion(len(names), names)
    for position in positions:
        sample = dataset.sample(int(position))
        confusion.update(sample.label, best.class_map(net, sample.image, config))
    return best, confusion.scores()


def _some_pixels(label, most, seed):
    """Places of pixels that count, in the flat image: all of them, or `most` drawn at random."""
    places = np.flatnonzero(label != IGNORE)
    if len(places) <= most:
        return places
    return np.sort(np.random.default_rng(seed).choice(places, most, replace=False))


def _raised(logs, labels, favoured):
    """What each class is favoured by, from `favoured` on: class after class the value with the highest mean IU.

    logs (classes, pixels), labels (pixels,). For each class only two values of a pixel matter: its own, and the highest
    of the others.
    """
    classes = len(logs)
    favoured = favoured.astype(np.float32)
    common = np.bincount(labels, minlength=classes) >= LEAST_PIXELS
    best = _mean_iu(labels, (logs + favoured[:, None]).argmax(0), classes)
    for _ in range(ROUNDS):
        for position in np.flatnonzero(common):
            values = logs + favoured[:, None]
            own = values[position].copy()
            values[position] = -np.inf
            rival, most = values.argmax(0), values.max(0)
            found = [_mean_iu(labels, np.where(own + step > most, position, rival), classes) for step in STEPS]
            if max(found) > best + SMALLEST_GAIN:
                best = max(found)
                favoured[position] += STEPS[int(np.argmax(found))]
    return favoured


def _mean_iu(labels, predicted, classes):
    return scores(confusion_matrix(labels, predicted, classes)).mean_iu or 0.0
