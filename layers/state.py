"""Loading a state dict: first everything is compared with the module, and then everything is copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from minitensor.backend import is_array, to_device
from minitensor.recording import no_grad
from minitensor.tensor import Tensor

LONGEST_NAME = 200  # characters of a name in a message
MOST_NAMED = 5  # names of a kind in a message; a net of another kind has hundreds


class LoadReport(NamedTuple):
    """What `load_state_dict` ignored.

    missing_keys     names of the module that the file does not have
    unexpected_keys  names of the file that the module does not have
    """

    missing_keys: list
    unexpected_keys: list


def check_state(owner, own, given, strict):
    """Compare names and shapes; returns a LoadReport.

    A load that fails halfway would leave a net that is neither the old nor the new one. An error that names only the
    first wrong shape would cost the user one run per wrong shape. So everything is checked first, and all errors are
    reported together.
    Raises TypeError if `given` is not a dict of Tensors or arrays, ValueError if it does not fit.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"load_state_dict: expects a dict of name -> Tensor, got {type(given).__name__}")
    for name, value in given.items():
        if not isinstance(value, Tensor) and not is_array(value):
            raise TypeError(f"load_state_dict: {name!r} must be a Tensor or array, got {_kind(value)}")
        if value.dtype.kind not in "fiub":
            raise TypeError(f"load_state_dict: {name!r} holds no real numbers but dtype {value.dtype}")
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    wrong = [
        f"{name} has shape {given[name].shape}, {owner} expects {tensor.shape}"
        for name, tensor in own.items()
        if name in given and given[name].shape != tensor.shape
    ]
    complaints = []
    if strict and missing:
        complaints.append(f"missing: {_some(missing)}")
    if strict and unexpected:
        complaints.append(f"unexpected: {_some(unexpected)}")
    if wrong:
        complaints.append(f"wrong shape: {_some(wrong, '; ')}")
    if complaints:
        raise ValueError(f"load_state_dict: the state does not fit {owner}:\n  " + "\n  ".join(complaints))
    return LoadReport(missing, unexpected)


def _kind(value):
    """The type, so that torch's Tensor is not mistaken for ours, and what to do with it."""
    module, name = type(value).__module__.split(".")[0], type(value).__name__
    if module == "torch":
        return f"torch.{name}; convert it with minitensor.from_dlpack, or read the file with nets.load_weights"
    return name


def _some(names, joint=", "):
    """The first few, and how many more there are."""
    more = len(names) - MOST_NAMED
    return joint.join(map(printable, names[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def printable(name):
    """A name from a file for a message: not too long, and without characters that steer a terminal."""
    text = str(name)
    text = text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
    return text if text.isprintable() else ascii(text)


def copy_state(own, given):
    """Write the given values into the memory of a module's own Tensors, converting dtype and device."""
    with no_grad():
        for name, tensor in own.items():
            if name in given:
                value = given[name]
                # Assigning to a Tensor's elements counts as an in-place change. Changing its array would not.
                tensor[...] = to_device(value.data if isinstance(value, Tensor) else value, tensor.device)
