"""COCO's panoptic format as a data folder: images/, masks/, and panoptic.json, which says what the masks' numbers mean.

A mask is a colour PNG. The colour of a pixel is the number of its segment, R + 256 G + 65536 B; 0 is void, no label.
panoptic.json gives each mask's segments their categories:

    {"categories":  [{"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60]}, ...],
     "annotations": [{"file_name": "street.png", "segments_info": [{"id": 3937500, "category_id": 1, "iscrowd": 0}]}]}

All else in the file is skipped. A mask belongs to the annotation with its name. A crowd (iscrowd 1) is a region of
many things that nobody told apart: its pixels have a class, but belong to no object.

Source: cocodataset.org/#format-data, section 4, and panopticapi.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from nets.data.decoding import decode
from nets.data.encoding import OBJECTS, PANOPTIC, Encoding
from nets.data.masks import RawMask
from nets.data.pairing import plain_name, some
from nets.data.sample import SegmentationClass, class_color
from nets.limits import LARGEST_LIST, MOST_CLASSES, MOST_COLOR, MOST_ID
from nets.plain_files import is_whole, quoted, read_json, why_no_name

FILE = "panoptic.json"


class Annotations(NamedTuple):
    """The content of a panoptic.json at `path`.

    classes    the categories, sorted by id
    segments   {name of a mask, without suffix: {number of a segment: (position of its class, whether it is an object)}}
    """

    path: Path
    classes: tuple[SegmentationClass, ...]
    segments: dict

    @property
    def encoding(self):
        """The Encoding of masks as `read` gives them."""
        return Encoding(PANOPTIC, self.classes)

    def read(self, path):
        """A mask as RawMask: in each pixel position of the class * OBJECTS + number of the object, 0 = no object.

        Raises ValueError with the file's name for a segment that panoptic.json does not know.
        """
        decoded = decode(path)
        if decoded.values.ndim != 3 or decoded.values.dtype != np.uint8 or decoded.lossy:
            raise ValueError(f"{path}: a panoptic mask is a PNG of three channels of 8 bits, id = R + 256 G + 65536 B")
        red, green, blue = np.moveaxis(decoded.values.astype(np.int32), -1, 0)
        ids = red | green << 8 | blue << 16
        numbers, place = np.unique(ids, return_inverse=True)
        known = self.segments[self._name(path)]
        strangers = [str(number) for number in numbers.tolist() if number and number not in known]
        if strangers:
            raise ValueError(f"{path}: segments {some(strangers)} are not in {self.path}")
        values, objects = np.zeros(len(numbers), np.int32), 0
        for at, number in enumerate(numbers.tolist()):
            if number:
                position, is_object = known[number]
                objects += is_object
                values[at] = position * OBJECTS + objects * is_object
        if objects >= OBJECTS:
            raise ValueError(f"{path}: {objects} objects in one mask, at most {OBJECTS - 1} are possible")
        void = ids == 0
        return RawMask(values[place.reshape(ids.shape)], PANOPTIC, void=void if void.any() else None, tag=decoded.tag)

    def check(self, paths):
        """Raise ValueError if a mask has no annotation. An annotation may have no mask: a folder may be a part of COCO.

        A classes.json beside it is refused: it would say the classes a second time.
        """
        classes = self.path.with_name("classes.json")
        if classes.exists():
            raise ValueError(f"{classes}: {self.path.name} gives the classes already; remove one of them")
        missing = [str(path) for path in paths if self._name(path) not in self.segments]
        if missing:
            raise ValueError(f"{self.path}: has no annotation whose file_name is that of {some(missing)}")

    def _name(self, path):
        return plain_name(path, self.path.with_name("masks"))


def read_annotations(path):
    """The file as Annotations. Raises ValueError with its name and the entry that is wrong."""
    content = read_json(path, LARGEST_LIST)
    lists = [content.get(key) if isinstance(content, dict) else None for key in ("categories", "annotations")]
    if not all(isinstance(found, list) and found for found in lists):
        raise ValueError(
            f'{path}: expected COCO\'s {{"categories": [...], "annotations": [...]}}, neither of them empty'
        )
    categories, annotations = lists
    if len(categories) > MOST_CLASSES:
        raise ValueError(f"{path}: {len(categories)} categories, at most {MOST_CLASSES} are possible")
    found = sorted(_category(f"{path}: category {at}", entry, at) for at, entry in enumerate(categories))
    for what, values in (("id", [entry.id for entry in found]), ("name", [entry.name for entry in found])):
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ValueError(f"{path}: two categories have the {what} {twice[0]!r}")
    classes = {entry.id: (position, entry.thing) for position, entry in enumerate(found)}
    segments = {}
    for at, annotation in enumerate(annotations):
        where = f"{path}: annotation {at}"
        name = _name(where, annotation)
        if name in segments:
            raise ValueError(f"{where}: file_name {quoted(name)} occurs twice")
        segments[name] = dict(_segment(where, entry, classes) for entry in annotation["segments_info"])
    return Annotations(Path(path), tuple(found), segments)


def _category(where, entry, position):
    if not isinstance(entry, dict) or not is_whole(entry.get("id"), 0, MOST_ID):
        raise ValueError(f"{where} must be an object with an id from 0 to {MOST_ID}, got {quoted(entry)}")
    reason = why_no_name(entry.get("name"))
    if reason is not None:
        raise ValueError(f"{where}: name {reason}")
    if entry.get("isthing") not in (0, 1):
        raise ValueError(f"{where}: isthing must be 0 or 1, got {quoted(entry.get('isthing'))}")
    color = entry.get("color", list(class_color(position)))
    if not isinstance(color, list) or len(color) != 3 or not all(is_whole(c, 0, 255) for c in color):
        raise ValueError(f"{where}: color must be [r, g, b] of 0 to 255, got {quoted(color)}")
    return SegmentationClass(entry["id"], entry["name"], tuple(color), bool(entry["isthing"]))


def _name(where, annotation):
    """The name of an annotation's mask, without suffix."""
    named = isinstance(annotation, dict) and isinstance(annotation.get("file_name"), str)
    if not named or not PurePosixPath(annotation["file_name"]).name:
        raise ValueError(f"{where} must be an object with a file_name, got {quoted(annotation)}")
    if not isinstance(annotation.get("segments_info"), list):
        raise ValueError(f"{where}: segments_info must be a list, got {quoted(annotation.get('segments_info'))}")
    return PurePosixPath(annotation["file_name"]).with_suffix("").as_posix()


def _segment(where, entry, classes):
    """(number, (position of the class, whether it is an object)) of an element of segments_info."""
    if not isinstance(entry, dict) or not is_whole(entry.get("id"), 1, MOST_COLOR):
        raise ValueError(f"{where}: a segment must have an id from 1 to {MOST_COLOR}, got {quoted(entry)}")
    category, crowd = entry.get("category_id"), entry.get("iscrowd", 0)
    if type(category) is not int or category not in classes:
        raise ValueError(f"{where}: segment {entry['id']}: category_id {quoted(category)} is no category")
    if crowd not in (0, 1):
        raise ValueError(f"{where}: segment {entry['id']}: iscrowd must be 0 or 1, got {quoted(crowd)}")
    position, thing = classes[category]
    return entry["id"], (position, thing and not crowd)
