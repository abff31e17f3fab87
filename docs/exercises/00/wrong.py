"""Wrong answers to exercise 00, and a part of the message that each must get."""


def _without_grad(grad, a, b):
    return 1 / b, -a / (b * b)


def _wrong_sign(grad, a, b):
    return grad / b, grad * a / (b * b)


def _like_multiply(grad, a, b):
    return grad * b, grad * a


WRONG = [
    ({"divide_backward": _without_grad}, "times grad"),
    ({"divide_backward": _wrong_sign}, "sign"),
    ({"divide_backward": _like_multiply}, "dy/da"),
]
