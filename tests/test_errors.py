"""Malformed calls raise TypeError or ValueError before any work is done, naming the operation and the values.

Two tables, one line a call. VALID holds one good call of every operation; each of its Tensors in turn is replaced by
things that are none. MALFORMED holds calls whose values do not fit, and the words that the message must contain.
"""

import inspect

import numpy as np
import pytest

import minitensor as mt
from tests.parity import normal
from tests.refusals import no_work


def floats(*shape):
    return mt.Tensor(normal(*shape), requires_grad=True)


x23, x4 = floats(2, 3), floats(1, 2, 6, 6)
weight, turned = floats(4, 2, 3, 3), floats(2, 4, 3, 3)
classes, flags = mt.tensor([0, 2]), mt.tensor([True, False])

VALID = {
    **{name: [x23] for name in "exp log sqrt abs tanh sigmoid relu leaky_relu neg isnan".split()},
    **{name: [x23] for name in "sum mean var max min argmax flatten squeeze contiguous dropout".split()},
    **{name: [x23, x23] for name in "add sub mul div pow maximum minimum eq ne lt le gt ge".split()},
    "clamp": [x23, 0.0, 1.0],
    "where": [flags, floats(2), floats(2)],
    "logsumexp": [x23, 0],
    "softmax": [x23, 0],
    "log_softmax": [x23, 0],
    "reshape": [x23, (3, 2)],
    "unsqueeze": [x23, 0],
    "permute": [x23, (1, 0)],
    "transpose": [x23, 0, 1],
    "expand": [x23, (4, 2, 3)],
    "flip": [x23, (0,)],
    "cat": [[x23, x23]],
    "stack": [[x23, x23]],
    "one_hot": [classes],
    "matmul": [x23, floats(3, 2)],
    "linear": [x23, floats(4, 3), floats(4)],
    "pad": [x23, (1, 1)],
    "conv2d": [x4, weight, floats(4)],
    "conv_transpose2d": [x4, turned, floats(4)],
    "conv2d_weight": [x4, (4, 2, 3, 3), floats(1, 4, 4, 4)],
    "max_pool2d": [x4, 2],
    "avg_pool2d": [x4, 2],
    "adaptive_avg_pool2d": [x4, 2],
    "max_unpool2d": [x4, mt.tensor(np.arange(72).reshape(1, 2, 6, 6) % 36), 2],
    "interpolate": [x4, 3],
    "batch_norm": [x4, None, None, floats(2), floats(2), True],
    "group_norm": [x4, 1, floats(2), floats(2)],
    "dropout2d": [x4],
    "unfold": [x4, 2],
    "fold": [floats(1, 8, 25), 6, 2],
    "cross_entropy": [x23, classes],
    "nll_loss": [x23, classes],
    "binary_cross_entropy_with_logits": [x23, mt.Tensor(np.abs(normal(2, 3)) % 1)],
    "mse_loss": [x23, x23],
    "dice_loss": [floats(1, 3, 2, 2), mt.tensor(np.zeros((1, 2, 2), np.int64))],
    "focal_loss": [x23, classes],
}

NOT_TENSORS = ["text", None, object(), {"a": 1}, 1 + 2j]
# None leaves an optional Tensor out; a Python number is a good operand of these.
OPTIONAL = {("linear", 2), ("conv2d", 2), ("conv_transpose2d", 2)}
OPTIONAL |= {(name, position) for name in ("batch_norm", "group_norm") for position in (2, 3, 4)}


def public_operations():
    return {
        name
        for name, value in vars(mt).items()
        if inspect.isfunction(value) and value.__module__.startswith("minitensor.ops")
    }


def test_no_operation_is_missing_here():
    assert public_operations() <= set(VALID), "add a good call of each of these to VALID"


@pytest.mark.parametrize("name", VALID)
def test_the_good_call_is_good(name):
    getattr(mt, name)(*VALID[name])


