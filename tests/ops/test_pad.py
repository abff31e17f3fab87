"""pad against torch: every mode, any axes, pads that crop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse
from tests.strategies import numbers, shapes


@given(st.data())
def test_constant(data):
    shape = data.draw(shapes(min_dims=1, min_side=0))
    pads = []
    for n in shape[::-1][: data.draw(st.integers(0, len(shape)))]:
        before = data.draw(st.integers(-n, 3))
        pads += [before, data.draw(st.integers(-min(n, n + before), 3))]
    x = data.draw(numbers(shape))
    value = data.draw(st.sampled_from([None, 0.0, 1.5, float("-inf")]))
    same_as_torch(lambda m, x: m.pad(x, tuple(pads), value=value), x)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@given(st.data())
def test_borders_made_of_the_image(mode, data):
    axes = data.draw(st.integers(1, 3))
    sides = [data.draw(st.integers(1, 4)) for _ in range(axes)]
    pads = []
    for n in sides[::-1]:
        most = {"reflect": n - 1, "replicate": 5, "circular": n}[mode]
        pads += [data.draw(st.integers(0, most)), data.draw(st.integers(0, most))]
    x = data.draw(numbers((2, 1, *sides)))
    same_as_torch(lambda m, x: m.pad(x, tuple(pads), mode=mode), x)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", [(-1, 2), (2, -1), (-1, -1), (-2, 1, 1, -1)])
def test_borders_that_crop(mode, pads):
    x = normal(1, 2, 4, 4) if len(pads) == 4 else normal(1, 2, 4)
    same_as_torch(lambda m, x: m.pad(x, pads, mode), x)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_numpy_agrees(mode):
    x = normal(1, 3, 4)
    name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    expected = np.pad(x, ((0, 0), (2, 1), (0, 3)), mode=name)
    np.testing.assert_array_equal(mt.pad(mt.Tensor(x), (0, 3, 2, 1), mode=mode).data, expected)


def test_pads_that_do_nothing_return_the_tensor():
    x = mt.Tensor(normal(1, 2, 3))
    assert mt.pad(x, (0, 0)) is x and mt.pad(x, (0, 0, 0, 0), mode="circular") is x and mt.pad(x, ()) is x


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_borders_of_the_image_go_around_its_pixels_only(mode):
    """Of 1 to 5 dimensions, with 0 to 3 axes to pad, torch takes six combinations, and so do we."""
    for dimensions in range(1, 6):
        for axes in range(4):
            x = normal(*[2] * dimensions)
            if (axes, dimensions) in {(1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (3, 5)}:
                same_as_torch(lambda m, x, n=axes: m.pad(x, (1, 0) * n, mode), x)
            else:
                both_refuse(ValueError, ["pad"], lambda m, x, n=axes: m.pad(x, (1, 0) * n, mode), x)


def test_whole_numbers_and_bools():
    same_as_torch(lambda m, x: m.pad(x, (1, 2), value=7), np.array([[1, 2]]))
    same_as_torch(lambda m, x: m.pad(x, (1, 0), mode="replicate"), np.array([[1.0, 2.0]]))
    assert mt.pad(mt.tensor([True]), (0, 1)).tolist() == [True, False]
