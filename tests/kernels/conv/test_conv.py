"""The three convolutions: reference against torch, every variant against reference, and the adjoint identity.

Hypothesis draws the geometry first (kernel, stride, padding, dilation, output size, leftover) and then the
input size that fits it, so that no draw is thrown away and the odd corners are common: stride beyond the
kernel, padding beyond its reach, rows that no window sees, groups, empty batches.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import kernel_variants, run, use_kernels
from minitensor.kernels.conv.winograd import both_axes_gradients as winograd2d_gradients
from minitensor.kernels.conv.winograd import matrices as winograd
from minitensor.kernels.geometry import conv_output_size, conv_transpose_output_size
from minitensor.kernels.table import candidates
from tests.strategies import Window, windows

LAYOUTS = ("contiguous", "channels last", "every other", "flipped", "broadcast")


class Case(NamedTuple):
    """One convolution x, weight -> output and the arrays of its three partners."""

    x: np.ndarray  # (N, C, H, W)
    weight: np.ndarray  # (O, C/g, KH, KW)
    bias: np.ndarray | None  # (O,)
    grad: np.ndarray  # (N, O, OH, OW)
    stride: tuple
    padding: tuple
    dilation: tuple
    groups: int
    leftover: tuple  # rows and columns of x that no window reaches

    def forward(self):
        return ("conv2d", self.x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def input_gradient(self):
        return (
            "conv_transpose2d", self.grad, self.weight, None, self.stride, self.padding, self.leftover,
            self.groups, self.dilation,
        )  # fmt: skip

    def weight_gradient(self):
        kernel = self.weight.shape[2:]
        return (
            "conv2d_weight", self.x, self.grad, kernel, self.stride, self.padding, self.dilation, self.groups,
        )  # fmt: skip

    def gradients(self):
        """Both of conv2d's gradients at once, and one by one."""
        settings = self.stride, self.padding, self.leftover, self.groups, self.dilation
        at_once = ("conv2d_gradients", self.x, self.weight, self.grad, *settings)
        return at_once, self.input_gradient(), self.weight_gradient()

    def transposed_gradients(self):
        """The same of the transposed convolution, from grad to x."""
        settings = self.stride, self.padding, self.dilation, self.groups
        at_once = ("conv_transpose2d_gradients", self.grad, self.weight, self.x, *settings)
        return at_once, ("conv2d", self.x, self.weight, None, *settings), self.weight_gradient()


