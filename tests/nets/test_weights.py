"""Loading files that torch wrote, in all layouts; and files made to do harm."""

import os
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import minitensor as mt
import nets
from nets.torch_file import read_torch_file
from tests.nets import twins

NARROW = {"classes": 3, "width": 1 / 64}


def torch_state_of(net, seed=0):
    """Random float32 torch tensors under the net's own names: what a file of this layout holds."""
    generator = torch.Generator().manual_seed(seed)
    state = OrderedDict()
    for name, value in net.state_dict().items():
        numbers = torch.rand(value.shape, generator=generator)
        state[name] = (numbers * 10).long() if value.dtype.kind == "i" else numbers
    return state


def assert_loaded(net, state, names=None):
    for name in names or state:
        np.testing.assert_array_equal(net.state_dict()[name].numpy(), state[name].numpy(), err_msg=name)


def write_safetensors(state, path):
    path = path / "weights.safetensors"
    save_file(state, path)
    return path


def write_zip(state, path):
    torch.save(state, path / "weights.pth")
    return path / "weights.pth"


def write_legacy(state, path):
    torch.save(state, path / "weights.pth", _use_new_zipfile_serialization=False)
    return path / "weights.pth"


WRITERS = [write_safetensors, write_zip, write_legacy]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("make", "layout"),
    [
        (lambda: nets.VGG16(classes=3, width=1 / 64), "torchvision vgg16"),
        (lambda: nets.FCN8s(**NARROW), "pytorch-fcn"),
        (lambda: nets.FCN32s(**NARROW), "pytorch-fcn"),
        (lambda: nets.UNet(3, 2, 2, padding="same", norm="batch"), "U-Net"),
        (lambda: nets.UNet(3, 2, 2, padding="same", norm="batch", up="bilinear"), "U-Net"),
        (lambda: nets.UNet(1, 2, 2), "U-Net"),
    ],
)
def test_files_of_every_layout(make, layout, write, tmp_path):
    net = make()
    state = torch_state_of(net)
    assert nets.load_weights(net, write(state, tmp_path)) == (layout, [], [])
    assert_loaded(net, state)


def test_files_of_our_own(tmp_path):
    net, other = nets.UNet(1, 2, 2), nets.UNet(1, 2, 2)
    mt.save(tmp_path / "last.safetensors", net.state_dict())
    nets.load_weights(other, tmp_path / "last.safetensors")
    x = mt.randn(1, 1, 188, 188)
    np.testing.assert_array_equal(other(x).numpy(), net(x).numpy())


@pytest.mark.parametrize("write", WRITERS)
def test_vgg_goes_into_an_fcn(write, tmp_path):
    state = torch_state_of(nets.VGG16(classes=10, width=1 / 64))
    net = nets.FCN8s(**NARROW)
    loaded = nets.load_weights(net, write(state, tmp_path))
    assert sorted(loaded.unexpected_keys) == ["classifier.6.bias", "classifier.6.weight"]
    assert all(name.startswith(("score", "upscore")) for name in loaded.missing_keys)
    ours = net.state_dict()
    np.testing.assert_array_equal(ours["conv3_2.weight"].numpy(), state["features.12.weight"].numpy())
    fc6 = state["classifier.0.weight"].reshape(64, 8, 7, 7)
    np.testing.assert_array_equal(ours["fc6.weight"].numpy(), fc6.numpy())


def test_the_coarse_net_starts_the_finer_one(tmp_path):
    coarse = torch_state_of(nets.FCN32s(**NARROW))
    net = nets.FCN16s(**NARROW)
    upscore2 = net.upscore2.weight.numpy().copy()
    loaded = nets.load_weights(net, write_zip(coarse, tmp_path))
    assert loaded.unexpected_keys == ["upscore.weight"]
    assert "score_pool4.weight" in loaded.missing_keys and "upscore16.weight" in loaded.missing_keys
    assert_loaded(net, coarse, [name for name in coarse if name != "upscore.weight"])
    np.testing.assert_array_equal(net.upscore2.weight.numpy(), upscore2)


