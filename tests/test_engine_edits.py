"""Edits in place of what backward still needs raise; they never make a gradient silently wrong."""

import numpy as np
import pytest

import minitensor as mt
from tests.parity import leaf, normal

EDITS = {
    "by index": lambda t: t.__setitem__(0, 5.0),
    "by assignment of data": lambda t: setattr(t, "data", t.data * 2),
    "through a detached alias": lambda t: t.detach().__setitem__(..., 5.0),
    "through a slice": lambda t: t.detach()[1:].__setitem__(0, 5.0),
    "through a reshaped, transposed slice": lambda t: t.detach()[1:].reshape(1, -1).T.__setitem__(0, 5.0),
    "through a flipped alias": lambda t: t.detach().flip(0).__setitem__(0, 5.0),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
class TestEditsInPlace:
    def test_of_a_leaf_that_backward_needs(self, edit):
        x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
        y = (x * w).sum()
        with mt.no_grad():
            edit(w)
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()
        assert x.grad is None and w.grad is None

    def test_of_a_constant_that_backward_needs(self, edit):
        x, c = leaf(1.0, 2.0), mt.tensor([3.0, 4.0], dtype=mt.float64)
        y = (x * c).sum()
        edit(c)
        with pytest.raises(RuntimeError, match="Multiply needs"):
            y.backward()

    def test_of_an_output_that_backward_needs(self, edit):
        x = leaf(1.0, 2.0)
        y = x.exp()
        with mt.no_grad():
            edit(y.detach() if edit is EDITS["by index"] else y)
        with pytest.raises(RuntimeError, match="Exp needs"):
            y.sum().backward()

    def test_of_the_memory_behind_a_view_that_backward_needs(self, edit):
        base = mt.tensor([1.0, 2.0], dtype=mt.float64)
        views = [base[:1], base.reshape(2, 1), base.expand(3, 2), base.flip(0), base.reshape(1, 2).T]
        results = [(view * leaf(2.0)).sum() for view in views]
        if edit is EDITS["by assignment of data"]:
            pytest.skip("data = array gives the tensor other memory; its views keep the old one")
        edit(base)
        for y in results:
            with pytest.raises(RuntimeError, match="changed in place"):
                y.backward()

    @pytest.mark.parametrize("name", ["exp", "relu"])
    def test_of_an_output_that_the_second_backward_needs(self, edit, name):
        x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
        y = getattr(x, name)()
        (by_x,) = mt.grad(y, x, w, create_graph=True)
        edit(y.detach() if edit is EDITS["by index"] else y)
        with pytest.raises(RuntimeError, match="changed in place"):
            mt.grad(by_x.sum(), w)

    def test_of_what_backward_does_not_need_is_allowed(self, edit):
        x, w, c = leaf(1.0, 2.0), leaf(3.0, 4.0), mt.tensor([5.0, 6.0], dtype=mt.float64)
        y = ((x * w) + c).sum()
        edit(c)
        y.backward()
        np.testing.assert_array_equal(x.grad.data, [3, 4])

    def test_before_the_forward_pass_and_after_backward_is_allowed(self, edit):
        x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
        with mt.no_grad():
            edit(w)
        (x * w).sum().backward()
        with mt.no_grad():
            edit(w)
        np.testing.assert_array_equal(w.grad.data, [1, 2])


class TestEditsOfMasksAndIndices:
    """Whole numbers and bools have no gradient, but the gradients of others depend on them."""

    def test_of_a_condition(self):
        x, mask = leaf(1.0, 2.0), mt.tensor([True, False])
        y = mt.where(mask, x, x * 2).sum()
        mask[...] = False
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()

    @pytest.mark.parametrize("edited", [0, 1, 2])
    def test_of_a_loss_s_target_and_weights(self, edited):
        given = mt.tensor([0, 2]), mt.ones(3, dtype=mt.float64), mt.ones(2, dtype=mt.float64)
        target, weight, pixel_weight = given
        x = mt.Tensor(normal(2, 3), requires_grad=True)
        loss = mt.cross_entropy(x, target, weight, pixel_weight=pixel_weight)
        given[edited][0] = 1
        with pytest.raises(RuntimeError, match="CrossEntropy needs"):
            loss.backward()

    def test_of_the_places_to_unpool_to(self):
        x, places = mt.Tensor(normal(1, 1, 1, 1), requires_grad=True), mt.zeros(1, 1, 1, 1, dtype=mt.int64)
        y = mt.max_unpool2d(x, places, 2).sum()
        places[...] = 1
        with pytest.raises(RuntimeError, match="MaxUnpool2d needs"):
            y.backward()

    def test_of_an_index(self):
        x, index = leaf(1.0, 2.0, 3.0), mt.tensor([0, 0])
        y = x[index].sum()
        index[...] = 2
        y.backward()  # reads its own copy of the index
        np.testing.assert_array_equal(x.grad.data, [2, 0, 0])

    def test_of_the_places_of_the_largest(self):
        x = mt.Tensor(normal(2, 3), requires_grad=True)
        values, places = x.max(1)
        places[...] = 0
        with pytest.raises(RuntimeError, match="changed in place"):
            values.sum().backward()


class TestEditsRefused:
    def test_of_results(self):
        y = leaf(1.0, 2.0) * 2
        with pytest.raises(RuntimeError, match="result of Multiply"):
            y[0] = 1.0

    def test_of_leaves_while_recording(self):
        with pytest.raises(RuntimeError, match="no_grad"):
            leaf(1.0)[0] = 2.0

    def test_of_values_that_carry_a_gradient(self):
        with pytest.raises(RuntimeError, match="lose the gradient"):
            mt.zeros(2)[0] = leaf(1.0)[0]


class TestViewsThatAnOperationReturns:
    def test_views_of_memory_that_numpy_does_not_own(self):
        buffer = bytearray(np.arange(4.0).tobytes())
        x, w = mt.Tensor(np.frombuffer(buffer)), leaf(3.0, 4.0)
        y = (x[2:] * w).sum()
        x[3] = 9.0
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()

    def test_an_operation_that_returns_its_input_shares_its_edits(self):
        class Same(mt.Op):
            uses = ((),)

            def forward(self, x):
                return x

            def backward(self, grad, needs):
                return grad

        x, w = mt.tensor([1.0, 2.0], dtype=mt.float64), leaf(3.0, 4.0)
        y = (Same()(x) * w).sum()
        x[0] = 9.0
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()


class SameMemory(mt.Op):
    """An op of a user's own, whose kept output is a view of its input."""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return x[:]

    def backward(self, grad, needs):
        return grad * self.output


def test_of_the_input_of_which_a_kept_output_is_a_view():
    x = leaf(1.0, 2.0)
    y = SameMemory()(x)
    with mt.no_grad():
        x[...] = 5.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()
