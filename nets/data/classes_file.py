"""classes.json: what the numbers and colours in the masks mean.

    [{"id": 0, "name": "Sky", "color": [128, 128, 128]}, ..., {"id": 11, "name": "Void", "ignore": true}]

or {"classes": [...], "encoding": "instances", "nodata": -9999}. `encoding` says how the masks are stored, if the masks
alone do not show it. `nodata` is the value of pixels without data in the pictures. {"encoding": "binary"} alone is
allowed.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import NamedTuple

from nets.data.encoding import KINDS
from nets.data.masks import pack
from nets.data.sample import SegmentationClass, class_color
from nets.limits import MOST_CLASSES, MOST_ID
from nets.plain_files import is_whole, quoted, read_json, why_no_name


class Declared(NamedTuple):
    """The content of a classes.json.

    classes   the classes, sorted by id; () if the file gives only the encoding
    ignored   the ids that do not count
    colors    {packed colour: id}, ignored ids included; None unless every id has its own colour
    encoding  one of KINDS, or None
    nodata    the value of pixels without data in the pictures, or None
    """

    classes: tuple[SegmentationClass, ...]
    ignored: tuple[int, ...]
    colors: dict[int, int] | None
    encoding: str | None
    nodata: float | None = None


def read_classes(path):
    """The file as Declared. Raises ValueError with the file's name and the entry that is wrong."""
    content = read_json(path)
    encoding = nodata = None
    if isinstance(content, dict):
        encoding, nodata = content.get("encoding"), content.get("nodata")
        content = content.get("classes")
        if nodata is not None and (type(nodata) not in (int, float) or not isfinite(nodata)):
            raise ValueError(f"{path}: nodata must be a number, got {quoted(nodata)}")
        if encoding is not None and encoding not in KINDS:
            raise ValueError(f"{path}: encoding must be one of {', '.join(KINDS)}, got {quoted(encoding)}")
        if content is None and encoding is not None:
            return Declared((), (), None, encoding, nodata)
    if not isinstance(content, list) or not content:
        raise ValueError(f'{path}: expected a list of classes, or {{"classes": [...]}}')
    entries = [_entry(path, position, entry) for position, entry in enumerate(content)]
    return _declared(path, entries, encoding)._replace(nodata=nodata)


def _entry(path, position, entry):
    """(id, name, colour or None, ignore) of one element of the list."""
    where = f"{path}: class {position}"
    if not isinstance(entry, dict) or "id" not in entry:
        raise ValueError(f'{where} must be an object with an "id", got {quoted(entry)}')
    number, ignore = entry["id"], entry.get("ignore", False)
    if not is_whole(number, 0, MOST_ID):
        raise ValueError(f"{where}: id must be a whole number from 0 to {MOST_ID}, got {quoted(number)}")
    if not isinstance(ignore, bool):
        raise ValueError(f"{where}: ignore must be true or false, got {quoted(ignore)}")
    name = entry.get("name", f"class {number}")
    reason = why_no_name(name)
    if reason is not None:
        raise ValueError(f"{where}: name {reason}")
    return number, name, _color(where, entry.get("color")), ignore


def _color(where, color):
    """[r, g, b] or "#rrggbb" as a tuple; None stays None."""
    if color is None:
        return None
    if isinstance(color, str) and len(color) == 7 and color[0] == "#":
        try:
            color = list(bytes.fromhex(color[1:]))
        except ValueError:
            raise ValueError(f'{where}: color must be [r, g, b] or "#rrggbb", got {quoted(color)}') from None
    if not isinstance(color, list) or len(color) != 3 or not all(is_whole(c, 0, 255) for c in color):
        raise ValueError(f'{where}: color must be [r, g, b] of 0 to 255 or "#rrggbb", got {quoted(color)}')
    return tuple(color)


def _declared(path, entries, encoding):
    """Check the entries against each other, and return them as Declared."""
    for what, values in (("id", [number for number, *_ in entries]), ("name", [name for _, name, *_ in entries])):
        value, times = Counter(values).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{path}: {what} {value!r} occurs twice")
    counted = sorted(entry for entry in entries if not entry[3])
    if not counted:
        raise ValueError(f"{path}: every class is marked ignore")
    if len(counted) > MOST_CLASSES:
        raise ValueError(f"{path}: {len(counted)} classes, at most {MOST_CLASSES} are possible")
    classes = tuple(
        SegmentationClass(number, name, color or class_color(position))
        for position, (number, name, color, _) in enumerate(counted)
    )
    ignored = tuple(sorted(number for number, _, _, ignore in entries if ignore))
    given = [(pack(color).item(), number) for number, _, color, _ in entries if color is not None]
    colors = dict(given)
    complete = len(given) == len(entries) == len(colors)
    return Declared(classes, ignored, colors if complete else None, encoding)