def test_checkpoints_prefixes_and_extra_values_are_seen_through(tmp_path):
    """mask_values stands in milesial's files, "module." in those of DataParallel, the rest in checkpoints."""
    net = nets.UNet(3, 2, 2, padding="same", norm="batch")
    state = torch_state_of(net)
    wrapped = {f"module.{name}": value for name, value in state.items()} | {"mask_values": [0, 255]}
    torch.save({"epoch": 7, "best": 0.5, "model_state_dict": wrapped}, tmp_path / "checkpoint.pth")
    assert nets.load_weights(net, tmp_path / "checkpoint.pth") == ("U-Net", [], [])
    assert_loaded(net, state)


def test_what_does_not_fit_is_listed_and_nothing_is_changed(tmp_path):
    net = nets.UNet(3, 2, 2, padding="same", norm="batch")
    before = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    state = torch_state_of(net)
    del state["inc.double_conv.1.weight"]
    state["extra.weight"] = torch.zeros(1)
    state["outc.conv.weight"] = torch.zeros(5, 2, 1, 1)
    with pytest.raises(ValueError) as error:
        nets.load_weights(net, write_zip(state, tmp_path))
    for part in ("weights.pth (U-Net)", "missing: inc.double_conv.1.weight", "unexpected: extra.weight",
                 "outc.conv.weight has shape (5, 2, 1, 1)"):  # fmt: skip
        assert part in str(error.value)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


@pytest.mark.parametrize("make", [nets.FCN8s, nets.VGG16])
def test_a_file_of_another_net_does_not_fit(make, tmp_path):
    path = write_zip(torch_state_of(nets.UNet(1, 2, 2)), tmp_path)
    with pytest.raises(ValueError, match=r"weights.pth \(U-Net\) does not fit"):
        nets.load_weights(make(**NARROW), path)


@pytest.mark.parametrize("zipped", [True, False])
def test_reader_keeps_containers_views_and_types(zipped, tmp_path):
    tensor = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)
    content = {
        "turned": tensor.permute(2, 0, 1),
        "part": tensor[1:, ::2],
        "same": tensor,
        "half": torch.tensor([0.5], dtype=torch.float16),
        "count": torch.tensor(3),
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "weight": torch.nn.Parameter(torch.ones(2)),
        "plain": [1, -70000, 2**40, 2.5, "name", None, True, (1, 2), (), {"a": []}],
    }
    torch.save(content, tmp_path / "file.pth", _use_new_zipfile_serialization=zipped)
    read = read_torch_file(tmp_path / "file.pth")
    assert read.pop("plain") == content.pop("plain")
    for name, value in content.items():
        np.testing.assert_array_equal(read[name], value.detach().numpy(), err_msg=name)
        assert read[name].dtype == value.detach().numpy().dtype


class Harm:
    """Its pickle asks the reader to run a shell command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_file_that_would_run_a_command_is_refused(protocol, tmp_path):
    trace = tmp_path / "it_ran"
    with open(tmp_path / "plain.pth", "wb") as file:
        pickle.dump({"weight": Harm(trace)}, file, protocol)
    with zipfile.ZipFile(tmp_path / "zipped.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": Harm(trace)}, protocol))
    for name in ("plain.pth", "zipped.pth"):
        with pytest.raises(ValueError, match=name):
            nets.load_weights(nets.UNet(1, 2, 2), tmp_path / name)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Harm(trace), protocol))  # the harm is real: unpickling does run it
    assert trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_modules_are_refused_with_advice(zipped, tmp_path):
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "module.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"an object made by torch.nn.modules.conv.Conv2d.*save the tensors alone"):
        nets.load_weights(nets.UNet(1, 2, 2), tmp_path / "module.pth")


def module_in_a_checkpoint(path):
    torch.save({"epoch": 3, "net": torch.nn.Conv2d(1, 1, 1)}, path)


def whole_module(path):
    torch.save(torch.nn.Conv2d(1, 1, 1), path)


def torchscript(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in torch, but such files exist
        torch.jit.trace(torch.nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)).save(str(path))


def a_pickle(path):
    torch.save({"weight": torch.ones(1, 1, 1, 1), "bias": torch.zeros(1)}, path)


@pytest.mark.parametrize("write", [whole_module, module_in_a_checkpoint, torchscript, a_pickle])
def test_the_advised_line_works(write, tmp_path, monkeypatch):
    """Each message that advises a line of code is taken at its word, and the file that the line writes is read."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth" if write is a_pickle else tmp_path / "given.pth"
    write(path)
    with pytest.raises(ValueError) as caught:
        mt.load(path) if write is a_pickle else nets.read_weights(path)
    line = re.search(r"(torch|mt)\.save\((torch|\").*\)", str(caught.value))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(line, {"torch": torch, "mt": mt, "nets": nets})
    written = "weights.safetensors" if write is a_pickle else "weights.pth"
    assert set(nets.read_weights(tmp_path / written)) == {"weight", "bias"}


