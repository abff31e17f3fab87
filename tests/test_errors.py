"""Malformed calls raise TypeError or ValueError before any work is done, naming the operation and the values.

valid_calls.py holds one good call of every operation; each of its Tensors in turn is replaced by things that are none.
The tables malformed*.py hold calls whose values do not fit, and the words that the message must contain.
"""

import inspect

import pytest

import minitensor as mt
from tests.malformed import MALFORMED
from tests.malformed_axes import MALFORMED_AXES
from tests.malformed_images import MALFORMED_IMAGES
from tests.malformed_layers import MALFORMED_LAYERS
from tests.malformed_making import MALFORMED_MAKING
from tests.malformed_modules import MALFORMED_MODULES
from tests.malformed_nets import MALFORMED_NETS
from tests.malformed_optim import MALFORMED_OPTIM
from tests.refusals import no_work
from tests.valid_calls import VALID

TABLES = (
    *(MALFORMED, MALFORMED_IMAGES, MALFORMED_AXES, MALFORMED_MAKING, MALFORMED_OPTIM, MALFORMED_LAYERS),
    *(MALFORMED_MODULES, MALFORMED_NETS),
)
TABLE = {name: entry for table in TABLES for name, entry in table.items()}
LEAST = 500  # malformed calls in the tables
NOT_TENSORS = ["text", None, object(), {"a": 1}, 1 + 2j]
# None leaves an optional Tensor out; a Python number is a good operand of these.
OPTIONAL = {("linear", 2), ("conv2d", 2), ("conv2d_relu", 2), ("conv_transpose2d", 2)}
OPTIONAL |= {("layer_norm", 2), ("layer_norm", 3)}
OPTIONAL |= {(name, position) for name in ("batch_norm", "group_norm") for position in (2, 3, 4)}


def public_operations():
    return {
        name
        for name, value in vars(mt).items()
        if inspect.isfunction(value) and value.__module__.startswith("minitensor.ops")
    }


def test_no_operation_is_missing_here():
    assert public_operations() <= set(VALID), "add a good call of each of these to VALID"


@pytest.mark.parametrize("name", VALID)
def test_the_good_call_is_good(name):
    getattr(mt, name)(*VALID[name])


@pytest.mark.parametrize("name", VALID)
def test_what_is_no_tensor_is_refused(name):
    for position, value in enumerate(VALID[name]):
        for wrong in NOT_TENSORS:
            arguments = list(VALID[name])
            if isinstance(value, list):
                arguments[position] = [value[0], wrong]
            elif isinstance(value, mt.Tensor):
                if wrong is None and (name, position) in OPTIONAL:
                    continue
                arguments[position] = wrong
            else:
                continue
            with pytest.raises(TypeError) as caught, no_work():
                getattr(mt, name)(*arguments)
            assert name in str(caught.value), f"{name} with {wrong!r} as argument {position}: {caught.value}"


def test_no_call_hides_another():
    assert sum(map(len, TABLES)) == len(TABLE) >= LEAST


@pytest.mark.parametrize(("call", "error", "words"), TABLE.values(), ids=TABLE)
def test_malformed_calls(call, error, words, tmp_path, monkeypatch):
    """The error says all the words, and comes before any work and before any file is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError, IndexError)) as caught, no_work():
        call()
    assert issubclass(caught.type, error), caught.value
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{str(caught.value)!r} does not say {missing}"
    assert not list(tmp_path.iterdir())
