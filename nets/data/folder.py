"""A dataset from files: FOLDER/images/NAME.png and FOLDER/masks/NAME.png, optionally classes.json, manifest.csv.

All files are read once before anything is trained. What does not fit is refused then, by its name, and not an
hour later by a shape that does not broadcast.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .classes_file import read_classes
from .detect import Survey, decide, survey
from .images import SUFFIXES, as_channels, head, is_deep, is_grey, read_image, read_mask
from .sample import Sample
from .split import split

# Folders that decode to no more than this are kept in memory as they were read; larger ones are read every time.
MEMORY_BYTES = 1 << 30
NAMED_IN_ERRORS = 5


class Entry(NamedTuple):
    """One image with its mask: what the check of the files found out; the arrays where they are kept."""

    name: str
    image_path: Path
    mask_path: Path
    height: int
    width: int
    stored_rgb: bool
    deep: bool
    grey: bool
    survey: Survey
    kept: tuple | None


class FolderDataset:
    """Images of a folder with their labels. `part` makes the training and the validation side of it.

    channels     1 where all images hold nothing but greys, else 3 (an `evaluate` asks for the run's number)
    orientation  "free" for grey images: microscopes know no up, so flips and quarter turns are allowed;
                 "upright" for RGB ones: a street upside down never occurs, a mirrored one does
    """

    def __init__(self, folder, entries, encoding, channels, description):
        self.name = str(folder)
        self.encoding = encoding
        self.classes = encoding.classes
        self.channels = channels
        self.orientation = "free" if channels == 1 else "upright"
        self.description = description
        self.smallest = min(entry.height for entry in entries), min(entry.width for entry in entries)
        self._entries = entries

    def __len__(self):
        return len(self._entries)

    def part(self, positions, description):
        """The images at `positions` as a dataset of their own."""
        entries = [self._entries[position] for position in positions]
        return FolderDataset(self.name, entries, self.encoding, self.channels, description)

    @property
    def names(self):
        """The images' names in order."""
        return [entry.name for entry in self._entries]

    def sample(self, index):
        """The Sample at `index`; decoded now where the folder is too large to keep."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: sample {index} of {len(self)}")
        entry = self._entries[index]
        image, mask = entry.kept or (read_image(entry.image_path), read_mask(entry.mask_path))
        label, instances = self.encoding.decode(mask, entry.mask_path)
        return Sample(as_channels(image, self.channels), label, instances, entry.name)


def open_folder(folder, run=None, channels=None):
    """The whole folder as one FolderDataset, after all its files have been checked.

    `run`, a finished training's Encoding, and its `channels` make the folder an evaluation of that run. Raises
    ValueError with the name of the file that does not fit.
    """
    folder = Path(folder)
    pairs = _pairs(folder)
    classes_path = folder / "classes.json"
    declared = read_classes(classes_path) if classes_path.exists() else None
    if run is not None and declared is not None:
        _must_agree(classes_path, declared, run)
    entries = _check_all(pairs)
    encoding, note = decide([entry.survey for entry in entries], declared, run)
    entries, dropped = _without_ignored(entries, encoding, "learn" if run is None else "measure")
    colored = [entry for entry in entries if not entry.grey]
    notes = [note] if note else []
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
    return FolderDataset(
        folder, entries, encoding, channels, _description(folder, entries, encoding, channels, notes)
    )


def _description(folder, entries, encoding, channels, notes):
    """The one line that says what was found."""
    sizes = sorted({(entry.height, entry.width) for entry in entries}, key=lambda size: size[0] * size[1])
    size = f"{sizes[0][0]}x{sizes[0][1]}"
    if len(sizes) > 1:
        size = f"{size} to {sizes[-1][0]}x{sizes[-1][1]}"
    parts = [
        f"{len(entries)} image{'s' if len(entries) > 1 else ''}",
        size,
        "grey" if channels == 1 else "RGB",
    ]
    return f"{folder}: {', '.join([*parts, encoding.described(), *notes])}"


def split_folder(folder, seed):
    """(train, validation) of a folder."""
    whole = open_folder(folder)
    manifest = Path(folder) / "manifest.csv"
    chosen = split(whole.names, seed, manifest if manifest.exists() else None)
    sides = f"{len(chosen.train)} train, {len(chosen.validation)} validation ({chosen.how})"
    line = f"{whole.description}; {sides}"
    return whole.part(chosen.train, line), whole.part(chosen.validation, line)


def _pairs(folder):
    """[(name, image path, mask path)] sorted by name. Raises ValueError where one side lacks a file."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    for part in ("images", "masks"):
        if not (folder / part).is_dir():
            there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
            raise ValueError(f"{folder}: has no {part}/ folder (expected images/ and masks/, found {there})")
    images, masks = _files(folder / "images"), _files(folder / "masks")
    if not images:
        raise ValueError(f"{folder / 'images'}: holds no image ({', '.join(SUFFIXES)})")
    missing = [str(path) for name, path in images.items() if name not in masks]
    extra = [str(path) for name, path in masks.items() if name not in images]
    if missing:
        alone = f"; masks without an image: {_some(extra)}" if extra else ""
        raise ValueError(f"{folder / 'masks'}: no mask for {_some(missing)}{alone}")
    if extra:
        raise ValueError(f"{folder / 'images'}: no image for {_some(extra)}")
    return [(name, images[name], masks[name]) for name in sorted(images)]


def _files(folder):
    """{name below the folder without suffix: path} of the image files in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise ValueError(f"{path}: the name occurs twice, {found[name].name} is there too")
        found[name] = path
    return found


def _some(names):
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED_IN_ERRORS} more" if len(names) > NAMED_IN_ERRORS else ""
    return ", ".join(names[:NAMED_IN_ERRORS]) + more


def _check_all(pairs):
    """Every pair as an Entry. Decoding waits for no interpreter lock, so threads share the work."""
    keep = sum(_decoded_bytes(image_path) for _, image_path, _ in pairs) <= MEMORY_BYTES
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda pair: _check(*pair, keep), pairs))


def _decoded_bytes(path):
    """Memory for one image of 3 channels and its mask of 32 bits, from the size in the file's head alone."""
    found = head(path)
    return 0 if found is None else found[0] * found[1] * (3 + 4)


def _check(name, image_path, mask_path, keep):
    """One pair read, compared and surveyed."""
    image, mask = read_image(image_path), read_mask(mask_path)
    if image.shape[:2] != mask.values.shape:
        height, width = mask.values.shape
        raise ValueError(
            f"{mask_path}: the mask is {height}x{width} (height x width), "
            f"its image {image_path} is {image.shape[0]}x{image.shape[1]}"
        )
    stored_rgb, deep, grey = image.ndim == 3, is_deep(head(image_path)[2]), is_grey(image)
    kept = None
    if keep:
        kept = (as_channels(image, 1) if grey else image, mask)
    return Entry(
        name, image_path, mask_path, *image.shape[:2], stored_rgb, deep, grey, survey(mask, mask_path), kept
    )


def _without_ignored(entries, encoding, purpose):
    """(entries that have something to count, names of the others). Raises ValueError where none has."""
    useful, dropped = [], []
    for entry in entries:
        if encoding.all_ignored(entry.survey.values, entry.survey.kind):
            dropped.append(entry.name)
        else:
            useful.append(entry)
    if not useful:
        folder = entries[0].mask_path.parent
        raise ValueError(
            f"{folder}: all pixels of all masks are ignore ({_some(dropped)}), nothing to {purpose}"
        )
    return useful, dropped


def _must_agree(path, declared, run):
    """Raise ValueError where the folder's class ids are not the run's."""
    ids = tuple(entry.id for entry in declared.classes)
    if ids != run.ids:
        raise ValueError(
            f"{path}: classes {', '.join(map(str, ids))} are not the run's, {', '.join(map(str, run.ids))}"
        )
