"""The U-Net against a twin in torch written from the paper's figure, and against the published counts."""

from functools import partial
from math import sqrt

import numpy as np
import pytest
import torch.nn.functional as F

import minitensor as mt
import nets
from layers import init
from tests.nets import twins


def image(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("in_channels", "classes", "count"), [(1, 2, 31_030_658), (1, 5, 31_030_853), (3, 21, 31_033_045)]
)
@init.skipped()
def test_parameters_of_the_paper(in_channels, classes, count):
    assert nets.UNet(in_channels, classes).parameter_count() == count


@init.skipped()
def test_parameters_of_the_released_net():
    net = nets.UNet.released()
    assert net.parameter_count() == 31_100_354
    assert net.dropout.p == 0.5


@pytest.mark.parametrize(("up", "keys", "count"), [("transpose", 118, 31_037_698), ("bilinear", 110, 17_263_042)])
@init.skipped()
def test_parameters_of_the_widespread_port(up, keys, count):
    net = nets.UNet(3, 2, padding="same", up=up, norm="batch")
    assert len(net.state_dict()) == keys
    assert net.parameter_count() == count


def test_paper_sizes():
    net = nets.UNet(1, 2, base_channels=1)
    with mt.no_grad():
        assert net(mt.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)


@pytest.mark.parametrize("size", [(188, 188), (188, 220), (204, 188)])
def test_valid_equals_the_twin(size):
    net = twins.randomised(nets.UNet(2, 3, base_channels=2))
    twins.assert_same(net, twins.unet, image(2, 2, *size))


def test_valid_gradients_equal_the_twins():
    net = twins.randomised(nets.UNet(2, 3, base_channels=2))
    twins.assert_same_gradients(net, twins.unet, image(1, 2, 188, 204))


def test_released_net_equals_the_twin():
    net = twins.randomised(nets.UNet.released(base_channels=2))
    twins.assert_same(net, partial(twins.unet, relu_after_up=True), image(1, 1, 188, 188))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("up", ["transpose", "bilinear"])
def test_other_depths_equal_the_twin(depth, up):
    n = nets.nearest_unet_sizes(1, depth)[1]
    net = twins.randomised(nets.UNet(1, 2, base_channels=2, depth=depth, up=up))
    twins.assert_same(net, partial(twins.unet, depth=depth), image(1, 1, n, n + 2**depth))


def extended(twin, multiple):
    """The twin on an image extended below and to the right by its edge, and the output cut again."""

    def run(state, x):
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        return twin(state, x)[:, :, :height, :width]

    return run


@pytest.mark.parametrize("up", ["transpose", "bilinear"])
@pytest.mark.parametrize("norm", [None, "batch"])
def test_padded_equals_the_twin_at_every_residue(up, norm):
    """All remainders of both sides modulo 16, and images smaller than one cell of the deepest level."""
    net = twins.randomised(nets.UNet(3, 2, base_channels=2, padding="same", up=up, norm=norm))
    twin = extended(partial(twins.unet, pad=1), 16)
    for rest in range(16):
        twins.assert_same(net, twin, image(2, 3, 17 + rest, 33 + (5 * rest + 3) % 16))
        twins.assert_same(net, twin, image(1, 3, 1 + rest, 1 + 3 * rest % 16))


@pytest.mark.parametrize("norm", [None, "batch"])
def test_padded_gradients_equal_the_twins(norm):
    net = twins.randomised(nets.UNet(3, 2, base_channels=2, padding="same", norm=norm))
    twins.assert_same_gradients(net, extended(partial(twins.unet, pad=1), 16), image(2, 3, 19, 37))


