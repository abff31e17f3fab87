"""A dataset from files: FOLDER/images/NAME.png and FOLDER/masks/NAME.png, optionally classes.json and manifest.csv.

With a panoptic.json, the masks are COCO's (coco.py).

All files are read and checked before anything is trained. A file that does not fit is refused then, with its name, not
an hour later by an error about shapes.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nets.data.classes_file import read_classes
from nets.data.coco import FILE as PANOPTIC_FILE
from nets.data.coco import read_annotations
from nets.data.decoding import size_of
from nets.data.detect import decide
from nets.data.effect import look
from nets.data.encoding import PANOPTIC, spans
from nets.data.images import as_channels, is_grey, read_picture
from nets.data.masks import Survey, read_mask, survey
from nets.data.orientation import agree, unturned
from nets.data.pairing import NAMED_IN_ERRORS, pair, some
from nets.data.sample import IGNORE, Sample
from nets.data.split import split
from nets.plain_files import shown

# A folder whose decoded files fit into this memory is kept there. The files of larger folders are read every time.
MEMORY_BYTES = 1 << 30


class Entry(NamedTuple):
    """One image with its mask: what the check found, and the arrays if they are kept in memory."""

    name: str
    image_path: Path
    mask_path: Path
    height: int
    width: int
    stored_rgb: bool
    deep: bool
    grey: bool
    void: bool
    warning: str | None
    survey: Survey
    kept: tuple | None


class FolderDataset:
    """Images of a folder with their labels. `part` makes the training set and the validation set.

    channels     1 if all images contain only greys, else 3 (an evaluation uses the run's number)
    orientation  "free" for grey images: under a microscope no direction is up, so flips and quarter turns are allowed;
                 "upright" for RGB images: a street is never upside down, but it may be mirrored
    """

    def __init__(self, folder, entries, encoding, channels, description, annotations=None):
        self.name = str(folder)
        self.encoding = encoding
        self.classes = encoding.classes
        self.channels = channels
        self.orientation = "free" if channels == 1 else "upright"
        self.description = description
        self.smallest = min(entry.height for entry in entries), min(entry.width for entry in entries)
        self._entries = entries
        self._annotations = annotations

    def __len__(self):
        return len(self._entries)

    def part(self, positions, description):
        """The images at `positions` as a dataset of their own."""
        entries = [self._entries[position] for position in positions]
        return FolderDataset(self.name, entries, self.encoding, self.channels, description, self._annotations)

    @property
    def names(self):
        """The images' names in order."""
        return [entry.name for entry in self._entries]

    def files(self):
        """The paths of all images and masks, and of the panoptic.json."""
        described = [] if self._annotations is None else [self._annotations.path]
        return described + [path for entry in self._entries for path in (entry.image_path, entry.mask_path)]

    def sample(self, index):
        """The Sample at `index`. Its files are read now if the folder is too large to keep in memory."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: sample {index} of {len(self)}")
        entry = self._entries[index]
        image, void, mask = entry.kept or self._read(entry)
        label, instances = self.encoding.decode(mask, entry.mask_path)
        if void is not None:  # pixels without data are ignored
            label = np.where(void, np.uint8(IGNORE), label)
            instances = None if instances is None else np.where(void, 0, instances)
        return Sample(as_channels(image, self.channels), label, instances, entry.name)

    def _read(self, entry):
        return _read(entry.image_path, entry.mask_path, self.encoding.nodata, _reader(self._annotations))[:3]


def open_folder(folder, run=None, channels=None):
    """The whole folder as one FolderDataset, after all its files have been checked.

    With `run` (the Encoding of a finished training) and its `channels`, the folder is read to evaluate this run. Raises
    ValueError with the name of the file that does not fit.
    """
    folder = Path(folder)
    pairs, pairing = pair(folder)
    classes_path, panoptic_path = folder / "classes.json", folder / PANOPTIC_FILE
    annotations = read_annotations(panoptic_path) if panoptic_path.exists() else None
    declared = None
    if annotations is not None:
        annotations.check([mask_path for *_, mask_path in pairs])
    elif classes_path.exists():
        declared = read_classes(classes_path)
    if run is not None:
        _must_agree(annotations or declared, panoptic_path if annotations else classes_path, run)
    nodata = declared.nodata if declared is not None else None if run is None else run.nodata
    entries = _check_all(pairs, nodata, _reader(annotations))
    surveys = [entry.survey for entry in entries]
    if annotations is None:
        encoding, note, warnings = decide(surveys, declared, run)
    else:
        encoding, note = annotations.encoding._replace(nodata=nodata), ""
        warnings = look(surveys, encoding, told=True, guessed=False, learning=run is None)
    entries, dropped = _without_ignored(entries, encoding, "learn" if run is None else "measure")
    colored = [entry for entry in entries if not entry.grey]
    notes = [text for text in (pairing, note) if text]
    if dropped:
        names = ", ".join(dropped[:NAMED_IN_ERRORS])
        notes.append(f"{len(dropped)} left out, their masks are all ignore ({names})")
    if channels is None:
        channels = 3 if colored else 1
    if colored and len(colored) < len(entries):
        notes.append(f"{len(entries) - len(colored)} grey ones among {len(colored)} RGB")
    elif not colored and any(entry.stored_rgb for entry in entries):
        notes.append("grey stored as RGB")
    if any(entry.deep for entry in entries):
        notes.append(f"{sum(entry.deep for entry in entries)} of more than 8 bits, each stretched to 8")
    if any(entry.void for entry in entries):
        notes.append(f"{sum(entry.void for entry in entries)} with pixels without data, which are ignored")
    description = _description(folder, entries, encoding, channels, notes)
    described = _with_warnings(description, entries, warnings)
    return FolderDataset(folder, entries, encoding, channels, described, annotations)


def _with_warnings(description, entries, warnings):
    """The description, then one line per kind of warning."""
    by_text = {}
    for entry in entries:
        if entry.warning:
            by_text.setdefault(entry.warning, []).append(str(entry.image_path))
    lines = [f"{some(paths)}: {text}" for text, paths in by_text.items()]
    return "\n".join(map(shown, [description, *(f"warning: {line}" for line in (*lines, *warnings))]))


def _description(folder, entries, encoding, channels, notes):
    """The one line that says what was found."""
    sizes = sorted({(entry.height, entry.width) for entry in entries}, key=lambda size: size[0] * size[1])
    size = f"{sizes[0][0]}x{sizes[0][1]}"
    if len(sizes) > 1:
        size = f"{size} to {sizes[-1][0]}x{sizes[-1][1]}"
    parts = [f"{len(entries)} image{'s' if len(entries) > 1 else ''}", size, "grey" if channels == 1 else "RGB"]
    return f"{folder}: {', '.join([*parts, encoding.described(), *notes])}"


def split_folder(folder, seed):
    """(train, validation) of a folder."""
    whole = open_folder(folder)
    manifest = Path(folder) / "manifest.csv"
    chosen = split(whole.names, seed, manifest if manifest.exists() else None)
    sides = f"{len(chosen.train)} train, {len(chosen.validation)} validation ({chosen.how})"
    first, *warnings = whole.description.split("\n")
    line = "\n".join([f"{first}; {sides}", *warnings])
    return whole.part(chosen.train, line), whole.part(chosen.validation, line)


def _check_all(pairs, nodata, read):
    """Every pair as an Entry. Decoding does not need Python's global lock, so threads share the work."""
    keep = sum(_decoded_bytes(image_path) for _, image_path, _ in pairs) <= MEMORY_BYTES
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda found: _check(*found, nodata, keep, read), pairs))