@st.composite
def cases(draw, dtypes=(np.float32, np.float64), layouts=LAYOUTS):
    """A convolution of any geometry, with numbers of unit variance."""
    height, width = draw(windows(max_positions=9)), draw(windows(max_positions=9))
    groups, images = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(dtypes))

    def numbers(*shape):
        return lay_out(rng.standard_normal(shape).astype(dtype), draw(st.sampled_from(layouts)))

    kernel, stride, padding, dilation = zip(height[2:], width[2:], strict=True)
    return Case(
        x=numbers(images, groups * channels, height[0], width[0]),
        weight=numbers(groups * filters, channels, *kernel),
        bias=numbers(groups * filters) if draw(st.booleans()) else None,
        grad=numbers(images, groups * filters, height[1], width[1]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        leftover=(height.leftover, width.leftover),
    )


def lay_out(array, layout):
    """The same shape in another memory layout (for "broadcast" the numbers repeat along the first axis)."""
    if layout == "channels last" and array.ndim == 4:
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "every other":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "flipped":
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    if layout == "broadcast" and len(array):
        return np.broadcast_to(array[:1], array.shape)  # read-only, stride 0
    return array


def run_as(variant, call):
    with use_kernels(**{call[0]: variant}):
        return run(*call)


def absolute(call):
    """The same call on absolute values in float64: the sum of the sizes of all terms behind every number."""
    return [np.abs(a).astype(np.float64) if isinstance(a, np.ndarray) else a for a in call]


def assert_close(result, expected, call, terms, variant=None):
    """Equal up to the rounding of sums of `terms` products, in any order.

    |error| <= terms * eps * sum |products| (Higham 2002, section 3.1), for each of the two sides. Winograd's
    transforms mix neighbouring pixels, so there the products of the largest numbers in sight set the bound.
    """
    assert result.dtype == call[1].dtype
    assert result.shape == expected.shape
    sizes = run_as("reference", absolute(call))
    if variant in ("winograd", "winograd2d", "auto") and result.dtype == np.float32 and result.size:
        first, second = (a for a in call[1:4] if isinstance(a, np.ndarray) and a.ndim == 4)
        sizes = sizes + terms * np.abs(first).max(initial=0) * np.abs(second).max(initial=0)
    bound = 2 * (terms + 2) * np.finfo(result.dtype).eps * sizes
    assert (np.abs(result.astype(np.float64) - expected) <= bound).all()


def terms_of(case, call):
    """How many products are summed for one number of the call's result."""
    taps = case.weight.shape[2] * case.weight.shape[3]
    return {
        "conv2d": case.weight.shape[1] * taps,
        "conv_transpose2d": case.weight.shape[0] // case.groups * taps,
        "conv2d_weight": case.grad[:, 0].size,
    }[call[0]]


def torch_array(array):
    return None if array is None else torch.from_numpy(np.array(array))


@given(cases())
def test_reference_conv2d_equals_torch(case):
    x, weight, bias = torch_array(case.x), torch_array(case.weight), torch_array(case.bias)
    call = case.forward()
    expected = F.conv2d(x, weight, bias, case.stride, case.padding, case.dilation, case.groups).numpy()
    assert_close(run_as("reference", call), expected, call, terms_of(case, call))


@given(cases())
def test_reference_conv_transpose2d_is_torchs_input_gradient(case):
    call = case.input_gradient()
    expected = torch.nn.grad.conv2d_input(
        case.x.shape, torch_array(case.weight), torch_array(case.grad), case.stride, case.padding,
        case.dilation, case.groups,
    ).numpy()  # fmt: skip
    assert_close(run_as("reference", call), expected, call, terms_of(case, call))


@given(cases())
def test_reference_conv2d_weight_is_torchs_weight_gradient(case):
    call = case.weight_gradient()
    expected = torch.nn.grad.conv2d_weight(
        torch_array(case.x), case.weight.shape, torch_array(case.grad), case.stride, case.padding,
        case.dilation, case.groups,
    ).numpy()  # fmt: skip
    assert_close(run_as("reference", call), expected, call, terms_of(case, call))


@st.composite
def transposed_calls(draw):
    """A transposed convolution with any output_padding torch allows: below the stride or the dilation."""
    case = draw(cases())
    extra = []
    for size, kernel, stride, padding, dilation in zip(
        case.grad.shape[2:], case.weight.shape[2:], case.stride, case.padding, case.dilation, strict=True
    ):
        most = max(stride, dilation) - 1
        smallest = conv_transpose_output_size(size, kernel, stride, padding, 0, dilation)
        extra.append(draw(st.integers(min(max(0, 1 - smallest), most), most)))
    call = list(case.input_gradient())
    call[6] = tuple(extra)
    if draw(st.booleans()):
        call[3] = np.linspace(-1, 1, case.x.shape[1]).astype(case.x.dtype)
    return case, tuple(call)


@given(transposed_calls())
def test_reference_conv_transpose2d_equals_torch(drawn):
    case, call = drawn
    _, x, weight, bias, stride, padding, output_padding, groups, dilation = call
    expected = F.conv_transpose2d(
        torch_array(x), torch_array(weight), torch_array(bias), stride, padding, output_padding, groups, dilation
    ).numpy()
    assert_close(run_as("reference", call), expected, call, terms_of(case, call))


@pytest.mark.parametrize("variant", [v for v in kernel_variants("conv_transpose2d") if v != "reference"])
@given(transposed_calls())
def test_output_padding_and_bias_of_every_variant(variant, drawn):
    case, call = drawn
    expected = run_as("reference", call)
    assert_close(run_as(variant, call), expected, call, terms_of(case, call), variant)


VARIANTS = [
    (operation, variant)
    for operation in ("conv2d", "conv_transpose2d", "conv2d_weight")
    for variant in [*kernel_variants(operation), "auto"]
    if variant != "reference"
]


@pytest.mark.parametrize(("operation", "variant"), VARIANTS)
@given(cases())
def test_every_variant_equals_reference(operation, variant, case):
    calls = {call[0]: call for call in (case.forward(), case.input_gradient(), case.weight_gradient())}
    call = calls[operation]
    assert_close(run_as(variant, call), run_as("reference", call), call, terms_of(case, call), variant)


@pytest.mark.parametrize(
    ("operation", "variant"),
    [
        (operation, variant)
        for operation in ("conv2d_gradients", "conv_transpose2d_gradients")
        for variant in [*kernel_variants(operation), "auto"]
    ],
)
@given(cases())
def test_both_gradients_at_once_equal_one_by_one(operation, variant, case):
    calls = {calls[0][0]: calls for calls in (case.gradients(), case.transposed_gradients())}
    at_once, *one_by_one = calls[operation]
    for result, call in zip(run_as(variant, at_once), one_by_one, strict=True):
        # whichever variant it is, the kernels it runs are chosen by their rules
        assert_close(result, run_as("reference", call), call, terms_of(case, call), "auto")


@pytest.mark.parametrize(
    ("channels", "filters", "size", "padding"),
    [
        (16, 24, (33, 30), (1, 1)),
        (24, 60, (50, 45), (0, 2)),
        (130, 128, (24, 25), (1, 1)),
        (256, 300, (12, 11), (2, 0)),  # more channels than blocks
        (12, 9, (41, 6), (4, 3)),  # padding beyond the kernel's reach: rows of grad that see no pixel
    ],
)
def test_both_gradients_in_tiles_and_chunks(monkeypatch, channels, filters, size, padding):
    """Large enough for several tiles and chunks, on two threads; against float64."""
    monkeypatch.setattr(winograd2d_gradients, "CHUNK_BYTES", 1 << 20)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((3, channels, *size)), rng.standard_normal((filters, channels, 3, 3))
    grad = rng.standard_normal((3, filters, *(n + 2 * p - 2 for n, p in zip(size, padding, strict=True))))
    settings = (1, 1), padding, (0, 0), 1, (1, 1)
    single = [a.astype(np.float32) for a in (x, weight, grad)]
    results = run_as("winograd2d", ("conv2d_gradients", *single, *settings))
    for result, exact in zip(results, run("conv2d_gradients", x, weight, grad, *settings), strict=True):
        assert result.shape == exact.shape and result.dtype == np.float32 and result.flags.c_contiguous
        assert np.abs(result - exact).max() < 3e-5 * exact.std()


def test_one_kernel_makes_both_gradients_if_each_would_run_by_it():
    """What `use_kernels` says of one gradient holds for both together."""
    one = (1, 1)

    def chosen(channels, filters, size):
        x, weight, grad = (
            np.zeros(shape, np.float32)
            for shape in ((2, channels, size, size), (filters, channels, 3, 3), (2, filters, size, size))
        )
        return candidates("conv2d_gradients", x, weight, grad, one, one, (0, 0), 1, one)[0]

    assert chosen(256, 256, 16) == "winograd2d"
    assert chosen(16, 24, 33) == chosen(256, 256, 3) == "one_by_one"
    for operation, other in (("conv_transpose2d", "fold_columns"), ("conv2d_weight", "columns")):
        with use_kernels(**{operation: other}):
            assert chosen(256, 256, 16) == "one_by_one"


@given(cases(dtypes=(np.float64,)))
def test_adjoint_identity(case):
    """<conv(x, w), g> = <x, conv_transpose(g, w)> = <w, conv2d_weight(x, g)>: three readings of one sum."""
    case = case._replace(bias=None)
    size = np.sum(np.abs(case.grad) * run_as("reference", absolute(case.forward())))
    output = np.sum(case.grad * run(*case.forward()))
    by_x = np.sum(case.x * run(*case.input_gradient()))
    by_weight = np.sum(case.weight * run(*case.weight_gradient()))
    rounding = case.grad.size * case.weight[0].size * np.finfo(np.float64).eps * size
    assert abs(output - by_x) <= rounding
    assert abs(output - by_weight) <= rounding


@pytest.mark.parametrize("variant", kernel_variants("unfold"))
@given(cases())
def test_unfold_and_fold_equal_torch(variant, case):
    kernel, geometry = case.weight.shape[2:], (case.dilation, case.padding, case.stride)
    columns = run_as(variant, ("unfold", case.x, kernel, *geometry))
    if len(case.x):  # torch takes no empty batch here
        np.testing.assert_array_equal(columns, F.unfold(torch_array(case.x), kernel, *geometry).numpy())
    call = ("fold", columns, case.x.shape[2:], kernel, *geometry)
    folded = run_as(variant, call)
    assert folded.shape == case.x.shape
    if len(case.x):
        expected = F.fold(torch_array(columns), case.x.shape[2:], kernel, *geometry).numpy()
        assert_close(folded, expected, call, terms=kernel[0] * kernel[1])


@pytest.mark.parametrize("variant", ["reference", "winograd", "winograd2d", "auto"])
@pytest.mark.parametrize(("images", "channels", "filters"), [(0, 4, 5), (2, 0, 5), (2, 4, 0), (0, 0, 0)])
def test_without_images_channels_or_filters(variant, images, channels, filters):
    x, weight, grad = (
        np.zeros(shape, np.float32)
        for shape in ((images, channels, 8, 7), (filters, channels, 3, 3), (images, filters, 8, 7))
    )
    bias, one = np.arange(filters, dtype=np.float32), (1, 1)
    out = run_as(variant, ("conv2d", x, weight, bias, one, one, one, 1))
    assert out.shape == grad.shape and (out == bias[:, None, None]).all()
    back = run_as(variant, ("conv_transpose2d", grad, weight, None, one, one, (0, 0), 1, one))
    assert back.shape == x.shape and not back.any()
    by_weight = run_as(variant, ("conv2d_weight", x, grad, (3, 3), one, one, one, 1))
    assert by_weight.shape == weight.shape and not by_weight.any()


@pytest.mark.parametrize("variant", kernel_variants("conv2d"))
def test_a_nan_reaches_every_window_that_sees_it(variant):
    x = np.zeros((1, 2, 20, 20), np.float32)
    x[0, 1, 9, 9] = np.nan
    weight = np.ones((3, 2, 3, 3), np.float32)
    out = run_as(variant, ("conv2d", x, weight, None, (1, 1), (1, 1), (1, 1), 1))
    hit = np.isnan(out)
    assert hit[:, :, 8:11, 8:11].all()
    # Winograd computes four rows, or 4 x 4 blocks, together: neighbours in those may be hit too, never more
    down = 3 if variant.startswith("winograd") else 0
    across = 3 if variant == "winograd2d" else 0
    hit[:, :, 8 - down : 11 + down, 8 - across : 11 + across] = False
    assert not hit.any()


@pytest.mark.parametrize(
    ("channels", "filters", "size", "variant"),
    [
        (3, 16, 33, "rows"),
        (16, 24, 33, "winograd"),
        (64, 300, 45, "winograd2d"),  # its weight gradient goes by "winograd"
        (130, 128, 24, "winograd2d"),
        (256, 300, 12, "winograd2d"),  # more filters than steps: another order of work
        (256, 256, 3, "columns"),
    ],
)
def test_layers_of_real_size_take_their_variant_and_stay_accurate(channels, filters, size, variant):
    """Against float64; the largest of 100,000 errors of Winograd's is some 1e-5 of a typical number."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, channels, size, size)).astype(np.float32)
    weight = rng.standard_normal((filters, channels, 3, 3)).astype(np.float32)
    grad = rng.standard_normal((2, filters, size, size)).astype(np.float32)
    one = (1, 1)
    forward = ("conv2d", x, weight, None, one, one, one, 1)
    assert candidates(*forward)[0] == variant
    for call in (
        forward,
        ("conv_transpose2d", grad, weight, None, one, one, (0, 0), 1, one),
        ("conv2d_weight", x, grad, (3, 3), one, one, one, 1),
    ):
        exact = run(*(a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in call))
        result = run(*call)
        assert result.dtype == np.float32
        assert np.abs(result - exact).max() < 3e-5 * exact.std()


def test_winograds_matrices_are_exact():
    """In fractions: the float32 matrices make of every pixel and every tap exactly what the filter makes of them."""
    b_t, g, a_t = (
        np.vectorize(Fraction, otypes=[object])(matrix) for matrix in (winograd.B_T, winograd.SCALED_G, winograd.A_T)
    )
    for tap in range(winograd.TAPS):
        for pixel in range(winograd.POINTS):
            output = a_t @ (g[:, tap] / Fraction(winograd.SCALE) * b_t[:, pixel])
            assert list(output) == [int(k + tap == pixel) for k in range(winograd.OUTPUTS)]


@pytest.mark.parametrize("variant", ["reference", "winograd", "winograd2d"])
def test_rounding_cancels_in_the_mean_of_a_weight_gradient(variant):
    """Of positive images, whose products are all positive: an error that they shared would be that of the mean."""
    rng = np.random.default_rng(0)
    x, grad = (np.abs(rng.standard_normal((1, 32, 40, 40), np.float32)) for _ in range(2))
    settings = (3, 3), (1, 1), (1, 1), (1, 1), 1
    exact = run("conv2d_weight", x.astype(np.float64), grad.astype(np.float64), *settings)
    result = run_as(variant, ("conv2d_weight", x, grad, *settings))
    assert abs((result - exact).mean()) < 1e-8 * exact.mean()
    if variant in kernel_variants("conv2d_gradients"):
        weight, one = np.ones((32, 32, 3, 3), np.float32), (1, 1)
        _, result = run_as(variant, ("conv2d_gradients", x, weight, grad, one, one, (0, 0), 1, one))
        assert abs((result - exact).mean()) < 1e-8 * exact.mean()


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "stride", "padding", "dilation", "variant"),
    [
        (21, 21, (60, 76), (16, 16), (8, 8), (0, 0), (1, 1), "patches"),
        (3, 40, (50, 47), (9, 8), (2, 3), (4, 0), (2, 1), "patches"),  # more filters than make a narrow product
        (5, 7, (90, 61), (4, 5), (2, 2), (1, 9), (1, 1), "patches"),
        (3, 16, (70, 65), (3, 3), (1, 1), (1, 1), (1, 1), "rows"),
        (16, 5, (40, 130), (7, 5), (1, 1), (3, 2), (1, 1), "rows"),
        (2, 60, (33, 70), (2, 3), (1, 2), (0, 5), (1, 2), "rows"),
        (30, 70, (20, 21), (5, 2), (1, 1), (2, 0), (1, 1), "columns"),
        (128, 128, (92, 90), (3, 3), (1, 1), (1, 1), (1, 1), "winograd2d"),
    ],
)
def test_tiles_and_pieces_of_every_variant(channels, filters, size, kernel, stride, padding, dilation, variant):
    """Images large enough for several tiles, and products for several pieces, on two threads; against float64."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, channels, *size)), rng.standard_normal((filters, channels, *kernel))
    out_size = [conv_output_size(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True)]
    grad = rng.standard_normal((2, filters, *out_size))
    axes = zip(size, out_size, kernel, stride, padding, dilation, strict=True)
    rest = [Window(*axis).leftover for axis in axes]
    calls = [
        ("conv2d", x, weight, rng.standard_normal(filters), stride, padding, dilation, 1),
        ("conv_transpose2d", grad, weight, rng.standard_normal(channels), stride, padding, rest, 1, dilation),
        ("conv2d_weight", x, grad, kernel, stride, padding, dilation, 1),
    ]
    for call in calls:
        plain = "phases" if call[0] == "conv_transpose2d" else "columns"
        exact = run_as(plain, call)
        single = [a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in call]
        chosen, able = candidates(*single)
        assert call[0] == "conv_transpose2d" or chosen == variant
        for name in set(able) - {"reference"}:
            result = run_as(name, single)
            assert result.shape == exact.shape and result.dtype == np.float32
            assert np.abs(result - exact).max() < 3e-5 * exact.std(), (call[0], name)
            np.testing.assert_allclose(run_as(name, call), exact, rtol=0, atol=1e-12 * exact.std())


@pytest.mark.parametrize("variant", kernel_variants("conv2d"))
@pytest.mark.parametrize("bias", [None, np.array([0.5, 0, -1], np.float32)])
def test_a_window_of_zeros_gives_the_bias_to_the_last_bit(variant, bias):
    """ReLU stands on its kink there as long as the bias is zero, and noise would let gradients pass."""
    rng = np.random.default_rng(0)
    x = np.zeros((2, 10, 23, 21), np.float32)
    x[0, :, 7:15, 6:13] = rng.standard_normal((10, 8, 7))
    x[1, 9, 3, 20] = 1  # one number, in the last channel
    weight = rng.standard_normal((3, 10, 3, 3)).astype(np.float32)
    call = ("conv2d", x, weight, bias, (1, 1), (5, 4), (1, 1), 1)
    exact, out = (run(*(a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in call)), run_as(variant, call))
    blank = exact == (0 if bias is None else bias.astype(np.float64)[:, None, None])
    assert 0.5 < blank.mean() < 1
    np.testing.assert_array_equal(out[blank], exact[blank])
    assert_close(out, exact, call, terms=90)


@pytest.mark.parametrize("variant", kernel_variants("conv2d"))
@given(case=cases())
def test_relu_in_the_same_pass_gives_the_same_numbers(variant, case):
    plain = run_as(variant, case.forward())
    _, *arguments = case.forward()
    with use_kernels(conv2d=variant):
        np.testing.assert_array_equal(run("conv2d_relu", *arguments), np.maximum(plain, 0))
        with use_kernels(conv2d_relu="two_passes"):
            np.testing.assert_array_equal(run("conv2d_relu", *arguments), np.maximum(plain, 0))


@pytest.mark.parametrize("shape", [(2, 20, 21, 70), (3, 130, 12, 9), (1, 300, 16, 16), (2, 3, 40, 70)])
@pytest.mark.parametrize("variant", kernel_variants("conv2d"))
def test_relu_in_tiles(variant, shape):
    """Larger images, of several tiles, with a border of zeros whose windows give the bias."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x[:, :, :7] = 0
    weight = np.random.default_rng(1).standard_normal((24, shape[1], 3, 3)).astype(np.float32)
    bias = np.linspace(-2, 2, 24, dtype=np.float32)
    call = (x, weight, bias, (1, 1), (1, 1), (1, 1), 1)
    plain = run_as(variant, ("conv2d", *call))
    with use_kernels(conv2d=variant):
        np.testing.assert_array_equal(run("conv2d_relu", *call), np.maximum(plain, 0))


@pytest.mark.parametrize("variant", kernel_variants("conv2d"))
def test_a_nan_weight_shows_in_a_window_of_zeros(variant):
    weight = np.full((2, 8, 3, 3), np.nan, np.float32)
    out = run_as(variant, ("conv2d", np.zeros((1, 8, 9, 9), np.float32), weight, None, (1, 1), (1, 1), (1, 1), 1))
    assert np.isnan(out[:, :, 1:-1, 1:-1]).all()
