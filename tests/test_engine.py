"""The engine: order, accumulation, gradients by any tensor, modes, failures."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minitensor as mt
from minitensor import backward
from tests.parity import leaf, normal


class Fails(mt.Op):
    """y = x; backward fails until told not to"""

    uses = ((),)
    broken = True

    def forward(self, x):
        return x * 1

    def backward(self, grad, needs):
        if Fails.broken:
            raise OSError("out of luck")
        return grad


class FailsForward(mt.Op):
    """never gets as far as a result"""

    uses = ((),)

    def forward(self, x):
        raise OSError("out of luck")


class Counting(mt.Op):
    """y = a b; notes what it was asked for"""

    uses = ((1,), (0,))
    calls: list = []

    def forward(self, a, b):
        return a * b

    def backward(self, grad, needs):
        Counting.calls.append(needs)
        a, b = self.inputs
        return grad * b if needs[0] else None, grad * a if needs[1] else None


class TestOrder:
    def test_a_chain_of_100_000_operations(self):
        x = leaf(1.0)
        y = x
        for _ in range(100_000):
            y = y + 1.0
        y.backward()
        assert y.item() == 100_001.0 and x.grad.item() == 1.0
        del y  # letting go of it must not overflow the stack either

    def test_a_million_paths_that_reconverge(self):
        x = leaf(1.0)
        y = x
        for _ in range(20):  # 2^20 paths, 20 operations: each runs backward once
            y = y + y
        y.backward()
        assert x.grad.item() == 2.0**20

    def test_an_operation_waits_for_all_gradients_of_its_result(self):
        Counting.calls = []
        x = leaf(3.0)
        a = Counting()(x, leaf(2.0))
        y = a * (a + (a * a) * (a + 1))
        y.backward()
        assert len(Counting.calls) == 1
        assert x.grad.item() == pytest.approx(2 * (2 * 6 + 4 * 6**3 + 3 * 6**2))  # a^2 + a^4 + a^3 at a = 6

    def test_a_tensor_used_twice_by_one_operation(self):
        x = leaf(3.0)
        (x * x).backward()
        assert x.grad.item() == 6.0

    def test_the_output_is_a_leaf(self):
        x = leaf(3.0)
        x.backward()
        assert x.grad.item() == 1.0


class TestAccumulation:
    def test_grad_adds_up_over_backwards(self):
        x = leaf(1.0, 2.0)
        for times in (1, 2, 3):
            (x * x).sum().backward()
            np.testing.assert_array_equal(x.grad.data, times * 2 * x.data)

    def test_the_first_gradient_is_not_edited_when_the_second_comes(self):
        x = leaf(1.0, 2.0)
        (x * 2).sum().backward()
        first = x.grad
        (x * 2).sum().backward()
        np.testing.assert_array_equal(first.data, [2, 2])

    @pytest.mark.parametrize("create_graph", [False, True])
    def test_grads_of_leaves_share_memory_with_nothing(self, create_graph):
        x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
        given = np.array([1.0, 1.0])
        (x + y + z.reshape(2, 1).reshape(2)).backward(given, create_graph=create_graph)
        arrays = [given, x.grad.data, y.grad.data, z.grad.data]
        for i, a in enumerate(arrays):
            assert a.flags.writeable
            for b in arrays[:i]:
                assert not np.shares_memory(a, b)

    def test_a_repeated_gradient_is_writable_memory(self):
        x = leaf(1.0, 2.0)
        x.sum().backward()  # its gradient is one number, read twice
        with mt.no_grad():
            x.grad[0] = 5.0
        np.testing.assert_array_equal(x.grad.data, [5, 1])

    def test_intermediate_results_get_no_grad(self):
        x = leaf(1.0)
        y = x * 2
        (y * 3).backward()
        assert y.grad is None


class TestGrad:
    def test_touches_no_grad_attribute(self):
        x = leaf(1.0, 2.0)
        (g,) = mt.grad((x * x).sum(), x)
        np.testing.assert_array_equal(g.data, 2 * x.data)
        assert x.grad is None

    def test_by_intermediate_results(self):
        x = leaf(2.0)
        a = x * 3
        b = a * a
        by_a, by_x, by_b = mt.grad(b, [a, x, b])
        assert (by_a.item(), by_x.item(), by_b.item()) == (12.0, 36.0, 1.0)

    def test_stops_at_the_inputs(self):
        Counting.calls = []
        x = leaf(2.0)
        a = Counting()(x, leaf(3.0))
        mt.grad(a * a, a)
        assert Counting.calls == []

    def test_computes_only_what_was_asked_for(self):
        Counting.calls = []
        x, y = leaf(2.0), leaf(3.0)
        product = Counting()(x, y)
        assert mt.grad(product, y, retain_graph=True)[0].item() == 2.0
        assert mt.grad(product, x, retain_graph=True)[0].item() == 3.0
        product.backward()
        assert Counting.calls == [(False, True), (True, False), (True, True)]

    def test_several_outputs_with_weights(self):
        x = leaf(2.0)
        (g,) = mt.grad([x * 3, x * x], [x], [mt.tensor([10.0], dtype=mt.float64), None])
        assert g.item() == 34.0

    def test_unused_inputs(self):
        x, y = leaf(1.0), leaf(2.0)
        out = x * 2
        with pytest.raises(ValueError, match="do not depend on input 1"):
            mt.grad(out, [x, y], retain_graph=True)
        used, unused = mt.grad(out, [x, y], allow_unused=True)
        assert used.item() == 2.0 and unused is None

    def test_no_graph_is_recorded_unless_asked(self):
        x = leaf(2.0)
        (g,) = mt.grad(x * x * x, x)
        assert not g.requires_grad
        (g,) = mt.grad(x * x * x, x, create_graph=True)
        (h,) = mt.grad(g, x, create_graph=True)
        (third,) = mt.grad(h, x)
        assert (g.item(), h.item(), third.item()) == (12.0, 12.0, 6.0)

    def test_create_graph_by_backward(self):
        x = leaf(2.0)
        (x * x * x).backward(create_graph=True)
        g = x.grad
        x.grad = None
        g.backward()
        assert x.grad.item() == 12.0

    def test_what_is_no_tensor_is_refused_by_name(self):
        x = leaf(1.0)
        for arguments, name in (((None, x), "outputs"), ((x * 2, [x, 1.0]), "inputs")):
            with pytest.raises(TypeError, match=f"grad: {name}"):
                mt.grad(*arguments)
        for arguments, name in ((([], x), "outputs"), ((x * 2, ()), "inputs")):
            with pytest.raises(ValueError, match=f"grad: {name}"):
                mt.grad(*arguments)
        with pytest.raises(ValueError, match="shape"):
            mt.grad(x * 2, x, 5.0)
        assert mt.grad(x * 2, (y for y in [x]))[0].tolist() == [2.0]

    def test_inputs_must_require_gradients(self):
        with pytest.raises(ValueError, match="input 0"):
            mt.grad(leaf(1.0) * 2, mt.tensor([1.0]))


class TestModes:
    def test_no_grad_records_nothing(self):
        with mt.no_grad():
            y = leaf(1.0) * 2
        assert not y.requires_grad and y.is_leaf

    def test_nesting(self):
        with mt.no_grad():
            with mt.enable_grad():
                assert mt.is_grad_enabled()
                with mt.no_grad():
                    assert not mt.is_grad_enabled()
                assert mt.is_grad_enabled()
            assert not mt.is_grad_enabled()
        assert mt.is_grad_enabled()

    def test_one_guard_nested_in_itself(self):
        guard = mt.no_grad()
        with guard, mt.enable_grad(), guard:
            assert not mt.is_grad_enabled()
        assert mt.is_grad_enabled()

    def test_an_exception_restores_the_mode(self):
        with pytest.raises(KeyError), mt.no_grad():
            raise KeyError
        assert mt.is_grad_enabled()

    def test_as_decorators_even_recursive_ones(self):
        @mt.no_grad()
        def countdown(n):
            assert not mt.is_grad_enabled()
            return n and countdown(n - 1)

        @mt.enable_grad()
        def recorded(x):
            return x * 2

        countdown(3)
        assert mt.is_grad_enabled()
        with mt.no_grad():
            assert recorded(leaf(1.0)).requires_grad

    def test_as_decorators_without_a_call(self):
        @mt.no_grad
        def silent():
            return mt.is_grad_enabled()

        @mt.enable_grad
        def recorded(x):
            return (x * 2).requires_grad

        assert not silent() and mt.is_grad_enabled()
        with mt.no_grad():
            assert recorded(leaf(1.0))

    def test_as_decorators_of_generators(self):
        """Each step of the generator runs in the mode, what happens between the steps in the caller's."""

        @mt.no_grad()
        def steps():
            seen = []
            try:
                while len(seen) < 2:
                    seen.append((mt.is_grad_enabled(), (yield len(seen))))
                yield from ()
            except KeyError:
                seen.append(mt.is_grad_enabled())
                yield "caught"
            finally:
                seen.append(mt.is_grad_enabled())
                closed.append(mt.is_grad_enabled())
            return seen

        closed = []
        generator = steps()
        assert next(generator) == 0 and mt.is_grad_enabled()
        assert generator.send("a") == 1 and mt.is_grad_enabled()
        with pytest.raises(StopIteration) as ended:
            generator.send("b")
        assert ended.value.value == [(False, "a"), (False, "b"), False] and mt.is_grad_enabled()
        thrown = steps()
        next(thrown)
        assert thrown.throw(KeyError()) == "caught" and mt.is_grad_enabled()
        dropped = steps()
        next(dropped)
        dropped.close()
        assert closed == [False, False] and mt.is_grad_enabled()

    def test_a_mode_holds_for_its_thread(self):
        seen = []
        with mt.no_grad():
            thread = threading.Thread(target=lambda: seen.append(mt.is_grad_enabled()))
            thread.start()
            thread.join()
        assert seen == [True]

    def test_backward_inside_no_grad(self):
        x = leaf(2.0)
        y = x * x
        with mt.no_grad():
            y.backward()
        assert x.grad.item() == 4.0

    def test_create_graph_inside_no_grad_records(self):
        x = leaf(2.0)
        y = x * x * x
        with mt.no_grad():
            (g,) = mt.grad(y, x, create_graph=True)
        assert g.requires_grad

    def test_threads_build_graphs_at_once(self):
        weights = mt.Tensor(normal(8, 8), requires_grad=True)
        results, errors = {}, []

        def work(seed):
            try:
                x = mt.Tensor(normal(4, 8, seed=seed), requires_grad=True)
                for _ in range(20):
                    if seed % 2:
                        with mt.no_grad():
                            (x @ weights).tanh()
                    (g,) = mt.grad(((x @ weights).tanh() @ weights).sum(), x)
                results[seed] = g.data
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        for seed in range(6):
            x = mt.Tensor(normal(4, 8, seed=seed), requires_grad=True)
            (g,) = mt.grad(((x @ weights).tanh() @ weights).sum(), x)
            np.testing.assert_allclose(results[seed], g.data, rtol=1e-12)

    def test_threads_add_to_one_gradient(self):
        x = leaf(0.0)

        def work(_):
            for _ in range(200):
                (x * 1.0).sum().backward()

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(work, range(4)))
        finally:
            sys.setswitchinterval(before)
        assert x.grad.tolist() == [800.0]

    def test_threads_train_at_once(self):
        """Convolutions cut into tiles, in several threads that share the workers: each gets its own gradients."""
        image, kernel = normal(2, 8, 96, 96), normal(8, 8, 3, 3)
        labels = np.arange(2 * 96 * 96).reshape(2, 96, 96) % 8

        def gradient(seed):
            weight = mt.Tensor(kernel * (seed + 1) / 9, requires_grad=True)
            y = mt.batch_norm(mt.conv2d(mt.Tensor(image), weight, padding=1), None, None, training=True)
            mt.cross_entropy(y.relu(), mt.tensor(labels)).backward()
            return weight.grad.data

        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(gradient, range(8)))
        for seed, result in enumerate(together):
            np.testing.assert_allclose(result, gradient(seed), rtol=1e-9, atol=1e-12)


