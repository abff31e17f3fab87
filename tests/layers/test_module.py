"""Module: registration, the state dict, modes, moves, and what is said when something does not fit."""

import copy

import numpy as np
import pytest
import torch

import layers
import minitensor as mt
from layers import Module, Parameter


class Block(Module):
    def __init__(self, channels=2):
        super().__init__()
        self.scale = Parameter(mt.ones(channels, 1, 1))
        self.conv = layers.Conv2d(channels, channels, 1)
        self.norm = layers.BatchNorm2d(channels)
        self.note = "plain"

    def forward(self, x):
        return self.norm(self.conv(x)) * self.scale


class Net(Module):
    def __init__(self):
        super().__init__()
        self.first = Block()
        self.rest = layers.ModuleList([layers.Identity(), Block()])
        self.register_buffer("steps", mt.tensor(0))
        self.bias = Parameter(mt.zeros(2, 1, 1))

    def forward(self, x):
        for part in self.rest:
            x = part(x)
        return self.first(x) + self.bias


def with_torch():
    """The same net in torch, to compare names and order."""

    class TorchBlock(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(2, 1, 1))
            self.conv = torch.nn.Conv2d(2, 2, 1)
            self.norm = torch.nn.BatchNorm2d(2)

    net = torch.nn.Module()
    net.first = TorchBlock()
    net.rest = torch.nn.ModuleList([torch.nn.Identity(), TorchBlock()])
    net.register_buffer("steps", torch.tensor(0))
    net.bias = torch.nn.Parameter(torch.zeros(2, 1, 1))
    return net


def test_names_and_order_are_torchs():
    ours, theirs = Net(), with_torch()
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_buffers()] == [name for name, _ in theirs.named_buffers()]
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert ours.state_dict()[name].shape == tuple(value.shape)
    assert [type(child) for child in ours.children()] == [Block, layers.ModuleList]
    assert len(list(ours.parameters())) == 11 and len(list(ours.parameters(recurse=False))) == 1
    assert [name for name, _ in ours.named_parameters("net")][0] == "net.bias"
    assert len(list(ours.buffers())) == 7


def test_shared_parts_are_counted_once_and_saved_under_both_names():
    net, shared = Module(), layers.Linear(2, 3)
    net.a, net.b = shared, shared
    assert len(list(net.parameters())) == 2 and net.parameter_count() == 9
    assert [name for name, _ in net.named_modules()] == ["", "a"]
    assert list(net.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]


def test_attributes_change_their_kind():
    net = Module()
    net.part = None
    assert net.part is None
    net.part = Parameter(mt.zeros(2))
    assert list(net.state_dict()) == ["part"]
    net.part = layers.Linear(1, 1)
    assert list(net.state_dict()) == ["part.weight", "part.bias"]
    net.part = None
    assert net.part is None and not net.state_dict()
    net.register_buffer("mean", mt.zeros(2))
    net.mean = mt.ones(2)
    assert net.state_dict()["mean"].data[0] == 1
    del net.mean
    with pytest.raises(AttributeError):
        _ = net.mean
    net.count = 3
    del net.count
    assert not hasattr(net, "count")


def test_a_missing_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Net has no attribute 'fisrt'"):
        _ = Net().fisrt
    assert not hasattr(Net(), "absent")


def assign(name, value):
    return lambda net: setattr(net, name, value)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (assign("bias", mt.zeros(2)), TypeError, "Net.bias is a Parameter; .* got Tensor"),
        (assign("first", 3), TypeError, "Net.first is a Block; .* got int"),
        (assign("steps", 3), TypeError, "Net.steps is a Tensor; .* got int"),
        (assign("forward", layers.ReLU()), ValueError, "a ReLU cannot be named 'forward'"),
        (assign("a.b", Parameter(mt.zeros(1))), ValueError, "cannot be named 'a.b'"),
        (lambda net: net.register_buffer("x", 3), TypeError, "'x' must be a Tensor, got int"),
        (lambda net: net.rest.append("relu"), TypeError, "entry 2 must be a Module, got str"),
        (lambda net: net.train("yes"), TypeError, "mode must be True or False, got 'yes'"),
        (lambda net: net.to(mt.int64), TypeError, "must be floating point, got int64"),
        (lambda net: net.load_state_dict([1]), TypeError, "dict of name -> Tensor, got list"),
        (lambda net: net.load_state_dict({"bias": 1.0}), TypeError, "'bias' must be a Tensor or array, got float"),
        (lambda net: Module()(1), TypeError, "Module defines no forward"),
        (lambda net: net.rest[5], IndexError, "no entry 5, there are 2"),
    ],
)
def test_mistakes_are_named(act, error, message):
    with pytest.raises(error, match=message):
        act(Net())


