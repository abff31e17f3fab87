"""Every layer against its namesake in torch.nn: same arguments, same state, same numbers, in both modes."""

import numpy as np
import pytest
import torch

import layers
import minitensor as mt

# A few thousand products at most make one number here, and each rounds once.
TOLERANCE = dict(rtol=1e-12, atol=1e-12)


def case(name, shape, *arguments, **options):
    description = ", ".join([*map(str, arguments), *(f"{key}={value}" for key, value in options.items())])
    return pytest.param(name, shape, arguments, options, id=f"{name}({description})")


IMAGE = (2, 4, 7, 6)

CASES = [
    case("Conv2d", IMAGE, 4, 6, 3),
    case("Conv2d", IMAGE, 4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2, bias=False),
    case("Conv2d", IMAGE, 4, 2, (3, 4), padding="same", dilation=(1, 2)),
    case("Conv2d", IMAGE, 4, 2, (2, 4), padding="same", padding_mode="reflect"),
    case("Conv2d", IMAGE, 4, 2, 3, padding="valid", padding_mode="replicate"),
    case("Conv2d", IMAGE, 4, 2, 3, 1, (2, 1), padding_mode="circular"),
    case("Conv2d", IMAGE, 4, 2, 3, 2, 1, padding_mode="replicate"),
    case("ConvTranspose2d", IMAGE, 4, 6, 2, stride=2),
    case("ConvTranspose2d", IMAGE, 4, 6, 3, 2, 1, 1, 2, False, 2),
    case("ConvTranspose2d", IMAGE, 4, 2, (4, 3), stride=(3, 2), padding=(1, 0), output_padding=(2, 1)),
    case("Linear", (3, 5), 5, 4),
    case("Linear", (2, 3, 5), 5, 4, bias=False),
    case("BatchNorm2d", IMAGE, 4),
    case("BatchNorm2d", IMAGE, 4, eps=1e-3, momentum=0.3, affine=False),
    case("BatchNorm2d", IMAGE, 4, momentum=None),
    case("BatchNorm2d", IMAGE, 4, track_running_stats=False),
    case("GroupNorm", IMAGE, 2, 4),
    case("GroupNorm", IMAGE, 4, 4, eps=1e-2, affine=False),
    case("BatchNorm1d", (5, 4), 4),
    case("BatchNorm1d", (3, 4, 6), 4, momentum=0.3, affine=False),
    case("InstanceNorm2d", IMAGE, 4),
    case("InstanceNorm2d", IMAGE, 4, eps=1e-3, affine=True),
    case("LayerNorm", IMAGE, (7, 6)),
    case("LayerNorm", (3, 5), 5, eps=1e-3, bias=False),
    case("LayerNorm", (3, 5), [5], elementwise_affine=False),
    case("GELU", IMAGE),
    case("GELU", IMAGE, approximate="tanh"),
    case("SiLU", IMAGE),
    case("Softplus", IMAGE, 2.0, 1.5),
    case("PixelShuffle", IMAGE, 2),
    case("Unflatten", IMAGE, 1, (2, 2)),
    case("Unflatten", IMAGE, -1, (3, -1)),
    case("Unfold", IMAGE, (2, 3), dilation=(1, 2), padding=1, stride=(2, 1)),
    case("Fold", (2, 8, 30), (6, 7), 2),
    case("MaxPool2d", IMAGE, 2),
    case("MaxPool2d", IMAGE, (3, 2), stride=(2, 3), padding=(1, 0), ceil_mode=True),
    case("MaxPool2d", IMAGE, 2, 2, 0, 2),
    case("AvgPool2d", IMAGE, 3, 2, 1, True),
    case("AvgPool2d", IMAGE, (2, 3), padding=(0, 1), count_include_pad=False),
    case("AvgPool2d", IMAGE, 2, divisor_override=3),
    case("AdaptiveAvgPool2d", IMAGE, 3),
    case("AdaptiveAvgPool2d", IMAGE, (1, 4)),
    case("Upsample", IMAGE, scale_factor=2),
    case("Upsample", IMAGE, (5, 9), mode="bilinear"),
    case("Upsample", IMAGE, scale_factor=2, mode="bilinear", align_corners=True),
    case("Upsample", IMAGE, scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
    case("ReLU", IMAGE),
    case("LeakyReLU", IMAGE, 0.2),
    case("Sigmoid", IMAGE),
    case("Tanh", IMAGE),
    case("Softmax", IMAGE, 1),
    case("Dropout", IMAGE, 0.0),
    case("Dropout", IMAGE, 1.0),
    case("Dropout2d", IMAGE, 0.0),
    case("Identity", IMAGE),
    case("Flatten", IMAGE),
    case("Flatten", IMAGE, 2, 3),
]


def as_tensors(state):
    """torch's state dict as ours."""
    return {name: mt.tensor(value.detach().numpy()) for name, value in state.items()}


def assert_same_state(ours, theirs):
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert state[name].shape == tuple(value.shape), name
        assert str(state[name].dtype) == str(value.dtype).removeprefix("torch."), name
        np.testing.assert_allclose(state[name].data, value.detach().numpy(), err_msg=name, **TOLERANCE)


def assert_same_run(ours, theirs, x, rng):
    """Forward and backward on one input: results, the input's gradient, the parameters' gradients, the state after."""
    our_x, their_x = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = ours(our_x), theirs(their_x)
    np.testing.assert_allclose(y.data, expected.detach().numpy(), **TOLERANCE)
    grad = rng.standard_normal(expected.shape)
    ours.zero_grad()
    theirs.zero_grad()
    y.backward(mt.tensor(grad))
    expected.backward(torch.tensor(grad))
    np.testing.assert_allclose(our_x.grad.data, their_x.grad.numpy(), **TOLERANCE)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), err_msg=name, **TOLERANCE)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize(("name", "shape", "arguments", "options"), CASES)
