"""Find out how a folder's masks are encoded, from all values that occur in them and from classes.json."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.classes_file import Declared
from nets.data.effect import look
from nets.data.encoding import MIDDLE, Encoding
from nets.data.masks import unpack
from nets.data.nearly_binary import NEARLY_WHITE, binary_from_jpeg, is_nearly_binary
from nets.data.palettes import by_color, classes_of_colors, disagree, fit_colors
from nets.data.sample import IGNORE, SegmentationClass, class_color

# Without a classes.json, more values than this are probably not classes. (ADE20K's 150 come with a list of names.)
MOST_UNNAMED_CLASSES = 64


class Reading(NamedTuple):
    """How the masks of a folder are read: the encoding, what was done to them in a few words, and warnings."""

    encoding: Encoding
    note: str
    warnings: tuple[str, ...]


def decide(surveys, declared=None, run=None):
    """The Reading of these masks.

    `declared` is the folder's classes.json. `run` is the encoding of a finished training. Its classes are used: even if
    all masks of an evaluation folder are 255, they are read as the run read its masks. Raises ValueError if the masks
    cannot be understood, if a value in them is not a class, or if the reading would discard most of them.
    """
    surveys, alpha = _alpha_or_color(surveys, run)
    surveys, palettes = _comparable(surveys, declared, run)
    encoding, note = _guess(surveys, declared, run)
    if encoding.kind == "colors" and not palettes:
        palettes, surveys = True, [by_color(entry) for entry in surveys]
    for entry in surveys:
        encoding.check(entry.values, entry.kind, entry.path)
    told = run is not None or (declared is not None and declared.encoding is not None)
    known = () if declared is None else declared.ignored
    guessed = run is None and encoding.kind == "ids" and IGNORE in encoding.ignored and IGNORE not in known
    warnings = look(surveys, encoding, told, guessed, learning=run is None)
    if alpha:
        note = ", ".join(filter(None, ["read from the alpha channel", note]))
    nodata = declared.nodata if declared is not None else None if run is None else run.nodata
    if palettes and declared is None and run is None:
        note = ", ".join(filter(None, ["read by colour, because the palettes differ", note]))
    return Reading(encoding._replace(alpha=alpha, nodata=nodata, palettes=palettes), note, tuple(warnings))


def _alpha_or_color(surveys, run):
    """(surveys, whether masks are read from the alpha channel). They are if it varies and the colours do not."""
    candidates = [entry for entry in surveys if entry.alpha is not None]
    if run is not None and run.alpha and candidates:
        return [entry.alpha or entry for entry in surveys], True
    varying = [entry for entry in candidates if len(entry.alpha.values) > 1]
    if not varying or run is not None:
        return surveys, False
    others = [entry for entry in surveys if entry.alpha is None and len(entry.values) > 1]
    if others:
        raise ValueError(
            f"{varying[0].path}: its colours are all one and its alpha channel holds the mask, but the mask of "
            f"{others[0].path} lies in its values; save all masks in one way"
        )
    return [entry.alpha or entry for entry in surveys], True


def _comparable(surveys, declared, run):
    """(surveys, whether palettes are looked up because the colours are meant, not the indices).

    1-bit files become 8-bit files, so that all surveys can be compared.
    """
    colors = None if declared is None else declared.colors
    if run is not None and colors is None:
        colors = run.colors
        if run.kind == "ids" and any(_contradicts(entry, run) for entry in surveys):
            colors = run.class_colors()
    meant = (run is not None and run.palettes) or disagree(surveys)
    meant = meant or (colors is not None and fit_colors(surveys, colors))
    if meant:
        surveys = [by_color(entry) for entry in surveys]
    greys = {value for entry in surveys if entry.kind == "8 bit" for value in entry.values.tolist()}
    # Programs that shrink PNG files store a file of only black and white with 1 bit. If the other files contain white
    # and no 1, the 1 of such a file means 255.
    white = 255 if max(greys, default=0) >= NEARLY_WHITE and 1 not in greys else 1
    surveys = [
        entry._replace(values=entry.values * white, kind="8 bit") if entry.kind == "1 bit" else entry
        for entry in surveys
    ]
    return surveys, meant


def _contradicts(entry, run):
    """Whether a palette gives an index another colour than the run's class with this id has."""
    if entry.palette is None:
        return False
    shown = {number.id: number.color for number in run.classes}
    return any(number in shown and entry.palette.get(number) != shown[number] for number in entry.values.tolist())