def test_a_damaged_file_gets_no_advice(tmp_path):
    whole_module(tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:300])
    with pytest.raises(ValueError) as caught:
        nets.read_weights(tmp_path / "cut.pth")
    assert "torch.save" not in str(caught.value) and "cut short" in str(caught.value)
    with open(tmp_path / "object.pth", "wb") as file:  # no module: state_dict() would fail
        torch.save(np.eye(2), file)
    with pytest.raises(ValueError, match="it is a NumPy array") as caught:
        nets.read_weights(tmp_path / "object.pth")
    assert "torch.load" not in str(caught.value)


@pytest.mark.parametrize(
    "shape_and_stride",
    [((3, 3), (3, 1)), ((2,), (-1,)), ((2, 2), (1,)), ((2.0,), (1,)), ((1,) * 65, (1,) * 65), ((2**64,), (1,))],
    ids=["too large", "negative", "ranks differ", "not whole", "many axes", "long number"],
)
def test_a_tensor_must_lie_within_its_bytes(shape_and_stride):
    from nets.torch_tensors import STORAGES, Storage, TensorRecord

    storage = Storage(STORAGES["FloatStorage"], "0", 8)
    record = TensorRecord(storage, 0, *shape_and_stride)
    with pytest.raises(ValueError, match="reaches beyond its 8 stored numbers|not whole numbers|as many strides"):
        record.check()
        record.array(bytes(32))


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_views_as_torch_writes_them(write, tmp_path):
    """An expanded tensor is one number; torch negates and conjugates when it reads."""
    pairs = torch.view_as_complex(torch.randn(5, 2))
    state = {
        "expanded": torch.tensor([0.25]).expand(3, 4),
        "negated": pairs.conj().imag,
        "conjugated": pairs.clone().conj(),
    }
    assert state["negated"].is_neg() and state["conjugated"].is_conj()
    content = read_torch_file(write(state, tmp_path))
    for name, value in state.items():
        np.testing.assert_array_equal(content[name], value.resolve_conj().resolve_neg().numpy(), err_msg=name)
    torch.save({"huge": torch.ones(1).expand(10**12)}, tmp_path / "huge.pth")
    with pytest.raises(ValueError, match="its tensors would take more than 4 times the memory of the file"):
        read_torch_file(tmp_path / "huge.pth")


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_pickle_protocol(protocol, zipped, tmp_path):
    net = nets.UNet(1, 2, 1, depth=1)
    beside = {
        "epoch": 3,
        "big": 2**70,
        "huge": 2**500,
        "share": 0.5,
        "text": "é",
        "bytes": b"ab",
        "array": bytearray(2),
    }
    state = torch_state_of(net)
    torch.save(
        beside | {"state_dict": state}, tmp_path / "weights.pth", pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )  # fmt: skip
    assert nets.load_weights(net, tmp_path / "weights.pth")[1:] == ([], [])
    assert_loaded(net, state)


