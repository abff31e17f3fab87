"""Find out how a folder's masks are encoded, from all values that occur in them and from classes.json."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .classes_file import Declared
from .encoding import MIDDLE, Encoding
from .images import RawMask, unpack
from .sample import IGNORE, SegmentationClass, class_color

# More values than this, and no classes.json: these are hardly classes. (ADE20K's 150 come with a list of names.)
MOST_UNNAMED_CLASSES = 64
# A binary mask that was resized or drawn with soft edges holds greys between; they are the rim, so they are few.
SOFT_EDGE_SHARE = 0.15
NEARLY_BLACK, NEARLY_WHITE = 40, 215  # how far JPEG may move a black or a white pixel


class Survey(NamedTuple):
    """What one mask file holds: its different values, how often each occurs, and how it is stored."""

    path: Path
    values: np.ndarray
    counts: np.ndarray
    kind: str
    palette: dict | None


def survey(mask: RawMask, path):
    """The Survey of a RawMask."""
    if mask.kind in ("8 bit", "lossy"):
        histogram = np.bincount(mask.values.ravel(), minlength=256)
        values = np.flatnonzero(histogram)
        return Survey(path, values, histogram[values], mask.kind, mask.palette)
    values, counts = np.unique(mask.values, return_counts=True)
    return Survey(path, values, counts, mask.kind, mask.palette)


def decide(surveys, declared=None, run=None):
    """(Encoding, note) for these masks; the note says what was done to them, or is empty.

    `declared` is the folder's classes.json. `run` is the encoding of a finished training: its classes hold, and
    an evaluation folder whose masks happen to be all 255 is still read as the run read its masks. Raises ValueError
    where the masks cannot be understood, or a value in them is no class.
    """
    encoding, note = _guess(surveys, declared, run)
    for entry in surveys:
        encoding.check(entry.values, entry.kind, entry.path)
    return encoding, note


def _guess(surveys, declared, run):
    """(Encoding, note), the values not yet checked."""
    kinds = {entry.kind for entry in surveys}
    if run is not None:
        if run.kind in ("binary", "instances") and "lossy" in kinds:
            return _binary_from_jpeg(surveys, run.classes, may_be_black=True)
        if run.kind == "instances" or (run.kind == "colors" and "color" in kinds and declared is None):
            _refuse_color(surveys, run)
            return run, ""
        if run.kind == "colors" and declared is None and _greys_of(run, _all_values(surveys)):
            return run, ""
        ignored = () if run.kind == "colors" else run.ignored
        if declared is None:
            declared = Declared(run.classes, ignored, run.colors, None)
        else:
            declared = declared._replace(classes=run.classes, ignored=tuple({*declared.ignored, *ignored}))
    if declared is not None and declared.encoding is not None:
        return _as_told(declared, surveys), ""
    if "color" in kinds:
        _refuse_color(surveys, declared)
        return _by_color(declared), ""
    if declared is None:
        return _undeclared(surveys, kinds)
    return _declared(surveys, kinds, declared, evaluating=run is not None)


def _declared(surveys, kinds, declared, evaluating):
    """Grey masks and known classes. An evaluation leaves out no pixels that neither run nor folder ignores."""
    values = _all_values(surveys)
    ids = Encoding("ids", declared.classes, declared.ignored)
    known = {*ids.ids, *declared.ignored}
    if values <= known:
        return ids, ""
    if declared.colors is not None and values <= {c & 255 for c in declared.colors if _is_grey(c)}:
        return _by_color(declared), ""
    if len(declared.classes) == 2:
        if "lossy" in kinds:
            return _binary_from_jpeg(surveys, declared.classes)
        if values <= {0, 255} or values <= {0, 65535}:
            return Encoding("binary", declared.classes), ""
        if "deep" in kinds:
            return Encoding("instances", _with_thing(declared.classes)), ""
        if _has_soft_edges(surveys):
            return Encoding("binary", declared.classes), "soft-edged masks cut at 128"
    if not evaluating and "deep" not in kinds and IGNORE in values - known:
        return Encoding("ids", declared.classes, (*declared.ignored, IGNORE)), ""
    return ids, ""


def _undeclared(surveys, kinds):
    """Grey masks and no classes.json: the values must speak for themselves."""
    values = _all_values(surveys)
    binary = Encoding("binary", _two_classes("foreground"))
    if "lossy" in kinds:
        return _binary_from_jpeg(surveys, binary.classes)
    if len(values) == 1:
        raise ValueError(
            f"{surveys[0].path.parent}: every mask holds the one value {min(values)}, nothing to learn"
        )
    if values in ({0, 255}, {0, 65535}):
        return binary, ""
    if "deep" in kinds:
        return Encoding("instances", _with_thing(_two_classes("object"))), ""
    if _has_soft_edges(surveys):
        return binary, "soft-edged masks cut at 128"
    numbers = sorted(values)
    ignored = (IGNORE,) if IGNORE in values and not _evenly_spread(numbers) else ()
    numbers = [number for number in numbers if number not in ignored]
    if len(numbers) > MOST_UNNAMED_CLASSES:
        raise ValueError(
            f"{surveys[0].path.parent}: {len(numbers)} different values; list the classes in classes.json, or, "
            f'where these are object ids, write {{"classes": [...], "encoding": "instances"}} there'
        )
    if len(numbers) == 1:
        raise ValueError(
            f"{surveys[0].path.parent}: the masks hold class {numbers[0]} and 255 (ignore) alone, nothing to learn"
        )
    palette = next((entry.palette for entry in surveys if entry.palette), None) or {}
    classes = tuple(
        SegmentationClass(number, f"class {number}", palette.get(number, class_color(position)))
        for position, number in enumerate(numbers)
    )
    return Encoding("ids", classes, ignored), ""


def _as_told(declared, surveys):
    """The encoding that classes.json names. Raises ValueError where "binary" would find no foreground at all."""
    if declared.encoding == "ids":
        return Encoding("ids", declared.classes, declared.ignored)
    if declared.encoding == "colors":
        if declared.colors is None:
            raise ValueError('classes.json: encoding "colors" needs a different color for every class')
        return _by_color(declared)
    if len(declared.classes) != 2:
        raise ValueError(
            f'classes.json: encoding "{declared.encoding}" needs two classes, got {len(declared.classes)}'
        )
    if declared.encoding == "instances":
        return Encoding("instances", _with_thing(declared.classes), declared.ignored)
    counted = _all_values(surveys) - {*declared.ignored}
    if counted - {0} and max(counted) < MIDDLE:
        dim = next(entry for entry in surveys if {int(value) for value in entry.values} & (counted - {0}))
        raise ValueError(
            f'{dim.path}: classes.json says encoding "binary", which is 0 and 255, but the masks hold '
            f'{", ".join(map(str, sorted(counted)[:8]))}: all of it would be background; say "ids" instead'
        )
    return Encoding("binary", declared.classes, declared.ignored)


def _by_color(declared):
    ignored = tuple(color for color, number in declared.colors.items() if number in declared.ignored)
    counted = {color: number for color, number in declared.colors.items() if color not in ignored}
    return Encoding("colors", declared.classes, ignored, counted)


def _refuse_color(surveys, known):
    """Raise ValueError at the first colour mask that the classes cannot explain."""
    if known is not None and known.colors is not None:
        return
    for entry in surveys:
        if entry.kind == "color":
            colors = ", ".join(str(unpack(value)) for value in entry.values[:8])
            raise ValueError(
                f"{entry.path}: an RGB mask needs a classes.json with a different color for every class; "
                f"this one holds {len(entry.values)} colours: {colors}{' ...' if len(entry.values) > 8 else ''}"
            )


def _all_values(surveys):
    return set(np.unique(np.concatenate([entry.values for entry in surveys])).tolist())


def _greys_of(run, values):
    """Whether the grey `values` are colours of the run, and not all of them class ids as well."""
    return values <= run.meaning("8 bit").keys() and not values <= set(run.ids)


def _is_grey(packed):
    red, green, blue = unpack(packed)
    return red == green == blue


def _two_classes(name):
    return SegmentationClass(0, "background", class_color(0)), SegmentationClass(1, name, class_color(1))


def _with_thing(classes):
    background, found = classes
    return background, found._replace(thing=True)


def _has_soft_edges(surveys):
    """Whether nearly all pixels are 0 or 255 and the rest are greys on both sides of the middle."""
    histogram = np.zeros(256, np.int64)
    for entry in surveys:
        if entry.kind == "8 bit":
            histogram[entry.values] += entry.counts
    between = histogram[1:255]
    if histogram[0] == 0 or histogram[255] == 0:
        return False
    greys = np.flatnonzero(between) + 1
    return len(greys) >= 3 and greys.max() >= MIDDLE and between.sum() <= SOFT_EDGE_SHARE * histogram.sum()


def _binary_from_jpeg(surveys, classes, may_be_black=False):
    """JPEG blurs what it stores. Black and white survive that, and a cut in the middle; class ids do not."""
    for entry in surveys:
        between = entry.counts[(entry.values > NEARLY_BLACK) & (entry.values < NEARLY_WHITE)].sum()
        if entry.kind == "lossy" and between > SOFT_EDGE_SHARE * entry.counts.sum():
            raise ValueError(
                f"{entry.path}: a JPEG that is not black and white keeps no class ids; save it as PNG"
            )
    # Class ids 0 to 40 would all look black: where nothing else says "binary", there must be white.
    if not may_be_black and max(entry.values.max() for entry in surveys) < NEARLY_WHITE:
        folder = surveys[0].path.parent
        raise ValueError(f"{folder}: no JPEG mask holds any white, and JPEG keeps no class ids")
    return Encoding("binary", classes), "JPEG masks cut at 128"


def _evenly_spread(numbers):
    """Whether the values part 0 .. 255 evenly, as 0, 128, 255 do: greys chosen to be seen, 255 among the classes."""
    steps = np.diff(numbers)
    return len(numbers) >= 3 and numbers[0] == 0 and steps.min() >= 32 and steps.max() - steps.min() <= 2