def _guess(surveys, declared, run):
    """(Encoding, note). The values are not checked yet."""
    kinds = {entry.kind for entry in surveys}
    if run is not None:
        if run.kind in ("binary", "instances") and "lossy" in kinds:
            return binary_from_jpeg(surveys, run.classes, may_be_black=True)
        if run.kind == "instances" or (run.kind == "colors" and "color" in kinds and declared is None):
            _refuse_color(surveys, run)
            return run, ""
        if run.kind == "colors" and declared is None and _greys_of(run, _all_values(surveys)):
            return run, ""
        ignored = () if run.kind == "colors" else run.ignored
        if declared is None:
            colors = run.colors or (run.class_colors() if "color" in kinds else None)
            declared = Declared(run.classes, ignored, colors, None)
        else:
            declared = declared._replace(classes=run.classes, ignored=tuple({*declared.ignored, *ignored}))
    if declared is not None and not declared.classes:
        return _without_classes(declared, surveys, kinds)
    if declared is not None and declared.encoding is not None:
        return _as_told(declared, surveys), ""
    if "color" in kinds:
        if declared is None and not any(entry.kind == "color" and not entry.from_palette for entry in surveys):
            return _colors_found(surveys), ""
        _refuse_color(surveys, declared)
        return _by_color(declared), ""
    if declared is None:
        return _undeclared(surveys, kinds)
    return _declared(surveys, kinds, declared, evaluating=run is not None)


def _declared(surveys, kinds, declared, evaluating):
    """(Encoding, note) of grey masks with known classes.

    In an evaluation, 255 is ignored only if the run or the folder says so.
    """
    values = _all_values(surveys)
    ids = Encoding("ids", declared.classes, declared.ignored)
    known = {*ids.ids, *declared.ignored}
    if values <= known:
        return ids, ""
    if declared.colors is not None and values <= {c & 255 for c in declared.colors if _is_grey(c)}:
        return _by_color(declared), ""
    if len(declared.classes) == 2:
        if "lossy" in kinds:
            return binary_from_jpeg(surveys, declared.classes)
        if values <= {0, 255} or values <= {0, 65535}:
            return Encoding("binary", declared.classes), ""
        if "deep" in kinds:
            return Encoding("instances", _with_thing(declared.classes)), ""
        if is_nearly_binary(surveys):
            return Encoding("binary", declared.classes), _cut(values)
    if not evaluating and "deep" not in kinds and IGNORE in values - known:
        return Encoding("ids", declared.classes, (*declared.ignored, IGNORE)), ""
    return ids, ""


def _undeclared(surveys, kinds):
    """(Encoding, note) of grey masks without classes.json, from the values alone."""
    values = _all_values(surveys)
    binary = Encoding("binary", _two_classes("foreground"))
    if "lossy" in kinds:
        return binary_from_jpeg(surveys, binary.classes)
    if len(values) == 1:
        raise ValueError(f"{surveys[0].path.parent}: every mask holds the one value {min(values)}, nothing to learn")
    if values in ({0, 255}, {0, 65535}):
        return binary, ""
    if "deep" in kinds:
        return Encoding("instances", _with_thing(_two_classes("object"))), ""
    numbers = sorted(values)
    if not _evenly_spread(numbers) and is_nearly_binary(surveys):
        return binary, _cut(values)
    return _as_ids(surveys, numbers)


def _cut(values):
    """The note about nearly binary masks. It names some of the values beside 0 and 255."""
    others = sorted(values - {0, 255})
    shown = ", ".join(map(str, others[:4])) + (" ..." if len(others) > 4 else "")
    return f"soft-edged masks cut at 128 (they hold {shown} beside 0 and 255)"


