"""--weights: training from a file, and other weights for predict and evaluate; export to ONNX."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import minitensor as mt
import nets
from nets.__main__ import main
from nets.training.run import Run
from tests.nets.commands.refused import refused


def test_training_starts_from_the_weights_of_another_number_of_classes(folder, tmp_path, capsys):
    settings = dict(in_channels=1, base_channels=4, depth=2, padding="same", norm="batch")
    source = nets.UNet(classes=5, **settings)
    torch.save({n: torch.tensor(v.numpy() + 1) for n, v in source.state_dict().items()}, tmp_path / "five.pth")
    out = tmp_path / "run"
    common = ["train", "--data", str(folder), "--base", "4", "--depth", "2", "--crop", "16", "--out", str(out)]
    assert main([*common, "--steps", "1", "--lr", "1e-9", "--weights", str(tmp_path / "five.pth")]) == 0
    assert "five.pth (U-Net); new: outc.conv" in capsys.readouterr().out
    trained = mt.load(out / "last.safetensors")
    name = "down1.maxpool_conv.1.double_conv.0.weight"
    np.testing.assert_allclose(trained[name].numpy(), source.state_dict()[name].numpy() + 1, atol=1e-5)
    refused(capsys, *common, "--resume", "--steps", "2", "--weights", tmp_path / "five.pth", saying=["--weights"])


def test_an_fcn_starts_from_vgg(tmp_path, capsys):
    torch.manual_seed(0)
    vgg = nets.VGG16(classes=7, width=1 / 64)
    torch.save({name: torch.rand(value.shape) for name, value in vgg.state_dict().items()}, tmp_path / "vgg.pth")
    options = [
        "--net",
        "fcn32s",
        "--width",
        str(1 / 64),
        "--data",
        "street",
        "--crop",
        "32",
        "--steps",
        "1",
        "--lr",
        "1e-9",
    ]
    assert main(["train", *options, "--weights", str(tmp_path / "vgg.pth"), "--out", str(tmp_path / "run")]) == 0
    assert "(torchvision vgg16); new: score_fr, upscore" in capsys.readouterr().out
    trained, given = mt.load(tmp_path / "run" / "last.safetensors"), nets.read_weights(tmp_path / "vgg.pth")
    np.testing.assert_allclose(trained["conv5_3.weight"].numpy(), given["features.28.weight"].numpy(), atol=1e-5)


def test_weights_that_do_not_fit_are_refused_before_a_run_begins(folder, tmp_path, capsys):
    mt.save(tmp_path / "other.safetensors", nets.UNet(1, 2, 2).state_dict())
    out = tmp_path / "run"
    options = ["train", "--data", folder, "--steps", "1", "--out", out, "--weights"]
    refused(capsys, *options, tmp_path / "other.safetensors", saying=["other.safetensors", "does not fit"])
    refused(capsys, *options, tmp_path / "none.pth", saying=["none.pth"])
    assert not out.exists()


def test_predict_and_evaluate_take_other_weights(finished_run, folder, tmp_path, capsys):
    net = Run.open(finished_run).load_net()
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    state["outc.conv.weight"], state["outc.conv.bias"] = -state["outc.conv.weight"], -state["outc.conv.bias"]
    mt.save(tmp_path / "turned.safetensors", state)
    image = folder / "images" / "00.png"
    labels = []
    for number, weights in enumerate(([], ["--weights", str(tmp_path / "turned.safetensors")])):
        out = tmp_path / str(number)
        assert main(["predict", str(finished_run), str(image), "--out", str(out), *weights]) == 0
        labels.append(np.asarray(Image.open(out / "00_label.png")))
        capsys.readouterr()
        assert main(["evaluate", str(finished_run), "--data", str(folder), "--json", *weights]) == 0
        labels.append(json.loads(capsys.readouterr().out)["mean_iu"])
    assert (labels[0] != labels[2]).any() and labels[1] != labels[3]


def test_an_exported_run_gives_the_nets_scores(finished_run, folder, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    path = tmp_path / "net.onnx"
    assert main(["export", str(finished_run), str(path)]) == 0
    said = capsys.readouterr().out
    run = Run.open(finished_run)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == [entry.name for entry in run.config.classes]
    pixels = np.asarray(Image.open(folder / "images" / "00.png").convert("L")).astype(np.float32)
    mean, std = (np.float32(json.loads(metadata[name])[0]) for name in ("mean", "std"))
    (scores,) = session.run(None, {"image": ((pixels - mean) / std)[None, None]})
    with mt.no_grad():
        expected = run.load_net()(mt.tensor(run.config.normalization.apply(pixels.astype(np.uint8))[None])).numpy()
    np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())
    assert "-> scores" in said and f"{mean:.2f}" in said
    refused(capsys, "export", tmp_path, tmp_path / "x.onnx", saying=["not a run folder"])


def test_the_checkpoint_of_a_run_is_a_file_of_weights(finished_run):
    """Its names are paths: /average/..., the running mean that the run's best and last weights are, and /net/..."""
    net = Run.open(finished_run).load_net()
    loaded = nets.load_weights(net, finished_run / "checkpoint.safetensors")
    assert loaded.prefix == "/average/" and loaded.missing_keys == []
    last = mt.load(finished_run / "last.safetensors")
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), last[name].numpy(), err_msg=name)
