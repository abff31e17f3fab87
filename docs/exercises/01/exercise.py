"""Exercise 01: how well do two masks agree? Then run: pytest docs/exercises/01"""


def iou(a, b):
    """Intersection over union of two masks, bool arrays of one shape: pixels in both, divided by pixels in either.

    Two empty masks agree: 1.0.
    """
    raise NotImplementedError("exercise 01: write iou in docs/exercises/01/exercise.py")