class TestFailures:
    def test_in_forward(self):
        x = leaf(1.0)
        with pytest.raises(OSError):
            FailsForward()(x)
        assert mt.is_grad_enabled() and x.grad is None
        (x * 2).backward()
        assert x.grad.item() == 2.0

    @pytest.mark.parametrize("create_graph", [False, True])
    def test_in_backward(self, create_graph):
        Fails.broken = True
        x, w = leaf(1.0), leaf(3.0)
        node = (x * w).node
        y = Fails()(x * w) + w * w
        with pytest.raises(OSError):
            y.backward(create_graph=create_graph, retain_graph=True)
        with pytest.raises(OSError):
            mt.grad(y, x, retain_graph=True)
        assert mt.is_grad_enabled()
        assert x.grad is None and w.grad is None
        assert node.needs == (True, True)
        Fails.broken = False
        y.backward()  # nothing was lost: the same graph can be gone through once the cause is mended
        assert (x.grad.item(), w.grad.item()) == (3.0, 7.0)

    def test_needs_are_restored_after_a_failure(self):
        Fails.broken = True
        x, w = leaf(1.0), leaf(2.0)
        y = Fails()(x) * w
        with pytest.raises(OSError):
            mt.grad(y, x, retain_graph=True)
        assert y.node.needs == (True, True)

    def test_no_graph(self):
        with pytest.raises(RuntimeError, match="not part of a graph"):
            mt.tensor([1.0]).backward()
        with mt.no_grad():
            y = leaf(1.0) * 2
        with pytest.raises(RuntimeError, match="no_grad"):
            y.backward()

    def test_output_that_is_no_scalar(self):
        with pytest.raises(RuntimeError, match=r"shape \(2,\)"):
            (leaf(1.0, 2.0) * 2).backward()

    def test_gradient_of_the_wrong_shape_or_dtype(self):
        y = leaf(1.0, 2.0) * 2
        with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
            y.backward(np.ones(3))
        with pytest.raises(TypeError, match="float32.*float64"):
            y.backward(mt.ones(2))

    def test_an_operation_that_returns_too_few_gradients(self):
        class Forgetful(mt.Op):
            uses = ((), ())

            def forward(self, a, b):
                return a + b

            def backward(self, grad, needs):
                return grad

        with pytest.raises((ValueError, TypeError), match="Forgetful"):
            Forgetful()(leaf(1.0), leaf(2.0)).backward()

    @pytest.mark.parametrize(
        ("returned", "error", "words"),
        [
            (lambda grad: grad.data, TypeError, "must return Tensors, got ndarray"),
            (lambda grad: grad.sum(), ValueError, r"input of shape \(2,\) has shape \(\)"),
            (lambda grad: grad.to(mt.float32), TypeError, "input of dtype float64 has dtype float32"),
        ],
    )
    def test_an_operation_that_returns_a_gradient_that_does_not_fit(self, returned, error, words):
        class Wrong(mt.Op):
            uses = ((),)

            def forward(self, a):
                return a * 1

            def backward(self, grad, needs):
                return returned(grad)

        x = leaf(1.0, 2.0)
        for y in (Wrong()(x), Wrong()(x * 2)):  # before a leaf, and before another operation
            with pytest.raises(error, match=f"Wrong.backward.*{words}"):
                y.sum().backward()
        assert x.grad is None

    @pytest.mark.parametrize("result", [None, 1.0, [1.0, 2.0], mt.zeros(2)], ids=lambda r: type(r).__name__)
    def test_an_operation_whose_forward_returns_no_array(self, result):
        class Wrong(mt.Op):
            def forward(self, a):
                return result

        with pytest.raises(TypeError, match=f"Wrong.forward must return an array.*got {type(result).__name__}"):
            Wrong()(leaf(1.0, 2.0))

    @pytest.mark.parametrize("given", [np.ones(2), 2.0, None], ids=lambda x: type(x).__name__)
    def test_an_input_that_is_no_tensor(self, given):
        with pytest.raises(TypeError, match=f"Counting: input 1 must be a Tensor, got {type(given).__name__}"):
            Counting()(leaf(1.0, 2.0), given)

    def test_uses_that_lack_an_input(self):
        class Wrong(mt.Op):
            uses = ((1,),)

            def forward(self, a, b):
                return a * b

            def backward(self, grad, needs):
                return grad * self.inputs[1], grad * self.inputs[0]

        with pytest.raises(TypeError, match="Wrong: `uses` must say for each of the 2 inputs"):
            Wrong()(leaf(1.0), leaf(2.0))
        with mt.no_grad():
            assert Wrong()(leaf(1.0), leaf(2.0)).item() == 2

    def test_an_operation_called_twice(self):
        op = Counting()
        op(leaf(1.0), leaf(2.0))
        with pytest.raises(RuntimeError, match="Counting.*new one for each call"):
            op(leaf(3.0), leaf(4.0))

    def test_an_operation_without_backward(self):
        class OneWay(mt.Op):
            def forward(self, a):
                return a * 1

        with pytest.raises(TypeError, match="OneWay defines no backward"):
            OneWay()(leaf(1.0)).backward()


def test_a_child_may_go_backward_though_a_thread_held_the_lock_when_it_was_forked():
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    held, leave = threading.Event(), threading.Event()

    def hold():
        with backward._accumulating:
            held.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        x = mt.ones(2, requires_grad=True)
        (x * x).sum().backward()
        os._exit(0 if x.grad.tolist() == [2, 2] else 1)
    end = time.monotonic() + 20
    done, status = 0, None
    while not done and time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.02)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
    leave.set()
    thread.join()
    assert done and status == 0