class Subclass(torch.Tensor):
    pass


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_parameters_and_subclasses_with_attributes(write, tmp_path):
    net = nets.UNet(1, 2, 1, depth=1)
    state = torch_state_of(net)
    marked = {}
    for number, (name, value) in enumerate(state.items()):
        made = [torch.nn.Parameter(value), value.clone(), value.as_subclass(Subclass)][number % 3]
        if number % 3 < 2:
            made.tag = "attributes make torch write another call"
        marked[name] = made
    nets.load_weights(net, write(marked, tmp_path))
    assert_loaded(net, state)


def test_a_tensor_of_another_kind_is_named_only_if_it_is_needed(tmp_path):
    net = nets.UNet(1, 2, 1, depth=1)
    state = torch_state_of(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated in torch, but such files exist
        quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    beside = {"mask": torch.eye(2).to_sparse(), "quantized": quantized, "rare": torch.zeros(2, dtype=torch.uint8)}
    beside["rare"] = beside["rare"].view(torch.float4_e2m1fn_x2)
    torch.save({"state_dict": state, **beside}, tmp_path / "weights.pth")
    assert nets.load_weights(net, tmp_path / "weights.pth")[1:] == ([], [])
    for other, words in (
        (torch.eye(2).to_sparse(), "_rebuild_sparse_tensor"), (quantized, "_rebuild_qtensor"),
        (beside["rare"], "a tensor of dtype torch.float4_e2m1fn_x2, which is not read here"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=rf"missing: outc.conv.bias\n  not read: outc.conv.bias is .*{words}"):
            nets.load_weights(net, write_zip(state | {"outc.conv.bias": other}, tmp_path))


@pytest.mark.parametrize("write", WRITERS)
def test_damaged_files(write, tmp_path):
    """A file cut anywhere gives a ValueError that names it, never anything else."""
    content = write(torch_state_of(nets.UNet(1, 2, 1, depth=1)), tmp_path).read_bytes()
    damaged = tmp_path / "damaged.pth"
    for end in [0, 1, 5, 20, 100, *range(200, len(content) - 1, 997), len(content) - 1]:
        damaged.write_bytes(content[:end])
        with pytest.raises(ValueError, match="damaged.pth"):
            nets.load_weights(nets.UNet(1, 2, 1, depth=1), damaged)


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        nets.load_weights(nets.UNet(1, 2, 2), tmp_path / "absent.pth")
    with pytest.raises(TypeError, match="net must be a Module, got dict"):
        nets.load_weights({}, tmp_path)
    torch.save([torch.ones(1)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds a list, not named tensors"):
        nets.load_weights(nets.UNet(1, 2, 2), tmp_path / "list.pth")


def test_loaded_weights_compute_what_torch_computes(tmp_path):
    """From torch's file to the same scores: milesial's layout, both kinds of upsampling."""
    for up in ("transpose", "bilinear"):
        source = twins.randomised(nets.UNet(3, 2, 2, padding="same", norm="batch", up=up), seed=3)
        torch.save(twins.torch_state(source), tmp_path / "unet.pth")
        net = nets.UNet(3, 2, 2, padding="same", norm="batch", up=up).to(mt.float64).eval()
        nets.load_weights(net, tmp_path / "unet.pth")
        x = np.random.default_rng(0).standard_normal((1, 3, 32, 48))
        twins.assert_same(net, lambda state, image: twins.unet(torch.load(tmp_path / "unet.pth"), image, pad=1), x)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "net.encoder."])
def test_any_common_prefix_is_taken_off_and_said(prefix, tmp_path):
    net = nets.UNet(3, 2, 2, padding="same", norm="batch")
    state = torch_state_of(net)
    wrapped = {prefix + name: value for name, value in state.items()} | {"n_averaged": torch.tensor(3)}
    torch.save({"epoch": 3, "state_dict_ema": {"model": wrapped}}, tmp_path / "weights.pth")
    loaded = nets.load_weights(net, tmp_path / "weights.pth")
    assert loaded == ("U-Net", [], []) and loaded.prefix == prefix and prefix in repr(loaded)
    assert_loaded(net, state)
    vgg = {prefix + name: value for name, value in torch_state_of(nets.VGG16(10, 1 / 64)).items()}
    assert nets.load_weights(nets.FCN8s(**NARROW), write_zip(vgg, tmp_path)).prefix == prefix


def test_files_without_batch_norms_counters(tmp_path):
    net = nets.UNet(3, 2, 2, padding="same", norm="batch")
    state = {name: value for name, value in torch_state_of(net).items() if not name.endswith("num_batches_tracked")}
    assert nets.load_weights(net, write_zip(state, tmp_path)) == ("U-Net", [], [])
    assert_loaded(net, state)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
     torch.float8_e8m0fnu],
)  # fmt: skip
def test_narrow_floats_are_widened(dtype, write, tmp_path):
    every = torch.arange(256, dtype=torch.uint8).view(dtype) if dtype != torch.bfloat16 else torch.randn(256).to(dtype)
    path = write({"x": every.reshape(2, -1), "part": every[3:200].clone(), "none": every[:0]}, tmp_path)
    read = {name: value.numpy() for name, value in nets.read_weights(path).items()}
    assert all(value.dtype == np.float32 for name, value in read.items() if name != "none")
    np.testing.assert_array_equal(read["x"], every.reshape(2, -1).float().numpy())
    np.testing.assert_array_equal(read["part"], every[3:200].float().numpy())
    assert read["none"].shape == (0,)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_views_of_untyped_storages(write, tmp_path):
    """Tensors of uint16 and float8 name their dtype themselves, and the offset counts their own elements."""
    numbers = torch.arange(20).to(torch.uint16)
    wide = torch.arange(20, dtype=torch.float32).to(torch.float8_e4m3fn)
    state = {"rows": numbers.reshape(4, 5)[1:, ::2], "turned": wide.reshape(4, 5).T[2:]}
    path = write(state, tmp_path)
    content = read_torch_file(path)
    np.testing.assert_array_equal(content["rows"], state["rows"].numpy())
    np.testing.assert_array_equal(content["turned"], state["turned"].float().numpy())


