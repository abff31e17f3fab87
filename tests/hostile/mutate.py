"""How bytes, JSON values and tables are changed by chance."""

from __future__ import annotations

import json
import re
import struct

# Numbers at which readers stumble: borders of types, powers of two, and beside them
NUMBERS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
HUGE = (2**53, 2**63 - 1, 2**63, 2**64 - 1, 10**30, -1, -(2**31), -(2**63))
FORMATS = ("<B", "<H", ">H", "<I", ">I", "<Q", ">Q")
MOST_CHANGES = 6
MOST_PLACES = 20_000  # parts of a value to choose from
MOST_BYTES = 1 << 20  # of a text: parts that are repeated within each other grow without end
LONGEST_PIECE = 64
# Texts that steer a terminal, leave a folder, or are no text
TEXTS = (
    "",
    " ",
    "\x1b[2J\x1b]0;title\x07",
    "a\nb",
    "../../x",
    "/etc/passwd",
    "\u202egnp",
    "\ud800",
    "x" * 5000,
    "\0",
    "é",
)


def choose(rng, values):
    """One of the values."""
    return values[int(rng.integers(len(values)))]


def mutated(rng, content):
    """Bytes with one to six changes: overwritten, cut out, repeated, inserted, cut short."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, MOST_CHANGES + 1))):
        _change(rng, content)
    return bytes(content)


def _change(rng, content):
    at = int(rng.integers(len(content) + 1))
    length = int(rng.integers(1, LONGEST_PIECE))
    kind = int(rng.integers(7))
    if kind == 0 and at < len(content):
        content[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        form = choose(rng, FORMATS)
        number = choose(rng, NUMBERS) % 256 ** struct.calcsize(form)
        content[at : at + struct.calcsize(form)] = struct.pack(form, number)
    elif kind == 2:
        del content[at : at + length]
    elif kind == 3:
        content[at:at] = content[at : at + length] * int(rng.integers(1, 4))
    elif kind == 4:
        content[at:at] = rng.bytes(length)
    elif kind == 5:
        content[at : at + length] = rng.bytes(length)
    elif int(rng.integers(4)) == 0:
        del content[at:]


def odd_value(rng):
    """A value of JSON that nobody expects."""
    kind = int(rng.integers(12))
    if kind == 0:
        return choose(rng, NUMBERS)
    if kind == 1:
        return choose(rng, HUGE)
    if kind == 2:
        return choose(rng, (0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan"), 1e-320))
    if kind == 3:
        return choose(rng, TEXTS)
    if kind == 4:
        return choose(rng, (None, True, False))
    if kind == 5:
        return choose(rng, ([], {}, [[]], {"": {}}, [None] * 300))
    if kind == 6:
        return 10 ** int(rng.integers(20, 420))
    if kind == 7:
        return nested(int(rng.integers(2, 3000)))
    if kind == 8:
        return [odd_value(rng) for _ in range(int(rng.integers(1, 5)))]
    if kind == 9:
        return {choose(rng, TEXTS): odd_value(rng)}
    return int(rng.integers(-5, 300))


class Nested:
    """JSON that is nested too deeply to be built as values: it is written as text."""

    def __init__(self, depth):
        self.text = "[" * depth + "]" * depth


def nested(depth):
    """A list within a list, `depth` deep."""
    return Nested(depth)


def changed(rng, value):
    """A value of JSON with one part of it replaced, left out, renamed, repeated or exchanged."""
    parts = list(_places(value))
    if not parts or int(rng.integers(20)) == 0:
        return odd_value(rng)
    holder, key = choose(rng, parts)
    kind = int(rng.integers(6))
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[choose(rng, (*TEXTS, key + " ", key.upper()))] = holder.pop(key)
    elif kind == 2 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * int(rng.integers(1, 400))
    elif kind == 3:
        other, place = choose(rng, parts)
        holder[key], other[place] = other[place], holder[key]
    else:
        holder[key] = odd_value(rng)
    return value


def _places(value):
    """(holder, key) of every part of a value, and of their parts."""
    waiting, left = [value], MOST_PLACES  # an exchange may have put a value into itself
    while waiting and left > 0:
        holder = waiting.pop()
        if isinstance(holder, (dict, list)):
            for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
                left -= 1
                yield holder, key
                waiting.append(holder[key])


def as_json(rng, value):
    """The bytes of a value: escaped or not, with odd numbers, sometimes with changed bytes."""
    pieces = []

    def default(part):
        pieces.append(part.text)
        return f"@{len(pieces) - 1}@"

    try:
        text = _beginning(json.JSONEncoder(ensure_ascii=bool(rng.integers(2)), default=default).iterencode(value))
    except (ValueError, RecursionError):  # an exchange may have put a value into itself
        return b'{"a": [1, 2'
    text = re.sub('"@([0-9]+)@"', lambda found: pieces[int(found[1])], text)
    content = text.encode("utf-8", "surrogatepass")[:MOST_BYTES]
    return mutated(rng, content) if int(rng.integers(4)) == 0 else content


def _beginning(parts):
    """The first MOST_BYTES characters of a text in parts. A value that holds itself many times over has no end."""
    found, length = [], 0
    for part in parts:
        found.append(part)
        length += len(part)
        if length > MOST_BYTES:
            break
    return "".join(found)


def changed_json(rng, content):
    """The bytes of a JSON text with one to six parts changed."""
    value = json.loads(content)
    for _ in range(int(rng.integers(1, MOST_CHANGES + 1))):
        value = changed(rng, value)
    return as_json(rng, value)
