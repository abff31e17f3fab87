"""ONNX files run in onnxruntime and give the nets' own scores, for every batch and size that the net takes."""

import numpy as np
import pytest

import layers
import minitensor as mt
import nets
from tests.nets import twins

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NETS = {
    "U-Net, valid": (lambda: nets.UNet(1, 2, 4), [(1, 1, 188, 188), (2, 1, 204, 188)]),
    "U-Net, the released one": (lambda: nets.UNet.released(base_channels=4), [(1, 1, 188, 188)]),
    "U-Net, same": (
        lambda: nets.UNet(3, 3, 4, padding="same", norm="batch"),
        [(1, 3, 64, 48), (3, 3, 1, 1), (2, 3, 37, 50), (1, 3, 100, 75)],
    ),
    "U-Net, bilinear": (
        lambda: nets.UNet(1, 2, 4, depth=3, padding="same", up="bilinear", norm="batch", dropout=0.5),
        [(1, 1, 64, 48), (2, 1, 41, 30)],
    ),
    "FCN-32s": (lambda: nets.FCN32s(classes=3, width=1 / 32), [(1, 3, 64, 64), (2, 3, 1, 1), (1, 3, 97, 150)]),
    "FCN-16s": (lambda: nets.FCN16s(classes=3, width=1 / 32), [(1, 3, 64, 64), (2, 3, 33, 70)]),
    "FCN-8s": (lambda: nets.FCN8s(classes=3, width=1 / 32), [(1, 3, 64, 64), (2, 3, 33, 70), (1, 3, 1, 1)]),
    "FCN-8s, scaled": (lambda: nets.FCN8s(classes=3, in_channels=1, width=1 / 32, at_once=True), [(1, 1, 50, 61)]),
    "fcn_resnet50": (lambda: nets.FCNResNet50(classes=3, width=1 / 16), [(1, 3, 64, 64), (2, 3, 49, 90)]),
    "VGG-16": (lambda: nets.VGG16(classes=5, width=1 / 32), [(2, 3, 224, 224)]),
    "VGG-16, fully convolutional": (
        lambda: nets.fully_convolutional(nets.VGG16(classes=5, width=1 / 32)),
        [(1, 3, 224, 256)],
    ),
    "layers": (
        lambda: layers.Sequential(
            layers.Conv2d(2, 4, 3, padding="same", dilation=2), layers.LeakyReLU(0.2), layers.BatchNorm2d(4),
            layers.Conv2d(4, 4, (2, 3), stride=(2, 1), padding=(1, 0), groups=2, padding_mode="replicate"),
            layers.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1), layers.Tanh(), layers.Dropout(),
            layers.MaxPool2d(3, 2, padding=1, ceil_mode=True), layers.Upsample(scale_factor=3, mode="nearest"),
            layers.Upsample(scale_factor=2, mode="bilinear"), layers.Softmax(1),
        ),
        [(1, 2, 12, 17), (2, 2, 9, 8)],
    ),
    "more layers": (
        lambda: layers.Sequential(
            layers.LeakyReLU(), layers.Conv2d(4, 6, (1, 3), groups=2), layers.GELU(), layers.SiLU(),
            layers.AvgPool2d(3, 2, padding=1, count_include_pad=False), layers.Softplus(0.5), layers.AvgPool2d(2, 1, 1),
        ),
        [(1, 4, 12, 17), (2, 4, 9, 8)],
    ),
    "a classifier": (
        lambda: layers.Sequential(
            layers.BatchNorm2d(3), layers.Conv2d(3, 5, 1), layers.AdaptiveAvgPool2d(1), layers.Flatten(),
            layers.Linear(5, 2, bias=False),
        ),
        [(2, 3, 4, 5)],
    ),
    "a linear layer on pixels": (
        lambda: layers.Sequential(layers.Conv2d(1, 2, 1), layers.Linear(6, 4)), [(2, 1, 5, 6)],
    ),
    "no weights": (lambda: layers.Sequential(layers.ReLU(), layers.MaxPool2d(2)), [(2, 3, 5, 6), (1, 1, 4, 4)]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_onnxruntime_gives_the_same_scores(name, tmp_path):
    make, shapes = NETS[name]
    net = twins.randomised(make(), seed=1).to(mt.float32).eval()
    path = tmp_path / "net.onnx"
    nets.export_onnx(net, path, {"classes": "a, b"})
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == {"classes": "a, b"}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for seed, shape in enumerate(shapes):
        x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        (scores,) = session.run(["scores"], {"image": x})
        with mt.no_grad():
            expected = net(mt.tensor(x)).numpy()
        assert scores.shape == expected.shape
        np.testing.assert_allclose(scores, expected, atol=1e-4 * max(1.0, np.abs(expected).max()), err_msg=str(shape))


def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path):
    class Own(layers.Module):
        def forward(self, x):
            return x

    for net, words in (
        (Own(), "a Own cannot be written; these can: UNet"),
        (layers.Sequential(layers.GroupNorm(1, 2)), "a layer GroupNorm cannot be written"),
        (layers.Sequential(layers.Conv2d(1, 1, 3, padding=1, padding_mode="circular")), "circular"),
        (layers.Sequential(layers.Softplus(threshold=5)), "from 20 up"),
        (layers.Sequential(layers.AdaptiveAvgPool2d(7)), "only 1"),
        (layers.Sequential(layers.AvgPool2d(2, ceil_mode=True)), "ceil_mode"),
        (layers.Sequential(layers.GELU("tanh")), "only the exact one"),
        (layers.Sequential(layers.Conv2d(1, 1, 1), layers.Upsample(scale_factor=1.5)), "only by whole numbers"),
    ):
        with pytest.raises(TypeError, match=words):
            nets.export_onnx(net, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("depth", [1, 2])
def test_a_valid_unet_refuses_sizes_that_do_not_fit_in_the_runtime_too(depth, tmp_path):
    """If the skip were cut by what is too much, 101 x 100 pixels would give scores that belong to other pixels."""
    net = nets.UNet(1, 2, 2, depth=depth)
    nets.export_onnx(net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    fits = nets.nearest_unet_sizes(100, depth)[1]
    for size in ((fits + 1, fits), (fits, fits - 1)):
        with pytest.raises(Exception, match="Concat"):
            session.run(None, {"image": np.zeros((1, 1, *size), np.float32)})
        with pytest.raises(ValueError, match="does not fit"):
            net(mt.zeros(1, 1, *size))


def test_wrong_arguments_of_export(tmp_path):
    net = layers.Sequential(layers.Conv2d(1, 1, 1))
    with pytest.raises(FileNotFoundError, match="there is no folder .*absent for net.onnx"):
        nets.export_onnx(net, tmp_path / "absent" / "net.onnx")
    with pytest.raises(ValueError, match="is a folder; name a file"):
        nets.export_onnx(net, tmp_path)
    with pytest.raises(TypeError, match="metadata must map texts to texts, got 'mean': 0.5"):
        nets.export_onnx(net, tmp_path / "net.onnx", {"mean": 0.5})
    assert not list(tmp_path.iterdir())
