"""What the numbers in mask files mean, found out from the files themselves, and how to turn them into labels.

Four encodings occur, and each has burnt somebody:

    ids        a pixel's value is its class; ids may have gaps, 255 may mean ignore (VOC)
    binary     0 and 255: two classes. Read as ids, class 255 does not exist and all predictions come out black
    instances  a pixel's value is its object, 0 is background (16 bit): two classes, and the objects are known
    colors     a pixel's colour is its class, by classes.json
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .images import pack, unpack
from .sample import IGNORE, SegmentationClass

MIDDLE = 128  # of 0 .. 255: from here up a binary mask is foreground


class Encoding(NamedTuple):
    """How masks are read: `kind` is one of ids, binary, instances, colors.

    classes  the classes, sorted by id; a label is a position in this tuple
    ignored  values that mean "do not count": ids, or packed colours
    colors   {packed colour: id} where kind is "colors", else None
    """

    kind: str
    classes: tuple[SegmentationClass, ...]
    ignored: tuple[int, ...] = ()
    colors: dict[int, int] | None = None

    def as_dict(self):
        """Plain values, for a run's config.json."""
        colors = None if self.colors is None else [[color, number] for color, number in self.colors.items()]
        classes = [entry.as_dict() for entry in self.classes]
        return {"kind": self.kind, "classes": classes, "ignored": list(self.ignored), "colors": colors}

    @classmethod
    def from_dict(cls, values):
        """The encoding that `as_dict` wrote down."""
        classes = tuple(
            SegmentationClass(c["id"], c["name"], tuple(c["color"]), c["thing"]) for c in values["classes"]
        )
        colors = None if values["colors"] is None else {color: number for color, number in values["colors"]}
        return cls(values["kind"], classes, tuple(values["ignored"]), colors)

    @property
    def ids(self):
        """The classes' ids, in order."""
        return tuple(entry.id for entry in self.classes)

    def decode(self, mask, path):
        """(label uint8 (H, W), instances int32 (H, W) or None) of a RawMask.

        Raises ValueError with the file, the value and what is allowed, where a value is no class.
        """
        values = mask.values
        if self.kind == "instances":
            return (values > 0).astype(np.uint8), values.astype(np.int32)
        if self.kind == "binary":
            return (values >= MIDDLE).astype(np.uint8), None
        number_of = self.colors if self.kind == "colors" else {number: number for number in self.ids}
        position = {number: at for at, number in enumerate(self.ids)}
        known = {value: position[number] for value, number in number_of.items() if number in position}
        known.update(dict.fromkeys(self.ignored, IGNORE))
        if self.kind == "colors" and mask.kind != "color":
            values = pack(np.repeat(values[..., None], 3, axis=-1))  # a mask that happens to hold greys alone
        # One table answers for all pixels; -1 stands where a value is no class.
        table = np.full(max(known) + 2, -1, np.int16)
        table[list(known)] = list(known.values())
        label = table[np.minimum(values.astype(np.intp), len(table) - 1)]
        if label.min() < 0:
            raise ValueError(self.stranger(values[label < 0].min(), path))
        return label.astype(np.uint8), None

    def stranger(self, value, path):
        """The message about a value that is no class."""
        if self.kind == "colors":
            allowed = ", ".join(str(unpack(color)) for color in sorted({*self.colors, *self.ignored}))
            return f"{path}: colour {unpack(value)} is no class; the classes' colours are {allowed}"
        ignored = f", ignored {', '.join(map(str, self.ignored))}" if self.ignored else ""
        allowed = ", ".join(map(str, self.ids))
        return f"{path}: value {value} is no class; allowed are {allowed}{ignored}"

    def described(self):
        """The encoding, the classes and what is ignored, in a few words."""
        how = {
            "ids": f"class ids {_spans(self.ids)}",
            "binary": "binary 0/255",
            "instances": "instance ids",
            "colors": "class colours",
        }[self.kind]
        names = ", ".join(entry.name for entry in self.classes)
        ignored = [str(unpack(v)) if self.kind == "colors" else str(v) for v in self.ignored]
        ignore = f"ignore {', '.join(ignored)}" if ignored else "no ignore"
        return f"masks of {how}, {len(self.classes)} classes ({names}), {ignore}"


def _spans(numbers):
    """(0, 1, 2, 7) -> "0-2, 7"."""
    spans = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
