"""Result dtypes: held against torch.result_type for every pair of kinds of operand."""

import itertools
import operator

import numpy as np
import pytest
import torch

import minitensor as mt
from minitensor.ops.dtypes import result_dtype
from tests import registry
from tests.parity import TORCH, same_as_torch

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
# (operand of ours, operand of torch): tensors with dimensions, tensors without, Python numbers
OPERANDS = {
    **{f"{t} tensor": (mt.ones(2, dtype=t), torch.ones(2, dtype=getattr(torch, t))) for t in DTYPES},
    **{f"{t} scalar": (mt.ones((), dtype=t), torch.ones((), dtype=getattr(torch, t))) for t in DTYPES},
    **{f"number {value}": (value, value) for value in (True, 3, 2.5)},
}
PAIRS = [
    (a, b) for a, b in itertools.product(OPERANDS, repeat=2) if not (a.startswith("number") and b.startswith("number"))
]


def torch_dtype(dtype):
    return np.dtype(str(dtype).removeprefix("torch."))


@pytest.mark.parametrize("a", OPERANDS)
def test_result_dtype_is_torchs(a):
    for b in OPERANDS:
        if (a, b) in PAIRS:
            (ours_a, theirs_a), (ours_b, theirs_b) = OPERANDS[a], OPERANDS[b]
            expected = torch_dtype(torch.result_type(theirs_a, theirs_b))
            assert result_dtype(ours_a, ours_b) == expected, f"{a} with {b}"


OPERATIONS = {
    "add": lambda m, a, b: a + b,
    "sub": lambda m, a, b: a - b,
    "mul": lambda m, a, b: a * b,
    "div": lambda m, a, b: a / b,
    "pow": lambda m, a, b: a**b,
    "maximum": lambda m, a, b: m.maximum(a, b),
    "where": lambda m, a, b: m.where(m.tensor([True, False]), a, b),
    "eq": lambda m, a, b: a == b,
    "lt": lambda m, a, b: a < b,
    "or": lambda m, a, b: a | b,
}
REFUSED = {"sub": "bools are no numbers", "or": "bool or integer"}  # with these words, where torch refuses a pair


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_give_torchs_dtype_and_values(name):
    """Where torch refuses a pair of sub or or, so do we; maximum of a number is torch's refusal, not ours."""
    function, compared = OPERATIONS[name], 0
    for a, b in PAIRS:
        (ours_a, theirs_a), (ours_b, theirs_b) = OPERANDS[a], OPERANDS[b]
        try:
            expected = function(torch, theirs_a, theirs_b)
        except (RuntimeError, TypeError):
            if name in REFUSED:
                with pytest.raises(TypeError, match=f"{name}.*{REFUSED[name]}"):
                    function(mt, ours_a, ours_b)
            continue
        if name == "pow" and expected.dtype == torch.bool:
            continue  # of bools: refused here
        compared += 1
        result = function(mt, ours_a, ours_b)
        assert result.dtype == torch_dtype(expected.dtype), f"{name} of {a} with {b}"
        assert result.shape == tuple(expected.shape)
        np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-3, err_msg=f"{name} of {a} with {b}")
    assert compared > 100


UNARY_DTYPES = [t for t in DTYPES if t != "float16"]


@pytest.mark.parametrize("name", [*registry.UNARY, "isnan"])
@pytest.mark.parametrize("dtype", UNARY_DTYPES)
def test_unary_operations_of_every_dtype(name, dtype):
    theirs = torch.ones(2, dtype=getattr(torch, dtype))
    try:
        expected = getattr(TORCH, name)(theirs)
    except (RuntimeError, NotImplementedError):
        with pytest.raises(TypeError, match=name):
            getattr(mt, name)(mt.ones(2, dtype=dtype))
        return
    result = getattr(mt, name)(mt.ones(2, dtype=dtype))
    assert result.dtype == torch_dtype(expected.dtype)
    np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-6)


REDUCTIONS = {
    "sum": lambda m, x: m.sum(x),
    "sum, axis": lambda m, x: m.sum(x, 0, keepdim=True),
    "sum, as uint8": lambda m, x: m.sum(x * 127 + 5, 1, dtype=m.uint8),
    "sum, as bools": lambda m, x: m.sum(x, 1, dtype=m.bool_ if m is mt else m.bool),
    "mean": lambda m, x: m.mean(x),
    "var": lambda m, x: m.var(x),
    "max": lambda m, x: m.max(x),
    "max, axis": lambda m, x: m.max(x, 0)[0],
    "places of the largest": lambda m, x: m.max(x, 1)[1],
    "min": lambda m, x: m.min(x),
    "argmax": lambda m, x: m.argmax(x, 1),
    "logsumexp": lambda m, x: m.logsumexp(x, 1),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", UNARY_DTYPES)
def test_reductions_of_every_dtype(name, dtype):
    values = [[0, 1, 1], [1, 0, 0]]
    function = REDUCTIONS[name]
    try:
        expected = function(torch, torch.tensor(values, dtype=getattr(torch, dtype)))
    except (RuntimeError, NotImplementedError):
        with pytest.raises(TypeError, match="floating point|bools are no numbers"):
            function(mt, mt.tensor(values, dtype=dtype))
        return
    result = function(mt, mt.tensor(values, dtype=dtype))
    assert result.dtype == torch_dtype(expected.dtype)
    np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-6)


