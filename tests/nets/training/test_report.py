"""What the pictures of a run say: colours that can be told apart, and the same figures everywhere."""

import numpy as np
import pytest
from PIL import Image

from nets.data.sample import Sample, SegmentationClass, class_color
from nets.segmentation.instances import Found
from nets.training.measure import MEASURES
from nets.training.report import best_words, save_curves, save_image
from nets.training.rows import MARKS, NEAR, class_row, mark_colors, segment_legend


def classes_of(*colors):
    return tuple(SegmentationClass(i, f"class {i}", color) for i, color in enumerate(colors))


@pytest.mark.parametrize(
    "colors",
    [
        [(0, 0, 0), (255, 255, 255)],
        [(0, 0, 0), (200, 30, 50)],  # a red class
        [MARKS[0], MARKS[1], MARKS[2]],
        [class_color(position) for position in range(21)],  # PASCAL VOC
        [],
    ],
    ids=["black and white", "red", "the first marks", "VOC", "none"],
)
def test_marks_differ_from_each_other_and_from_the_classes(colors):
    marks = mark_colors(classes_of(*colors))
    assert len(set(marks)) == 3
    for mark in marks:
        others = [*colors, *(other for other in marks if other != mark)]
        assert min(np.linalg.norm(np.subtract(mark, other)) for other in others) >= NEAR * 0.75


def test_the_first_mark_stays_red_where_no_class_is():
    assert mark_colors(classes_of((0, 0, 0), (0, 0, 128)))[0] == MARKS[0]


def test_wrong_pixels_are_painted_with_the_colour_of_the_legend():
    classes = classes_of((0, 0, 0), (220, 40, 60))
    truth, found = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    found[1, 2] = 1
    row = class_row(Sample(np.full((4, 4), 90, np.uint8), truth, None, "a"), Found(found), classes)
    painted = dict(segment_legend(classes, []))["wrong"]
    assert tuple(row.pictures[3][1, 2]) == painted and painted != MARKS[0]
    assert (row.pictures[3] == painted).all(axis=2).sum() == 1


def test_both_pictures_say_both_figures(tmp_path):
    measure = MEASURES["semantic"]
    lines = [{"step": step, "validation_loss": 0.5, "mean_iu": score} for step, score in ((10, 0.8), (20, 0.9))]
    best = measure.best(lines)
    assert best_words(best, measure, 0.9234) == "0.923 with the final decision, 0.900 before it (step 20)"
    assert best_words(best, measure) == "best 0.900 at step 20"
    for final in (None, 0.9234):
        save_curves(tmp_path / "curves.png", [1.0] * 20, lines, measure, final)
        with Image.open(tmp_path / "curves.png") as picture:
            assert picture.size[0] > 900


def test_numbers_with_a_palette_are_still_numbers(tmp_path):
    numbers = np.array([[0, 1], [7, 255]], np.uint8)
    palette = np.array([class_color(number) for number in range(256)], np.uint8)
    save_image(tmp_path / "label.png", numbers, palette)
    with Image.open(tmp_path / "label.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), numbers)
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), palette[numbers])
