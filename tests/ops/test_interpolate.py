"""interpolate in every mode, held to torch up to second order."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse
from tests.strategies import numbers

image = normal(2, 3, 6, 7)
side = st.integers(1, 9)


@st.composite
def options(draw):
    """mode, and of the other options those that it takes."""
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic"]))
    if mode.startswith("nearest"):
        return dict(mode=mode)
    return dict(mode=mode, align_corners=draw(st.sampled_from([None, False, True])), antialias=draw(st.booleans()))


@st.composite
def images(draw):
    return draw(numbers((draw(st.integers(0, 2)), draw(st.integers(1, 3)), draw(side), draw(side))))


def torch_is_wrong(x, size, settings, factors=(1.0, 1.0)):
    """Three bugs of torch 2.13, where it contradicts itself; we do not follow it there.

    Antialias to a width of 1 writes the first output row into all rows. And where an axis keeps its size
    though a factor was named (5 by 1.1), forward and backward differ: antialias copies the axis forward and
    interpolates backward by the factor; bicubic interpolates forward and, if both axes keep their sizes,
    copies backward.
    """
    kept = [n == m for n, m in zip(x.shape[2:], size, strict=True)]
    named = [same and factor != 1 for same, factor in zip(kept, factors, strict=True)]
    if settings.get("antialias", False):
        return size[1] == 1 or any(named)
    return settings["mode"] == "bicubic" and all(kept) and any(named)


@given(images(), options(), st.tuples(side, side))
def test_to_a_size(x, settings, size):
    assume(not torch_is_wrong(x, size, settings))
    same_as_torch(lambda m, x: m.interpolate(x, size, **settings), x)


@given(images(), options(), st.data())
def test_by_a_factor(x, settings, data):
    """Factors that give at least one pixel, and seldom a whole number of them."""
    factors = [data.draw(st.floats(1 / n, 3.0).map(lambda f: float(f"{f + 1e-3:.3g}"))) for n in x.shape[2:]]
    recompute = data.draw(st.sampled_from([None, False, True]))
    size = [int(n * factor) for n, factor in zip(x.shape[2:], factors, strict=True)]
    assume(not torch_is_wrong(x, size, settings, factors))
    same_as_torch(
        lambda m, x: m.interpolate(x, scale_factor=tuple(factors), recompute_scale_factor=recompute, **settings), x
    )


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [2, 8, 0.5, 1, 1.0, (2, 0.34), [3, 1.5]])
def test_usual_factors(mode, factor):
    same_as_torch(lambda m, x: m.interpolate(x, scale_factor=factor, mode=mode), image)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_factors_between_sizes(mode):
    """2 pixels by 2.25 are 4, and 7 by 1.1 are 7: with "nearest", torch forgets the factor then."""
    same_as_torch(lambda m, x: m.interpolate(x[:, :, :2], scale_factor=(2.25, 1.1), mode=mode), image)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [1, (1, 5), (6, 7), (13, 1)])
def test_one_pixel_and_the_same_size(mode, size, align_corners):
    same_as_torch(lambda m, x: m.interpolate(x, size, mode=mode, align_corners=align_corners), image)
    same_as_torch(lambda m, x: m.interpolate(x, size, mode=mode, align_corners=align_corners), image[:, :, :1, :1])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialias_to_a_width_of_1(mode):
    """Rows know nothing of the width: the column of a one-pixel-wide image is what it is in a wider one."""
    column = mt.Tensor(image[:, :, :, :1])
    wider = mt.Tensor(np.repeat(image[:, :, :, :1], 2, axis=3))
    narrow = mt.interpolate(column, (3, 1), mode=mode, antialias=True)
    same_as_torch(lambda m, x: m.interpolate(x, (3, 2), mode=mode, antialias=True), wider.data)
    expected = mt.interpolate(wider, (3, 2), mode=mode, antialias=True)
    np.testing.assert_allclose(narrow.data[..., 0], expected.data[..., 0], rtol=1e-14)


@given(images(), options(), st.tuples(side, side), st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_an_infinite_pixel_goes_no_further_than_in_torch(x, settings, size, value, data):
    """Ours are NaN where torch's are at most: torch multiplies by weights of zero too, which makes NaN of infinity."""
    assume(x.size and not torch_is_wrong(x, size, settings))
    x = x.copy()
    x.flat[data.draw(st.integers(0, x.size - 1))] = value
    ours = mt.interpolate(mt.Tensor(x), size, **settings).data
    theirs = torch.nn.functional.interpolate(torch.tensor(x), size, **settings).numpy()
    assert not (np.isnan(ours) & ~np.isnan(theirs)).any()
    known = ~np.isnan(theirs)
    np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-12, atol=1e-12)