def test_gradients_return_in_the_dtype_of_their_input():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    w = mt.tensor([3.0, 4.0], dtype=mt.float64, requires_grad=True)
    y = x * w
    assert y.dtype == mt.float64
    y.sum().backward()
    assert x.grad.dtype == mt.float32 and w.grad.dtype == mt.float64
    np.testing.assert_array_equal(x.grad.data, [3, 4])


@pytest.mark.parametrize("pair", ["float32 with float64", "integers with floats", "floats with bools"])
def test_mixed_operands_have_torchs_gradients(pair):
    a = np.array([1.5, -2.0])
    b = {"float32 with float64": None, "integers with floats": np.array([3, 2]), "floats with bools": a > 0}[pair]
    if b is None:
        same_as_torch(lambda m, x: x.to(m.float64) * x, a)
    else:
        same_as_torch(lambda m, x, y: x * y + (y + x) / (y + 2), a, b)


def test_numbers_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match=r"300.*uint8"):
        mt.ones(2, dtype=mt.uint8) + 300
    with pytest.raises(ValueError, match="int64"):
        mt.ones(2, dtype=mt.int64) * 2**70


@pytest.mark.parametrize("symbol", ["eq", "ne", "lt", "le", "gt", "ge"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int32", "int64", "float32", "float64"])
def test_comparisons_with_numbers_outside_the_dtype_are_plain_arithmetic(gpu, dtype, symbol):
    """torch packs the number into the dtype, where -1 becomes 255; here -1 is below every uint8."""
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    values = [limits.min, 0, limits.max] if limits else [0, 1]
    x = mt.tensor(np.array(values, dtype), device="cuda")
    compare = getattr(operator, symbol)
    for number in (-1, 2, 256, -129, 2**31, 2**63, 2**64, -(2**63) - 1, np.int64(300), np.uint64(2**63)):
        expected = [compare(value, int(number)) for value in values]
        assert compare(x, number).tolist() == expected, (number, values)
        assert getattr(mt, symbol)(x, number).tolist() == expected
        mirrored = [compare(int(number), value) for value in values]
        assert getattr(mt, symbol)(number, x).tolist() == mirrored
        assert compare(x[0], number).shape == ()


def test_numbers_outside_the_dtype_elsewhere(gpu):
    """Refused where the result would have to hold them; whatever bounds a result bounds it on a GPU too."""
    x = mt.tensor([0, 7, 255], dtype=mt.uint8, device="cuda")
    for name in ("add", "sub", "mul", "maximum", "minimum", "and_", "pow"):
        with pytest.raises(ValueError, match=r"300.*uint8"):
            getattr(operator, name, getattr(mt, name, None))(x, 300)
    with pytest.raises(ValueError, match=r"-1.*uint8"):
        mt.where(x > 3, x, -1)
    with pytest.raises(ValueError, match=r"300.*uint8"):
        mt.full((2,), 300, dtype=mt.uint8, device="cuda")
    with pytest.raises(ValueError, match=r"300.*uint8"):
        x[0] = 300
    assert x.tolist() == [0, 7, 255]
    assert mt.clamp(x, -1, 300).tolist() == [0, 7, 255] and mt.clamp(x, 5, 2**70).tolist() == [5, 7, 255]


def test_whole_numbers_beyond_64_bits_beside_floats(gpu):
    """CuPy refuses them; as floats they are numbers like any other."""
    x = mt.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    y = (x + 2**70) * 2**-70 + mt.clamp(x, -(2**70), 2**70) + mt.where(x > 2**70, x, 2**64) * 0
    assert y.tolist() == [2, 3]
    y.sum().backward()
    assert x.grad.tolist() == [1 + 2**-70, 1 + 2**-70]
    x = x.detach()
    x[0] = 2**70
    assert x.tolist() == [2**70, 2] and mt.full((1,), 2**70, dtype=mt.float32, device="cuda").tolist() == [2**70]


def test_quotients_of_whole_numbers_of_two_dtypes():
    """-2 / uint8 is computed in float32: as a uint8 it would be 254."""
    same_as_torch(lambda m, a, b: a / b, np.array(-2, np.int32), np.array([1, 2], np.uint8))
    same_as_torch(lambda m, b: -3 / b, np.array([1, 2], np.uint8))


def test_conversions_of_nan_and_infinity_print_no_warning():
    with np.errstate(all="raise"):
        mt.tensor([np.nan, np.inf, 1e30]).to(mt.int64)
