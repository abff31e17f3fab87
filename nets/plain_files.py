"""Reading small text files that nobody vouches for: no pipe is waited for, and nothing is larger than nets/limits.py.

read_text(path), read_json(path) and parse_json(text) give what is there, or a ValueError in one line.
"""

from __future__ import annotations

import json
import unicodedata

from nets.limits import DEEPEST_JSON, LARGEST_TEXT, LONGEST_NAME, LONGEST_NUMBER, LONGEST_QUOTE, LONGEST_REASON

# Unicode's categories of characters that steer a terminal or break a line, and of halves of characters
STEERING = ("Cc", "Cs", "Zl", "Zp")
# Characters that reverse the direction of all text after them
REVERSING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_regular(path):
    """Raise ValueError if the path is a pipe, a device or a folder. A path that is not there is left to the reader."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: is not a file, but a folder, a pipe or a device")


def read_text(path, most=LARGEST_TEXT):
    """The text of a UTF-8 file. Raises ValueError with the file's name if it is no text, or larger than `most` bytes.

    OSError if it cannot be opened. A pipe or a device is refused: it would be waited for, perhaps for ever.
    """
    check_regular(path)
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path}: is larger than {most >> 20} MB, which no file of this kind is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: cannot be read, it is not text in UTF-8 (byte {error.start})") from error


def read_json(path, most=LARGEST_TEXT):
    """The content of a JSON file of up to `most` bytes. Raises ValueError with the file's name and the reason."""
    text = read_text(path, most)
    try:
        return parse_json(text)
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as JSON ({error})") from error


def parse_json(text):
    """The value of a JSON text. Raises ValueError if it is not JSON, or nested too deeply, or has a too long number."""
    try:
        value = json.loads(text, parse_int=_number(int), parse_float=_number(float))
    except RecursionError as error:
        raise ValueError(f"it is nested more than {DEEPEST_JSON} deep") from error
    level = [value]  # all values of one level of nesting
    for _ in range(DEEPEST_JSON):
        for text in (*level, *(key for each in level if type(each) is dict for key in each)):
            if type(text) is str and not text.isascii():
                _check_text(text)
        level = [part for each in level for part in _parts(each)]
        if not level:
            return value
    raise ValueError(f"it is nested more than {DEEPEST_JSON} deep")


def _parts(value):
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def _number(kind):
    def read(text):
        if len(text) > LONGEST_NUMBER:
            raise ValueError(f"it holds a number of {len(text)} digits")
        return kind(text)

    return read


def _check_text(text):
    """Raise ValueError for halves of characters, except those that stand for bytes in names of files."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds half of a character, {ascii(text[error.start])}") from error


def is_whole(value, least=0, most=None):
    """Whether a value from a file is a whole number, and no bool, within bounds."""
    return type(value) is int and value >= least and (most is None or value <= most)


def quoted(value):
    """A value from a file for a message: short, and repr makes escapes of what would steer a terminal."""
    text = repr(value) if not isinstance(value, (dict, list)) else f"a {'list' if isinstance(value, list) else 'dict'}"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def why_no_name(text):
    """Why a value from a file cannot be the name of a class, in words; None if it can be."""
    if not isinstance(text, str) or not text.strip():
        return f"must be text, got {quoted(text)}"
    if len(text) > LONGEST_NAME:
        return f"must have at most {LONGEST_NAME} characters, has {len(text)}"
    for character in text:
        if unicodedata.category(character) in STEERING or character in REVERSING:
            return f"must not hold the control character {ascii(character)}"
    return None


def reason(error):
    """What another library says about a damaged file, for a message: one line, cut, with escapes for what steers a
    terminal.
    """
    text = shown(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


def shown(name):
    """A file's name, or a text with one in it, for the terminal: characters that would steer it become escapes."""
    text = str(name)
    if text.isascii() and text.isprintable():
        return text
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in STEERING or c in REVERSING else c for c in text)
