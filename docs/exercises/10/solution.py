"""A solution of exercise 10."""


def as_kernel(weight, channels, height, width):
    """The order of flattening, undone."""
    return weight.reshape(len(weight), channels, height, width)
