"""One step of an optimizer, in place. minitensor/optim explains the formulas; this file is about their passes over
memory.

An update is a chain of cheap passes over the same numbers, so arrays are used again if the formula allows it.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.geometry import ceil_div
from minitensor.kernels.table import register

ALIGNMENT = 16  # bytes. cuDNN demands it of every array, and cuBLAS and our kernels read four numbers at a time


def places(arrays):
    """(slices, length): where arrays of one dtype lie in one flat array, each from a multiple of ALIGNMENT bytes on."""
    slices, begin = [], 0
    for array in arrays:
        slices.append(slice(begin, begin + array.size))
        begin += ceil_div(array.nbytes, ALIGNMENT) * ALIGNMENT // array.itemsize
    return slices, begin


@register("flatten", "reference", products=False)
def flatten(flat, arrays):
    """Write arrays of any shapes into flat, whose length `places` gives, and zeros between them."""
    flat[...] = 0
    for place, array in zip(places(arrays)[0], arrays, strict=True):
        flat[place] = array.reshape(-1)


@register("sgd_update", "reference", products=False)
def sgd_update(param, grad, velocity, lr, momentum, fresh, weight_decay, nesterov, first):
    """param -= lr v, v = momentum v + fresh g, g = grad + weight_decay param; without velocity (None), v = g.

    `first`: velocity holds nothing yet, and v = g. With nesterov, g + momentum v takes the place of v in param.
    """
    step = grad
    if weight_decay:
        step = weight_decay * param
        step += grad
    if velocity is not None:
        if first:
            velocity[...] = step
        else:
            velocity *= momentum
            velocity += step if fresh == 1 else fresh * step
        step = step + momentum * velocity if nesterov else velocity
    param -= lr * step


@register("adam_update", "reference", products=False)
def adam_update(
    param, grad, mean, square, largest, lr, betas, eps, weight_decay, decoupled, mean_correction, root_correction
):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, and then

        param -= lr m / mean_correction / (sqrt(v) / root_correction + eps)

    g = grad + weight_decay param; or, if `decoupled`, param is first multiplied by 1 - lr weight_decay. `largest`, if
    given, keeps the maximum of v, which takes the place of v in param.
    """
    beta1, beta2 = betas
    xp = array_module(param)
    if weight_decay and decoupled:
        param *= 1 - lr * weight_decay
    elif weight_decay:
        grad = grad + weight_decay * param
    # beta1 * m + (1 - beta1) * g = m + (1 - beta1) * (g - m): one array less
    work = grad - mean
    work *= 1 - beta1
    mean += work
    xp.multiply(grad, grad, out=work)
    work *= 1 - beta2
    square *= beta2
    square += work
    if largest is not None:
        xp.maximum(largest, square, out=largest)
        square = largest
    xp.sqrt(square, out=work)
    work /= root_correction
    work += eps
    xp.divide(mean, work, out=work)
    work *= lr / mean_correction
    param -= work
