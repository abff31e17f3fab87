"""The properties of a right answer to exercise 09."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt

CASES = st.tuples(st.integers(1, 4), st.integers(2, 4), st.integers(0, 2**32 - 1))


@given(case=CASES)
def test_same_as_backward(answer, case):
    rows, classes, seed = case
    rng = np.random.default_rng(seed)
    scores, target = rng.normal(size=(rows, classes)) * 2, rng.integers(0, classes, rows)
    found = np.asarray(answer.cross_entropy_gradient(scores.copy(), target))
    x = mt.tensor(scores, requires_grad=True)
    mt.cross_entropy(x, mt.tensor(target)).backward()
    expected = x.grad.numpy()
    assert not np.allclose(found, -expected), "the sign is reversed: the gradient at the true class is p - 1, below 0"
    assert not (rows > 1 and np.allclose(found, expected * rows)), (
        f"yours is {rows} times too large: the loss is the mean over {rows} rows, so each row gets 1 / {rows}"
    )
    assert np.allclose(found.sum(axis=1), 0), (
        f"each row of p - t sums to 0, because p and t both sum to 1; yours: {found.sum(axis=1).round(3).tolist()}. "
        "The softmax goes over the classes of each row."
    )
    assert np.allclose(found, expected), f"expected {expected.round(3).tolist()}, yours {found.round(3).tolist()}"


def test_large_scores(answer):
    found = np.asarray(answer.cross_entropy_gradient(np.array([[1000.0, 0.0]]), np.array([0])))
    assert np.isfinite(found).all() and np.allclose(found, 0), (
        f"scores 1000 and 0: the net is sure and right, so the gradient is 0; yours is {found.tolist()}. exp(1000) is "
        "infinite: subtract the largest score of the row first."
    )
