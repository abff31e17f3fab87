"""Where the weights are in a checkpoint: under which key, behind which prefix, beside what."""

import numpy as np
import pytest
import torch

import minitensor as mt
import nets
from nets.file_kinds import kind_of_bytes, kind_of_zip
from tests.nets.test_weights import assert_loaded, torch_state_of


def unet():
    return nets.UNet(3, 2, 2, depth=1, padding="same", norm="batch")


@pytest.fixture
def state():
    return torch_state_of(unet())


def loaded(content, tmp_path, net=None):
    """(what load_weights said, the net)"""
    torch.save(content, tmp_path / "weights.pth")
    net = net or unet()
    return nets.load_weights(net, tmp_path / "weights.pth"), net


def behind(prefix, state):
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    ("wrap", "keys"),
    [
        (lambda state, other: {"state_dict": other, "state_dict_ema": state}, ("state_dict_ema",)),
        (lambda state, other: {"model": other, "ema": {"decay": 0.9, "shadow": state}}, ("ema", "shadow")),
        (lambda state, other: {"state_dict_ema": None, "ema": {}, "state_dict": state}, ("state_dict",)),
        (lambda state, other: {"module": state, "epoch": torch.tensor(3)}, ("module",)),
        (lambda state, other: {"a": {"b": {"unet": state}}, "loss": torch.ones(1)}, ("a", "b", "unet")),
        (lambda state, other: {"generator": state, "critic": {"0.weight": torch.ones(1)}}, ("generator",)),
        (lambda state, other: state | {"optimizer": {"inc": torch.ones(1)}}, ()),
    ],
)
def test_the_key_that_has_the_nets_names(wrap, keys, state, tmp_path):
    other = {name: torch.zeros_like(value) for name, value in state.items()}
    report, net = loaded(wrap(state, other), tmp_path)
    assert report[1:] == ([], []) and report.keys == keys
    assert ("/".join(keys) in repr(report)) if keys else "entry" not in repr(report)
    assert_loaded(net, state)


def test_two_sets_of_weights_that_fit_are_not_chosen_between(state, tmp_path):
    for content, names in (
        ({"student": state, "teacher": state | {}}, "'student', 'teacher'"),
        (behind("g.", state) | behind("h.", state), "'g.', 'h.'"),
    ):
        with pytest.raises(ValueError, match=f"several sets of tensors, and nothing says which is meant: {names}"):
            loaded(content, tmp_path)
    with pytest.raises(ValueError, match="several sets of tensors"):
        torch.save({"a": {"x": torch.ones(1)}, "b": {"y": torch.ones(1)}}, tmp_path / "two.pth")
        nets.read_weights(tmp_path / "two.pth")
    running = {name: torch.zeros_like(value) for name, value in state.items()}
    report, net = loaded(behind("model.", running) | behind("ema_model.", state), tmp_path)
    assert report.prefix == "ema_model." and len(report.unexpected_keys) == len(state)
    assert_loaded(net, state)


def test_tensors_beside_those_with_the_prefix_are_left_out_and_said(state, tmp_path):
    content = {"criterion.weight": torch.ones(2), **behind("model.", state), "metric.counts": torch.zeros(2, 2)}
    report, net = loaded({"state_dict": content}, tmp_path)
    assert report.prefix == "model." and report.unexpected_keys == ["criterion.weight", "metric.counts"]
    assert_loaded(net, state)
    with pytest.raises(ValueError, match="unexpected: x.weight"):  # inside the prefix it belongs to another net
        loaded(content | {"model.x.weight": torch.ones(1)}, tmp_path)


def test_parts_that_wrappers_add_within_names(state, tmp_path):
    inner = {name.replace(".", ".module.", 1): value for name, value in state.items()}
    report, net = loaded(inner, tmp_path)
    assert report[1:] == ([], []) and report.parts == ("module",) and "'module' in the names" in repr(report)
    assert_loaded(net, state)
    sharded = behind("_fsdp_wrapped_module.", {n.replace(".", "._checkpoint_wrapped_module.", 1): v for n, v in
                                              state.items()})  # fmt: skip
    report, net = loaded(sharded, tmp_path)
    assert report.parts == ("_checkpoint_wrapped_module", "_fsdp_wrapped_module")
    assert_loaded(net, state)
    vgg = torch_state_of(nets.VGG16(10, 1 / 64))  # torch's example of ImageNet wraps the features alone
    wrapped = {name.replace("features.", "features.module."): value for name, value in vgg.items()}
    assert loaded(wrapped, tmp_path, nets.FCN8s(classes=3, width=1 / 64))[0].layout == "torchvision vgg16"


