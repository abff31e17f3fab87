"""Convolution and its two relatives: a set of three operations that is closed under differentiation.

The number <g, conv(x, w)> = sum over n, o, i, j, c, k, l of g[n,o,i,j] x[n,c,i+k,j+l] w[o,c,k,l]
is linear in g, in x and in w. Leave out one factor and sum the rest: these are its three partial derivatives,

    with respect to g:  conv2d(x, w)             what the layer computes
    with respect to x:  conv_transpose2d(g, w)   the input's gradient: each output pixel is sent back through the kernel
    with respect to w:  conv2d_weight(x, g)      the weight's gradient: image and gradient, correlated

Each of the three is bilinear, and its gradients are the other two. That is all the calculus in this file. Stride,
padding, dilation and groups change the index of the sum, not the argument.

If the gradients for x and for the weight are both needed, one kernel may compute both, because they share work
(Conv2dGradients). The graph still records two ordinary operations, a transposed convolution and a conv2d_weight, so no
new derivative is needed.
"""

from __future__ import annotations

from minitensor.engine import Op, owned
from minitensor.kernels import run
from minitensor.kernels.geometry import conv_transpose_output_size, output_size
from minitensor.ops.activation import ReluBiasGradient, ReluGradient
from minitensor.ops.reduce import PrecomputedSum, Sum


class Conv2d(Op):
    """y[n,o,i,j] = sum_ckl x[n, c, s i + d k - p, s j + d l - p] w[o,c,k,l] (+ b[o])"""

    uses = ((1,), (0,), ())

    def __init__(self, stride, padding, dilation, groups):
        self.settings = stride, padding, dilation, groups

    def forward(self, x, weight, bias=None):
        self.sizes = x.shape[2:], weight.shape[2:]
        return run("conv2d", x, weight, bias, *self.settings)

    def backward(self, grad, needs, sums=None):
        """`sums` (O,): the sums of grad over images and pixels, if they are already known."""
        x, weight, *_ = self.inputs
        size, kernel_size = self.sizes
        grad_x = grad_weight = None
        if needs[0] and needs[1]:
            both = Conv2dGradients(x, *_transposed_settings(size, grad, kernel_size, *self.settings))
            grad_x = both(grad, weight)
            grad_weight = PrecomputedConv2dWeight(both.grad_weight, kernel_size, *self.settings)(x, grad)
        elif needs[0]:
            grad_x = _transposed_to(size, grad, weight, *self.settings)
        elif needs[1]:
            grad_weight = Conv2dWeight(kernel_size, *self.settings)(x, grad)
        return (owned(grad_x), owned(grad_weight), *_bias_gradient(grad, needs, sums))


class Conv2dRelu(Conv2d):
    """max(y, 0) of the same y, in one pass over the output. The gradient goes back where the output is positive."""

    uses_output = True

    def forward(self, x, weight, bias=None):
        self.sizes = x.shape[2:], weight.shape[2:]
        return run("conv2d_relu", x, weight, bias, *self.settings)

    def backward(self, grad, needs):
        wants_bias = len(needs) > 2 and needs[2]
        through_relu = ReluBiasGradient(self.output, overwrite=grad._owned) if wants_bias else ReluGradient(self.output)
        return super().backward(through_relu(grad), needs, through_relu.sums)


class ConvTranspose2d(Op):
    """y[n, o, s i + d k - p, s j + d l - p] += x[n,c,i,j] w[c,o,k,l], from 0 or b[o]: each pixel stamps the kernel."""

    uses = ((1,), (0,), ())

    def __init__(self, stride, padding, output_padding, groups, dilation):
        self.settings = stride, padding, dilation, groups
        self.output_padding = output_padding

    def forward(self, x, weight, bias=None):
        self.sizes = x.shape[2:], weight.shape[2:]
        stride, padding, dilation, groups = self.settings
        return run("conv_transpose2d", x, weight, bias, stride, padding, self.output_padding, groups, dilation)

    def backward(self, grad, needs):
        x, weight, *_ = self.inputs
        size, kernel_size = self.sizes
        grad_x = grad_weight = None
        # an output_padding of a stride or more leaves room for further windows
        exact = size == output_size(grad, kernel_size, *self.settings[:3])
        if needs[0] and needs[1] and exact:
            both = ConvTranspose2dGradients(x, *self.settings)
            grad_x = both(grad, weight)
            grad_weight = PrecomputedConv2dWeight(both.grad_weight, kernel_size, *self.settings)(grad, x)
        else:
            if needs[0]:
                grad_x = Conv2d(*self.settings)(grad, weight)
                if not exact:
                    grad_x = grad_x[:, :, : size[0], : size[1]]
            if needs[1]:
                grad_weight = Conv2dWeight(kernel_size, *self.settings)(grad, x)
        return (owned(grad_x), owned(grad_weight), *_bias_gradient(grad, needs))


