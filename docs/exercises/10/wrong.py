"""Wrong answers to exercise 10, and a part of the message that each must get."""


def _channels_last(weight, channels, height, width):
    return weight.reshape(len(weight), height, width, channels).transpose(0, 3, 1, 2)


def _rotated(weight, channels, height, width):
    return weight.reshape(len(weight), channels, height, width)[:, :, ::-1, ::-1]


def _one_by_one(weight, channels, height, width):
    return weight.reshape(len(weight), channels * height * width, 1, 1)


def _columns_first(weight, channels, height, width):
    return weight.reshape(len(weight), channels, width, height).swapaxes(2, 3)


def _outputs_inside(weight, channels, height, width):
    return weight.reshape(channels, len(weight), height, width).swapaxes(0, 1)


WRONG = [
    ({"as_kernel": _channels_last}, "channel first"),
    ({"as_kernel": _rotated}, "rotate"),
    ({"as_kernel": _one_by_one}, "shape"),
    ({"as_kernel": _columns_first}, "row by row"),
    ({"as_kernel": _outputs_inside}, "row o of the weight"),
]
