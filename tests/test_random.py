"""Random numbers: the same seed, the same numbers; shapes, dtypes, distributions as said; state saved and restored."""

import json

import numpy as np
import pytest

import minitensor as mt
from minitensor import random


@pytest.fixture(autouse=True)
def keep_the_generator():
    state = random.get_state()
    yield
    random.set_state(state)


@pytest.mark.parametrize("draw", [mt.rand, mt.randn])
class TestDraws:
    def test_same_seed_same_numbers(self, draw):
        mt.manual_seed(3)
        first, second = draw(2, 3), draw(2, 3)
        mt.manual_seed(3)
        np.testing.assert_array_equal(draw(2, 3).data, first.data)
        np.testing.assert_array_equal(draw(2, 3).data, second.data)
        assert (first.data != second.data).any()
        mt.manual_seed(4)
        assert (draw(2, 3).data != first.data).any()

    def test_state_continues_where_it_was_taken_even_through_json(self, draw):
        draw(5)
        state = json.loads(json.dumps(random.get_state()))
        expected = draw(7)
        draw(100)
        random.set_state(state)
        np.testing.assert_array_equal(draw(7).data, expected.data)

    def test_shapes_and_dtypes(self, draw):
        assert draw(2, 3).shape == draw((2, 3)).shape == draw([2, 3]).shape == (2, 3)
        assert draw().shape == () and draw(0, 2).shape == (0, 2)
        assert draw(2).dtype == mt.float32 and draw(2, dtype=mt.float64).dtype == mt.float64
        assert draw(2, requires_grad=True).requires_grad and not draw(2).requires_grad
        assert draw(2, device="cpu").device == "cpu"

    def test_bad_arguments(self, draw):
        with pytest.raises(ValueError, match=r"rand.*\(2, -1\)"):
            draw(2, -1)
        with pytest.raises(TypeError, match="rand.*whole numbers"):
            draw(2.5)
        with pytest.raises(TypeError, match="rand.*floating point"):
            draw(2, dtype=mt.int64)
        with pytest.raises(ValueError, match="device"):
            draw(2, device="tpu")


def test_rand_is_uniform_and_randn_normal():
    mt.manual_seed(0)
    uniform, gaussian = mt.rand(100_000, dtype=mt.float64).data, mt.randn(100_000, dtype=mt.float64).data
    assert 0 <= uniform.min() and uniform.max() < 1
    # means lie within 5 standard errors: deviation / sqrt(count)
    assert abs(uniform.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 1e5) and abs(gaussian.mean()) < 5 / np.sqrt(1e5)
    assert abs(gaussian.var() - 1) < 5 * np.sqrt(2 / 1e5)
    assert abs((gaussian > 1.96).mean() - 0.025) < 5 * np.sqrt(0.025 / 1e5)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_seeds_that_are_none(seed):
    with pytest.raises(TypeError, match="manual_seed"):
        mt.manual_seed(seed)


def test_numpy_integers_are_seeds():
    mt.manual_seed(np.int64(5))
    first = mt.rand(3)
    mt.manual_seed(5)
    np.testing.assert_array_equal(mt.rand(3).data, first.data)