def _as_ids(surveys, numbers):
    """Every value is a class. 255 is ignored, unless the values are evenly spaced up to 255."""
    values = set(numbers)
    ignored = (IGNORE,) if IGNORE in values and not _evenly_spread(numbers) else ()
    numbers = [number for number in numbers if number not in ignored]
    if len(numbers) > MOST_UNNAMED_CLASSES:
        raise ValueError(
            f"{surveys[0].path.parent}: {len(numbers)} different values; list the classes in classes.json, or, "
            f'if these are object ids, write {{"encoding": "instances"}} there; {{"encoding": "binary"}} cuts at 128'
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


def _without_classes(declared, surveys, kinds):
    """classes.json gives only the encoding: the masks tell which classes there are."""
    if declared.encoding == "colors":
        return _colors_found([by_color(entry) for entry in surveys]), ""
    if "color" in kinds:
        _refuse_color(surveys, None)
    if declared.encoding == "ids":
        return _as_ids(surveys, sorted(_all_values(surveys)))
    classes = _two_classes("foreground" if declared.encoding == "binary" else "object")
    if declared.encoding == "binary" and "lossy" in kinds:
        return binary_from_jpeg(surveys, classes, may_be_black=True)
    return _as_told(declared._replace(classes=classes), surveys), ""


def _colors_found(surveys):
    """Every colour that occurs is a class."""
    greys = [entry.values * 65793 if entry.kind == "8 bit" else entry.values for entry in surveys]  # v -> (v, v, v)
    numbers = np.unique(np.concatenate(greys)).tolist()
    if len(numbers) > MOST_UNNAMED_CLASSES:
        raise ValueError(
            f"{surveys[0].path.parent}: {len(numbers)} different colours; list the classes in classes.json"
        )
    return Encoding("colors", classes_of_colors(numbers), (), {number: at for at, number in enumerate(numbers)})


def _as_told(declared, surveys):
    """The encoding that classes.json names. Raises ValueError if "binary" would find no foreground at all."""
    if declared.encoding == "ids":
        return Encoding("ids", declared.classes, declared.ignored)
    if declared.encoding == "colors":
        if declared.colors is None:
            raise ValueError('classes.json: encoding "colors" needs a different color for every class')
        return _by_color(declared)
    if len(declared.classes) != 2:
        raise ValueError(f'classes.json: encoding "{declared.encoding}" needs two classes, got {len(declared.classes)}')
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
    """Raise ValueError for the first colour mask, unless the classes have colours."""
    if known is not None and known.colors is not None:
        return
    for entry in surveys:
        if entry.kind == "color":
            colors = ", ".join(str(unpack(value)) for value in entry.values[:8])
            raise ValueError(
                f"{entry.path}: an RGB mask needs a classes.json with a different color for every class; "
                f"this one holds {len(entry.values)} colours: {colors}{' ...' if len(entry.values) > 8 else ''}"
                + (
                    '; {"encoding": "colors"} there makes each a class'
                    if len(entry.values) <= MOST_UNNAMED_CLASSES
                    else ""
                )
            )


def _all_values(surveys):
    return set(np.unique(np.concatenate([entry.values for entry in surveys])).tolist())


def _greys_of(run, values):
    """Whether the grey `values` are all colours of the run, but not all of them class ids."""
    return values <= run.meaning("8 bit").keys() and not values <= set(run.ids)


def _is_grey(packed):
    red, green, blue = unpack(packed)
    return red == green == blue


def _two_classes(name):
    return SegmentationClass(0, "background", class_color(0)), SegmentationClass(1, name, class_color(1))


def _with_thing(classes):
    background, found = classes
    return background, found._replace(thing=True)


def _evenly_spread(numbers):
    """Whether the values are evenly spaced from 0 on, as 0, 128, 255 are: visible greys, so 255 is a class."""
    steps = np.diff(numbers)
    return len(numbers) >= 3 and numbers[0] == 0 and steps.min() >= 32 and steps.max() - steps.min() <= 2
