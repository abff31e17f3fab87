"""The effective receptive field: exactly 0 outside the theory, not 0 at its edge, and what the command draws."""

import numpy as np
import pytest

import minitensor as mt
import nets
from layers import Conv2d, Dropout, Linear, MaxPool2d, ReLU, Sequential, Upsample
from nets.__main__ import main
from nets.data.images import pillow
from nets.field import EffectiveField, effective_field, pass_gradients
from nets.field_picture import NOTHING, THEORY


def fcn(kind):
    return pass_gradients(kind(classes=2, width=1 / 32))


@pytest.mark.parametrize(
    ("make", "size", "position"),
    [
        (lambda: nets.UNet(1, 2, base_channels=8), (236, 236), None),
        (lambda: nets.UNet(1, 2, base_channels=8), (236, 252), (20, 33)),
        (lambda: nets.UNet(2, 2, base_channels=4, depth=2, padding="same", up="bilinear"), (128, 120), None),
        (lambda: fcn(nets.FCN8s), (500, 510), None),
        (lambda: fcn(nets.FCN16s), (500, 490), None),
        (lambda: fcn(nets.FCN32s), (480, 500), None),
        (lambda: nets.fully_convolutional(nets.VGG16(3, width=1 / 16)), (460, 470), None),
        (lambda: Sequential(Conv2d(1, 3, 5, 2, dilation=2), ReLU(), MaxPool2d(2), Upsample(None, 2)), (40, 50), None),
    ],
    ids=["unet", "unet beside the middle", "unet-same", "fcn8s", "fcn16s", "fcn32s", "vgg16", "a few layers"],
)  # fmt: skip
def test_the_gradient_is_0_outside_the_theory_and_not_at_its_edge(make, size, position):
    mt.manual_seed(1)
    field = effective_field(make(), *size, position=position)
    (top, bottom), (left, right) = field.rows, field.columns
    assert 0 < top < bottom < size[0] - 1 and 0 < left < right < size[1] - 1  # the image is larger than the field
    outside = field.heat.copy()
    outside[top : bottom + 1, left : right + 1] = 0
    assert not outside.any()
    inside = field.heat[top : bottom + 1, left : right + 1]
    for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
        assert edge.max() > 0


def test_the_heat_of_one_convolution_is_its_kernel():
    net = Conv2d(2, 3, 3)
    field = effective_field(net, 7, 9, position=(1, 4), images=2)
    expected = np.zeros((7, 9))
    # y[r, s] = sum of w[o, c, i, j] x[c, r + i, s + j], summed over the classes o
    expected[1:4, 4:7] = np.abs(net.weight.numpy().sum(axis=0)).sum(axis=0)
    assert np.allclose(field.heat, expected, atol=1e-6)
    assert (field.rows, field.columns, field.centre) == ((1, 3), (4, 6), (2, 5))


def test_the_heat_is_the_mean_over_images():
    net = Sequential(Conv2d(1, 2, 3, padding=1), ReLU(), Conv2d(2, 1, 3, padding=1)).double()
    rng = np.random.default_rng(3)
    gradients = []
    for _ in range(5):
        x = mt.tensor(rng.standard_normal((1, 1, 6, 6)), requires_grad=True)
        (gradient,) = mt.grad(net(x)[0, 0, 3, 3], [x])
        gradients.append(np.abs(gradient.numpy()[0, 0]))
    assert np.allclose(effective_field(net, 6, 6, images=5, seed=3).heat, np.mean(gradients, axis=0), atol=1e-14)


def test_the_side_of_the_square_that_holds_a_share():
    heat = np.zeros((9, 9))
    heat[4, 4], heat[3, 4], heat[4, 7] = 5, 4, 1
    field = EffectiveField(heat, (0, 8), (0, 8), (4.0, 4.0))
    assert [field.side(share) for share in (0.1, 0.5, 0.51, 0.9, 0.91, 1)] == [1, 1, 3, 3, 7, 7]
    between = EffectiveField(heat, (0, 8), (0, 8), (3.5, 3.5))  # an output between four pixels
    assert between.side(0.9) == 2 and between.side(1) == 8
    for share in (0, 1.1):
        with pytest.raises(ValueError, match=f"at most 1, got {share}"):
            field.side(share)


def test_most_of_the_gradient_lies_in_a_small_part():
    """The finding of Luo et al.: the effective field is much smaller than the theoretical one."""
    mt.manual_seed(0)
    field = effective_field(nets.UNet(1, 2, base_channels=8), 236, 236)
    assert field.side(0.5) < 204 / 2 < field.side(0.95) < 204


def test_dropout_is_left_out_and_the_net_is_as_before():
    net = Sequential(Conv2d(1, 4, 3), Dropout(0.9), Conv2d(4, 1, 1))
    assert np.array_equal(effective_field(net, 9, 9).heat, effective_field(net, 9, 9).heat)
    assert net.training and not effective_field(net.eval(), 9, 9, images=1).heat[0].any() and not net.training


@pytest.mark.parametrize(
    ("net", "arguments", "message"),
    [
        (Conv2d(1, 1, 3), {"images": 0}, "images must be at least 1, got 0"),
        (Conv2d(1, 1, 3), {"position": (0, 6)}, r"position \(0, 6\) is outside the output of 6x6"),
        (nets.FCN32s(2, width=1 / 64), {}, "no gradient reaches the image"),
        (nets.UNet(1, 2, 2, padding="same"), {}, "8x8 gets a border in this U-Net; 16x16 fits"),
    ],
)
def test_what_cannot_be_measured(net, arguments, message):
    with pytest.raises(ValueError, match=message):
        effective_field(net, 8, 8, **arguments)
    with pytest.raises(TypeError, match="plan: a net with plan"):
        effective_field(Linear(3, 2), 8, 8)


def rgb(colour):
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


@pytest.mark.parametrize(
    ("name", "size", "theory"),
    [("unet", 300, "204 x 204"), ("unet-same", 256, "188 x 188"), ("vgg16", 224, "404 x 404")],
)
def test_the_command_draws_the_field(name, size, theory, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "field.png"
    assert main(["info", name, "--input", str(size), str(size), "--field", str(path)]) == 0
    *_, in_theory, by_gradient = capsys.readouterr().out.splitlines()
    assert in_theory.startswith("in theory") and in_theory.endswith(theory)
    assert by_gradient.startswith("by gradient      50% in ")
    picture = np.asarray(pillow().open(path).convert("RGB")).reshape(-1, 3)
    for colour in (THEORY, NOTHING):
        assert (picture == rgb(colour)).all(axis=1).sum() > 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unet", "--field", "field.svg"), "info: --field writes a PNG file, so its name ends in .png, got field.svg"),
        (("unet-same", "--input", "100", "32", "--field", "a.png"), "100x32 gets a border in this U-Net; 112x32 fits"),
        (("unet", "--input", "236", "236", "--field", "none/a.png"), "none"),
    ],
)
def test_what_the_command_refuses(arguments, message, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert main(["info", *arguments]) != 0
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