def _decoded_bytes(path):
    """Memory for one image of 3 channels and its mask of 32 bits, from the size in the file's header."""
    found = size_of(path)
    return 0 if found is None else found[0] * found[1] * (3 + 4)


def _reader(annotations):
    """What reads a mask as a RawMask."""
    return read_mask if annotations is None else annotations.read


def _read(image_path, mask_path, nodata, read):
    """(pixels, void or None, RawMask, Picture, warning or None) of a pair, both in the same orientation."""
    picture, mask = read_picture(image_path, nodata), read(mask_path)
    size, mask_size = picture.pixels.shape[:2], mask.values.shape
    try:
        put_back, warning = agree(size, picture.tag, mask_size, mask.tag)
    except ValueError as error:
        raise ValueError(
            f"{mask_path}: the mask is {mask_size[0]}x{mask_size[1]} (height x width), "
            f"its image {image_path} is {size[0]}x{size[1]}{f'; {error}' if str(error) else ''}"
        ) from None
    if put_back:
        parts = {name: getattr(mask, name) for name in ("values", "alpha", "void")}
        mask = mask._replace(**{name: unturned(array, mask.tag) for name, array in parts.items() if array is not None})
    return picture.pixels, picture.void, mask, picture, warning


def _check(name, image_path, mask_path, nodata, keep, read):
    """Read one pair, compare the sizes, and survey the mask."""
    image, void, mask, picture, warning = _read(image_path, mask_path, nodata, read)
    grey = is_grey(image)
    kept = (as_channels(image, 1) if grey else image, void, mask) if keep else None
    found = survey(mask, mask_path)
    size = image.shape[:2]
    return Entry(
        name, image_path, mask_path, *size, image.ndim == 3, picture.deep, grey, void is not None, warning, found, kept
    )


def _without_ignored(entries, encoding, purpose):
    """(entries in which some pixel counts, names of the others). Raises ValueError if no entry is left."""
    useful, dropped = [], []
    for entry in entries:
        if encoding.all_ignored(entry.survey):
            dropped.append(entry.name)
        else:
            useful.append(entry)
    if not useful:
        folder = entries[0].mask_path.parent
        raise ValueError(f"{folder}: all pixels of all masks are ignore ({some(dropped)}), nothing to {purpose}")
    return useful, dropped


def _must_agree(declared, path, run):
    """Raise ValueError if what the folder declares in the file `path` (None: nothing) does not fit the run."""
    if run.kind == PANOPTIC and path.name != PANOPTIC_FILE:
        raise ValueError(
            f"{path.with_name(PANOPTIC_FILE)}: no such file; the run learned from COCO's panoptic masks, and such "
            "masks cannot be read without it"
        )
    ids = tuple(entry.id for entry in declared.classes) if declared is not None else ()
    if ids and ids != run.ids:
        raise ValueError(f"{path}: classes {spans(ids)} are not the run's, {spans(run.ids)}")
