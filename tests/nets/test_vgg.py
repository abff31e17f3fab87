"""VGG-16 against torch, and the proof that its fully connected layers are convolutions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import layers
import minitensor as mt
import nets
from layers import init
from tests.nets import twins

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
POOLINGS_AFTER = (2, 7, 14, 21, 28)


def vgg16(state, x):
    """torchvision's vgg16 in evaluation, from its published text."""
    for index in CONVOLUTIONS:
        x = F.relu(F.conv2d(x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], padding=1))
        if index in POOLINGS_AFTER:
            x = F.max_pool2d(x, 2, 2)
    x = torch.flatten(F.adaptive_avg_pool2d(x, (7, 7)), 1)
    for index in (0, 3, 6):
        x = F.linear(x, state[f"classifier.{index}.weight"], state[f"classifier.{index}.bias"])
        x = F.relu(x) if index < 6 else x
    return x


def image(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture(scope="module")
def narrow():
    return twins.randomised(nets.VGG16(classes=5, width=1 / 32))


@init.skipped()
def test_published_count_and_keys():
    net = nets.VGG16()
    assert net.parameter_count() == 138_357_544
    assert sum(parameter.size for parameter in net.features.parameters()) == 14_714_688
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    assert len(shapes) == 32
    assert {name.rsplit(".", 1)[0] for name in shapes} == {f"features.{i}" for i in CONVOLUTIONS} | {
        "classifier.0",
        "classifier.3",
        "classifier.6",
    }
    assert shapes["classifier.0.weight"] == (4096, 25088)
    assert shapes["classifier.3.weight"] == (4096, 4096)
    assert shapes["classifier.6.weight"] == (1000, 4096)


@pytest.mark.parametrize("size", [(224, 224), (32, 32), (33, 95), (250, 231)])
def test_equals_the_twin(narrow, size):
    twins.assert_same(narrow, vgg16, image(2, 3, *size))


def test_gradients_equal_the_twins(narrow):
    twins.assert_same_gradients(narrow, vgg16, image(1, 3, 100, 68))


def test_fully_connected_layers_are_convolutions(narrow):
    """On 224 x 224 the convolutional net gives the classifier's own scores."""
    x = mt.tensor(image(2, 3, 224, 224))
    scores, heatmap = narrow(x).numpy(), nets.fully_convolutional(narrow).eval()(x).numpy()
    assert heatmap.shape == (2, 5, 1, 1)
    np.testing.assert_allclose(heatmap[:, :, 0, 0], scores, rtol=1e-10, atol=1e-12)


def test_larger_images_give_a_heatmap_of_the_classifier_slid_over_the_features(narrow):
    x = mt.tensor(image(1, 3, 300, 263))
    heatmap = nets.fully_convolutional(narrow).eval()(x)
    assert heatmap.shape == (1, 5, 300 // 32 - 6, 263 // 32 - 6)
    features = narrow.features(x)
    for row in range(heatmap.shape[2]):
        for column in range(heatmap.shape[3]):
            window = features[:, :, row : row + 7, column : column + 7]
            scores = narrow.classifier(mt.flatten(window, 1)).numpy()
            np.testing.assert_allclose(heatmap.numpy()[:, :, row, column], scores, rtol=1e-10, atol=1e-12)


def test_the_convolutional_net_shares_its_weights(narrow):
    convolutional = nets.fully_convolutional(narrow)
    assert np.shares_memory(convolutional[-1].weight.data, narrow.classifier[6].weight.data)


@pytest.mark.parametrize("bias", [True, False])
def test_any_classifier_slides_as_convolutions(bias):
    """Without padding, each score is exactly that of the window cut out of the image."""
    net = layers.Sequential(
        layers.Conv2d(2, 3, 3), layers.ReLU(), layers.MaxPool2d(2), layers.Flatten(), layers.Dropout(),
        layers.Linear(3 * 4 * 4, 6, bias=bias), layers.ReLU(), layers.Linear(6, 5, bias=bias),
    ).double().eval()  # fmt: skip
    x = mt.tensor(image(1, 2, 14, 18))
    heatmap = nets.fully_convolutional(net).eval()(x).numpy()
    assert heatmap.shape == (1, 5, 3, 5)
    for row, column in np.ndindex(3, 5):
        window = x[:, :, 2 * row : 2 * row + 10, 2 * column : 2 * column + 10]
        np.testing.assert_allclose(heatmap[:, :, row, column], net(window).numpy(), rtol=1e-10, atol=1e-12)


def test_classifiers_that_cannot_slide():
    with pytest.raises(TypeError, match="a VGG16 or a Sequential is needed, got Linear"):
        nets.fully_convolutional(layers.Linear(2, 2))
    with pytest.raises(ValueError, match="needs a convolution and a Flatten before it"):
        nets.fully_convolutional(layers.Sequential(layers.Conv2d(1, 3, 3), layers.Linear(12, 2)))
    with pytest.raises(ValueError, match="a Linear of 18 inputs does not see 3 square channels"):
        nets.fully_convolutional(layers.Sequential(layers.Conv2d(1, 3, 3), layers.Flatten(), layers.Linear(18, 2)))


def test_receptive_field_of_the_features(narrow):
    assert nets.receptive_field(narrow.features) == (212, 32, -90)
    assert nets.receptive_field(narrow) == (404, 32, -90)


@pytest.mark.parametrize("shape", [(3, 224, 224), (1, 1, 224, 224), (1, 3, 31, 224)])
def test_wrong_inputs(narrow, shape):
    with pytest.raises(ValueError, match="VGG16: x must be"):
        narrow(mt.zeros(*shape, dtype=mt.float64))
