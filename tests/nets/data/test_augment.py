"""Augmentation: image, label and objects stay one picture, and equal random states give equal variants."""

import numpy as np
import pytest
from scipy import ndimage

from nets.data import IGNORE, Augmentation, Sample, augment, cells, default_crop, street
from nets.data.elastic import bend

NEUTRAL = dict(brightness=0.0, contrast=0.0, gamma=0.0, color=0.0)


def blocks(height=60, width=76, channels=1):
    """A sample whose image shows its label: grey level 20 + 60 * label."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 4, (height // 15 + 1, width // 15 + 1))
    label = np.kron(coarse, np.ones((15, 15), int))[:height, :width].astype(np.uint8)
    image = (20 + 60 * label).astype(np.uint8)
    if channels == 3:
        image = np.stack([image, image, image], axis=-1)
    return Sample(image, label, label.astype(np.int32) + 7, "blocks")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("orientation", ["free", "upright"])
@pytest.mark.parametrize("elastic", [0.0, 1.0])
@pytest.mark.parametrize("crop", [(48, 32), (96, 128)])
def test_image_label_and_objects_stay_aligned(channels, orientation, elastic, crop):
    sample = blocks(channels=channels)
    settings = Augmentation(crop, orientation, elastic=elastic, **NEUTRAL)
    for seed in range(6):
        variant = augment(sample, np.random.default_rng(seed), settings)
        assert variant.label.shape == variant.instances.shape == variant.image.shape[:2] == crop
        assert variant.image.dtype == np.uint8 and variant.label.dtype == np.uint8
        assert np.array_equal(variant.instances, variant.label + 7)
        shown = variant.image if channels == 1 else variant.image[..., 0]
        expected = 20 + 60 * variant.label.astype(int)
        # Away from edges of blocks, where bilinear sampling mixes neighbours, the grey level is the label's.
        flat = ndimage.maximum_filter(variant.label, 5) == ndimage.minimum_filter(variant.label, 5)
        flat[:2], flat[-2:], flat[:, :2], flat[:, -2:] = False, False, False, False
        wrong = np.abs(shown - expected)[flat] > 3
        assert flat.mean() > 0.3
        # Bending can squeeze a block into a few pixels, so that its edge is nowhere far away.
        assert wrong.mean() <= (0.05 if elastic else 0)


def test_equal_states_give_equal_variants_and_others_do_not():
    sample, settings = street(length=1).sample(0), Augmentation((64, 80), elastic=0.5)
    first, again = (np.random.default_rng(5) for _ in range(2))
    variants = [augment(sample, first, settings) for _ in range(4)]
    for variant in variants:
        repeated = augment(sample, again, settings)
        assert all(np.array_equal(a, b) for a, b in zip(variant[:3], repeated[:3], strict=True))
    assert not np.array_equal(variants[0].image, variants[1].image)


def test_without_scale_and_light_a_crop_is_a_part_of_the_image():
    sample = cells(length=1).sample(0)
    settings = Augmentation((160, 160), "free", scale=(1, 1), **NEUTRAL)
    views = [np.rot90(image, turns) for image in (sample.image, sample.image[:, ::-1]) for turns in range(4)]
    seen = set()
    for seed in range(40):
        variant = augment(sample, np.random.default_rng(seed), settings)
        matches = [at for at, view in enumerate(views) if np.array_equal(view, variant.image)]
        assert len(matches) == 1
        seen.update(matches)
    assert seen == set(range(8))


def test_upright_pictures_are_never_turned():
    sample = street(length=1).sample(0)
    settings = Augmentation(sample.label.shape, "upright", scale=(1, 1), **NEUTRAL)
    for seed in range(12):
        variant = augment(sample, np.random.default_rng(seed), settings)
        assert any(np.array_equal(variant.image, view) for view in (sample.image, sample.image[:, ::-1]))


def test_small_images_are_continued_by_their_mirror_image():
    label = np.arange(12, dtype=np.uint8).reshape(3, 4)
    sample = Sample(label * 10, label, None, "tiny")
    settings = Augmentation((9, 9), "upright", scale=(1, 1), **NEUTRAL)
    padded = np.pad(label, 9, mode="reflect")
    for seed in range(5):
        variant = augment(sample, np.random.default_rng(seed), settings)
        views = [variant.label, variant.label[:, ::-1]]
        windows = np.lib.stride_tricks.sliding_window_view(padded, (9, 9)).reshape(-1, 9, 9)
        assert any((windows == view).all((1, 2)).any() for view in views)
        assert set(np.unique(label)) <= set(np.unique(variant.label))
        assert (
            np.array_equal(variant.image // 10, variant.label)
            or np.abs(variant.image.astype(int) - 10 * variant.label).max() <= 40
        )  # the window may start between two pixels


def test_one_pixel_images():
    sample = Sample(np.full((1, 1), 9, np.uint8), np.ones((1, 1), np.uint8), None, "dot")
    variant = augment(sample, np.random.default_rng(0), Augmentation((8, 8), **NEUTRAL))
    assert (variant.label == 1).all() and (variant.image == 9).all()


def test_a_crop_avoids_places_where_all_is_ignored():
    label = np.full((200, 200), IGNORE, np.uint8)
    label[60:140, 60:140] = 1
    sample = Sample(np.zeros((200, 200), np.uint8), label, None, "mostly void")
    settings = Augmentation((32, 32))
    held = [(augment(sample, np.random.default_rng(seed), settings).label != IGNORE).any() for seed in range(60)]
    assert np.mean(held) > 0.95


@pytest.mark.parametrize("place", [(0, 0), (200, 131), (399, 399)])
def test_a_single_counted_pixel_is_always_found(place):
    label = np.full((400, 400), IGNORE, np.uint8)
    label[place] = 1
    sample = Sample(np.zeros((400, 400), np.uint8), label, None, "dot in the void")
    for seed in range(20):
        for scale in ((1, 1.25), (0.5, 0.8)):
            variant = augment(sample, np.random.default_rng(seed), Augmentation((32, 17), scale=scale))
            assert (variant.label == 1).any()


def test_a_label_of_nothing_but_ignore_stays_one():
    sample = Sample(np.zeros((9, 9), np.uint8), np.full((9, 9), IGNORE, np.uint8), None, "void")
    assert (augment(sample, np.random.default_rng(0), Augmentation((4, 4))).label == IGNORE).all()


def test_light_changes_the_image_alone():
    sample = street(length=1).sample(0)
    settings = Augmentation(sample.label.shape, "upright", scale=(1, 1))
    variant = augment(sample, np.random.default_rng(1), settings)
    assert not np.array_equal(variant.image, sample.image)
    assert any(np.array_equal(variant.label, view) for view in (sample.label, sample.label[:, ::-1]))


def test_bending_moves_by_about_ten_pixels_and_keeps_values():
    columns = np.tile(np.arange(200, dtype=np.int32), (200, 1))
    sample = Sample(np.zeros((200, 200), np.uint8), np.zeros((200, 200), np.uint8), columns, "ramp")
    moved = np.array(
        [np.abs(bend(sample, np.random.default_rng(s)).instances - columns)[60:140, 60:140].mean() for s in range(30)]
    )
    # The mean of |N(0, 10)| is 8; splines between grid points lie a little below it.
    assert 3 < moved.mean() < 9


def test_default_crop_fits_the_smallest_image():
    assert default_crop(cells(length=1, size=(180, 240))) == (176, 240)
    assert default_crop(cells(length=1, size=(512, 40))) == (256, 64)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Augmentation((0, 4)), "crop must be positive, got"),
        (Augmentation((4, 4), "sideways"), "orientation must be one of .* got 'sideways'"),
        (Augmentation((4, 4), scale=(2, 1)), r"scale must be \(least, most\)"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        augment(blocks(), np.random.default_rng(0), settings)
