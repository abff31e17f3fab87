"""What the numbers in mask files mean, and how they become labels. detect.py finds the encoding from the files.

There are four encodings that a folder may have or classes.json may name:

    ids        a pixel's value is its class; ids may have gaps, 255 may mean ignore (VOC)
    binary     0 and 255: two classes. (Read as ids, 255 would mean ignore, and no foreground would be left)
    instances  a pixel's value is its object, 0 is background (16 bits): two classes, and the objects are known
    colors     a pixel's colour is its class

and a fifth, "panoptic": colours are segments, and a panoptic.json says what each is (coco.py).
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np

from nets.data.masks import pack, unpack
from nets.data.palettes import by_color
from nets.data.sample import IGNORE, SegmentationClass
from nets.data.strips import strips
from nets.limits import MOST_CLASSES, MOST_COLOR
from nets.plain_files import is_whole, quoted, why_no_name

MOST_NAMED = 24  # classes in the line that describes a folder
MIDDLE = 128  # values from here up are the foreground of a binary mask
KINDS = ("ids", "binary", "instances", "colors")
PANOPTIC = "panoptic"
OBJECTS = 1 << 16  # a panoptic value is position of the class * OBJECTS + number of the object


def check_encoding(values):
    """Raise ValueError unless a dict from a file has the form that `Encoding.as_dict` gives it."""
    if not isinstance(values, dict) or values.get("kind") not in (*KINDS, PANOPTIC):
        raise ValueError(f"its kind must be one of {', '.join((*KINDS, PANOPTIC))}")
    classes, kind = values.get("classes"), values["kind"]
    if not isinstance(classes, list) or not 1 <= len(classes) <= MOST_CLASSES:
        raise ValueError(f"it must have a list of 1 to {MOST_CLASSES} classes")
    for entry in classes:
        _check_class(entry)
    ids = [entry["id"] for entry in classes]
    if sorted(set(ids)) != ids:
        raise ValueError("the ids of its classes must be in order, each once")
    if kind in ("binary", "instances") and len(classes) != 2:
        raise ValueError(f"{kind} masks have two classes, it has {len(classes)}")
    ignored, colors = values.get("ignored"), values.get("colors")
    if not isinstance(ignored, list) or not all(is_whole(value, 0, MOST_COLOR) for value in ignored):
        raise ValueError(f"ignored must be a list of whole numbers from 0 to {MOST_COLOR}")
    if (colors is None) != (kind != "colors"):
        raise ValueError("it has a list of colors if its kind is colors, and else null")
    for pair in () if colors is None else colors if isinstance(colors, list) else (colors,):
        if not isinstance(pair, list) or len(pair) != 2 or not is_whole(pair[0], 0, MOST_COLOR) or pair[1] not in ids:
            raise ValueError("its colors must be pairs of a packed colour and the id of a class")
    for flag in ("palettes", "alpha"):
        if not isinstance(values.get(flag, False), bool):
            raise ValueError(f"{flag} must be true or false, got {quoted(values[flag])}")
    nodata = values.get("nodata")
    if nodata is not None and (type(nodata) not in (int, float) or not isfinite(nodata)):
        raise ValueError(f"nodata must be null or a number, got {quoted(nodata)}")


def _check_class(entry):
    if not isinstance(entry, dict) or entry.keys() != {"id", "name", "color", "thing"}:
        raise ValueError("each of its classes must be an object with id, name, color and thing")
    if not is_whole(entry["id"], 0, MOST_COLOR):
        raise ValueError(f"the id of a class must be a whole number from 0 to {MOST_COLOR}, got {quoted(entry['id'])}")
    reason = why_no_name(entry["name"])
    if reason is not None:
        raise ValueError(f"the name of a class {reason}")
    color = entry["color"]
    if not isinstance(color, list) or len(color) != 3 or not all(is_whole(c, 0, 255) for c in color):
        raise ValueError(f"the color of a class must be three numbers from 0 to 255, got {quoted(color)}")
    if not isinstance(entry["thing"], bool):
        raise ValueError(f"thing must be true or false, got {quoted(entry['thing'])}")


class Encoding(NamedTuple):
    """How masks are read: `kind` is one of ids, binary, instances, colors, panoptic.

    classes  the classes, sorted by id; a label is a position in this tuple
    ignored  values that mean "do not count": ids, or packed colours
    colors   {packed colour: id} if kind is "colors", else None
    palettes whether files with a palette are read by their colours, not by their indices
    alpha    whether the mask is the alpha channel of files that have one colour everywhere
    nodata   the value of pixels without data in the pictures, if classes.json gives it
    """

    kind: str
    classes: tuple[SegmentationClass, ...]
    ignored: tuple[int, ...] = ()
    colors: dict[int, int] | None = None
    palettes: bool = False
    alpha: bool = False
    nodata: float | None = None

    def as_dict(self):
        """Plain values, for a run's config.json."""
        colors = None if self.colors is None else [[color, number] for color, number in self.colors.items()]
        classes = [entry.as_dict() for entry in self.classes]
        found = {"kind": self.kind, "classes": classes, "ignored": list(self.ignored), "colors": colors}
        return found | {"palettes": self.palettes, "alpha": self.alpha, "nodata": self.nodata}

    @classmethod
    def from_dict(cls, values):
        """The encoding that `as_dict` wrote down. Raises ValueError for what it cannot have written."""
        check_encoding(values)
        classes = tuple(SegmentationClass(c["id"], c["name"], tuple(c["color"]), c["thing"]) for c in values["classes"])
        colors = values.get("colors")
        colors = None if colors is None else {color: number for color, number in colors}
        palettes, alpha = values.get("palettes", False), values.get("alpha", False)
        nodata = values.get("nodata")
        nodata = None if nodata is None else float(nodata)
        return cls(values["kind"], classes, tuple(values["ignored"]), colors, palettes, alpha, nodata)

    @property
    def ids(self):
        """The classes' ids, in order."""
        return tuple(entry.id for entry in self.classes)

    def class_colors(self):
        """{packed colour: id} of the classes if each has its own colour, else None."""
        colors = {pack(entry.color).item(): entry.id for entry in self.classes}
        return colors if len(colors) == len(self.classes) else None

    def as_meant(self, mask):
        """A RawMask or Survey as this encoding reads it: its alpha channel or its palette's colours, 1 bit as 8."""
        if self.alpha and mask.alpha is not None:
            if hasattr(mask, "counts"):
                return mask.alpha
            kind = "8 bit" if mask.alpha.max() <= 255 else "deep"
            return mask._replace(values=mask.alpha.astype(np.int32), kind=kind, alpha=None)
        if self.palettes:
            mask = by_color(mask)
        if mask.kind == "1 bit":
            as_stored = self.kind == "instances" or (self.kind == "ids" and (1 in self.ids or 255 not in self.ids))
            return mask._replace(values=mask.values * (1 if as_stored else 255), kind="8 bit")
        return mask

    def meaning(self, stored):
        """{value in the file: label} for a mask stored as `stored`; None if the kind needs no table.

        A colour mask that happens to contain only greys is "8 bit": its value v stands for the colour (v, v, v).
        """
        if self.kind in ("binary", "instances", PANOPTIC):
            return None
        position = {number: at for at, number in enumerate(self.ids)}
        if self.kind == "ids":
            return position | dict.fromkeys(self.ignored, IGNORE)
        label = {color: position[number] for color, number in self.colors.items()}
        label |= dict.fromkeys(self.ignored, IGNORE)
        if stored == "color":
            return label
        return {color & 255: at for color, at in label.items() if len(set(unpack(color))) == 1}

    def check(self, values, stored, path):
        """Raise ValueError with the file, the value and what is allowed, if one of `values` is not a class."""
        meaning = self.meaning(stored)
        if meaning is None:
            return
        for value in values.tolist():
            if value not in meaning:
                raise ValueError(self._stranger(value, stored, path))

    def all_ignored(self, survey):
        """Whether a mask of these values has no pixel that counts."""
        if self.kind in ("binary", "instances", PANOPTIC):
            return not len(survey.values)
        meant = self.as_meant(survey)
        meaning = self.meaning(meant.kind)
        return all(meaning[value] == IGNORE for value in meant.values.tolist())

    def decode(self, mask, path):
        """(label uint8 (H, W), instances int32 (H, W) or None) of a RawMask; raises ValueError as `check` does."""
        mask = self.as_meant(mask)
        label, instances = self._labels(mask, path)
        if mask.void is not None:
            label = np.where(mask.void, np.uint8(IGNORE), label)
            instances = None if instances is None else np.where(mask.void, 0, instances)
        return label, instances

    def _labels(self, mask, path):
        values = mask.values
        # Pixels without data may hold any value. Here they get a valid value; `decode` ignores them.
        if mask.void is not None and self.kind in ("ids", "colors"):
            values = np.where(mask.void, min(self.meaning(mask.kind)), values)
        if self.kind == PANOPTIC:
            return (values // OBJECTS).astype(np.uint8), values % OBJECTS
        if self.kind == "instances":
            void = np.isin(values, self.ignored)
            return np.where(void, IGNORE, values > 0).astype(np.uint8), _small(np.where(void, 0, values))
        if self.kind == "binary":
            return np.where(np.isin(values, self.ignored), IGNORE, values >= MIDDLE).astype(np.uint8), None
        # Search the sorted keys, because a table of all packed colours would have 16.7 million entries.
        meaning = self.meaning(mask.kind)
        keys = np.array(sorted(meaning), np.int32)
        labels = np.array([meaning[key] for key in keys.tolist()], np.uint8)
        found = np.empty(values.shape, np.uint8)
        for rows in strips(values):
            strip = values[rows]
            place = np.minimum(np.searchsorted(keys, strip), len(keys) - 1)
            strangers = strip[keys[place] != strip]
            if strangers.size:
                raise ValueError(self._stranger(strangers.min(), mask.kind, path))
            found[rows] = labels[place]
        return found, None

    def _stranger(self, value, stored, path):
        """The message about a value that is not a class."""
        if self.kind == "colors":
            color = unpack(value) if stored == "color" else (int(value),) * 3
            allowed = ", ".join(str(unpack(color)) for color in sorted({*self.colors, *self.ignored}))
            return f"{path}: colour {color} is no class; the classes' colours are {allowed}"
        ignored = f", ignored {', '.join(map(str, self.ignored))}" if self.ignored else ""
        allowed = ", ".join(map(str, self.ids))
        return f"{path}: value {value} is no class; allowed are {allowed}{ignored}"

    def described(self):
        """The encoding, the classes and what is ignored, in a few words."""
        how = {
            "ids": f"class ids {spans(self.ids)}",
            "binary": "binary 0/255",
            "instances": "instance ids",
            "colors": "class colours",
            PANOPTIC: "COCO panoptic segments",
        }[self.kind]
        names = [entry.name for entry in self.classes]
        if len(names) > MOST_NAMED:
            names[MOST_NAMED - 1 : -1] = ["..."]
        ignored = [str(unpack(v)) if self.kind == "colors" else str(v) for v in self.ignored]
        ignore = f"ignore {', '.join(ignored)}" if ignored else "no ignore"
        return f"masks of {how}, {len(self.classes)} classes ({', '.join(names)}), {ignore}"


def _small(objects):
    """The same objects int32, numbered anew if a number is larger than 16 bits: tables have a row for each number."""
    if objects.max(initial=0) >= OBJECTS:
        numbers, place = np.unique(objects, return_inverse=True)
        objects = place.reshape(objects.shape) + (numbers[0] > 0)  # 0 stays 0
    return objects.astype(np.int32)


def spans(numbers):
    """(0, 1, 2, 7) -> "0-2, 7"."""
    spans = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
