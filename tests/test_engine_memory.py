"""Memory of graphs: what is kept, when it is freed, and that no cycle keeps it from being freed."""

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import minitensor as mt
from tests.parity import leaf, normal


class Failing(mt.Op):
    """y = x; backward fails"""

    uses = ((),)

    def forward(self, x):
        return x * 1

    def backward(self, grad, needs):
        raise OSError("out of luck")


def bytes_of_arrays():
    arrays = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([arrays]).traces)


class TestFreeing:
    def test_a_second_backward_says_how(self):
        y = leaf(2.0) * 3
        y.backward()
        with pytest.raises(RuntimeError, match="retain_graph=True"):
            y.backward()

    def test_retain_graph_allows_it(self):
        x = leaf(2.0)
        y = x * x
        y.backward(retain_graph=True)
        y.backward()
        assert x.grad.item() == 8.0

    def test_a_subgraph_freed_by_another_backward(self):
        x = leaf(2.0)
        a = x.exp()
        (a * 2).backward()
        with pytest.raises(RuntimeError, match="Exp has been freed"):
            (a * 3).backward()

    def test_saved_arrays_are_freed_as_backward_passes(self):
        alive_at_the_end = []

        class Watch(mt.Op):
            uses = ((),)

            def forward(self, x):
                return x * 1

            def backward(self, grad, needs):
                gc.collect()
                alive_at_the_end.append([w() is not None for w in saved])
                return grad

        x = Watch()(leaf(*normal(100)))
        saved, y = [], x
        for _ in range(5):
            y = y.exp()
            saved.append(weakref.ref(y.data))
        y = y.sum()
        assert all(w() is not None for w in saved)
        y.backward()
        assert alive_at_the_end == [[False] * 5]
        assert y.node.freed and y.node.parents  # the graph's shape stays, its arrays are gone

    def test_what_backward_does_not_need_is_not_kept(self):
        x = leaf(*normal(100))
        a = x + 1  # the gradient of a sum needs neither operand
        array = weakref.ref(a.data)
        y = (a + 2).sum()
        del a
        assert array() is None and y.requires_grad


class TestMemory:
    def test_graphs_make_no_reference_cycles(self):
        gc.collect()
        gc.disable()
        try:
            x, w = leaf(*normal(4)), mt.Tensor(normal(4, 4), requires_grad=True)
            hidden = (x @ w).tanh()
            out = mt.logsumexp(hidden[1:] / hidden.max(0)[0], 0).sigmoid()
            watched = [weakref.ref(t) for t in (hidden, out)] + [weakref.ref(t.node) for t in (hidden, out)]
            out.backward(create_graph=True)
            watched.append(weakref.ref(w.grad.node))
            w.grad = x.grad = None
            del hidden, out
            assert [r() for r in watched] == [None] * 5
        finally:
            gc.enable()

    def test_memory_stays_level_over_10_000_steps(self):
        w = leaf(*normal(3))

        def step():
            w.grad = None
            ((w * w).sum() * 2).backward()
            with mt.no_grad():
                w.data = w.data - 1e-3 * w.grad.data

        gc.collect()
        gc.disable()
        try:
            for _ in range(100):
                step()
            before = len(gc.get_objects())
            for _ in range(10_000):
                step()
            assert len(gc.get_objects()) - before < 50
        finally:
            gc.enable()

    def test_bytes_stay_level_over_steps_of_training(self):
        """All kinds of operations, second derivatives among them; counted is the memory of NumPy's arrays."""
        x = mt.Tensor(normal(2, 3, 12, 12))
        weight, turned = (mt.Tensor(normal(4, n, 3, 3, seed=n) / 9, requires_grad=True) for n in (3, 2))
        labels = mt.tensor([[[0, 1] * 6] * 12] * 2)

        def step():
            y = mt.batch_norm(mt.conv2d(x, weight, padding=1), None, None, training=True).relu()
            y = mt.interpolate(mt.max_pool2d(y, 2), scale_factor=2, mode="bilinear")
            loss = mt.cross_entropy(mt.conv_transpose2d(y, turned, padding=1), labels)
            grads = mt.grad(loss, [weight, turned], create_graph=True)
            sum((g * g).sum() for g in grads).backward()
            weight.grad = turned.grad = None

        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(10):
                step()
            before = bytes_of_arrays()
            for _ in range(50):
                step()
            assert bytes_of_arrays() - before < 1000  # one image of one step has 7 kB
        finally:
            tracemalloc.stop()
            gc.enable()

    def test_a_failed_backward_leaves_no_cycles_behind(self):
        gc.collect()
        gc.disable()
        try:
            y = Failing()(leaf(1.0))
            node = weakref.ref(y.node)
            with pytest.raises(OSError):
                y.backward()
            del y
            assert node() is None
        finally:
            gc.enable()


def drawn(*shape):
    return mt.tensor(normal(*shape), requires_grad=True)


def forked(x, weight, bias):
    """A convolution, and a sum of its uses, as by skip connections.

    Some of the gradients that meet at its output lie in memory that nobody else holds, where they may be added up, and
    ReLU's be taken of their sum. Those of a and b are one and the same array.
    """
    h = mt.conv2d_relu(x, weight, bias, padding=1)
    pooled = mt.interpolate(mt.max_pool2d(h, 2), scale_factor=2)
    a, b = mt.conv2d_relu(h, weight, bias, padding=1), mt.conv2d_relu(pooled, weight, bias, padding=1)
    return h, ((a + b) * h + mt.conv2d(h, weight, padding=1)).sum()


