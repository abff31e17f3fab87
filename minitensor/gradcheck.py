"""gradcheck: compare gradients with finite differences, along random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from minitensor.backend import array_module, to_numpy
from minitensor.backward import grad
from minitensor.recording import enable_grad, no_grad
from minitensor.tensor import Tensor

# Central differences err by step^2 (truncation) and by epsilon / step (rounding): in float64 both are smallest
# near epsilon^(1/3) = 6e-6. Second order differentiates gradients that are exact to rounding, so the same holds.
STEP = float(np.finfo(np.float64).eps) ** (1 / 3)


def gradcheck(
    fn: Callable, inputs: Sequence[Tensor], order: int = 2, rtol: float = 1e-5, atol: float = 1e-7, seed: int = 0
) -> bool:
    """True if the gradients of `fn(*inputs)` agree with finite differences, up to the given order.

    For a random direction v in all inputs together, and random weights g for the outputs,
        (L(x + h v) - L(x - h v)) / 2h  =  <dL/dx, v>   with L(x) = <g, fn(x)>
    up to rounding. For order 2 the same is checked for the function x, g -> dL/dx, and so on. One direction tests all
    partial derivatives together: an error in any of them shows, except with probability zero.

    inputs  Tensors; those that require gradients must be float64, at a point where `fn` is smooth
    Raises AssertionError with the order, the function and both numbers if they differ, TypeError for float32, and
    ValueError if no input or no output requires a gradient.
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    variables = [x for x in inputs if x.requires_grad]
    if not variables:
        raise ValueError("gradcheck: no input has requires_grad=True, so there is nothing to check")
    for x in variables:
        if x.dtype != np.float64:
            raise TypeError(f"gradcheck: inputs must be float64 for differences to be meaningful, got {x.dtype}")
    rng = np.random.default_rng(seed)
    # Work on copies: the caller's tensors keep their values and their .grad.
    copies = [Tensor(x.data.copy(), x.requires_grad) for x in inputs]

    def differentiable(*arguments):
        """The outputs that have a gradient. Masks, indices and detached results have none."""
        return [output for output in _outputs(fn, arguments) if output.requires_grad]

    differentiable.__name__ = getattr(fn, "__name__", "fn")
    with enable_grad():
        if not differentiable(*copies):
            raise ValueError(f"gradcheck: no output of {differentiable.__name__} requires a gradient")
    _check(differentiable, copies, order, 1, rtol, atol, rng)
    return True


def _check(fn, inputs, order, level, rtol, atol, rng):
    """Check first derivatives of `fn`; then, while order > 1, those of its gradient function."""
    variables = [x for x in inputs if x.requires_grad]
    with enable_grad():
        outputs = _outputs(fn, inputs)
    weights = [_random_like(output, rng) for output in outputs]
    directions = [_random_like(x, rng).data for x in variables]

    grads = _gradients(outputs, weights, variables, create_graph=False)
    analytic = 0.0
    for g, direction in zip(grads, directions, strict=True):
        if g is not None:
            analytic += float((g.data * direction).sum())
    numeric = _difference(fn, inputs, variables, directions, weights)
    scale = max(abs(analytic), abs(numeric))
    if not abs(analytic - numeric) <= atol + rtol * scale:
        raise AssertionError(
            f"gradcheck: order {level} derivative of {fn.__name__} along a random direction is "
            f"{analytic!r} by backward and {numeric!r} by differences (inputs {[x.shape for x in inputs]})"
        )
    if order > 1:
        first_weights = [Tensor(w.data.copy(), requires_grad=True) for w in weights]
        count = len(inputs)

        def gradient(*arguments):
            xs, gs = arguments[:count], arguments[count:]
            wanted = [x for x in xs if x.requires_grad]
            found = _gradients(_outputs(fn, xs), gs, wanted, create_graph=True)
            return [g for g in found if g is not None]

        gradient.__name__ = f"gradient of {fn.__name__}"
        _check(gradient, [*inputs, *first_weights], order - 1, level + 1, rtol, atol, rng)


def _gradients(outputs, weights, variables, create_graph):
    """The gradient of the sum of <weight, output> with respect to each variable; None if there is none.

    An output outside the graph adds nothing here, and the differences must agree that its derivative is 0. So a
    computation that was not recorded by mistake is found.
    """
    recorded = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not recorded:
        return [None] * len(variables)
    roots, root_weights = zip(*recorded, strict=True)
    return grad(roots, variables, root_weights, create_graph=create_graph, allow_unused=True)


def _outputs(fn, inputs):
    """The output of fn, or its several outputs, as a list."""
    outputs = fn(*inputs)
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def _random_like(x, rng):
    xp = array_module(x.data)
    return Tensor(xp.asarray(rng.standard_normal(x.shape)))


def _difference(fn, inputs, variables, directions, weights):
    """(L(x + h v) - L(x - h v)) / 2h"""
    values = []
    originals = [x.data for x in variables]
    for sign in (1, -1):
        for x, original, direction in zip(variables, originals, directions, strict=True):
            x.data = original + sign * STEP * direction
        # A gradient function must record in order to differentiate, whatever the mode outside.
        with enable_grad():
            outputs = _outputs(fn, inputs)
        with no_grad():
            values.append(
                sum(float((to_numpy(y.data) * to_numpy(w.data)).sum()) for y, w in zip(outputs, weights, strict=True))
            )
    for x, original in zip(variables, originals, strict=True):
        x.data = original
    return (values[0] - values[1]) / (2 * STEP)
