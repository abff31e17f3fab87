"""The orientation tag of photos: pixels are stored as the sensor was held, and the tag says how to rotate them.

Image editors apply the tag. Most programs that draw masks do not write it, and some draw on the pixels as stored. So
picture and mask may disagree. If their sizes show what is right, the sizes decide; if not, a warning names the tag.
"""

from __future__ import annotations

import numpy as np

ORIENTATION = 0x0112  # the tag's number, in EXIF, in PNG's eXIf and in TIFF
UPRIGHT = 1
WORDS = {
    2: "mirrored",
    3: "rotated by 180 degrees",
    4: "upside down",
    5: "mirrored and rotated by 90 degrees",
    6: "rotated by 90 degrees",
    7: "mirrored and rotated by 270 degrees",
    8: "rotated by 270 degrees",
}
SIDEWAYS = (5, 6, 7, 8)  # these swap height and width
INVERSE = {6: 8, 8: 6}  # every other tag is its own inverse


def orientation_tag(image):
    """The tag of an open Pillow image, 1 to 8; 1 if there is none or it cannot be read."""
    try:
        tag = image.getexif().get(ORIENTATION, UPRIGHT)
    except Exception:  # damaged EXIF raises struct.error, SyntaxError and more; the pixels are fine
        return UPRIGHT
    return tag if tag in WORDS else UPRIGHT


def turned(array, tag):
    """The stored pixels (H, W, ...), mirrored and rotated as the tag says."""
    if tag == UPRIGHT:
        return array
    shown = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }[tag](array)
    return np.ascontiguousarray(shown)


def unturned(array, tag):
    """The inverse of `turned`: the pixels as stored."""
    return turned(array, INVERSE.get(tag, tag))


def named(tag):
    """The tag in words, for messages."""
    return f"orientation tag {tag} ({WORDS[tag]})"


def agree(picture_size, picture_tag, mask_size, mask_tag):
    """(whether the mask must be rotated back to how it is stored, a warning or None).

    Sizes are (height, width) after the tags are applied. Raises ValueError, without a file's name, if the sizes cannot
    be made equal.
    """
    fits = picture_size == mask_size
    if picture_tag == mask_tag:
        if fits:
            return False, None
        raise ValueError("" if picture_tag == UPRIGHT else f"both have the {named(picture_tag)}")
    square = picture_size[0] == picture_size[1]
    stored = mask_size[::-1] if mask_tag in SIDEWAYS else mask_size
    if picture_tag == UPRIGHT and picture_size == stored:
        known = mask_tag in SIDEWAYS and not square
        warning = f"the mask has the {named(mask_tag)}, its picture has none; neither is turned"
        return True, None if known else warning
    if not fits:
        raise ValueError(_why_not(picture_size, picture_tag, mask_size, mask_tag))
    if picture_tag in SIDEWAYS and mask_tag == UPRIGHT and not square:
        return False, None  # the mask fits only the rotated picture: it was drawn on that
    has = "has none" if mask_tag == UPRIGHT else f"has {named(mask_tag)}"
    return False, (
        f"the picture has the {named(picture_tag)} and is turned, its mask {has}; "
        "if the mask was drawn on the pixels as stored, remove the tag from the picture"
    )


def _why_not(picture_size, picture_tag, mask_size, mask_tag):
    """The reason that the message about two different sizes gives."""
    if picture_tag in SIDEWAYS and picture_size[::-1] == mask_size:
        return (
            f"the picture has the {named(picture_tag)}, and the mask fits only before it is obeyed: "
            "remove the tag, or turn the mask"
        )
    tags = [f"{who} has the {named(tag)}" for who, tag in (("the picture", picture_tag), ("the mask", mask_tag))
            if tag != UPRIGHT]  # fmt: skip
    return " and ".join(tags)
