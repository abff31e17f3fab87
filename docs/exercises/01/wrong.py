"""Wrong answers to exercise 01, and a part of the message that each must get."""


def _accuracy(a, b):
    return float((a == b).mean())


def _dice(a, b):
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 1.0


def _of_first(a, b):
    return float((a & b).sum() / a.sum()) if a.any() else 1.0


def _without_empty(a, b):
    return float((a & b).sum() / max((a | b).sum(), 1))


def _of_nothing(a, b):
    return (a & b).sum() / (a | b).sum()


WRONG = [
    ({"iou": _accuracy}, "background"),
    ({"iou": _dice}, "union"),
    ({"iou": _of_first}, "change places"),
    ({"iou": _without_empty}, "empty"),
    ({"iou": _of_nothing}, "two empty masks return 1.0"),
]
