"""Check the effect of a reading of the masks before training: what it ignores, and which classes remain.

A wrong reading seldom raises an error: a training with 99% of the foreground ignored reports an accuracy of 1.0. So if
the reading was guessed and discards most of the foreground, it is refused. The message says what to write into
classes.json.
"""

from __future__ import annotations

import numpy as np

from nets.data.masks import RawMask
from nets.data.sample import IGNORE

NAMED = 5  # files named in a message
# A class with at most HANDFUL pixels, and less than the share RARE of all pixels, may be a drawing mistake.
HANDFUL, RARE = 16, 1e-4
# If 255 = ignore is only a guess, it may discard at most this share of the foreground. Rims of objects are far less.
MOST_LOST = 0.8
MUCH_LOST = 0.5  # above this share there is a warning
# The limit if an id is larger than USUAL_IDS. Such ids are often greys: 76 is the grey of pure red.
MOST_LOST_UNUSUAL = 0.2
USUAL_IDS = 40
FEW_OBJECTS = 8  # if several files share so few values, the values look like classes

BINARY = '{"encoding": "binary"}'
AS_IDS = '{"encoding": "ids"}'


class _Effect:
    """The number of pixels of each label in each file, and of the pixels that are not 0."""

    def __init__(self, surveys, encoding):
        self.encoding = encoding
        self.folder = surveys[0].path.parent
        self.surveys = surveys
        self.counts = np.zeros((len(surveys), IGNORE + 1), np.int64)  # (files, labels)
        for row, entry in zip(self.counts, surveys, strict=True):
            labels, _ = encoding.decode(RawMask(entry.values, entry.kind, entry.palette), entry.path)
            np.add.at(row, labels, entry.counts)
        self.total = self.counts.sum(0)

    def foreground(self, row):
        """The number of pixels of a file that are not 0."""
        entry = self.surveys[row]
        return int(entry.counts[entry.values != 0].sum())

    def files(self, rows):
        """Names of files for a message."""
        names = [str(self.surveys[row].path) for row in rows]
        return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def look(surveys, encoding, told, guessed, learning):
    """Warnings about the effect of `encoding` on the masks, one line each. Raises ValueError if it cannot be intended.

    told      the encoding was given by classes.json or by the run: then lost foreground is a warning, not an error
    guessed   255 is read as ignore although nobody said so
    learning  the masks are to train on, not to evaluate on
    """
    effect = _Effect(surveys, encoding)
    warnings = []
    if guessed:
        warnings += _lost_to_ignore(effect, told)
    if encoding.kind == "binary":
        warnings += _lost_to_background(effect, told)
    if encoding.kind == "instances" and not told:
        warnings += _classes_as_objects(effect)
    if encoding.kind in ("ids", "colors") and learning:
        warnings += _handfuls(effect)
    counted = effect.total[:IGNORE]
    if learning and len(encoding.classes) > 1 and np.count_nonzero(counted) == 1:
        name = encoding.classes[int(counted.argmax())].name
        raise ValueError(f"{effect.folder}: every pixel that counts is class {name}, nothing to learn")
    return warnings


def _lost_to_ignore(effect, told):
    """If 255 means ignore, it marks rims or unlabelled places. If it is most of the foreground, it must be a class."""
    ignored = effect.counts[:, IGNORE]
    foreground = np.array([effect.foreground(row) for row in range(len(effect.surveys))])
    swallowed = np.flatnonzero((ignored > 0) & (ignored == foreground))
    both = np.flatnonzero((ignored > 0) & (foreground - ignored > np.maximum(HANDFUL, 0.01 * ignored)))
    kept = np.flatnonzero((ignored == 0) & (foreground > 0))
    lost = ignored.sum() / max(1, foreground.sum())
    settle = f"write {BINARY} into classes.json if 255 is the foreground, {AS_IDS} if it is ignore"
    palettes = any(entry.palette for entry in effect.surveys)
    unusual = max(number for number in effect.encoding.ids) > USUAL_IDS and not palettes
    if not told and len(swallowed) and len(kept) and not len(both):
        raise ValueError(
            f"{effect.folder}: masks of 0 and 255 ({effect.files(swallowed)}) among masks of other values "
            f"({effect.files(kept)}): 255 would be ignore and the foreground of the first be lost. Save all masks in "
            f"one way, or list the classes in classes.json"
        )
    if not told and not palettes and lost > (MOST_LOST_UNUSUAL if unusual else MOST_LOST):
        ids = ", ".join(f'{{"id": {number}}}' for number in effect.encoding.ids)
        raise ValueError(
            f"{effect.folder}: 255 read as ignore would leave out {lost:.0%} of all pixels that are not 0. Say what it "
            f'is: {settle}, or list all classes: [{ids}, {{"id": 255}}]'
        )
    if len(swallowed):
        return [f"255 is read as ignore, and is all of the foreground in {effect.files(swallowed)}; {settle}"]
    if lost > MUCH_LOST and not told:
        return [f"255 is read as ignore, {lost:.0%} of all pixels that are not 0; {settle}"]
    return []


def _lost_to_background(effect, told):
    """If masks are cut at 128, a file of 0 and 1 among files of 0 and 255 is entirely background."""
    dim = [
        row for row, entry in enumerate(effect.surveys)
        if entry.kind != "deep" and effect.counts[row, 1] == 0
        and effect.foreground(row) - effect.counts[row, IGNORE] > max(HANDFUL, RARE * entry.counts.sum())
        and entry.kind != "lossy"
    ]  # fmt: skip
    if not dim:
        return []
    values = sorted({int(value) for row in dim for value in effect.surveys[row].values} - {0})
    said = (
        f"{effect.files(dim)}: the highest value is {values[-1]}, while other masks hold 0 and 255: cut at 128, all "
        f"of it would be background"
    )
    if told:
        return [said]
    raise ValueError(f"{said}; save all masks in one way")


def _classes_as_objects(effect):
    """16-bit masks with few values, the same in most files: the values may be classes, not objects."""
    values = [frozenset(entry.values.tolist()) - {0} for entry in effect.surveys]
    different = frozenset().union(*values)
    if not 2 <= len(different) <= FEW_OBJECTS or len(effect.surveys) < 2:
        return []
    if sum(found == different for found in values) * 2 < len(values):
        return []
    return [
        f"masks of 16 or 32 bits hold {', '.join(map(str, sorted(different)))} and 0 alone, read as objects of one "
        'class; if these are classes, write {"encoding": "ids"} into classes.json'
    ]


def _handfuls(effect):
    """Warnings about classes that have very few pixels in all masks together."""
    warnings = []
    every = effect.total.sum()
    for position, entry in enumerate(effect.encoding.classes):
        pixels = int(effect.total[position])
        if 0 < pixels <= HANDFUL and pixels < RARE * every:
            rows = np.flatnonzero(effect.counts[:, position])
            warnings.append(
                f"class {entry.name} has {pixels} pixel{'s' if pixels > 1 else ''} in all masks together "
                f"({effect.files(rows)}): a stray value?"
            )
    return warnings
