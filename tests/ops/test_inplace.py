"""x += y and its kin beside torch: values, dtypes, views, gradients to second order, and what is refused."""

import operator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal

ARITHMETIC = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "**=": operator.ipow,
}
BITS = {"&=": operator.iand, "|=": operator.ior, "^=": operator.ixor}
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")


def of_both(array):
    """The same values as a Tensor and as torch's, each with memory of its own."""
    return mt.Tensor(array.copy()), torch.tensor(array.copy())


def outcome(change, x, y):
    """The values of x after `change`, or the name of what was raised."""
    try:
        with np.errstate(all="ignore"):
            assert change(x, y) is x
    except (RuntimeError, TypeError, ValueError):
        return "refused"
    return np.asarray(x.detach())


def same(ours, theirs):
    if isinstance(ours, str) or isinstance(theirs, str):
        assert isinstance(ours, str) and isinstance(theirs, str), (ours, theirs)
        return
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5 if ours.dtype == np.float32 else 1e-12)


@st.composite
def operand(draw, shape, dtypes=DTYPES):
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return rng.integers(1, 5, shape).astype(draw(st.sampled_from(dtypes)))


@given(st.data())
def test_values_dtypes_and_refusals(data):
    symbol, change = data.draw(st.sampled_from([*ARITHMETIC.items(), *BITS.items()]))
    dtypes = ("bool", "uint8", "int64") if symbol in BITS else DTYPES
    if symbol == "**=":
        dtypes = DTYPES[:-1]  # ours refuses powers of bools (docs/results-parity.md)
    x = data.draw(operand((2, 3), dtypes))
    shape = data.draw(st.sampled_from([(2, 3), (3,), (2, 1), (), (4, 2, 3), (2,)]))
    number = data.draw(st.sampled_from([None, 2, 0.5, True] if symbol not in BITS else [None, 1, True]))
    y = data.draw(operand(shape, dtypes)) if number is None else None
    (ours, theirs), (a, b) = of_both(x), of_both(y) if number is None else (number, number)
    with mt.no_grad(), torch.no_grad():
        same(outcome(change, ours, a), outcome(change, theirs, b))


