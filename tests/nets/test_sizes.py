"""Sizes of the U-Net and crops of the FCNs against the published numbers and against the formulas."""

import pytest

import nets
from nets.plan import Window
from nets.sizes import fcn_blocks


def test_sizes_of_the_paper():
    sizes = nets.unet_sizes(572)
    assert [level.enter for level in sizes.levels] == [572, 284, 140, 68]
    assert [level.skip for level in sizes.levels] == [568, 280, 136, 64]
    assert sizes.bottom == (32, 28)
    assert [level.up for level in sizes.levels] == [392, 200, 104, 56]
    assert [level.leave for level in sizes.levels] == [388, 196, 100, 52]
    assert sizes.crops == (88, 40, 16, 4)
    assert (sizes.input, sizes.output) == (572, 388)


@pytest.mark.parametrize("depth", range(1, 6))
def test_walk_equals_the_formulas(depth):
    for n in range(1, 12 * 2**depth + 70):
        fits = (n + 4) % 2**depth == 0 and n > 12 * 2**depth - 8
        if fits:
            sizes = nets.unet_sizes(n, depth)
            assert sizes.output == n - 12 * 2**depth + 8
            assert sizes.crops == tuple(12 * 2 ** (depth - 1 - i) - 8 for i in range(depth))
        else:
            with pytest.raises(ValueError, match=f"{n} does not fit a U-Net of depth {depth}"):
                nets.unet_sizes(n, depth)


def test_without_pooling_two_convolutions_remain():
    assert nets.unet_sizes(9, depth=0).output == 5


def test_nearest_sizes():
    assert nets.nearest_unet_sizes(570) == (556, 572)
    assert nets.nearest_unet_sizes(572) == (572, 572)
    assert nets.nearest_unet_sizes(3) == (None, 188)
    assert nets.nearest_unet_sizes(188) == (188, 188)


@pytest.mark.parametrize(("output", "size"), [(1, 188), (4, 188), (5, 204), (388, 572), (389, 588), (512, 700)])
def test_input_for_an_output(output, size):
    assert nets.unet_input_size(output) == size


@pytest.mark.parametrize(("n", "depth", "error"), [(0, 4, ValueError), (5.0, 4, TypeError), (572, -1, ValueError)])
def test_wrong_arguments(n, depth, error):
    with pytest.raises(error, match="unet_sizes"):
        nets.unet_sizes(n, depth)


def test_crops_of_the_prototxt_files():
    assert nets.fcn_crops() == (19, 27, 31, 5, 9)
    assert nets.fcn_crops()._asdict() == {
        "upscore": 19,
        "upscore16": 27,
        "upscore8": 31,
        "score_pool4": 5,
        "score_pool3": 9,
    }


def test_crops_follow_the_padding():
    """One row more of padding at the image is one row more to cut at the image, and 1/16 or 1/8 row at the skips."""
    assert nets.fcn_crops(padding=116).upscore == 19 + 16
    assert nets.fcn_crops(padding=116).score_pool4 == 5  # both the skip and what it meets move


def walked(steps, size):
    for step in steps:
        size = step.output_size(size)
    return size


def deepest(padding):
    return [*sum(fcn_blocks(padding), ()), Window("fc6", 7)]


def test_padding_of_97_is_the_least_that_an_image_of_one_pixel_needs():
    assert walked(deepest(96), 1) == 0
    assert walked(deepest(97), 1) == 1


def test_cut_scores_always_cover_the_image():
    """Every crop must find enough rows, for every size: what pad 100 and rounding up are for."""
    crops = nets.fcn_crops()
    for n in range(1, 2000):
        blocks = fcn_blocks()
        pool3 = walked(sum(blocks[:3], ()), n)
        pool4 = walked(blocks[3], pool3)
        score = walked(deepest(100), n)
        upscore2 = 2 * score + 2
        upscore_pool4 = 2 * upscore2 + 2
        assert 32 * score + 32 >= n + crops.upscore
        assert pool4 >= upscore2 + crops.score_pool4 and 16 * upscore2 + 16 >= n + crops.upscore16
        assert pool3 >= upscore_pool4 + crops.score_pool3 and 8 * upscore_pool4 + 8 >= n + crops.upscore8
