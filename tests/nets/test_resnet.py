"""FCN-ResNet-50 beside a twin in torch, written from torchvision's public definition."""

import numpy as np
import pytest
import torch
from torch import nn

import minitensor as mt
import nets
from nets.resnet import BLOCKS, FCNResNet50

NARROW = {"classes": 5, "width": 1 / 16}


class TwinBlock(nn.Module):
    def __init__(self, inputs, planes, stride, dilation):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, planes * 4, 1, bias=False), nn.BatchNorm2d(planes * 4)
        self.downsample = None
        if stride != 1 or inputs != planes * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4)
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class TwinBackbone(nn.Module):
    """replace_stride_with_dilation=[False, True, True]"""

    def __init__(self, base):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.inputs, self.dilation = base, 1
        self.layer1 = self.make(base, 3, 1, False)
        self.layer2 = self.make(2 * base, 4, 2, False)
        self.layer3 = self.make(4 * base, 6, 2, True)
        self.layer4 = self.make(8 * base, 3, 2, True)

    def make(self, planes, blocks, stride, dilate):
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        layers = [TwinBlock(self.inputs, planes, stride, before)]
        self.inputs = planes * 4
        layers += [TwinBlock(self.inputs, planes, 1, self.dilation) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        deep = self.layer3(self.layer2(self.layer1(x)))
        return deep, self.layer4(deep)


class Twin(nn.Module):
    def __init__(self, classes, base):
        super().__init__()
        self.backbone = TwinBackbone(base)
        self.classifier, self.aux_classifier = self.head(32 * base, classes), self.head(16 * base, classes)

    @staticmethod
    def head(inputs, classes):
        inner = inputs // 4
        return nn.Sequential(
            nn.Conv2d(inputs, inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(), nn.Dropout(0.1),
            nn.Conv2d(inner, classes, 1),
        )  # fmt: skip

    def forward(self, x):
        features = self.backbone(x)
        heads = self.aux_classifier, self.classifier
        scores = [head(f) for head, f in zip(heads, features, strict=True)]
        aux, out = (
            nn.functional.interpolate(s, size=x.shape[2:], mode="bilinear", align_corners=False) for s in scores
        )
        return out, aux


def twin_with_drawn_statistics():
    torch.manual_seed(0)
    twin = Twin(5, 4)
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return twin.eval()


def test_keys_and_parameters_are_torchvisions():
    net = FCNResNet50()
    state = net.state_dict()
    assert len(state) == 334 and net.parameter_count() == 35_322_218
    assert state["backbone.layer4.0.downsample.0.weight"].shape == (2048, 1024, 1, 1)
    assert state["classifier.4.weight"].shape == (21, 512, 1, 1)
    assert state["aux_classifier.0.weight"].shape == (256, 1024, 3, 3)
    assert sum(BLOCKS) == 16


@pytest.mark.parametrize("size", [(64, 72), (33, 47)])
def test_outputs_equal_the_twins(size, tmp_path):
    twin = twin_with_drawn_statistics()
    torch.save(twin.state_dict(), tmp_path / "fcn_resnet50.pth")
    net = FCNResNet50(**NARROW).eval()
    assert nets.load_weights(net, tmp_path / "fcn_resnet50.pth") == ("torchvision fcn_resnet50", [], [])
    x = np.random.default_rng(0).standard_normal((2, 3, *size), np.float32)
    with torch.no_grad(), mt.no_grad():
        theirs, ours = twin(torch.from_numpy(x)), net(mt.tensor(x), auxiliary=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-4 * b.abs().max().item())


def test_a_file_without_the_auxiliary_head(tmp_path):
    state = {k: v for k, v in twin_with_drawn_statistics().state_dict().items() if not k.startswith("aux")}
    torch.save(state, tmp_path / "plain.pth")
    nets.load_weights(FCNResNet50(**NARROW, aux=False), tmp_path / "plain.pth")
    with pytest.raises(ValueError, match="aux_classifier"):
        nets.load_weights(FCNResNet50(**NARROW), tmp_path / "plain.pth")
    with pytest.raises(ValueError, match="aux=False"):
        FCNResNet50(**NARROW, aux=False)(mt.zeros(1, 3, 32, 32), auxiliary=True)


def test_a_resnet50_becomes_the_backbone(tmp_path):
    twin = twin_with_drawn_statistics()
    classifier = dict(twin.backbone.state_dict()) | {"fc.weight": torch.ones(7, 128), "fc.bias": torch.ones(7)}
    torch.save({"state_dict": {f"module.{name}": value for name, value in classifier.items()}}, tmp_path / "r50.pth")
    net = FCNResNet50(**NARROW)
    head = net.classifier[4].weight.numpy().copy()
    loaded = nets.load_weights(net, tmp_path / "r50.pth")
    assert loaded.layout == "torchvision resnet50" and loaded.unexpected_keys == ["fc.weight", "fc.bias"]
    assert all(name.startswith(("classifier.", "aux_classifier.")) for name in loaded.missing_keys)
    np.testing.assert_array_equal(net.classifier[4].weight.numpy(), head)
    np.testing.assert_array_equal(
        net.backbone.layer4[2].conv3.weight.numpy(), classifier["layer4.2.conv3.weight"].numpy()
    )
    del classifier["layer2.0.bn1.bias"]
    torch.save(classifier, tmp_path / "r50.pth")
    with pytest.raises(ValueError, match="missing: layer2.0.bn1.bias"):
        nets.load_weights(net, tmp_path / "r50.pth")


def test_gradients_reach_every_weight():
    net = FCNResNet50(**NARROW)
    scores, aux = net(mt.randn(2, 3, 32, 32), auxiliary=True)
    ((scores * scores).mean() + (aux * aux).mean()).backward()
    assert all(np.isfinite(p.grad.numpy()).all() and p.grad.numpy().any() for p in net.parameters())


def test_other_inputs_are_refused():
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        FCNResNet50(**NARROW)(mt.zeros(1, 1, 32, 32))


def test_an_image_of_any_size_is_predicted():
    net = FCNResNet50(**NARROW).eval()
    image = np.random.default_rng(0).standard_normal((3, 40, 50), np.float32)
    with mt.no_grad():
        whole = net(mt.tensor(image[None])).numpy()[0]
    scores = np.asarray(nets.predict(net, image))
    np.testing.assert_allclose(scores, whole, rtol=1e-4, atol=1e-4)