class Conv2dWeight(Op):
    """w[o,c,k,l] = sum_nij x[n, c, s i + d k - p, s j + d l - p] g[n,o,i,j]"""

    uses = ((1,), (0,))

    def __init__(self, kernel_size, stride, padding, dilation, groups):
        self.kernel_size = kernel_size
        self.settings = stride, padding, dilation, groups

    def forward(self, x, grad):
        self.sizes = x.shape[2:], grad.shape[2:]
        return run("conv2d_weight", x, grad, self.kernel_size, *self.settings)

    def backward(self, grad_weight, needs):
        x, grad = self.inputs
        size, positions = self.sizes
        grad_x = grad_grad = None
        if needs[0]:
            grad_x = _transposed_to(size, grad, grad_weight, *self.settings)
        if needs[1]:
            grad_grad = Conv2d(*self.settings)(x, grad_weight)
            if grad_grad.shape[2:] != positions:
                grad_grad = grad_grad[:, :, : positions[0], : positions[1]]
        return grad_x, grad_grad


class Conv2dGradients(ConvTranspose2d):
    """The gradient of conv2d with respect to x, conv_transpose2d(grad, weight), by a kernel that makes both gradients.

    The kernel leaves the other gradient in `grad_weight`, for PrecomputedConv2dWeight. x is needed only for that. It is
    not an input of this op, because the result does not depend on it. As a recorded operation this is the transposed
    convolution that it is derived from: so its own derivatives are already there.
    """

    def __init__(self, x, *settings):
        super().__init__(*settings)
        self.x = x

    def forward(self, grad, weight):
        self.sizes = grad.shape[2:], weight.shape[2:]
        stride, padding, dilation, groups = self.settings
        settings = stride, padding, self.output_padding, groups, dilation
        grad_x, self.grad_weight = run("conv2d_gradients", self.x.data, weight, grad, *settings)
        return grad_x


class ConvTranspose2dGradients(Conv2d):
    """The gradient of conv_transpose2d with respect to x, conv2d(grad, weight); otherwise as Conv2dGradients."""

    def __init__(self, x, *settings):
        super().__init__(*settings)
        self.x = x

    def forward(self, grad, weight):
        self.sizes = grad.shape[2:], weight.shape[2:]
        grad_x, self.grad_weight = run("conv_transpose2d_gradients", self.x.data, weight, grad, *self.settings)
        return grad_x


class PrecomputedConv2dWeight(Conv2dWeight):
    """A Conv2dWeight whose result one of the two ops above has already computed. forward only returns it."""

    def __init__(self, grad_weight, *settings):
        super().__init__(*settings)
        self.grad_weight = grad_weight

    def forward(self, x, grad):
        self.sizes = x.shape[2:], grad.shape[2:]
        return self.grad_weight


def _transposed_to(size, grad, weight, *settings):
    """The transposed convolution of grad with the weight whose output has `size`."""
    return ConvTranspose2d(*_transposed_settings(size, grad, weight.shape[2:], *settings))(grad, weight)


def _transposed_settings(size, grad, kernel_size, stride, padding, dilation, groups):
    """The arguments of ConvTranspose2d for an output of `size`: the leftover becomes output_padding."""
    output_padding = tuple(
        n - conv_transpose_output_size(positions, k, s, p, 0, d)
        for n, positions, k, s, p, d in zip(size, grad.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    )
    return stride, padding, output_padding, groups, dilation


def _bias_gradient(grad, needs, sums=None):
    """The bias reaches every pixel of its channel, so its gradient is the sum over them: (N, O, OH, OW) -> (O,)."""
    if len(needs) < 3:
        return ()
    if not needs[2]:
        return (None,)
    axes = (0, 2, 3)
    # (O,) -> (1, O, 1, 1), as a sum that keeps its axes
    total = Sum(axes) if sums is None else PrecomputedSum(axes, sums.reshape(1, -1, 1, 1))
    return (total(grad).reshape(-1),)