VIEWS = {
    "a row": lambda x: x[1],
    "one element": lambda x: x[1, 2],
    "a slice": lambda x: x[:, 1:],
    "every second": lambda x: x[:, ::2],
    "transposed": lambda x: x.T,
    "reshaped": lambda x: x.reshape(3, 4),
    "flattened": lambda x: x.flatten(),
    "with one more axis": lambda x: x.unsqueeze(0),
    "a slice of a slice, transposed": lambda x: x[1:][:, 2:].T,
    "detached": lambda x: x.detach(),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("change", ARITHMETIC.values(), ids=ARITHMETIC)
def test_views_and_other_names_see_the_change(view, change):
    ours, theirs = of_both(np.arange(1.0, 13).reshape(2, 6))
    with mt.no_grad(), torch.no_grad():
        for x in (ours, theirs):
            change(view(x), 2)
        np.testing.assert_allclose(ours.data, theirs.numpy())
        for x in (ours, theirs):
            seen, name = view(x), x
            change(x, 3)
            assert name is x
            np.testing.assert_allclose(np.asarray(seen), np.asarray(view(x)))
    np.testing.assert_allclose(ours.data, theirs.numpy())


@pytest.mark.parametrize("index", [0, (slice(None), 1), (1, 2), [1, 0], slice(1, 2)], ids=repr)
def test_of_indexed_elements(index):
    ours, theirs = of_both(np.arange(1.0, 13).reshape(2, 6))
    for x in (ours, theirs):
        x[index] *= 3
    np.testing.assert_array_equal(ours.data, theirs.numpy())


STARTS = {
    "product": lambda m, w: w * 3,
    "power": lambda m, w: w**2,
    "exponential": lambda m, w: m.exp(w),
    "root": lambda m, w: m.sqrt(w),
    "sum": lambda m, w: w + 1,
    "a view of a result": lambda m, w: (w * 2).T,
    "a reshaped view of a result": lambda m, w: (w * 2).reshape(6),
    "a constant": lambda m, w: (w * 0).detach() + 2,
}
OPERANDS = ("number", "constant", "leaf", "result", "result of the same leaf")


NEW_TENSOR = {
    "+=": operator.add, "-=": operator.sub, "*=": operator.mul, "/=": operator.truediv, "**=": operator.pow
}  # fmt: skip


def program(m, arrays, start, changes, operations=ARITHMETIC):
    """[values, gradients, second derivatives] of a start, some changes in place and a loss; or "refused"."""
    make = (lambda a: mt.Tensor(a.copy(), requires_grad=True)) if m is mt else (
        lambda a: torch.tensor(a.copy(), requires_grad=True)
    )  # fmt: skip
    w, z = map(make, arrays)
    try:
        x = STARTS[start](m, w)
        shaped = z.reshape(6) if x.ndim == 1 else z.T if tuple(x.shape) != tuple(z.shape) else z
        for symbol, kind in changes:
            y = {
                "number": 2.0,
                "constant": shaped.detach(),
                "leaf": shaped,
                "result": shaped * 0.5,
                "result of the same leaf": w.reshape(x.shape) + 1 if x.ndim == 1 else w.sum() + 1,
            }[kind]
            x = operations[symbol](x, y)
        loss = (x * x).sum() + x.sum()
        if not loss.requires_grad:
            return [np.asarray(x.detach())]
        grad = (lambda y: mt.grad(y, (w, z), create_graph=True, allow_unused=True)) if m is mt else (
            lambda y: torch.autograd.grad(y, (w, z), create_graph=True, allow_unused=True)
        )  # fmt: skip
        first = [g for g in grad(loss) if g is not None]
        total = sum((g * g).sum() for g in first)
        second = [g for g in grad(total) if g is not None] if total.requires_grad else []
        return [np.asarray(a.detach()) for a in (x, *first, *second)]
    except RuntimeError:
        return "refused"


@given(
    start=st.sampled_from(sorted(STARTS)),
    changes=st.lists(st.tuples(st.sampled_from(sorted(ARITHMETIC)), st.sampled_from(OPERANDS)), min_size=1, max_size=3),
)
def test_gradients_and_second_derivatives(start, changes):
    rng = np.random.default_rng(0)
    arrays = rng.uniform(0.5, 1.5, (2, 3)), rng.uniform(0.5, 1.5, (2, 3))
    ours, theirs = program(mt, arrays, start, changes), program(torch, arrays, start, changes)
    if isinstance(theirs, str):
        if isinstance(ours, str):
            return
        # torch refuses a little more: its power keeps the result, ours the factors
        theirs = program(torch, arrays, start, changes, NEW_TENSOR)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_result_becomes_part_of_the_graph_and_stays_the_same_object():
    x, w = mt.zeros(2), mt.tensor([3.0, 4.0], requires_grad=True)
    name = x
    x += w
    assert x is name and x.requires_grad and not x.is_leaf and "made by Add" in repr(x)
    (x * x).sum().backward()
    assert w.grad.tolist() == [6, 8]


def test_itself_as_the_operand():
    w = mt.tensor([3.0, 4.0], requires_grad=True)
    x = w * 1
    x *= x
    x.sum().backward()
    assert x.tolist() == [9, 16] and w.grad.tolist() == [6, 8]


@pytest.mark.parametrize("change", ARITHMETIC.values(), ids=ARITHMETIC)
class TestLeaves:
    def test_that_require_a_gradient_are_refused_while_recording(self, change):
        p = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
        for x, words in (
            (p, "this is a leaf"),
            (p[1:], "a view of a leaf"),
            (p.reshape(3, 1).T[0], "a view of a leaf"),
        ):
            with pytest.raises(RuntimeError, match=f"{words}.*no_grad"):
                change(x, 2)
        assert p.tolist() == [1, 2, 3] and p._version[0] == 0

    def test_are_changed_under_no_grad(self, change):
        p, theirs = of_both(np.array([1.0, 2.0]))
        p.requires_grad = True
        with mt.no_grad():
            change(p, 2)
        np.testing.assert_allclose(p.data, change(theirs, 2).numpy())
        assert p.is_leaf and p.requires_grad and p._version[0] == 1


def test_plain_gradient_descent_trains():
    x, target = mt.Tensor(normal(20, 3)), mt.Tensor(normal(20, 1))
    w, losses = mt.Tensor(normal(3, 1), requires_grad=True), []
    for _ in range(50):
        loss = ((x @ w - target) ** 2).mean()
        loss.backward()
        with mt.no_grad():
            w -= 0.1 * w.grad
            w.grad = None
        losses.append(loss.item())
    exact = np.linalg.lstsq(x.data, target.data, rcond=None)[0]
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(w.data, exact, atol=1e-2)


def test_what_backward_needs_may_not_be_changed():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    y = w.exp()
    y += 1
    with pytest.raises(RuntimeError, match="Exp needs.*changed in place"):
        y.sum().backward()
    c = mt.tensor([1.0, 2.0])
    y = w * c
    c *= 2
    with pytest.raises(RuntimeError, match="Multiply needs"):
        y.sum().backward()


def test_another_name_for_the_memory_is_out_of_date():
    w = mt.tensor([[1.0, 2.0]], requires_grad=True)
    base = w * 1
    row = base[0]
    base *= 2
    for use in (lambda: row + 1, lambda: row.reshape(2, 1), lambda: row[0], lambda: row.sum()):
        with pytest.raises(RuntimeError, match="shares the memory.*changed in place"):
            use()
    assert row.tolist() == [2, 4]  # without a graph it may be read
    with mt.no_grad():
        assert (row + 1).tolist() == [3, 5]
    assert (row.detach() + 1).tolist() == [3, 5]
    base[0].sum().backward()
    assert w.grad.tolist() == [[2, 2]]


def test_a_view_may_be_changed_and_its_base_is_then_out_of_date():
    w = mt.tensor([1.0, 2.0], requires_grad=True)
    base = w * 1
    view = base.reshape(2, 1)
    view += 1
    view.sum().backward()
    assert base.tolist() == [2, 3] and w.grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="changed in place"):
        base * 2


