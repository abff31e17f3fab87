"""Wrong answers to exercise 03, and a part of the message that each must get."""


def _mean(grad, shape):
    grad = grad.mean(axis=tuple(range(grad.ndim - len(shape))))
    return grad.mean(axis=tuple(axis for axis, size in enumerate(shape) if size == 1), keepdims=True)


def _only_in_front(grad, shape):
    return grad.sum(axis=tuple(range(grad.ndim - len(shape))))


def _first(grad, shape):
    for _ in range(grad.ndim - len(shape)):
        grad = grad[0]
    return grad[tuple(slice(0, size) for size in shape)]


def _reshaped(grad, shape):
    return grad.reshape(shape)


WRONG = [
    ({"sum_to": _mean}, "sum, not the mean"),
    ({"sum_to": _only_in_front}, "keepdims"),
    ({"sum_to": _first}, "read"),
    ({"sum_to": _reshaped}, "failed in line"),
]
