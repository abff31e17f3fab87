"""nets.predict: shapes in and out, modes left as they were, refusals; and class maps in colour."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minitensor as mt
import nets
from nets.data import IGNORE, SegmentationClass
from nets.segmentation.semantic import colorize, overlay, predict, view_probabilities


@pytest.fixture(scope="module")
def net():
    mt.manual_seed(0)
    return nets.UNet(1, 3, 2, 1, padding="same", norm="batch")


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (5, 130)])
def test_any_size(net, size):
    image = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    scores = predict(net, image)
    assert scores.shape == (3, *size)
    np.testing.assert_array_equal(predict(net, image[None]), scores)
    np.testing.assert_array_equal(predict(net, mt.tensor(image[None, None])), scores[None])


def test_evaluates_and_leaves_everything_as_it_was(net):
    image = np.random.default_rng(0).standard_normal((1, 16, 16)).astype(np.float32)
    net.eval()
    expected = net(mt.tensor(image[None])).numpy()[0]
    net.train()
    before = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    np.testing.assert_array_equal(predict(net, image), expected)
    assert net.training and all(module.training for module in net.modules())
    for name, tensor in net.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), before[name])


def test_the_mode_returns_after_an_error(net):
    net.train()
    with pytest.raises(ValueError, match="UNet"):
        predict(net, np.zeros((2, 8, 8), np.float32))
    assert net.training


def test_what_is_no_image_is_refused(net):
    with pytest.raises(TypeError, match="floating point.*uint8"):
        predict(net, np.zeros((8, 8), np.uint8))
    for shape in ((8,), (1, 1, 1, 8, 8), (1, 0, 8)):
        with pytest.raises(ValueError, match="predict: image"):
            predict(net, np.zeros(shape, np.float32))


def test_the_public_name():
    assert nets.predict is predict


CLASSES = (SegmentationClass(0, "a", (1, 2, 3)), SegmentationClass(7, "b", (40, 50, 60)))


def test_colors():
    label = np.array([[0, 1], [1, IGNORE]])
    expected = [[(1, 2, 3), (40, 50, 60)], [(40, 50, 60), (255, 255, 255)]]
    np.testing.assert_array_equal(colorize(label, CLASSES), expected)


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 3)])
def test_overlay(shape):
    image = np.full(shape, 100, np.uint8)
    picture = overlay(image, np.array([[0, 1], [1, 0]]), CLASSES, 0.25)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[0, 1], [85, 88, 90])


@pytest.mark.parametrize("orientation, count", [("upright", 2), ("free", 4)])
def test_mirrored_views_are_turned_back(net, orientation, count):
    """The views of a mirrored image are those of the image, mirrored, in another order."""
    image = np.random.default_rng(0).standard_normal((1, 8, 10)).astype(np.float32)
    views = list(view_probabilities(net, image, orientation))
    assert len(views) == count
    scores = np.exp(predict(net, image))
    np.testing.assert_allclose(views[0], scores / scores.sum(0), rtol=1e-4)
    others = view_probabilities(net, np.flip(image, -1), orientation)
    for found in [np.flip(other, -1) for other in others]:
        assert min(np.abs(found - view).max() for view in views) < 1e-6
    assert np.abs(views[1] - views[0]).max() > 1e-3


def test_threads_that_predict_at_once_leave_a_net_in_training_as_it_was():
    mt.manual_seed(0)
    net = nets.UNet(1, 3, 4, 2, padding="same", norm="batch").train()
    frozen = next(module for module in net.modules() if type(module).__name__ == "BatchNorm2d")
    frozen.eval()
    modes = {name: module.training for name, module in net.named_modules()}
    before = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    images = np.random.default_rng(0).standard_normal((24, 1, 40, 40)).astype(np.float32)
    expected = [predict(net, image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: predict(net, image), images))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {name: module.training for name, module in net.named_modules()} == modes
    for name, tensor in net.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), before[name])