def test_memory_that_is_read_several_times_is_refused():
    x = mt.ones(2, 1).expand(2, 3)
    with pytest.raises(RuntimeError, match=r"\+=: several elements.*contiguous"):
        x += 1
    assert x.tolist() == [[1, 1, 1]] * 2


def test_messages():
    x = mt.tensor([1, 2])
    with pytest.raises(TypeError, match=r"/=: the result has dtype float32, .* x of dtype int64"):
        x /= 2
    with pytest.raises(ValueError, match=r"\*=: the result has shape \(3, 2\), .* x of shape \(2,\)"):
        x *= mt.ones(3, 2, dtype=mt.int64)
    with pytest.raises(TypeError, match="sub: operands must be"):
        x -= "1"
    assert x.tolist() == [1, 2] and x._version[0] == 0


def replaced(m, w, z, change):
    """[values, gradients, second derivatives] of a loss after `change(x, z)`, where x is a result of w."""
    x = w * 3
    change(x, z)
    loss = (x * x * x).sum() + (w * w * z).sum()
    grad = mt.grad if m is mt else torch.autograd.grad
    first = grad(loss, (w, z), create_graph=True)
    second = grad(sum((g * g).sum() for g in first), (w, z))
    return [np.asarray(a.detach()) for a in (x, *first, *second)]


REPLACEMENTS = {
    "copy_": lambda x, z: x.copy_(z * 2),
    "copy_ of a row": lambda x, z: x.copy_(z[0] * z[1]),
    "fill_": lambda x, z: x.fill_(2.5),
    "fill_ with a tensor": lambda x, z: x.fill_(z[0, 0]),
    "zero_": lambda x, z: x.zero_(),
    "zero_, then add": lambda x, z: x.zero_().add_(z),
}


@pytest.mark.parametrize("change", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_replaced_values_send_no_gradient_to_what_was_there(change):
    rng = np.random.default_rng(0)
    arrays = rng.uniform(0.5, 1.5, (2, 2, 3))
    leaves = [
        [make(a) for a in arrays]
        for make in (lambda a: mt.Tensor(a.copy(), requires_grad=True), lambda a: torch.tensor(a, requires_grad=True))
    ]
    for a, b in zip(replaced(mt, *leaves[0], change), replaced(torch, *leaves[1], change), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_gradient_is_set_to_zero_in_its_own_memory():
    w = mt.ones(3, requires_grad=True)
    (w * w).sum().backward()
    grad, memory = w.grad, w.grad.data
    assert grad.zero_() is grad and w.grad.tolist() == [0, 0, 0] and w.grad.data is memory
    with pytest.raises(RuntimeError, match=r"fill_: this is a leaf that requires a gradient.*no_grad"):
        w.zero_()
    with mt.no_grad():
        w[1:].copy_(mt.tensor([2.0, 3.0]))
    assert w.tolist() == [1, 2, 3]
    with pytest.raises(TypeError, match="fill_: the result has dtype float32, which does not fit"):
        mt.zeros(2, dtype=mt.int64).fill_(0.5)
    with pytest.raises(ValueError, match=r"copy_: the result has shape \(2, 3\)"):
        mt.zeros(3).copy_(mt.zeros(2, 3))
