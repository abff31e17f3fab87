"""Training and validation sides: the same for a seed, disjoint, groups whole."""

import numpy as np
import pytest

from nets.data import open_dataset
from nets.data.split import split

NAMES = [f"{number:02d}" for number in range(40)]


def manifest(tmp_path, columns, rows):
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]))
    return path


def test_shuffled_by_seed():
    first, again, other = split(NAMES, 0), split(NAMES, 0), split(NAMES, 1)
    assert first == again and first.validation != other.validation
    assert sorted(first.train + first.validation) == list(range(40))
    assert len(first.validation) == 6
    assert "seed 0" in first.how


@pytest.mark.parametrize("count", range(2, 12))
def test_at_least_one_on_each_side(count):
    sides = split(NAMES[:count], 3)
    assert len(sides.validation) >= 1 and len(sides.train) >= 1


def test_one_image_serves_both_sides():
    sides = split(["a"], 0)
    assert sides.train == sides.validation == (0,) and "alike" in sides.how


def test_groups_stay_together(tmp_path):
    path = manifest(tmp_path, ["name", "fov_group"], [(f"{name}.png", int(name) // 3) for name in NAMES])
    for seed in range(20):
        sides = split(NAMES, seed, path)
        groups = [{position // 3 for position in side} for side in (sides.train, sides.validation)]
        assert not groups[0] & groups[1]
        assert 3 <= len(sides.validation) <= 8
        assert "fov_group" in sides.how


def test_two_large_groups(tmp_path):
    path = manifest(tmp_path, ["name", "sequence"], [(name, int(name) < 15) for name in NAMES])
    assert len(split(NAMES, 0, path).validation) == 15


def test_the_manifest_decides(tmp_path):
    words = ["train", "val", "test", "train"] * 10
    path = manifest(tmp_path, ["name", "split"], list(zip(NAMES, words, strict=True)))
    sides = split(NAMES, 0, path)
    assert [words[p] for p in sides.train] == ["train"] * 20
    assert [words[p] for p in sides.validation] == ["val"] * 10
    assert "manifest.csv" in sides.how and "10 neither" in sides.how


def test_a_split_column_without_validation_is_no_split(tmp_path):
    path = manifest(tmp_path, ["name", "split"], [(name, "train") for name in NAMES])
    assert len(split(NAMES, 0, path).validation) == 6


def test_names_with_dots(tmp_path):
    names = ["a.v1", "b.v1"]
    for suffix in ("", ".png"):
        path = manifest(tmp_path, ["name", "split"], [(names[0] + suffix, "val"), (names[1] + suffix, "train")])
        assert split(names, 0, path).validation == (0,)


@pytest.mark.parametrize("form", ["images/{}.png", "images/{}", "./images/{}.tif", "{}", "images\\{}.png"])
def test_names_may_be_paths(tmp_path, form):
    rows = [(form.format(name), "val" if int(name) < 4 else "train") for name in NAMES]
    assert split(NAMES, 0, manifest(tmp_path, ["Name", "Split"], rows)).validation == (0, 1, 2, 3)


@pytest.mark.parametrize("header", ["image,split", "name;group", "id,patient", "file\tsequence"])
def test_a_manifest_that_names_no_image_is_refused(tmp_path, header):
    separator = header.strip("abcdefghijklmnopqrstuvwxyz")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join([header, *(f"{name}{separator}{int(name) // 3}" for name in NAMES)]))
    with pytest.raises(ValueError, match=r"manifest\.csv: no row names an image; looked for '00'"):
        split(NAMES, 0, path)


def test_a_manifest_about_something_else_is_left_alone(tmp_path):
    path = manifest(tmp_path, ["image", "microscope"], [(name, "A") for name in NAMES])
    assert split(NAMES, 0, path) == split(NAMES, 0)


def test_one_group_of_all_images_is_parted_and_said(tmp_path):
    path = manifest(tmp_path, ["name", "patient"], [(name, 7) for name in NAMES])
    sides = split(NAMES, 0, path)
    assert len(sides.validation) == 6 and sides.how == "shuffled by seed 0 though all images are of one patient"


def test_an_unreadable_manifest_is_named(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ValueError, match="manifest.csv: cannot be read"):
        split(NAMES, 0, path)


def test_a_folder_is_split_and_says_so(make_folder):
    mask = np.random.default_rng(0).integers(0, 2, (16, 16)).astype(np.uint8)
    folder = make_folder({f"{name}.png": mask for name in NAMES[:10]})
    train, validation = open_dataset(folder, 5)
    assert sorted(train.names + validation.names) == NAMES[:10]
    assert "8 train, 2 validation (shuffled by seed 5)" in train.description
    assert train.description == validation.description