@pytest.mark.cpu_only  # on a GPU see docs/results-parity.md
@given(images(), options(), st.tuples(side, side), st.data())
def test_nan_goes_exactly_as_far_as_in_torch(x, settings, size, data):
    """Weights of zero count: row 0 of a bilinear enlargement reads row 1 too. Those of bicubic depend on rounding."""
    assume(x.size and not torch_is_wrong(x, size, settings) and settings["mode"] != "bicubic")
    x = x.copy()
    x.flat[data.draw(st.integers(0, x.size - 1))] = np.nan
    same_as_torch(lambda m, x: m.interpolate(x, size, **settings), x, order=1, dtypes=[np.float64])


@pytest.mark.cpu_only
def test_nan_beside_a_pixel_that_is_hit():
    """Corners aligned, 5 rows to 3 hit rows 0, 2 and 4: torch reads their neighbours as well, times zero."""
    x = image[:1, :1, :5, :5].copy()
    x[0, 0, 1, 1] = np.nan
    same_as_torch(lambda m, x: m.interpolate(x, 3, mode="bilinear", align_corners=True), x, order=1)


@pytest.mark.parametrize("shape", [(1, 2, 9, 8), (1, 3, 200, 150)])
def test_an_infinite_pixel_reaches_only_those_that_see_it(shape):
    """Small images are multiplied densely, large ones in tiles: neither spreads it over the row."""
    x = normal(*shape)
    x[0, 1, 5, 4] = np.inf
    for factor in (2.0, 0.5, 1.7):
        y = mt.interpolate(mt.Tensor(x), scale_factor=factor, mode="bilinear").data
        assert 0 < (~np.isfinite(y)).sum() <= (2 * factor + 1) ** 2
    pooled = mt.adaptive_avg_pool2d(mt.Tensor(x), (3, 4)).data
    assert np.isinf(pooled).sum() == 1


MALFORMED = {
    "integers": (TypeError, ["int64"], lambda m, x: m.interpolate(x, 3), image.astype(int)),
    "one image": (ValueError, ["(3, 6, 7)"], lambda m, x: m.interpolate(x, 3, mode="bilinear"), image[0]),
    "no channels": (ValueError, ["(2, 0, 6, 7)"], lambda m, x: m.interpolate(x, 3), image[:, :0]),
    "no rows": (ValueError, ["(2, 3, 0, 7)"], lambda m, x: m.interpolate(x, 3), image[:, :, :0]),
    "neither": (ValueError, ["size", "scale_factor"], lambda m, x: m.interpolate(x), image),
    "both": (ValueError, ["size=3", "scale_factor=2"], lambda m, x: m.interpolate(x, 3, 2), image),
    "size of one": (ValueError, ["size", "(3,)"], lambda m, x: m.interpolate(x, (3,)), image),
    "size of three": (ValueError, ["(3, 3, 3)"], lambda m, x: m.interpolate(x, (3, 3, 3)), image),
    "size of float": (TypeError, ["3.5"], lambda m, x: m.interpolate(x, 3.5), image),
    "size of floats": (TypeError, ["(3.0, 2)"], lambda m, x: m.interpolate(x, (3.0, 2)), image),
    "size of 0": (ValueError, ["(0, 3)"], lambda m, x: m.interpolate(x, (0, 3)), image),
    "negative size": (ValueError, ["(-2, -2)"], lambda m, x: m.interpolate(x, -2), image),
    "factor too small": (ValueError, ["(0, 0)", "0.01"], lambda m, x: m.interpolate(x, scale_factor=0.01), image),
    "negative factor": (ValueError, ["-1.0"], lambda m, x: m.interpolate(x, scale_factor=-1.0), image),
    "factor of text": (TypeError, ["'2'"], lambda m, x: m.interpolate(x, scale_factor="2"), image),
    "one factor": (ValueError, ["(2,)"], lambda m, x: m.interpolate(x, scale_factor=(2,)), image),
    "nothing to recompute": (
        ValueError,
        ["size=3", "recompute"],
        lambda m, x: m.interpolate(x, 3, recompute_scale_factor=True),
        image,
    ),
    "unknown mode": (ValueError, ["'cubic'", "bicubic"], lambda m, x: m.interpolate(x, 3, mode="cubic"), image),
    "corners of nearest": (
        ValueError,
        ["align_corners=False", "'nearest'"],
        lambda m, x: m.interpolate(x, 3, mode="nearest", align_corners=False),
        image,
    ),
    "corners of nearest-exact": (
        ValueError,
        ["align_corners=True", "'nearest-exact'"],
        lambda m, x: m.interpolate(x, 3, mode="nearest-exact", align_corners=True),
        image,
    ),
    "antialias of nearest": (
        ValueError,
        ["antialias", "'nearest'"],
        lambda m, x: m.interpolate(x, 3, antialias=True),
        image,
    ),
}


@pytest.mark.parametrize(("error", "words", "function", "x"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_calls(error, words, function, x):
    both_refuse(error, ["interpolate", *words], function, x)