@pytest.mark.parametrize("name", VALID)
def test_what_is_no_tensor_is_refused(name):
    for position, value in enumerate(VALID[name]):
        for wrong in NOT_TENSORS:
            arguments = list(VALID[name])
            if isinstance(value, list):
                arguments[position] = [value[0], wrong]
            elif isinstance(value, mt.Tensor):
                if wrong is None and (name, position) in OPTIONAL:
                    continue
                arguments[position] = wrong
            else:
                continue
            with pytest.raises(TypeError) as caught, no_work():
                getattr(mt, name)(*arguments)
            assert name in str(caught.value), f"{name} with {wrong!r} as argument {position}: {caught.value}"


# The flags of each operation: True or False, and nothing else.
FLAGS = {
    **{name: "keepdim" for name in "sum mean var max min argmax logsumexp".split()},
    "max_pool2d": "ceil_mode return_indices",
    "avg_pool2d": "ceil_mode count_include_pad",
    "dropout": "training",
    "dropout2d": "training",
}
x = mt.zeros(2, 3)
VALUES = mt.zeros(2, 3)
whole = mt.tensor([[1, 2, 3]])
images = mt.zeros(2, 3, 8, 9)
kernel = mt.zeros(4, 3, 3, 3)

MALFORMED = {
    # shapes that do not broadcast
    **{
        f"{name}, shapes": (
            lambda name=name: getattr(mt, name)(x, mt.zeros(4)),
            ValueError,
            [name, "(2, 3)", "(4,)"],
        )
        for name in "add sub mul div pow maximum minimum eq lt ge".split()
    },
    "&, shapes": (lambda: (x > 0) & mt.tensor([True, False]), ValueError, ["bitwise_and", "(2, 3)", "(2,)"]),
    "where, shapes": (lambda: mt.where(flags, x, x), ValueError, ["where", "(2,)", "(2, 3)"]),
    # dtypes
    "where, condition of floats": (lambda: mt.where(x, x, x), TypeError, ["where", "bool", "float32"]),
    "&, floats": (lambda: x & x, TypeError, ["bitwise_and"]),
    "~, floats": (lambda: ~x, TypeError, ["bitwise_not", "float32"]),
    "neg, bools": (lambda: -flags, TypeError, ["neg", "bool"]),
    "sub, bools": (lambda: flags - flags, TypeError, ["sub", "bool"]),
    "pow, negative": (lambda: whole**-1, ValueError, ["pow", "negative"]),
    "mean, whole numbers": (lambda: whole.mean(), TypeError, ["mean", "int64"]),
    "var, whole numbers": (lambda: whole.var(), TypeError, ["var", "int64"]),
    "matmul, dtypes": (
        lambda: x @ mt.zeros(3, 2, dtype=mt.float64),
        TypeError,
        ["matmul", "float32", "float64"],
    ),
    "conv2d, dtypes": (
        lambda: mt.conv2d(images, mt.zeros(4, 3, 3, 3, dtype=mt.float64)),
        TypeError,
        ["conv2d", "x is float32", "weight is float64"],
    ),
    "conv2d, whole numbers": (
        lambda: mt.conv2d(mt.zeros(1, 3, 8, 8, dtype=mt.uint8), kernel),
        TypeError,
        ["conv2d", "uint8"],
    ),
    "sum, dtype": (lambda: x.sum(dtype="no such"), TypeError, ["sum", "dtype", "no such"]),
    "to, dtype": (lambda: x.to("no such"), TypeError, ["to: dtype", "no such"]),
    "mean, dtype": (lambda: x.mean(dtype=1), TypeError, ["mean", "dtype", "1"]),
    "softmax, dtype": (lambda: mt.softmax(x, 0, dtype=str), TypeError, ["softmax", "dtype", "str"]),
    "zeros, dtype": (lambda: mt.zeros(2, dtype="complex64"), TypeError, ["zeros", "dtype", "complex64"]),
    "arange, dtype": (lambda: mt.arange(2, dtype=object), TypeError, ["arange", "dtype", "object"]),
    "tensor, dtype": (lambda: mt.tensor([1], dtype="S3"), TypeError, ["tensor", "dtype", "S3"]),
    "randn, dtype": (lambda: mt.randn(2, dtype=mt.int64), TypeError, ["randn", "int64"]),
    # axes
    **{
        f"{name}, axis": (
            lambda name=name: getattr(mt, name)(x, 2),
            ValueError,
            [name, "dim 2", "2 dimensions"],
        )
        for name in "sum mean max argmax logsumexp softmax squeeze flip".split()
    },
    "sum, axis twice": (lambda: x.sum((1, -1)), ValueError, ["sum", "(1, -1)", "twice"]),
    "sum, axis of text": (lambda: x.sum("rows"), TypeError, ["sum", "'rows'"]),
    "sum, axis that is true": (lambda: x.sum(True), TypeError, ["sum", "True"]),
    "unsqueeze, axis": (lambda: x.unsqueeze(4), ValueError, ["unsqueeze", "dim 4"]),
    "transpose, axis": (lambda: x.transpose(0, 5), ValueError, ["transpose", "dim 5"]),
    "permute, too few": (lambda: x.permute(0), ValueError, ["permute", "2 dimensions"]),
    "permute, none": (lambda: x.permute(), ValueError, ["permute", "2 dimensions"]),
    "permute, axis twice": (lambda: x.permute(0, 0), ValueError, ["permute", "twice"]),
    "flatten, order": (lambda: images.flatten(2, 1), ValueError, ["flatten", "start_dim 2", "end_dim 1"]),
    "cat, axis": (lambda: mt.cat([x, x], 2), ValueError, ["cat", "dim 2"]),
    "max, of nothing": (lambda: mt.zeros(0).max(), ValueError, ["max", "(0,)"]),
    # shapes
    "reshape, count": (lambda: x.reshape(4), ValueError, ["reshape", "(2, 3)", "6", "(4,)", "4"]),
    "reshape, two unknown": (lambda: x.reshape(-1, -1), ValueError, ["reshape", "(-1, -1)"]),
    "reshape, indivisible": (lambda: x.reshape(4, -1), ValueError, ["reshape", "(2, 3)", "(4, -1)"]),
    "reshape, negative": (lambda: x.reshape(-6), ValueError, ["reshape", "(-6,)"]),
    "reshape, floats": (lambda: x.reshape(2.0, 3), TypeError, ["reshape", "2.0"]),
    "expand, size": (lambda: x.expand(4, 3), ValueError, ["expand", "(2, 3)", "(4, 3)"]),
    "expand, dimensions": (lambda: x.expand(3), ValueError, ["expand", "(3,)", "(2, 3)"]),
    "sum_to, shape": (lambda: x.sum_to((4,)), ValueError, ["sum_to", "(4,)", "(2, 3)"]),
    "cat, sizes": (lambda: mt.cat([x, mt.zeros(3, 4)]), ValueError, ["cat", "(2, 3)", "(3, 4)"]),
    "cat, nothing": (lambda: mt.cat([]), TypeError, ["cat", "[]"]),
    "cat, a tensor": (lambda: mt.cat(x), TypeError, ["cat"]),
    "cat, scalars": (lambda: mt.cat([mt.tensor(1.0)]), ValueError, ["cat", "stack"]),
    "stack, sizes": (lambda: mt.stack([x, mt.zeros(3)]), ValueError, ["stack", "(2, 3)", "(3,)"]),
    "zeros, negative": (lambda: mt.zeros(2, -3), ValueError, ["zeros", "(2, -3)"]),
    "full, float size": (lambda: mt.full((2.5,), 0), TypeError, ["full", "2.5"]),
    "arange, no step": (lambda: mt.arange(0, 5, 0), ValueError, ["arange", "step"]),
    # products
    "matmul, inner sizes": (lambda: x @ x, ValueError, ["matmul", "(2, 3) @ (2, 3)"]),
    "matmul, scalar": (lambda: x @ mt.tensor(1.0), ValueError, ["matmul", "()"]),
    "matmul, number": (lambda: x @ 2.0, TypeError, ["matmul", "float"]),
    "matmul, batches": (
        lambda: mt.zeros(2, 3, 4) @ mt.zeros(3, 4, 5),
        ValueError,
        ["matmul", "(2,)", "(3,)"],
    ),
    "linear, features": (lambda: mt.linear(x, mt.zeros(4, 2)), ValueError, ["linear", "(2, 3)", "(4, 2)"]),
    "linear, bias": (
        lambda: mt.linear(x, mt.zeros(4, 3), mt.zeros(3)),
        ValueError,
        ["linear", "(3,)", "(4,)"],
    ),
    # padding, clamping, one-hot
    "pad, odd": (lambda: mt.pad(x, (1, 2, 3)), ValueError, ["pad", "(1, 2, 3)"]),
    "pad, too many": (lambda: mt.pad(x, (1,) * 6), ValueError, ["pad", "2 axes", "(2, 3)"]),
    "pad, floats": (lambda: mt.pad(x, (1.0, 2)), TypeError, ["pad", "(1.0, 2)"]),
    "pad, int": (lambda: mt.pad(x, 1), TypeError, ["pad", "1"]),
    "pad, mode": (lambda: mt.pad(x, (1, 1), "mirror"), ValueError, ["pad", "'mirror'", "reflect"]),
    "pad, reflect": (
        lambda: mt.pad(x, (3, 0), "reflect"),
        ValueError,
        ["pad", "'reflect'", "(2, 3)", "2", "(3, 0)"],
    ),
    "pad, circular": (
        lambda: mt.pad(x, (4, 0), "circular"),
        ValueError,
        ["pad", "'circular'", "3", "(4, 0)"],
    ),
    "pad, value": (lambda: mt.pad(x, (1, 1), "reflect", 2.0), ValueError, ["pad", "'reflect'", "2.0"]),
    "pad, crop": (lambda: mt.pad(x, (-2, -2)), ValueError, ["pad", "(-2, -2)", "(2, 3)"]),
    "clamp, no bounds": (lambda: mt.clamp(x), ValueError, ["clamp"]),
    "clamp, text": (lambda: mt.clamp(x, "0"), TypeError, ["clamp", "min", "str"]),
    "one_hot, floats": (lambda: mt.one_hot(x), TypeError, ["one_hot", "float32"]),
    "one_hot, beyond": (lambda: mt.one_hot(whole, 3), ValueError, ["one_hot", "[0, 3)", "1 to 3"]),
    "one_hot, negative": (lambda: mt.one_hot(mt.tensor([-1, 1])), ValueError, ["one_hot", "-1 to 1"]),
    "one_hot, float classes": (lambda: mt.one_hot(whole, 4.5), TypeError, ["one_hot", "4.5"]),
    # convolutions
    "conv2d, channels": (
        lambda: mt.conv2d(images, mt.zeros(8, 4, 3, 3)),
        ValueError,
        ["conv2d: x has 3 channels, weight expects 4 (weight shape (8, 4, 3, 3), groups=1)"],
    ),
    "conv2d, dimensions": (lambda: mt.conv2d(x, kernel), ValueError, ["conv2d", "(2, 3)"]),
    "conv2d, weight": (lambda: mt.conv2d(images, x), ValueError, ["conv2d", "weight", "(2, 3)"]),
    "conv2d, empty weight": (
        lambda: mt.conv2d(images, mt.zeros(4, 3, 0, 3)),
        ValueError,
        ["conv2d", "(4, 3, 0, 3)"],
    ),
    "conv2d, bias": (
        lambda: mt.conv2d(images, kernel, mt.zeros(3)),
        ValueError,
        ["conv2d", "bias", "(4,)", "(3,)"],
    ),
    "conv2d, groups": (
        lambda: mt.conv2d(images, mt.zeros(4, 1, 3, 3), groups=3),
        ValueError,
        ["conv2d", "4", "groups=3"],
    ),
    "conv2d, no groups": (lambda: mt.conv2d(images, kernel, groups=0), ValueError, ["conv2d", "groups", "0"]),
    "conv2d, groups of text": (
        lambda: mt.conv2d(images, kernel, groups="1"),
        TypeError,
        ["conv2d", "groups", "'1'"],
    ),
    "conv2d, stride": (lambda: mt.conv2d(images, kernel, stride=0), ValueError, ["conv2d", "stride", "0"]),
    "conv2d, float stride": (
        lambda: mt.conv2d(images, kernel, stride=1.5),
        TypeError,
        ["conv2d", "stride", "1.5"],
    ),
    "conv2d, three strides": (
        lambda: mt.conv2d(images, kernel, stride=(1, 1, 1)),
        ValueError,
        ["conv2d", "(1, 1, 1)"],
    ),
    "conv2d, dilation": (
        lambda: mt.conv2d(images, kernel, dilation=0),
        ValueError,
        ["conv2d", "dilation", "0"],
    ),
    "conv2d, padding": (
        lambda: mt.conv2d(images, kernel, padding=-1),
        ValueError,
        ["conv2d", "padding", "-1"],
    ),
    "conv2d, padding by name": (
        lambda: mt.conv2d(images, kernel, padding="full"),
        ValueError,
        ["conv2d", "'full'"],
    ),
    "conv2d, same": (
        lambda: mt.conv2d(images, kernel, stride=2, padding="same"),
        ValueError,
        ["conv2d", "same", "(2, 2)"],
    ),
    "conv2d, too small": (
        lambda: mt.conv2d(mt.zeros(1, 3, 2, 9), kernel),
        ValueError,
        ["conv2d", "height 2", "extent 3"],
    ),
    "conv_transpose2d, channels": (
        lambda: mt.conv_transpose2d(images, mt.zeros(4, 3, 3, 3)),
        ValueError,
        ["conv_transpose2d", "3 channels", "expects 4"],
    ),
    "conv_transpose2d, groups": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), groups=2),
        ValueError,
        ["conv_transpose2d", "3", "groups=2"],
    ),
    "conv_transpose2d, bias": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), mt.zeros(3)),
        ValueError,
        ["conv_transpose2d", "(2,)", "(3,)"],
    ),
    "conv_transpose2d, output_padding": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), stride=2, output_padding=2),
        ValueError,
        ["conv_transpose2d", "output_padding 2", "stride 2"],
    ),
    "conv_transpose2d, nothing left": (
        lambda: mt.conv_transpose2d(mt.zeros(1, 3, 1, 1), mt.zeros(3, 2, 3, 3), padding=2),
        ValueError,
        ["conv_transpose2d", "height", "-1"],
    ),
    "conv2d_weight, grad": (
        lambda: mt.conv2d_weight(images, (4, 3, 3, 3), mt.zeros(2, 4, 5, 5)),
        ValueError,
        ["conv2d_weight", "(2, 4, 6, 7)", "(2, 4, 5, 5)"],
    ),
    # flags: what is neither True nor False was meant for another argument
    **{
        f"{name}, {flag} of a number": (
            lambda name=name, flag=flag: getattr(mt, name)(*VALID[name], **{flag: 1}),
            TypeError,
            [name, flag, "1"],
        )
        for name, flags_of in FLAGS.items()
        for flag in flags_of.split()
    },
    # numbers and axes
    "leaky_relu, slope": (
        lambda: mt.leaky_relu(x, "0.1"),
        TypeError,
        ["leaky_relu", "negative_slope", "'0.1'"],
    ),
    "var, correction": (lambda: x.var(correction=None), TypeError, ["var", "correction", "None"]),
    "logsumexp, all": (lambda: mt.logsumexp(x, None), TypeError, ["logsumexp", "dim", "None"]),
    "logsumexp, no axis": (lambda: mt.logsumexp(x, ()), TypeError, ["logsumexp", "dim", "()", "(2, 3)"]),
    "argmax, several axes": (lambda: mt.argmax(x, (0, 1)), TypeError, ["argmax", "dim", "(0, 1)"]),
    "flip, axis twice": (lambda: x.flip(1, -1), ValueError, ["flip", "(1, -1)", "twice"]),
    "squeeze, axis twice": (lambda: x.squeeze((0, 0)), ValueError, ["squeeze", "twice"]),
    "stack, axis": (lambda: mt.stack([x, x], 3), ValueError, ["stack", "dim 3"]),
    "expand, unknown": (lambda: x.expand(-1, 2, 3), ValueError, ["expand", "(-1, 2, 3)"]),
    "clamp, tensor and number": (lambda: mt.clamp(x, x, 1.0), TypeError, ["clamp", "max", "Tensor", "float"]),
    "clamp, shapes": (lambda: mt.clamp(x, mt.zeros(4)), ValueError, ["clamp", "(2, 3)", "(4,)"]),
    "clamp, complex": (lambda: mt.clamp(x, 1j), TypeError, ["clamp", "min", "complex"]),
    "pow, complex": (lambda: x**1j, TypeError, ["pow", "complex"]),
    "one_hot, of nothing": (lambda: mt.one_hot(mt.zeros(0, dtype=mt.int64)), ValueError, ["one_hot", "-1"]),
    "getitem, beyond": (lambda: x[2], IndexError, ["getitem", "2", "(2, 3)"]),
    "getitem, list beyond": (lambda: x[:, [0, 3]], IndexError, ["getitem", "3", "(2, 3)"]),
    "getitem, too many": (lambda: x[0, 0, 0], IndexError, ["getitem", "3", "(2, 3)"]),
    "getitem, mask": (lambda: x[mt.tensor([True])], IndexError, ["getitem", "(2, 3)"]),
    "getitem, backwards": (lambda: x[::-1], ValueError, ["slice", "-1", "flip"]),
    "setitem, shape": (lambda: VALUES.__setitem__(0, mt.zeros(2)), ValueError, ["setitem", "(2,)", "(2, 3)"]),
    # borders
    "pad, border of rows alone": (
        lambda: mt.pad(images, (1, 1), "reflect"),
        ValueError,
        ["pad", "'reflect'", "2 pads", "(2, 3, 8, 9)"],
    ),
    "pad, border of all axes": (
        lambda: mt.pad(x, (1,) * 4, "circular"),
        ValueError,
        ["pad", "4 pads", "(2, 3)"],
    ),
    "pad, nothing left": (lambda: mt.pad(x, (-1, -2), "reflect"), ValueError, ["pad", "(-1, -2)", "(2, 3)"]),
    # images
    "conv_transpose2d, dimensions": (
        lambda: mt.conv_transpose2d(x, kernel),
        ValueError,
        ["conv_transpose2d", "(2, 3)"],
    ),
    "conv_transpose2d, stride": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), stride=0),
        ValueError,
        ["conv_transpose2d", "stride", "0"],
    ),
    "conv_transpose2d, padding": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), padding=(0, -1)),
        ValueError,
        ["conv_transpose2d", "padding", "(0, -1)"],
    ),
    "conv_transpose2d, padding by name": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), padding="same"),
        TypeError,
        ["conv_transpose2d", "padding", "'same'"],
    ),
    "conv_transpose2d, dilation": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), dilation=0),
        ValueError,
        ["conv_transpose2d", "dilation", "0"],
    ),
    "conv_transpose2d, whole numbers": (
        lambda: mt.conv_transpose2d(mt.zeros(1, 3, 8, 8, dtype=mt.int64), mt.zeros(3, 2, 3, 3)),
        TypeError,
        ["conv_transpose2d", "int64"],
    ),
    "unfold, one number in a tuple": (
        lambda: mt.unfold(images, (3,)),
        ValueError,
        ["unfold", "kernel_size", "(3,)"],
    ),
    "group_norm, groups that are true": (
        lambda: mt.group_norm(images, True),
        TypeError,
        ["num_groups", "True"],
    ),
    # the table of kernels and the threads
    "use_kernels, operation": (lambda: mt.use_kernels(convolve="x").__enter__(), ValueError, ["convolve"]),
    "use_kernels, variant": (
        lambda: mt.use_kernels(conv2d="magic").__enter__(),
        ValueError,
        ["conv2d", "magic"],
    ),
    "kernel_variants": (lambda: mt.kernel_variants("convolve"), ValueError, ["convolve", "conv2d"]),
    "set_num_threads, none": (lambda: mt.set_num_threads(0), ValueError, ["set_num_threads", "0"]),
    "set_num_threads, text": (lambda: mt.set_num_threads("2"), TypeError, ["set_num_threads", "'2'"]),
}


@pytest.mark.parametrize(("call", "error", "words"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_calls(call, error, words):
    with pytest.raises((TypeError, ValueError)) as caught, no_work():
        call()
    assert issubclass(caught.type, error), caught.value
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{str(caught.value)!r} does not say {missing}"