def test_complex_numbers_beside_the_weights_do_no_harm(tmp_path):
    net = nets.UNet(1, 2, 2, depth=1)
    state = {"state_dict": torch_state_of(net), "spectrum": torch.ones(3, dtype=torch.complex64)}
    assert nets.load_weights(net, write_zip(state, tmp_path)).unexpected_keys == []
    state["state_dict"]["spectrum"] = state["spectrum"]
    assert nets.load_weights(net, write_zip(state, tmp_path)).unexpected_keys == []
    state["state_dict"]["outc.conv.bias"] = state["spectrum"]
    with pytest.raises(ValueError, match="not read: outc.conv.bias is a tensor of dtype complex64"):
        nets.load_weights(net, write_zip(state, tmp_path))


def vgg16_bn(width=1 / 64, classes=3):
    """torchvision's vgg16_bn, narrower: the same names, made of torch's own layers."""
    layers, inputs = [], 3
    for convolutions, channels in zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True):
        outputs = max(1, round(channels * width))
        for _ in range(convolutions):
            layers += [torch.nn.Conv2d(inputs, outputs, 3, padding=1), torch.nn.BatchNorm2d(outputs), torch.nn.ReLU()]
            inputs = outputs
        layers.append(torch.nn.MaxPool2d(2))
    hidden = round(4096 * width)
    net = torch.nn.Module()
    net.features = torch.nn.Sequential(*layers)
    net.classifier = torch.nn.Sequential(
        torch.nn.Linear(inputs * 49, hidden), torch.nn.ReLU(), torch.nn.Dropout(),
        torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(hidden, classes),
    )  # fmt: skip
    for layer in net.features:
        if isinstance(layer, torch.nn.BatchNorm2d):
            for tensor in (layer.weight, layer.running_var):
                torch.nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (layer.bias, layer.running_mean):
                torch.nn.init.normal_(tensor, 0.0, 0.3)
    return net.eval()


