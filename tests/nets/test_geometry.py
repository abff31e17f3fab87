"""Receptive fields and coordinates: theory against gradients, and against numbers that are known."""

from fractions import Fraction

import numpy as np
import pytest

import minitensor as mt
import nets
from layers import BatchNorm2d, Conv2d, ConvTranspose2d, Linear, MaxPool2d, Module, ReLU, Sequential, Upsample
from nets.geometry import alignment
from nets.plan import Crop, Window, coordinate_map, plan_of, reads


def make_positive(net):
    """All weights positive: then nothing cancels, and a gradient is zero only where nothing is read."""
    draw = np.random.default_rng(0)
    net.to(mt.float64).eval()
    net.load_state_dict({name: draw.uniform(0.5, 1.0, v.shape) for name, v in net.state_dict().items()})
    return net


def columns_seen(net, x, row, columns):
    """For each output (row, column), the input columns in which its gradient is not zero."""
    x = mt.tensor(x, requires_grad=True)
    y = net(x)
    found = []
    for column in columns:
        (grad,) = mt.grad(y[:, :, row, column].sum(), [x], retain_graph=True)
        found.append(np.flatnonzero(np.abs(grad.numpy()).sum((0, 1, 2))))
    return found


def fields_by_gradient(net, shape, row, columns):
    """(first, last) input column that each output reads.

    Max pooling passes the gradient to the largest pixel alone. Where values rise to the right that is the last one of
    its window, and so the last column that is read shows up; where they fall, the first does.
    """
    ramp = np.linspace(1.0, 2.0, shape[-1])
    rising = columns_seen(net, np.broadcast_to(ramp, shape).copy(), row, columns)
    falling = columns_seen(net, np.broadcast_to(ramp[::-1], shape).copy(), row, columns)
    return [(int(first[0]), int(last[-1])) for first, last in zip(falling, rising, strict=True)]


def test_unet_has_fields_of_two_widths():
    net = nets.UNet(1, 1, base_channels=1)
    assert nets.field_widths(net, 388) == {188: 100, 204: 288}
    assert nets.receptive_field(net) == (204, 1, 0)


def test_fields_of_the_unet_are_those_of_its_gradients():
    net = make_positive(nets.UNet(1, 1, base_channels=1))
    columns = range(1, 20)  # more than one period of 16
    theory = [reads(net.plan(), column, column) for column in columns]
    assert fields_by_gradient(net, (1, 1, 188, 220), 2, columns) == theory
    assert {last - first + 1 for first, last in theory} == {188, 204}


def test_fields_of_a_shallow_unet_along_a_whole_axis():
    net = make_positive(nets.UNet(1, 1, base_channels=1, depth=2))
    columns = range(nets.unet_sizes(60, depth=2).output)
    theory = [reads(net.plan(), column, column) for column in columns]
    assert fields_by_gradient(net, (1, 1, 44, 60), 0, columns) == theory


def test_interpolating_unet_reads_as_its_plan_says():
    net = make_positive(nets.UNet(1, 1, base_channels=2, depth=2, padding="same", up="bilinear"))
    columns = range(60, 68)
    theory = [reads(net.plan(), column, column) for column in columns]
    assert fields_by_gradient(net, (1, 1, 8, 128), 4, columns) == theory