def test_forgetting_super_is_named():
    class Forgetful(Module):
        def __init__(self):
            self.conv = layers.Conv2d(1, 1, 1)

    with pytest.raises(AttributeError, match=r"Forgetful: call super\(\).__init__\(\) before assigning 'conv'"):
        Forgetful()


def values(net):
    return {name: tensor.data.copy() for name, tensor in net.state_dict().items()}


def test_loading_copies_in_place_and_converts():
    source, target = Net(), Net()
    source.apply(lambda part: [layers.init.normal_(p) for p in part.parameters(recurse=False)])
    source.steps = mt.tensor(5)
    before = {name: (p, p.data) for name, p in target.named_parameters()}
    state = {name: value.data.astype(np.float64) for name, value in source.state_dict().items()}
    report = target.load_state_dict(state)
    assert report.missing_keys == [] and report.unexpected_keys == []
    for name, parameter in target.named_parameters():
        assert parameter is before[name][0] and parameter.data is before[name][1]
        assert parameter.dtype == np.float32 and parameter.requires_grad
    assert target.steps.dtype == np.int64
    for name, value in values(source).items():
        np.testing.assert_array_equal(values(target)[name], value)


def test_loading_counts_as_an_edit():
    net = layers.Linear(2, 2)
    x = mt.ones(1, 2, requires_grad=True)
    loss = net(x).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_a_state_that_does_not_fit_is_told_in_full_and_changes_nothing():
    net = Net()
    state = {name: mt.full(value.shape, 9.0) for name, value in net.state_dict().items()}
    state["first.conv.weight"] = mt.zeros(3, 2, 1, 1)
    state["bias"] = mt.zeros(2)
    state["extra"] = state.pop("rest.1.scale")
    before = values(net)
    with pytest.raises(ValueError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "missing: rest.1.scale\n" in message and "unexpected: extra\n" in message
    assert "bias has shape (2,), Net expects (2, 1, 1)" in message
    assert "first.conv.weight has shape (3, 2, 1, 1), Net expects (2, 2, 1, 1)" in message
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_without_strict():
    net = layers.Linear(2, 1)
    before = net.bias.data.copy()
    report = net.load_state_dict({"weight": mt.ones(1, 2), "other": mt.zeros(1)}, strict=False)
    assert report == (["bias"], ["other"])
    np.testing.assert_array_equal(net.weight.data, [[1, 1]])
    np.testing.assert_array_equal(net.bias.data, before)
    with pytest.raises(ValueError, match=r"weight has shape \(3,\)"):
        net.load_state_dict({"weight": mt.ones(3)}, strict=False)


def test_the_state_goes_through_a_file(tmp_path):
    source, target = Net(), Net()
    source(mt.randn(2, 2, 3, 3))
    mt.save(tmp_path / "net.safetensors", source.state_dict())
    target.load_state_dict(mt.load(tmp_path / "net.safetensors"))
    assert target.first.norm.num_batches_tracked.item() == 1
    for name, value in values(source).items():
        np.testing.assert_array_equal(values(target)[name], value)


def test_modes_reach_every_part():
    net = Net()
    assert net.eval() is net and not any(part.training for part in net.modules())
    assert net.train() is net and all(part.training for part in net.modules())


def test_moving_keeps_identity_and_moves_gradients():
    net = Net()
    before = list(net.parameters())
    net(mt.randn(2, 2, 3, 3)).sum().backward()
    assert net.to(mt.float64) is net
    assert all(p is q for p, q in zip(net.parameters(), before, strict=True))
    for parameter in net.parameters():
        assert parameter.dtype == parameter.grad.dtype == np.float64
    assert net.first.norm.running_mean.dtype == np.float64
    assert net.first.norm.num_batches_tracked.dtype == net.steps.dtype == np.int64
    memory = net.bias.data
    assert net.to("cpu", dtype=mt.float64).bias.data is memory
    assert net(mt.randn(2, 2, 3, 3, dtype=mt.float64)).dtype == np.float64


@pytest.mark.skipif(mt.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_cannot_be_used_is_said_to_be():
    with pytest.raises(RuntimeError, match="device 'cuda:0' cannot be used"):
        Net().to("cuda")


def test_zero_grad_forgets():
    net = Net()
    net(mt.randn(2, 2, 3, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_apply_visits_children_first():
    visited = []
    net = Net()
    assert net.apply(lambda part: visited.append(type(part).__name__)) is net
    assert visited[-1] == "Net" and visited[:3] == ["Conv2d", "BatchNorm2d", "Block"]


def test_a_copy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    layers.init.constant_(net.bias, 5.0)
    assert twin.bias.data.max() == 0 and twin.bias.requires_grad and isinstance(twin.bias, Parameter)
    assert twin.first is not net.first


def test_repr_is_a_tree_with_counts():
    assert repr(Net()) == "\n".join(
        [
            "Net(  # 26 parameters",
            "  (first): Block(  # 12 parameters",
            "    (conv): Conv2d(2, 2, kernel_size=(1, 1), stride=(1, 1))  # 6 parameters",
            "    (norm): BatchNorm2d(2, eps=1e-05, momentum=0.1)  # 4 parameters",
            "  )",
            "  (rest): ModuleList(  # 12 parameters",
            "    (0): Identity()",
            "    (1): Block(  # 12 parameters",
            "      (conv): Conv2d(2, 2, kernel_size=(1, 1), stride=(1, 1))  # 6 parameters",
            "      (norm): BatchNorm2d(2, eps=1e-05, momentum=0.1)  # 4 parameters",
            "    )",
            "  )",
            ")",
        ]
    )


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (layers.Conv2d(4, 2, 3, 1, "same", 2, 2, False, "reflect"),
         "Conv2d(4, 2, kernel_size=(3, 3), stride=(1, 1), padding='same', dilation=(2, 2), groups=2, "
         "padding_mode='reflect', bias=False)  # 36 parameters"),
        (layers.ConvTranspose2d(1, 1, 3, 2, 1, 1),
         "ConvTranspose2d(1, 1, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))"
         "  # 10 parameters"),
        (layers.Linear(1000, 1000, bias=False), "Linear(1000, 1000, bias=False)  # 1,000,000 parameters"),
        (layers.MaxPool2d(3, 2, 1, ceil_mode=True),
         "MaxPool2d(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), ceil_mode=True)"),
        (layers.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
         "Upsample(scale_factor=2, mode='bilinear', align_corners=True)"),
        (layers.GroupNorm(2, 4, affine=False), "GroupNorm(2, 4, eps=1e-05, affine=False)"),
        (layers.CrossEntropyLoss(ignore_index=255), "CrossEntropyLoss(ignore_index=255, reduction='mean')"),
        (layers.Dropout(0.2), "Dropout(p=0.2)"),
    ],
)  # fmt: skip
def test_layers_describe_themselves(layer, text):
    assert repr(layer) == text


def test_containers():
    relu, linear = layers.ReLU(), layers.Linear(2, 2)
    net = layers.Sequential(linear, relu, layers.Identity())
    assert len(net) == 3 and list(net)[1] is relu and net[0] is linear and net[-1] is net[2]
    assert isinstance(net[:2], layers.Sequential) and list(net[:2]) == [linear, relu]
    np.testing.assert_array_equal(net(mt.ones(1, 2)).data, mt.relu(linear(mt.ones(1, 2))).data)
    net.append(layers.Flatten())
    assert [name for name, _ in net.named_modules()] == ["", "0", "1", "2", "3"]
    with pytest.raises(TypeError, match="ModuleList defines no forward"):
        layers.ModuleList([relu])(1)


def test_sequential_runs_a_convolution_and_its_relu_as_one_operation():
    net = layers.Sequential(layers.Conv2d(3, 4, 3), layers.ReLU())
    x = mt.rand(2, 3, 6, 5)
    y = net(x)
    assert type(y.node).__name__ == "Conv2dRelu"
    np.testing.assert_array_equal(y.data, mt.relu(net[0](x)).data)
    assert type(layers.Sequential(net[1], net[0])(x).node).__name__ == "Conv2d"


class _Doubled(layers.ReLU):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_forward_of_ones_own_is_called_before_and_behind():
    x, convolution = mt.rand(2, 3, 6, 5), layers.Conv2d(3, 4, 3)
    plain = mt.relu(convolution(x)).data
    np.testing.assert_array_equal(layers.Sequential(convolution, _Doubled())(x).data, 2 * plain)
    relu = layers.ReLU()
    relu.forward = lambda y: y * 0
    assert not layers.Sequential(convolution, relu)(x).data.any()
    forward, seen = convolution.forward, []
    convolution.forward = lambda x: seen.append(x.shape) or forward(x)
    np.testing.assert_array_equal(layers.Sequential(convolution, layers.ReLU())(x).data, plain)
    assert seen == [(2, 3, 6, 5)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2d(0, 1, 1), "Conv2d: in_channels must be at least 1, got 0"),
        (lambda: layers.Conv2d(3, 4, 1, groups=2), "in_channels 3 and out_channels 4 must both divide into groups=2"),
        (lambda: layers.Conv2d(1, 1, 0), "kernel_size must be at least 1, got 0"),
        (lambda: layers.Conv2d(1, 1, 1, padding=-1), "padding must be at least 0, got -1"),
        (lambda: layers.Conv2d(1, 1, 3, 2, "same"), "only at stride 1, got stride 2"),
        (lambda: layers.Conv2d(1, 1, 3, padding="full"), "got 'full'"),
        (lambda: layers.Conv2d(1, 1, 3, padding_mode="mirror"), "got 'mirror'"),
        (lambda: layers.ConvTranspose2d(1, 1, 3, padding_mode="reflect"), "can only be \"zeros\", got 'reflect'"),
        (lambda: layers.BatchNorm2d(2, momentum=2), "momentum must lie in .* got 2"),
        (lambda: layers.BatchNorm2d(2, eps=0), "eps must be above 0, got 0"),
        (lambda: layers.BatchNorm2d(2)(mt.zeros(1, 3, 4, 4)), r"x must be \(N, 2, H, W\), got shape \(1, 3, 4, 4\)"),
        (lambda: layers.GroupNorm(3, 4), "4 channels do not divide into 3 groups"),
        (lambda: layers.MaxPool2d(2, padding=2), "padding 2 is more than half of the kernel's 2"),
        (lambda: layers.Upsample(), "either size or scale_factor, got size=None"),
        (lambda: layers.Dropout(1.5), r"p must lie in \[0, 1\], got 1.5"),
        (lambda: layers.MSELoss("average"), "got 'average'"),
    ],
)
def test_bad_settings_are_named_when_the_layer_is_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_types_are_named():
    with pytest.raises(TypeError, match="in_features must be an int, got 2.0"):
        layers.Linear(2.0, 3)
    with pytest.raises(TypeError, match="p must be a number, got '0.5'"):
        layers.Dropout("0.5")


def test_a_failed_batch_is_not_counted():
    norm = layers.BatchNorm2d(2)
    with pytest.raises(ValueError, match="more than 1 value"):
        norm(mt.zeros(1, 2, 1, 1))
    assert norm.num_batches_tracked.item() == 0