class TestOverwriting:
    """Gradients that nobody else holds are overwritten; those that somebody does are not."""

    @pytest.mark.parametrize("size", [6, 72])  # the large one goes by tiles
    def test_gradients_are_those_of_a_recorded_pass_which_overwrites_nothing(self, size):
        inputs = drawn(2, 4, size, size), drawn(4, 4, 3, 3), drawn(4)
        recorded = mt.grad(forked(*inputs)[1], inputs, create_graph=True)
        plain = mt.grad(forked(*inputs)[1], inputs)
        for a, b in zip(plain, recorded, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)

    def test_the_recorded_pass_can_be_differentiated(self):
        inputs = drawn(1, 2, 4, 4), drawn(2, 2, 3, 3), drawn(2)
        assert mt.gradcheck(lambda *inputs: forked(*inputs)[1], inputs, order=2)

    def test_a_gradient_that_is_asked_for_on_the_way(self):
        inputs = drawn(2, 4, 72, 72), drawn(4, 4, 3, 3), drawn(4)
        h, total = forked(*inputs)
        on_the_way, *_ = mt.grad(total, (h, *inputs))
        h, total = forked(*inputs)
        (alone,) = mt.grad(total, (h,))
        np.testing.assert_array_equal(on_the_way.numpy(), alone.numpy())

    def test_the_callers_gradient(self):
        x, weight = drawn(2, 4, 72, 72), drawn(4, 4, 3, 3)
        y = mt.conv2d_relu(x, weight, drawn(4), padding=1)
        grad = mt.tensor(normal(*y.shape))
        before = grad.numpy().copy()
        y.backward(grad)
        np.testing.assert_array_equal(grad.numpy(), before)

    @pytest.mark.parametrize(
        "make",
        [
            lambda x: mt.conv2d(x, drawn(3, 3, 1, 1), drawn(3)),
            lambda x: mt.conv2d_relu(x, drawn(3, 3, 3, 3), drawn(3), padding=1),
            lambda x: mt.conv_transpose2d(x, drawn(3, 3, 1, 1), drawn(3)),
            lambda x: mt.conv_transpose2d(x, drawn(3, 3, 2, 2), drawn(3), stride=2),
            lambda x: mt.max_pool2d(x, 1),
            lambda x: mt.max_pool2d(x, 3, stride=1, padding=1),
        ],
    )
    @pytest.mark.parametrize("size", [1, 5])
    def test_owned_gradients_share_no_memory(self, make, size):
        """Not with the incoming gradient, nor with what the operation keeps, nor with each other."""
        y = make(drawn(1, 3, size, size))
        grad = mt.tensor(normal(*y.shape))
        kept = [grad, *(x for x in y.node.inputs if x is not None)]
        with mt.no_grad():  # as backward runs it: a recorded gradient is owned by the graph
            made = y.node.backward(grad, y.node.needs)
        made = [g for g in made if g is not None] if isinstance(made, tuple) else [made]
        assert made[0]._owned
        for position, g in enumerate(made):
            for other in kept + made[:position]:
                assert not np.shares_memory(g.data, other.data)

    def test_threads_that_share_a_graph(self):
        """Both are in the backward of one operation; only the gradient of the one is its own to overwrite."""
        both, found = threading.Barrier(2, timeout=10), {}

        class Meeting(mt.Op):
            uses = ((),)

            def forward(self, x):
                return x * 1

            def backward(self, grad, needs):
                both.wait()
                found[threading.current_thread().name] = grad._owned
                return grad * 1

        y = Meeting()(drawn(1, 1, 4, 4))
        z = mt.conv2d(y, drawn(1, 1, 1, 1)).sum()
        threads = [
            threading.Thread(target=z.backward, kwargs={"retain_graph": True}, name="made on the way"),
            threading.Thread(target=y.backward, args=(mt.tensor(normal(1, 1, 4, 4)), True), name="given"),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {"made on the way": True, "given": False}

    def test_threads_that_want_different_gradients_of_one_graph(self):
        """One begins before the other and ends after it: neither may leave its wish in the graph."""
        began, other_began, may_end = (threading.Event() for _ in range(3))

        class Waiting(mt.Op):
            uses = ((), ())

            def forward(self, a, b):
                return a + b

            def backward(self, grad, needs):
                if threading.current_thread().name == "first":
                    began.set()
                    other_began.wait(10)
                if threading.current_thread().name == "second":
                    other_began.set()
                    may_end.wait(10)
                found[threading.current_thread().name] = needs
                return grad, grad

        a, b, found = drawn(3), drawn(3), {}
        loss = Waiting()(a, b).sum()
        first, second = (
            threading.Thread(target=mt.grad, args=(loss, wanted), kwargs={"retain_graph": True}, name=name)
            for name, wanted in (("first", a), ("second", b))
        )
        first.start()
        began.wait(10)
        second.start()
        first.join()
        may_end.set()
        second.join()
        assert found == {"first": (True, False), "second": (False, True)}
        loss.backward()
        assert a.grad is not None and b.grad is not None
