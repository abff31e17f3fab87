"""The FCNs against twins in torch written from the published prototxt files, and against the published counts."""

import numpy as np
import pytest

import minitensor as mt
import nets
from layers import init
from nets.fcn import parameter_groups
from tests.nets import twins

TWINS = [
    (nets.FCN32s, {}, twins.fcn32s),
    (nets.FCN16s, {}, twins.fcn16s),
    (nets.FCN16s, {"at_once": True}, twins.fcn16s_at_once),
    (nets.FCN8s, {}, twins.fcn8s),
    (nets.FCN8s, {"at_once": True}, twins.fcn8s_at_once),
]
NARROW = {"classes": 3, "width": 1 / 64}  # 1, 2, 4, 8, 8 channels, and 64


def image(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("net", "count"), [(nets.FCN32s, 136_152_917), (nets.FCN16s, 134_815_994), (nets.FCN8s, 134_489_759)]
)
@init.skipped()
def test_published_counts(net, count):
    assert net().parameter_count() == count


HEADS = {
    nets.FCN32s: {"upscore.weight": (21, 21, 64, 64)},
    nets.FCN16s: {
        "score_pool4.weight": (21, 512, 1, 1),
        "score_pool4.bias": (21,),
        "upscore2.weight": (21, 21, 4, 4),
        "upscore16.weight": (21, 21, 32, 32),
    },
    nets.FCN8s: {
        "score_pool3.weight": (21, 256, 1, 1),
        "score_pool3.bias": (21,),
        "score_pool4.weight": (21, 512, 1, 1),
        "score_pool4.bias": (21,),
        "upscore2.weight": (21, 21, 4, 4),
        "upscore_pool4.weight": (21, 21, 4, 4),
        "upscore8.weight": (21, 21, 16, 16),
    },
}


@pytest.mark.parametrize("net", HEADS)
@init.skipped()
def test_state_dict_is_that_of_pytorch_fcn(net):
    expected, inputs = {}, 3
    for name in twins.VGG:
        if not name.startswith("pool"):
            outputs = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}[name[4]]
            expected |= {f"{name}.weight": (outputs, inputs, 3, 3), f"{name}.bias": (outputs,)}
            inputs = outputs
    expected |= {"fc6.weight": (4096, 512, 7, 7), "fc6.bias": (4096,), "fc7.weight": (4096, 4096, 1, 1)}
    expected |= {"fc7.bias": (4096,), "score_fr.weight": (21, 4096, 1, 1), "score_fr.bias": (21,)}
    assert {name: value.shape for name, value in net().state_dict().items()} == expected | HEADS[net]


@pytest.mark.parametrize(("make", "options", "twin"), TWINS)
def test_equals_the_twin_at_every_residue(make, options, twin):
    """All remainders of both sides modulo 32, among them sizes below one cell of the deepest level."""
    net = twins.randomised(make(**NARROW, **options))
    for rest in range(32):
        twins.assert_same(net, twin, image(1, 3, 1 + rest, 33 + (7 * rest + 5) % 32))


@pytest.mark.parametrize("size", [(1, 1), (1, 97), (75, 2), (100, 75)])
def test_equals_the_twin_at_odd_sizes(size):
    for make, options, twin in TWINS:
        twins.assert_same(twins.randomised(make(**NARROW, **options)), twin, image(2, 3, *size))


@pytest.mark.parametrize(("make", "options", "twin"), TWINS)
def test_gradients_equal_the_twins(make, options, twin):
    net = twins.randomised(make(**NARROW, **options))
    twins.assert_same_gradients(net, twin, image(1, 3, 33, 50))


def test_scores_start_at_zero_and_the_rest_interpolates():
    net = nets.FCN8s(**NARROW)
    for name in ("score_fr", "score_pool3", "score_pool4"):
        assert not getattr(net, name).weight.numpy().any()
    kernel = net.upscore2.weight.numpy()
    row = np.array([0.25, 0.75, 0.75, 0.25])
    np.testing.assert_array_equal(kernel[1, 1], np.outer(row, row))
    assert not kernel[0, 1].any()
    assert not net(mt.ones(1, 3, 5, 5)).numpy().any()


