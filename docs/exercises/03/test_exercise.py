"""The properties of a right answer to exercise 03."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

SHAPES = st.tuples(
    st.lists(st.integers(1, 3), max_size=2),  # axes in front
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=3),  # axes, and which of them are read again
)


@given(shapes=SHAPES, seed=st.integers(0, 2**32 - 1))
def test_it_is_the_adjoint_of_broadcasting(answer, shapes, seed):
    front, axes = shapes
    large = (*front, *(size for size, _ in axes))
    small = tuple(1 if again else size for size, again in axes)
    rng = np.random.default_rng(seed)
    grad, x = rng.normal(size=large), rng.normal(size=small)
    found = answer.sum_to(grad, small)
    assert np.shape(found) == small, (
        f"an array of shape {small} was broadcast to {large}; its gradient must have shape {small} again, yours has "
        f"{np.shape(found)}. Sum over the axes that broadcasting added in front, and with "
        "keepdims=True over those of size 1."
    )
    left, right = (grad * np.broadcast_to(x, large)).sum(), (found * x).sum()
    reads = int(np.prod(large)) // max(int(np.prod(small)), 1)
    assert not (reads > 1 and np.allclose(found * reads, answer_of(grad, small))), (
        f"each number was read {reads} times: its gradient is the sum, not the mean of what comes back"
    )
    assert abs(left - right) < 1e-9, (
        f"<grad, broadcast(x)> = {left:.4f} but <sum_to(grad), x> = {right:.4f}, for {small} -> {large}. Every place "
        "where a number was read adds to its gradient."
    )


def answer_of(grad, shape):
    """The gradient by counting: add each element of grad to the place that it was read from."""
    found = np.zeros(shape)
    for index in np.ndindex(grad.shape):
        own = index[grad.ndim - len(shape) :]
        found[tuple(0 if size == 1 else i for i, size in zip(own, shape, strict=True))] += grad[index]
    return found