def test_vgg16_with_batch_norm_is_folded(tmp_path):
    torch.manual_seed(0)
    theirs = vgg16_bn()
    path = write_zip(theirs.state_dict(), tmp_path)
    net = nets.VGG16(classes=3, width=1 / 64).eval()
    assert nets.load_weights(net, path) == ("torchvision vgg16_bn", [], [])
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad(), mt.no_grad():
        expected = theirs.classifier(theirs.features(x).flatten(1)).numpy()
        scores = net(mt.tensor(x.numpy())).numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())
    fcn = nets.FCN8s(**NARROW)
    loaded = nets.load_weights(fcn, path)
    assert loaded.layout == "torchvision vgg16_bn" and all(
        n.startswith(("score", "upscore")) for n in loaded.missing_keys
    )
    np.testing.assert_array_equal(fcn.conv5_3.weight.numpy(), net.features[28].weight.numpy())
    state = dict(theirs.state_dict())
    del state["features.4.running_var"]
    with pytest.raises(ValueError, match="vgg16_bn: features.4 has no running_var"):
        nets.load_weights(net, write_zip(state, tmp_path))


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ("classifier.0.convs.0.0.weight", "deeplabv3"),
        ("classifier.cbr.0.weight", "lraspp"),
        ("backbone.layer3.22.conv1.weight", "fcn_resnet101"),
        ("layer1.0.conv1.weight", "resnet18"),
        ("layer3.22.conv1.weight", "ResNet-101"),
        ("fc.weight", "a classifier"),
    ],
)
def test_nets_that_are_not_here_are_refused_by_name(tensor, words, tmp_path):
    state = {"backbone.conv1.weight": torch.zeros(1), tensor: torch.zeros(1), "last.bias": torch.zeros(1)}
    prefixed = {f"module.{name}": value for name, value in state.items()}
    for given, net in ((state, nets.FCNResNet50(**NARROW)), (prefixed, nets.UNet(1, 2, 2))):
        with pytest.raises(ValueError, match=rf"weights.pth holds the weights of .*{words}.*Here are UNet"):
            nets.load_weights(net, write_zip(given, tmp_path))


@pytest.mark.parametrize(
    ("places", "name"),
    [
        ((0, 3, 6, 8, 10), "alexnet"),
        ((0, 3, 6, 8, 11, 13, 16, 18), "vgg11"),
        ((0, 3, 7, 10, 14, 17, 21, 24, 28, 31), "vgg13_bn"),
        ((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), "vgg19"),
    ],
)
def test_other_vggs_are_refused_by_name(places, name, tmp_path):
    state = {f"features.{place}.weight": torch.zeros(1, 1, 1, 1) for place in places}
    with pytest.raises(ValueError, match=f"holds the weights of torchvision's {name}, a net"):
        nets.load_weights(nets.FCN8s(**NARROW), write_zip(state, tmp_path))


def test_sharded_files(tmp_path):
    import json

    net = nets.UNet(1, 2, 2)
    state = torch_state_of(net)
    names = list(state)
    parts = {"a.safetensors": names[:9], "b.safetensors": names[9:]}
    for file, held in parts.items():
        save_file({name: state[name] for name in held}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    where = {name: file for file, held in parts.items() for name in held}
    index.write_text(json.dumps({"weight_map": where}))
    assert nets.load_weights(net, index) == ("U-Net", [], [])
    assert_loaded(net, state)
    for content in ("{", "[]", json.dumps({"weight_map": {"x": "../a.safetensors"}}),
                    json.dumps({"weight_map": {"x": "a.safetensors"}}),
                    json.dumps({"weight_map": {"x": "9" * 5000}})):  # fmt: skip
        index.write_text(content)
        with pytest.raises(ValueError, match="index.json"):
            nets.load_weights(net, index)
