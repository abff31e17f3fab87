"""Which mask belongs to which picture: by equal names, or by one difference that all pairs share."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from nets.data.decoding import SUFFIXES

NAMED_IN_ERRORS = 5
DOUBLE_SUFFIXES = (".ome",)  # in NAME.ome.tif, .ome belongs to the suffix


def is_picture(path, folder):
    """Whether a file of the folder is an image. Programs also leave .DS_Store, ._NAME.png and Thumbs.db there."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def plain_name(path, folder):
    """The name within the folder, without suffix, in NFC: Macs write é as two characters, other systems as one."""
    name = path.relative_to(folder).with_suffix("")
    if name.suffix.lower() in DOUBLE_SUFFIXES and path.suffix.lower() in (".tif", ".tiff"):
        name = name.with_suffix("")
    return unicodedata.normalize("NFC", name.as_posix())


def pictures_in(folder):
    """{name: path} of the image files in a folder. Raises ValueError if a name occurs twice."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not is_picture(path, folder):
            continue
        name = plain_name(path, folder)
        if name in found:
            raise ValueError(f"{path}: the name occurs twice, {found[name].name} is there too")
        found[name] = path
    return found


def pair(folder):
    """([(name, image path, mask path)] sorted by name, a note or ""). Raises ValueError if one side lacks a file."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    for part in ("images", "masks"):
        if not (folder / part).is_dir():
            there = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
            raise ValueError(f"{folder}: has no {part}/ folder (expected images/ and masks/, found {there})")
    images, masks = pictures_in(folder / "images"), pictures_in(folder / "masks")
    if not images:
        raise ValueError(f"{folder / 'images'}: holds no image ({', '.join(SUFFIXES)})")
    note = ""
    if images.keys() != masks.keys():
        renamed, note = _by_common_difference(images, masks)
        masks = renamed or masks
    missing = [str(path) for name, path in images.items() if name not in masks]
    extra = [str(path) for name, path in masks.items() if name not in images]
    if missing:
        alone = f"; masks without an image: {some(extra)}" if extra else ""
        raise ValueError(f"{folder / 'masks'}: no mask for {some(missing)}{alone}")
    if extra:
        raise ValueError(f"{folder / 'images'}: no image for {some(extra)}")
    return [(name, images[name], masks[name]) for name in sorted(images)], note


def some(names):
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED_IN_ERRORS} more" if len(names) > NAMED_IN_ERRORS else ""
    return ", ".join(names[:NAMED_IN_ERRORS]) + more


def _by_common_difference(images, masks):
    """({image name: mask path}, note) if one change of name leads from all images to all masks; else (None, "").

    The first image's name is compared with every mask's name; each comparison gives candidates for the change. A
    candidate is accepted if it leads from every image to a mask, leaves no mask over, and no other candidate does so.
    """
    if len(images) != len(masks):
        return None, ""
    found = {}
    first = min(images)
    for mask in masks:
        for rule in _rules(PurePosixPath(first), PurePosixPath(mask), len(images)):
            named = {name: _renamed(name, *rule) for name in images}
            if None not in named.values() and set(named.values()) == masks.keys():
                found.setdefault(tuple(sorted(named.items())), rule)
    if len(found) != 1:
        return None, ""
    (pairs, (old_start, new_start, old_end, new_end)) = next(iter(found.items()))
    pictures = f"{old_start}NAME{old_end}"
    return {name: masks[mask] for name, mask in pairs}, (
        f"masks named {new_start}NAME{new_end}" + (f" beside {pictures}" if pictures != "NAME" else "")
    )


def _rules(image, mask, count):
    """(old start, new start, old end, new end) of every simple change that leads from one name to the other."""
    if image.parent != mask.parent:
        return
    a, b = image.name, mask.name
    if b.endswith(a):
        yield "", b[: len(b) - len(a)], "", ""
    if b.startswith(a):
        yield "", "", "", b[len(a) :]
    if a.endswith(b):
        yield a[: len(a) - len(b)], "", "", ""
    if a.startswith(b):
        yield "", "", a[len(b) :], ""
    if count < 2:
        return  # with a single pair, any two names would fit
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    old, new = a[same:], b[same:]
    if same and _is_word(old) and _is_word(new):
        yield "", "", old, new
    same = next((i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y), min(len(a), len(b)))
    old, new = a[: len(a) - same], b[: len(b) - same]
    if same and _is_word(old) and _is_word(new):
        yield old, new, "", ""


def _is_word(text):
    """Whether this part of a name has letters: words say what the file is, numbers say which file it is."""
    return any(letter.isalpha() for letter in text)


def _renamed(name, old_start, new_start, old_end, new_end):
    """The mask's name by a rule; None if the image's name does not begin or end as the rule says."""
    path = PurePosixPath(name)
    bare = path.name
    if not bare.startswith(old_start) or not bare.endswith(old_end) or len(bare) <= len(old_start) + len(old_end):
        return None
    bare = new_start + bare[len(old_start) : len(bare) - len(old_end)] + new_end
    return path.with_name(bare).as_posix()