def test_output_has_the_size_of_the_input_down_to_one_pixel():
    net = nets.UNet(1, 2, base_channels=1, padding="same").eval()
    for size in [(1, 1), (1, 40), (16, 1), (15, 17)]:
        assert net(mt.zeros(1, 1, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((570, 570), "570x570 does not fit: nearest valid are 556 and 572"),
        ((572, 512), "572x512 does not fit: nearest valid are 508 and 524"),
        ((570, 100), "570x100 does not fit: for 570 nearest valid are 556 and 572, for 100 the smallest valid is 188"),
    ],
)
def test_sizes_that_do_not_fit_name_those_that_do(size, message):
    with pytest.raises(ValueError, match=message):
        nets.UNet(1, 2, base_channels=1)(mt.zeros(1, 1, *size))


def test_weights_start_as_the_paper_says():
    """Standard deviation sqrt(2 / N), N the inputs of a unit: 9 * 64 = 576 in the paper's example."""
    mt.manual_seed(0)
    net = nets.UNet(1, 2)
    for name, inputs in [
        ("inc.double_conv.2.weight", 9 * 64),
        ("down4.maxpool_conv.1.double_conv.2.weight", 9 * 1024),
        ("up1.up.weight", 1024),  # kernel 2, stride 2: one pixel of 1024 channels writes each output
        ("outc.conv.weight", 64),
    ]:
        weight = net.state_dict()[name].numpy()
        tolerance = 5 / sqrt(2 * weight.size)  # of a standard deviation estimated from so many numbers
        assert weight.std() == pytest.approx(sqrt(2 / inputs), rel=tolerance)
        assert abs(weight.mean()) < 5 * weight.std() / sqrt(weight.size)
    assert all(not value.numpy().any() for name, value in net.named_parameters() if name.endswith("bias"))


def test_dropout_acts_on_the_two_deepest_levels():
    net = nets.UNet(1, 1, base_channels=2, depth=2, padding="same", dropout=0.5)
    seen = []
    net.dropout.forward = lambda x: seen.append(x.shape) or x
    net(mt.zeros(1, 1, 16, 16))
    assert seen == [(1, 4, 8, 8), (1, 8, 4, 4)]


def test_plan_says_what_the_net_computes():
    """Channels and sizes, walked through the plan, are those of the layers in a real run."""
    net = nets.UNet(3, 5, base_channels=2, norm="batch")
    weights = sum(step.weights + step.others for step in flat(net.plan()))
    assert weights == net.parameter_count()


def flat(steps):
    for step in steps:
        if hasattr(step, "through"):
            yield from flat([*step.through, *step.around])
        elif hasattr(step, "weights"):
            yield step


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"padding": "full"}, ValueError, "padding must be one of 'valid', 'same', got 'full'"),
        ({"up": "nearest"}, ValueError, "up must be one of"),
        ({"norm": "group"}, ValueError, "norm must be one of"),
        ({"depth": 0}, ValueError, "depth must be at least 1, got 0"),
        ({"base_channels": 2.5}, TypeError, "base_channels must be an int, got 2.5"),
        ({"classes": 0}, ValueError, "classes must be at least 1"),
        ({"up": "bilinear", "last_up_channels": 8}, ValueError, "last_up_channels"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        nets.UNet(**{"base_channels": 1} | options)


@pytest.mark.parametrize("shape", [(3, 188, 188), (1, 1, 188, 188), (1, 3, 0, 16)])
def test_wrong_inputs(shape):
    with pytest.raises(ValueError, match="UNet: "):
        nets.UNet(3, 2, base_channels=1, padding="same")(mt.zeros(*shape))


def test_learns_to_tell_left_from_right():
    """Plain gradient descent brings the loss of a toy picture down."""
    mt.manual_seed(0)
    net = nets.UNet(1, 2, base_channels=4, depth=1, padding="same")
    x = np.zeros((1, 1, 8, 8), np.float32)
    x[:, :, :, 4:] = 1
    target = mt.tensor(x[:, 0].astype(np.int64))
    losses = []
    for _ in range(60):
        loss = mt.cross_entropy(net(mt.tensor(x)), target)
        net.zero_grad()
        loss.backward()
        for parameter in net.parameters():
            parameter.data = parameter.data - 0.05 * parameter.grad.data
        losses.append(loss.item())
    assert losses[-1] < 0.25 * losses[0]