def test_fc7_of_the_fcn_sees_404_pixels_32_apart():
    net = nets.FCN32s(classes=1, in_channels=1, width=1 / 512)
    fc7 = net.block_windows(1, 2, 3, 4, 5) + net.windows("fc6", "fc7")
    assert nets.receptive_field(fc7) == (404, 32, -189)

    class UpToFc7(Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net.from_pool4(self.net.block(self.net.to_pool3(x), 4))

    # Position 7 sees columns 35 to 438: inside the image, clear of the padding on which nothing rises.
    assert fields_by_gradient(make_positive(UpToFc7()), (1, 1, 8, 480), 0, [7]) == [(35, 438)]


def test_finest_fcn_reads_as_its_plan_says():
    net = make_positive(nets.FCN8s(classes=1, in_channels=1, width=1 / 512))
    first, last = reads(net.plan(), 300, 300)
    assert fields_by_gradient(net, (1, 1, 1, 640), 0, [300]) == [(first, last)]


def test_pixels_of_the_output_lie_over_those_of_the_image():
    for net in (nets.FCN32s, nets.FCN16s, nets.FCN8s):
        assert coordinate_map(net(width=1 / 64).plan()) == (1, 0)
    assert coordinate_map(nets.UNet(1, 1, 1).plan()) == (1, 92)  # the mirrored border of the paper's figure 2
    assert coordinate_map(nets.UNet(1, 1, 1, padding="same").plan()) == (1, 0)


def test_layers_and_windows_say_the_same():
    layers = [Conv2d(1, 2, 5, stride=2, padding=1, dilation=2), ReLU(), BatchNorm2d(2), MaxPool2d(3, 2)]
    layers.append(Sequential(ConvTranspose2d(2, 1, 4, stride=2, padding=1)))
    windows = [Window("conv", 5, 2, 1, 2), Window("pool", 3, 2), Window("up", 4, 2, 1, transposed=True)]
    assert nets.receptive_field(layers) == nets.receptive_field(windows)
    for size in (40, 41, 57):
        y = mt.zeros(1, 1, size, size)
        for layer in layers:
            y = layer(y) if not isinstance(layer, BatchNorm2d) else layer.eval()(y)
        for window in windows:
            size = window.output_size(size)
        assert y.shape[2] == size


def test_field_of_one_convolution():
    assert nets.receptive_field([Conv2d(1, 1, 3, padding=1)]) == (3, 1, -1)
    assert nets.receptive_field([Conv2d(1, 1, 3, stride=2, dilation=3)]) == (7, 2, 0)
    assert nets.receptive_field([ConvTranspose2d(1, 1, 4, stride=2)]) == (2, Fraction(1, 2), -1)


@pytest.mark.parametrize(
    "options",
    [
        {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
        {"scale_factor": 2, "mode": "bilinear"},
        {"scale_factor": 3, "mode": "bilinear"},
        {"scale_factor": 4, "mode": "bilinear"},
        {"scale_factor": 3, "mode": "nearest"},
    ],
)
def test_upsampling_is_a_transposed_convolution_inside(options):
    net = make_positive(Sequential(MaxPool2d(2), Upsample(**options), Conv2d(1, 1, 3)))
    outputs = range(20, 20 + 2 * options["scale_factor"])
    theory = [reads(plan_of(net), y, y) for y in outputs]
    assert fields_by_gradient(net, (1, 1, 8, 40), 2, outputs) == theory


def test_padding_in_words():
    assert plan_of(Conv2d(1, 1, 5, padding="same", dilation=2))[0].padding == 4
    assert plan_of(Conv2d(1, 1, 5, padding="valid"))[0].padding == 0


def test_alignment_refuses_what_cannot_lie_together():
    with pytest.raises(ValueError, match="cannot lie over"):
        alignment([Window("pool", 2, 2)])
    with pytest.raises(ValueError, match="cannot lie over"):
        alignment([Window("half", 2, 1)])
    assert alignment([Crop("crop", 3), Window("conv", 3, 1, 1)]) == -3


def test_wrong_arguments():
    with pytest.raises(TypeError, match="a net with plan"):
        plan_of("unet")
    with pytest.raises(TypeError, match="layers that slide windows is needed, got Linear"):
        plan_of([Conv2d(1, 1, 3), Linear(3, 4)])
    with pytest.raises(TypeError, match="by a whole factor"):
        plan_of(Upsample(size=(8, 8)))
    with pytest.raises(ValueError, match="height and width must be equal"):
        nets.receptive_field([Conv2d(1, 1, (3, 5))])
