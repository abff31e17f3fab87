"""A solution of exercise 03."""


def sum_to(grad, shape):
    """Sum over the axes in front, then over the axes that had size 1."""
    new = grad.ndim - len(shape)
    grad = grad.sum(axis=tuple(range(new)))
    ones = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return grad.sum(axis=ones, keepdims=True)
