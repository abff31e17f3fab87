"""Tiles put together equal the whole image, at any size of either, for nets that shrink and nets that do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitensor as mt
import nets
from nets.segmentation.tiling import mirrored, predict_tiles, tile_geometry

mt.manual_seed(0)
NETS = {
    "valid, depth 1": nets.UNet(1, 2, 2, 1),
    "valid, depth 2": nets.UNet(1, 2, 2, 2),
    "same, depth 2": nets.UNet(1, 3, 2, 2, padding="same"),
    "same, batch norm": nets.UNet(1, 2, 2, 1, padding="same", norm="batch"),
}
for net in NETS.values():
    net.eval()


def run(net):
    def forward(x):
        with mt.no_grad():
            return net(mt.tensor(x)).numpy()

    return forward


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=8)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(8, 60), st.integers(8, 60), st.integers(0, 1000))
def test_tiles_equal_the_whole(name, height, width, tile_height, tile_width, seed):
    net = NETS[name]
    batch = np.random.default_rng(seed).standard_normal((1, 1, height, width)).astype(np.float32)
    whole = predict_tiles(net, batch, run(net))
    tiled = predict_tiles(net, batch, run(net), (tile_height, tile_width))
    assert whole.shape == tiled.shape == (1, net.classes, height, width)
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * max(1.0, np.abs(whole).max()))


def test_the_whole_of_a_valid_net_is_the_net_on_the_mirrored_image():
    """512 pixels need 516, the least output size above; 516 + 2 * 92 = 700 go in."""
    assert tile_geometry(nets.UNet(1, 2, 1, 4)) == (16, 92, 92)
    net = NETS["valid, depth 2"]
    assert tile_geometry(net) == (4, 20, 20)
    image = np.random.default_rng(0).standard_normal((1, 1, 24, 32)).astype(np.float32)
    padded = np.pad(image, ((0, 0), (0, 0), (20, 20), (20, 20)), mode="reflect")
    np.testing.assert_array_equal(predict_tiles(net, image, run(net)), run(net)(padded))


def test_same_nets_are_given_the_image_as_it_is():
    net = NETS["same, depth 2"]
    image = np.random.default_rng(0).standard_normal((2, 1, 13, 9)).astype(np.float32)
    np.testing.assert_array_equal(predict_tiles(net, image, run(net)), run(net)(image))


def test_the_margin_covers_the_receptive_field():
    for depth in (1, 2, 3, 4):
        geometry = tile_geometry(nets.UNet(1, 2, 1, depth, padding="same"))
        assert geometry.grid == 2**depth
        assert geometry.margin >= nets.receptive_field(nets.UNet(1, 2, 1, depth)).size // 2
        assert geometry.margin % geometry.grid == 0
    assert tile_geometry(nets.FCN8s(width=1 / 64)).grid == 32


def test_a_net_that_sees_less_of_a_tile_shows_seams():
    """The margin is not for show: with none, pixels at the tiles' borders differ from the whole."""
    net = NETS["same, depth 2"]
    image = np.random.default_rng(0).standard_normal((1, 1, 64, 64)).astype(np.float32)
    whole = run(net)(image)
    halves = np.concatenate([run(net)(image[..., :32]), run(net)(image[..., 32:])], axis=-1)
    assert np.abs(halves - whole).max() > 1e-2


@pytest.mark.parametrize("size", [1, 2, 3])
def test_mirroring_goes_back_and_forth(size):
    row = np.arange(size, dtype=np.float32).reshape(1, 1, 1, size)
    period = [*range(size), *range(size - 2, 0, -1)]
    expected = [period[i % len(period)] for i in range(-5, size + 7)]
    np.testing.assert_array_equal(mirrored(row, (0, 0), (5, 7))[0, 0, 0], expected)


@pytest.mark.parametrize("tile", [0, (4, -1), (4, 4, 4)])
def test_bad_tiles_are_refused(tile):
    with pytest.raises(ValueError, match="predict: tile"):
        predict_tiles(NETS["valid, depth 1"], np.zeros((1, 1, 9, 9), np.float32), None, tile)