def test_counters_of_old_files(state, tmp_path):
    counters = [name for name in state if name.endswith("num_batches_tracked")]
    some = {name: value for name, value in state.items() if name != counters[0]}
    report, net = loaded(some, tmp_path)
    assert report[1:] == ([], [])
    assert_loaded(net, some)
    loaded({name: value.reshape(1) if name in counters else value for name, value in state.items()}, tmp_path)


def test_a_checkpoint_without_tensors_says_what_it_holds(tmp_path):
    for content, words in (
        ({"lr": 0.1, "name": "x"}, "'lr' is a float; 'name' is a str"),
        ({0: torch.ones(1)}, "numbers in the place of names"),
        ({}, "an empty dict"),
        ({"x.weight": np.eye(2)}, "'x.weight' is a NumPy array; in the program .* mt.save"),
        ({"x": torch.ones(2, dtype=torch.complex64)}, "'x' is a tensor of dtype complex64"),
        ({"state": torch.nn.Linear(1, 1).state_dict}, "'state' is a method of an object made by torch.nn.modules"),
        ({"device": torch.device("cpu")}, "'device' is an object made by torch.device"),
    ):
        with pytest.raises(ValueError, match=f"weights.pth holds no named tensors: .*{words}"):
            loaded(content, tmp_path)


def test_names_in_messages_are_short_and_printable(tmp_path):
    for name in ("\x1b[2J\x1b]0;x\x07", "a\nb", "\ud800", "x" * 100_000):
        with pytest.raises(ValueError, match="unexpected: ") as caught:
            loaded({name: torch.ones(1)}, tmp_path)
        message = str(caught.value)
        assert len(message) < 1000 and message.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n <HTML>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x93NUMPY\x01", "npy"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04rest", "cut short"),
        (b'{"weight_map": {}}', "json"),
        (bytes(257) + b"ustar", "tar archive"),
        (b"\x08\x08\x12\x0aminitensor", "ONNX"),
    ],
)
def test_other_files_are_named(start, words, tmp_path):
    assert words in kind_of_bytes(start)
    path = tmp_path / "weights.pth"
    path.write_bytes(start)
    with pytest.raises(ValueError, match=rf"weights.pth: not a file of weights that torch wrote: .*{words}"):
        nets.load_weights(unet(), path)


def test_other_zips_are_named(tmp_path):
    for names, words in (
        (["a.npy", "b.npy"], "npz"), (["net/", "net/best.pth"], "give best.pth"), (["a/models/model.json"], "export"),
        (["x/y/data.pkl"], "packed again"), (["letter.txt"], "without data.pkl"),
    ):  # fmt: skip
        assert words in kind_of_zip(names)


def test_a_folder_names_the_files_in_it(state, tmp_path):
    mt.save(tmp_path / "best.safetensors", {"x": mt.ones(1)})
    with pytest.raises(ValueError, match="is a folder, not a file of weights; it holds best.safetensors"):
        nets.load_weights(unet(), tmp_path)


def test_one_part_of_several_names_the_index(state, tmp_path):
    path = tmp_path / "model-00001-of-00003.safetensors"
    mt.save(path, {"outc.conv.bias": mt.zeros(2)})
    with pytest.raises(
        ValueError, match=r"missing: .*\n  it is one part of several: give model.safetensors.index.json"
    ):
        nets.load_weights(unet(), path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {}}')
    with pytest.raises(ValueError, match="is a JSON text, not a safetensors file.* nets.read_weights reads it"):
        mt.load(index)


def test_shards_of_torch(state, tmp_path):
    """pytorch_model.bin.index.json, as transformers wrote it before safetensors."""
    names = list(state)
    torch.save({name: state[name] for name in names[:9]}, tmp_path / "a.bin")
    torch.save({name: state[name] for name in names[9:]}, tmp_path / "b.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    where = ", ".join(f'"{name}": "{"ab"[number >= 9]}.bin"' for number, name in enumerate(names))
    index.write_text('{"metadata": {"total_size": 1}, "weight_map": {' + where + "}}")
    net = unet()
    assert nets.load_weights(net, index)[1:] == ([], [])
    assert_loaded(net, state)
    for file, words in (
        ("c.bin", "no such file"),
        (index.name, "not a file of weights"),
        ("../a.bin", "not a file of weights"),
    ):
        index.write_text('{"weight_map": {"x": "' + file + '"}}')
        with pytest.raises(ValueError, match=words):
            nets.load_weights(net, index)