def test_constant_scores_stay_constant_inside():
    """Bilinear weights sum to 1 wherever there are neighbours on all sides: one score, enlarged, stays."""
    net = nets.FCN32s(classes=1, width=1 / 64).eval()
    net.load_state_dict({"score_fr.bias": np.array([3.0], np.float32)}, strict=False)
    np.testing.assert_allclose(net(mt.zeros(1, 3, 64, 64)).numpy()[..., 13:, 13:], 3.0, rtol=1e-6)


def test_dropout_is_elementwise_or_by_channel():
    mt.manual_seed(0)
    x = mt.ones(1, 64, 6, 6)
    dropped = nets.FCN32s(**NARROW).drop6(x).numpy()[0]
    assert any(len(np.unique(plane)) == 2 for plane in dropped)
    dropped = nets.FCN32s(**NARROW, channel_dropout=True).drop6(x).numpy()[0]
    assert {len(np.unique(plane)) for plane in dropped} == {1} and len(np.unique(dropped)) == 2


def test_plan_counts_every_parameter():
    def parameters(steps):
        nested = (s for s in steps if hasattr(s, "through"))
        own = sum(s.weights + s.others for s in steps if hasattr(s, "weights"))
        return own + sum(parameters([*branch.through, *branch.around]) for branch in nested)

    for make in (nets.FCN32s, nets.FCN16s, nets.FCN8s):
        net = make(**NARROW)
        assert parameters(net.plan()) == net.parameter_count()


def test_recipe_groups():
    net = nets.FCN8s(**NARROW)
    weights, biases = parameter_groups(net, lr=1e-3)
    assert len(weights["params"]) + len(biases["params"]) == len(net.state_dict())
    assert (weights["lr"], weights["weight_decay"]) == (1e-3, 5e-4)
    assert (biases["lr"], biases["weight_decay"]) == (2e-3, 0.0)
    assert all(parameter.ndim == 1 for parameter in biases["params"])
    fixed, _ = parameter_groups(net, lr=1e-3, learn_upsampling=False)
    assert len(weights["params"]) - len(fixed["params"]) == 3


def test_transplant_reshapes_the_fully_connected_layers():
    vgg = twins.randomised(nets.VGG16(classes=5, width=1 / 64))
    net = nets.FCN8s(**NARROW).to(mt.float64).transplant(vgg)
    ours, theirs = net.state_dict(), vgg.state_dict()
    np.testing.assert_array_equal(ours["conv5_3.weight"].numpy(), theirs["features.28.weight"].numpy())
    fc6 = theirs["classifier.0.weight"].numpy()
    np.testing.assert_array_equal(ours["fc6.weight"].numpy(), fc6.reshape(64, 8, 7, 7))
    np.testing.assert_array_equal(ours["fc7.bias"].numpy(), theirs["classifier.3.bias"].numpy())
    assert not ours["score_fr.weight"].numpy().any()


def test_transplant_refuses_a_vgg_of_other_width():
    net = nets.FCN8s(**NARROW)
    before = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="wrong shape: conv1_1.weight"):
        net.transplant(nets.VGG16(classes=5, width=1 / 32))
    with pytest.raises(ValueError, match="the VGG16 has no features.0.weight"):
        net.transplant({})
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 3, 0, 8)])
def test_wrong_inputs(shape):
    with pytest.raises(ValueError, match=r"FCN8s: x must be \(N, 3, H, W\), got shape"):
        nets.FCN8s(**NARROW)(mt.zeros(*shape))


@pytest.mark.parametrize(("width", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError)])
def test_wrong_width(width, error):
    with pytest.raises(error, match="width must be a number"):
        nets.FCN8s(width=width)
