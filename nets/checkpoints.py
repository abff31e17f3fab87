"""Finding a net's tensors in a checkpoint: under which key they are, and what was put in front of their names.

A checkpoint of a trainer keeps the weights under some key, beside the optimizer and much else. torch's wrappers add
parts to the names: DataParallel "module.", compile "_orig_mod.", training frameworks "model.". Here the names of the
net itself decide: whatever has most of them is what is meant.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

import minitensor as mt
from nets.pickle_machine import NUMPY_ARRAY, Unknown
from nets.torch_file import whole_object_advice

# Keys under which checkpoints keep the weights. The running mean of the weights (ema) comes first, because it is what
# authors evaluate.
EMA = ("state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "ema", "average")
WRAPPERS = (*EMA, "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights",
            "params")  # fmt: skip
DEEPEST = 8  # levels of wrappers within wrappers
AVERAGED = "n_averaged"  # torch's AveragedModel counts its updates
# Parts of names that torch's wrappers add anywhere: around the net, or around one of its layers.
WRAPPER_PARTS = frozenset(
    ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
)
SEPARATORS = "./"  # between the parts of a name: torch's dot, and the slash of our own runs' checkpoints
LONGEST_NAME = 500  # characters of a name that are searched for the net's own names
# Tensors beside those with a prefix are left out only if this share of the net's own names is found with it.
LEAST_SHARE = 0.25
MOST_NAMED = 5  # entries that a message lists
REAL = "fiub"  # NumPy's letters for real numbers: floats, integers, booleans
MOST_QUOTED = 60  # characters of a key that a message quotes


class State(NamedTuple):
    """The tensors of a checkpoint that belong to a net.

    tensors   {name: array}, the names as the net has them
    keys      the keys that lead to them in the file, the outermost first
    prefix    what was removed from the front of all names
    parts     what was removed within the names, such as "module"
    outside   names of tensors beside them, which do not have the prefix
    unread    {name: what it is} of entries that are no plain tensors
    """

    tensors: dict
    keys: tuple
    prefix: str = ""
    parts: tuple = ()
    outside: tuple = ()
    unread: dict = {}

    def fitting(self, own):
        return len(own & self.tensors.keys())

    def rank(self):
        """Least for what is usual: a running mean, then known keys, then the top of the file, then other keys."""
        way = (*self.keys, *re.split(f"[{SEPARATORS}]", self.prefix)[:-1])
        if any(key in EMA for key in way):
            return 0, 0, len(way)
        places = [WRAPPERS.index(key) for key in way if key in WRAPPERS]
        return (1, min(places), len(way)) if places else (2 + bool(way), 0, len(way))

    def way(self):
        """How to name it in a message."""
        return "/".join(filter(None, (*self.keys, self.prefix)))


def find_state(content, path, own):
    """The State in the content of a file that has most of the names `own`; if none has any, the likeliest one.

    Raises ValueError if there are no named tensors, or if several parts of the file fit equally well and none of them
    is usual (WRAPPERS): a net and its rival, for example.
    """
    found = [state for keys, entries in _named_tensors(content, path) for state in _fitted(entries, keys, own)]
    most = max(state.fitting(own) for state in found)
    best = sorted((state for state in found if state.fitting(own) == most), key=State.rank)
    if (most or not own) and len(best) > 1 and best[0].rank() == best[1].rank():
        these = ", ".join(repr(state.way()[:LONGEST_NAME]) for state in best[:MOST_NAMED])
        raise ValueError(
            f"load_weights: {path} holds several sets of tensors, and nothing says which is meant: {these}. Save one "
            "of them alone"
        )
    return best[0]


def _named_tensors(content, path):
    """[(keys, dict)]: each dict in the content that holds tensors under names. Each is visited once."""
    if not isinstance(content, Mapping):
        raise ValueError(f"load_weights: {path} holds a {type(content).__name__}, not named tensors")
    found, seen, waiting = [], set(), [((), content)]
    for keys, entries in waiting:  # grows while it is read
        if id(entries) in seen:
            continue
        seen.add(id(entries))
        if any(isinstance(name, str) and _is_tensor(value) for name, value in entries.items()):
            found.append((keys, entries))
        if len(keys) < DEEPEST:
            inner = ((name, value) for name, value in entries.items() if isinstance(value, Mapping))
            waiting += [((*keys, name), value) for name, value in inner if isinstance(name, str)]
    if not found:
        raise ValueError(f"load_weights: {path} holds no named tensors{_instead(content, path)}")
    return found


def _is_tensor(value):
    """Whether it is a tensor of real numbers; no net here has others."""
    return isinstance(value, (np.ndarray, mt.Tensor)) and value.dtype.kind in REAL


def _unread(value):
    """In words, what an entry is that is not read; None for what is no tensor at all."""
    if isinstance(value, Unknown):
        return value.what
    if isinstance(value, (np.ndarray, mt.Tensor)) and not _is_tensor(value):
        return f"a tensor of dtype {value.dtype}, which no net here has"
    return None


def _instead(content, path):
    """What a checkpoint holds that has no named tensors, beginning with a colon."""
    for key, value in content.items():
        if isinstance(value, Unknown) and value.is_module:
            return f": its {key!r} is {value.what}. {whole_object_advice(path, key)}"
    if any(map(_is_tensor, content.values())):
        return ": its tensors have numbers in the place of names"
    entries = [
        f"{str(key)[:MOST_QUOTED]!r} is {_unread(value) or 'a ' + type(value).__name__}"
        for key, value in list(content.items())[:MOST_NAMED]
    ]
    if any(isinstance(value, Unknown) and value.what == NUMPY_ARRAY for value in content.values()):
        entries.append("in the program that made it, save them with mt.save('weights.safetensors', arrays)")
    return f": {'; '.join(entries)}" if entries else ": it is an empty dict"


def _fitted(entries, keys, own):
    """The States of these entries: under the prefix with which most names fit the net, or several that tie."""
    names = [name for name in entries if isinstance(name, str) and name != AVERAGED]
    given = _under_prefixes({name: name for name in names}, entries, keys, own)
    shortened = {".".join(part for part in name.split(".") if part not in WRAPPER_PARTS): name for name in names}
    if len(shortened) < len(names):  # two names became one
        return given
    parts = {part for name in names for part in name.split(".")} & WRAPPER_PARTS
    plain = [state._replace(parts=tuple(sorted(parts))) for state in _under_prefixes(shortened, entries, keys, own)]
    return plain if plain[0].fitting(own) > given[0].fitting(own) else given


def _under_prefixes(names, entries, keys, own):
    """`names`: {a name without parts of wrappers: the name in the entries}"""
    counts = Counter({"": sum(name in own for name in names)})
    for name in names:
        if len(name) > LONGEST_NAME:  # no layer has such a name
            continue
        for place, letter in enumerate(name):
            if letter in SEPARATORS and name[place + 1 :] in own:
                counts[name[: place + 1]] += 1
    most = max(counts.values())
    prefixes = [prefix for prefix, count in counts.items() if count == most]
    if prefixes[0] == "" or most < LEAST_SHARE * len(own):  # "" comes first
        # What fits nowhere loses its prefix too, because then it may be recognised as the weights of another net.
        prefixes = [_common_prefix(names) if own and (prefixes[0] or not most) else ""]
    return [_with_prefix(prefix, names, entries, keys) for prefix in prefixes]


def _common_prefix(names):
    """What all names begin with, up to the last separator."""
    first = os.path.commonprefix(list(names))
    return first[: max(map(first.rfind, SEPARATORS)) + 1]


def _with_prefix(prefix, names, entries, keys):
    inside = {name[len(prefix) :]: entries[given] for name, given in names.items() if name.startswith(prefix)}
    outside = tuple(
        given for name, given in names.items() if not name.startswith(prefix) and _is_tensor(entries[given])
    )
    tensors = {name: value for name, value in inside.items() if _is_tensor(value)}
    unread = {name: what for name, what in ((name, _unread(value)) for name, value in inside.items()) if what}
    return State(tensors, keys, prefix, (), outside, unread)