def test_layer_equals_torchs(name, shape, arguments, options):
    rng = np.random.default_rng(0)
    ours = getattr(layers, name)(*arguments, **options).to(mt.float64)
    theirs = getattr(torch.nn, name)(*arguments, **options).double()
    for parameter in theirs.parameters():
        parameter.data = torch.tensor(rng.standard_normal(parameter.shape))
    ours.load_state_dict(as_tensors(theirs.state_dict()))
    for mode in (True, True, False):  # twice in training, so that running statistics run
        assert ours.train(mode) is ours
        theirs.train(mode)
        assert_same_run(ours, theirs, rng.standard_normal(shape), rng)


def small_net(nn):
    """Batch norm, a skip by way of two branches' containers, and layers without a bias."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(4, 4, 2, stride=2), nn.GroupNorm(2, 4)),
        nn.Conv2d(4, 2, 1),
    )


def test_a_net_equals_torchs():
    rng = np.random.default_rng(1)
    ours, theirs = small_net(layers).to(mt.float64), small_net(torch.nn).double()
    ours.load_state_dict(as_tensors(theirs.state_dict()))
    for mode in (True, True, False):
        ours.train(mode)
        theirs.train(mode)
        assert_same_run(ours, theirs, rng.standard_normal((2, 3, 6, 8)), rng)


def test_our_state_loads_into_torch():
    ours, theirs = small_net(layers), small_net(torch.nn)
    ours(mt.randn(2, 3, 6, 8))
    theirs.load_state_dict({name: torch.tensor(value.data) for name, value in ours.state_dict().items()})
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("size", [(13, 12), (14, 11)])
def test_output_size_picks_among_the_sizes_of_a_stride(size):
    rng = np.random.default_rng(2)
    ours = layers.ConvTranspose2d(4, 2, 3, stride=2, padding=1).to(mt.float64)
    theirs = torch.nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1).double()
    ours.load_state_dict(as_tensors(theirs.state_dict()))
    x = rng.standard_normal(IMAGE)
    y, expected = ours(mt.tensor(x), output_size=size), theirs(torch.tensor(x), output_size=size)
    assert y.shape[2:] == size
    np.testing.assert_allclose(y.data, expected.detach().numpy(), **TOLERANCE)
    with pytest.raises(ValueError, match=r"can be \(13, 11\) to \(14, 12\), got output_size \(15, 11\)"):
        ours(mt.tensor(x), output_size=(15, 11))


def test_max_pool_returns_indices():
    x = np.random.default_rng(3).standard_normal(IMAGE)
    y, indices = layers.MaxPool2d(2, return_indices=True)(mt.tensor(x))
    expected, expected_indices = torch.nn.MaxPool2d(2, return_indices=True)(torch.tensor(x))
    np.testing.assert_array_equal(y.data, expected.numpy())
    np.testing.assert_array_equal(indices.data, expected_indices.numpy())


WEIGHT = [0.5, 1.0, 2.0]
LOSSES = [
    ("CrossEntropyLoss", {}, "classes"),
    ("CrossEntropyLoss", dict(weight=WEIGHT, ignore_index=1), "classes"),
    ("CrossEntropyLoss", dict(weight=WEIGHT, reduction="none"), "classes"),
    ("CrossEntropyLoss", dict(label_smoothing=0.2, reduction="sum"), "classes"),
    ("CrossEntropyLoss", dict(weight=WEIGHT), "numbers"),
    ("BCEWithLogitsLoss", {}, "numbers"),
    ("BCEWithLogitsLoss", dict(reduction="none", pos_weight=2.5), "numbers"),
    ("MSELoss", {}, "numbers"),
    ("MSELoss", dict(reduction="sum"), "numbers"),
]


@pytest.mark.parametrize(("name", "options", "kind"), LOSSES)
def test_loss_equals_torchs(name, options, kind):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2, 3, 4, 5))
    target = rng.integers(0, 3, (2, 4, 5)) if kind == "classes" else rng.random(x.shape)
    tensors = {key: np.asarray(value, np.float64) for key, value in options.items() if "weight" in key}
    ours = getattr(layers, name)(**options | {key: mt.tensor(value) for key, value in tensors.items()})
    theirs = getattr(torch.nn, name)(**options | {key: torch.tensor(value) for key, value in tensors.items()})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    our_x, their_x = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss, expected = ours(our_x, mt.tensor(target)), theirs(their_x, torch.tensor(target))
    np.testing.assert_allclose(loss.data, expected.detach().numpy(), **TOLERANCE)
    loss.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(our_x.grad.data, their_x.grad.numpy(), **TOLERANCE)


def test_cross_entropy_takes_a_weight_for_every_pixel():
    """U-Net's map: a pixel of weight 2 counts as two pixels, one of weight 0 not at all."""
    rng = np.random.default_rng(5)
    x, target = mt.tensor(rng.standard_normal((1, 3, 1, 3))), mt.tensor([[[0, 2, 1]]])
    weight = mt.tensor([[[2.0, 1.0, 0.0]]], dtype=mt.float64)
    loss = layers.CrossEntropyLoss()
    twice = mt.cat([x[..., :1], x[..., :2]], 3)
    expected = loss(twice, mt.tensor([[[0, 0, 2]]]))
    assert loss(x, target, weight).item() == pytest.approx(expected.item(), rel=1e-14)


