"""interpolate in every mode, held to torch up to second order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    return dict(
        mode=mode, align_corners=draw(st.sampled_from([None, False, True])), antialias=draw(st.booleans())
    )


@st.composite
def images(draw):
    return draw(numbers((draw(st.integers(0, 2)), draw(st.integers(1, 3)), draw(side), draw(side))))


@given(images(), options(), st.one_of(side, st.tuples(side, side)))
def test_to_a_size(x, settings, size):
    same_as_torch(lambda m, x: m.interpolate(x, size, **settings), x)


@given(images(), options(), st.data())
def test_by_a_factor(x, settings, data):
    """Factors that give at least one pixel; whether the formula uses the factor or the ratio of sizes shows."""
    factors = [data.draw(st.floats(1 / n, 3.0).map(lambda f: float(f"{f + 1e-3:.3g}"))) for n in x.shape[2:]]
    recompute = data.draw(st.sampled_from([None, False, True]))
    same_as_torch(
        lambda m, x: m.interpolate(
            x, scale_factor=tuple(factors), recompute_scale_factor=recompute, **settings
        ),
        x,
    )


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("factor", [2, 8, 0.5, 1, 1.0, (2, 0.34), [3, 1.5]])
def test_usual_factors(mode, factor):
    same_as_torch(lambda m, x: m.interpolate(x, scale_factor=factor, mode=mode), image)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [1, (1, 5), (6, 7), (13, 1)])
def test_one_pixel_and_the_same_size(mode, size, align_corners):
    same_as_torch(lambda m, x: m.interpolate(x, size, mode=mode, align_corners=align_corners), image)
    same_as_torch(
        lambda m, x: m.interpolate(x, size, mode=mode, align_corners=align_corners), image[:, :, :1, :1]
    )


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
    "factor too small": (
        ValueError,
        ["(0, 0)", "0.01"],
        lambda m, x: m.interpolate(x, scale_factor=0.01),
        image,
    ),
    "negative factor": (ValueError, ["-1.0"], lambda m, x: m.interpolate(x, scale_factor=-1.0), image),
    "factor of text": (TypeError, ["'2'"], lambda m, x: m.interpolate(x, scale_factor="2"), image),
    "one factor": (ValueError, ["(2,)"], lambda m, x: m.interpolate(x, scale_factor=(2,)), image),
    "nothing to recompute": (
        ValueError,
        ["size=3", "recompute"],
        lambda m, x: m.interpolate(x, 3, recompute_scale_factor=True),
        image,
    ),
    "unknown mode": (
        ValueError,
        ["'cubic'", "bicubic"],
        lambda m, x: m.interpolate(x, 3, mode="cubic"),
        image,
    ),
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
