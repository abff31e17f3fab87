"""A solution of exercise 01."""


def iou(a, b):
    """Pixels in both, divided by pixels in either."""
    either = (a | b).sum()
    return float((a & b).sum() / either) if either else 1.0