def test_dice_loss_is_the_operation_with_its_settings():
    rng = np.random.default_rng(6)
    x, target = mt.tensor(rng.standard_normal((2, 3, 4, 5))), mt.tensor(rng.integers(0, 3, (2, 4, 5)))
    weight = mt.tensor(np.array(WEIGHT))
    loss = layers.DiceLoss(weight, ignore_index=2, smooth=0.5)(x, target)
    assert loss.item() == mt.dice_loss(x, target, weight, ignore_index=2, smooth=0.5).item()
    assert loss.item() != layers.DiceLoss()(x, target).item()


@pytest.mark.parametrize("layer", [layers.Dropout(0.3), layers.Dropout2d(0.3)])
def test_dropout_drops_in_training_only(layer):
    mt.manual_seed(0)
    x = mt.ones(40, 50, 4, 4)
    dropped = layer(x).data
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
    rate = (dropped == 0).mean()
    units = 40 * 50 * (1 if isinstance(layer, layers.Dropout2d) else 16)
    assert abs(rate - 0.3) < 5 * np.sqrt(0.3 * 0.7 / units)
    whole_channels = (dropped == dropped[:, :, :1, :1]).all()
    assert whole_channels == isinstance(layer, layers.Dropout2d)
    np.testing.assert_array_equal(layer.eval()(x).data, x.data)
    layer.train()


LOSSES = {
    "L1Loss": ({"reduction": "sum"}, (3, 4), (3, 4)),
    "SmoothL1Loss": ({"beta": 0.4}, (3, 4), (3, 4)),
    "BCELoss": ({"reduction": "none"}, (3, 4), (3, 4)),
    "NLLLoss": ({"ignore_index": 1}, (3, 4), None),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_torchs(name):
    options, shape, target_shape = LOSSES[name]
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, shape)
    target = rng.integers(0, shape[1], shape[0]) if target_shape is None else rng.uniform(0.1, 0.9, target_shape)
    ours, theirs = getattr(layers, name)(**options), getattr(torch.nn, name)(**options)
    our_x, their_x = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = ours(our_x, mt.tensor(target)), theirs(their_x, torch.tensor(target))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), **TOLERANCE)
    y.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(our_x.grad.data, their_x.grad.numpy(), **TOLERANCE)


def test_max_unpool2d_equals_torchs():
    x = np.random.default_rng(0).standard_normal(IMAGE)
    y, places = layers.MaxPool2d(2, return_indices=True)(mt.tensor(x))
    z, their_places = torch.nn.MaxPool2d(2, return_indices=True)(torch.tensor(x))
    found = layers.MaxUnpool2d(2)(y, places, output_size=IMAGE)
    np.testing.assert_array_equal(found.data, torch.nn.MaxUnpool2d(2)(z, their_places, output_size=IMAGE).numpy())
