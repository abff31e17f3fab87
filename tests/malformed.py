"""Malformed calls of operations on numbers and axes, one line a call: (the call, the error, words of its message)."""

import minitensor as mt
from tests import registry
from tests.valid_calls import VALID, flags

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
LEAF = mt.zeros(2, 3, requires_grad=True)
whole = mt.tensor([[1, 2, 3]])
images = mt.zeros(2, 3, 8, 9)

MALFORMED = {
    # shapes that do not broadcast
    **{
        f"{name}, shapes": (lambda name=name: getattr(mt, name)(x, mt.zeros(4)), ValueError, [name, "(2, 3)", "(4,)"])
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
    "sub, of a bool tensor": (lambda: x[:, :2] - flags, TypeError, ["sub", "bool"]),
    "sub, of True": (lambda: x - True, TypeError, ["sub", "bool"]),
    "sub, from True": (lambda: True - x, TypeError, ["sub", "bool"]),
    "pos, bools": (lambda: +flags, TypeError, ["pos", "bool"]),
    "&, a number that does not fit": (lambda: mt.ones(2, dtype=mt.uint8) & -1, ValueError, ["-1", "uint8"]),
    "clamp, bools": (lambda: mt.clamp(flags, False, True), TypeError, ["clamp", "bool"]),
    "argmax, bools": (lambda: mt.argmax(flags), TypeError, ["argmax", "bool"]),
    "matmul, bools": (lambda: flags @ flags, TypeError, ["matmul", "bool"]),
    "leaky_relu, whole numbers": (lambda: mt.leaky_relu(whole), TypeError, ["leaky_relu", "int64"]),
    "sum, gradient by whole numbers": (lambda: LEAF.sum(dtype=mt.int64), TypeError, ["sum", "gradient", "int64"]),
    "max, other and keepdim": (lambda: x.max(x, True), ValueError, ["max", "keepdim", "maximum"]),
    "pow, negative": (lambda: whole**-1, ValueError, ["pow", "negative"]),
    "mean, whole numbers": (lambda: whole.mean(), TypeError, ["mean", "int64"]),
    "var, whole numbers": (lambda: whole.var(), TypeError, ["var", "int64"]),
    "matmul, dtypes": (lambda: x @ mt.zeros(3, 2, dtype=mt.float64), TypeError, ["matmul", "float32", "float64"]),
    "sum, dtype": (lambda: x.sum(dtype="no such"), TypeError, ["sum", "dtype", "no such"]),
    "to, neither": (lambda: x.to("no such"), ValueError, ["to: ", "no device", "no such"]),
    "mean, dtype": (lambda: x.mean(dtype=1), TypeError, ["mean", "dtype", "1"]),
    "softmax, dtype": (lambda: mt.softmax(x, 0, dtype=str), TypeError, ["softmax", "dtype", "str"]),
    "zeros, dtype": (lambda: mt.zeros(2, dtype="complex64"), TypeError, ["zeros", "dtype", "complex64"]),
    "arange, dtype": (lambda: mt.arange(2, dtype=object), TypeError, ["arange", "dtype", "object"]),
    "tensor, dtype": (lambda: mt.tensor([1], dtype="S3"), TypeError, ["tensor", "dtype", "S3"]),
    "randn, dtype": (lambda: mt.randn(2, dtype=mt.int64), TypeError, ["randn", "int64"]),
    # axes
    **{
        f"{name}, axis": (lambda name=name: getattr(mt, name)(x, 2), ValueError, [name, "dim 2", "2 dimensions"])
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
    "flatten, axis of a scalar": (lambda: mt.zeros(()).flatten(1), ValueError, ["flatten", "dim 1"]),
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
    "matmul, batches": (lambda: mt.zeros(2, 3, 4) @ mt.zeros(3, 4, 5), ValueError, ["matmul", "(2,)", "(3,)"]),
    "linear, features": (lambda: mt.linear(x, mt.zeros(4, 2)), ValueError, ["linear", "(2, 3)", "(4, 2)"]),
    "linear, bias": (lambda: mt.linear(x, mt.zeros(4, 3), mt.zeros(3)), ValueError, ["linear", "(3,)", "(4,)"]),
    # padding, clamping, one-hot
    "pad, odd": (lambda: mt.pad(x, (1, 2, 3)), ValueError, ["pad", "(1, 2, 3)"]),
    "pad, too many": (lambda: mt.pad(x, (1,) * 6), ValueError, ["pad", "2 axes", "(2, 3)"]),
    "pad, floats": (lambda: mt.pad(x, (1.0, 2)), TypeError, ["pad", "(1.0, 2)"]),
    "pad, int": (lambda: mt.pad(x, 1), TypeError, ["pad", "1"]),
    "pad, mode": (lambda: mt.pad(x, (1, 1), "mirror"), ValueError, ["pad", "'mirror'", "reflect"]),
    "pad, reflect": (lambda: mt.pad(x, (3, 0), "reflect"), ValueError, ["pad", "'reflect'", "(2, 3)", "2", "(3, 0)"]),
    "pad, circular": (lambda: mt.pad(x, (4, 0), "circular"), ValueError, ["pad", "'circular'", "3", "(4, 0)"]),
    "pad, value": (lambda: mt.pad(x, (1, 1), "reflect", 2.0), ValueError, ["pad", "'reflect'", "2.0"]),
    "pad, bools to mirror": (lambda: mt.pad(x > 0, (1, 1), "reflect"), TypeError, ["pad", "'reflect'", "bool"]),
    "pad, no channels to mirror": (
        lambda: mt.pad(mt.zeros(2, 0, 3), (1, 1), "replicate"),
        ValueError,
        ["pad", "'replicate'", "(2, 0, 3)"],
    ),
    "pad, NaN among whole numbers": (
        lambda: mt.pad(whole, (1, 1), value=float("nan")),
        ValueError,
        ["pad", "nan", "int64"],
    ),
    "pad, a number that does not fit": (
        lambda: mt.pad(mt.ones(2, dtype=mt.uint8), (1, 1), value=-2),
        ValueError,
        ["pad", "-2", "uint8"],
    ),
    "pad, crop": (lambda: mt.pad(x, (-2, -2)), ValueError, ["pad", "(-2, -2)", "(2, 3)"]),
    "clamp, no bounds": (lambda: mt.clamp(x), ValueError, ["clamp"]),
    "clamp, text": (lambda: mt.clamp(x, "0"), TypeError, ["clamp", "min", "str"]),
    "one_hot, floats": (lambda: mt.one_hot(x), TypeError, ["one_hot", "float32"]),
    "one_hot, beyond": (lambda: mt.one_hot(whole, 3), ValueError, ["one_hot", "[0, 3)", "1 to 3"]),
    "one_hot, negative": (lambda: mt.one_hot(mt.tensor([-1, 1])), ValueError, ["one_hot", "-1 to 1"]),
    "one_hot, float classes": (lambda: mt.one_hot(whole, 4.5), TypeError, ["one_hot", "4.5"]),
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
    **registry.malformed(mt, x),
    "var, correction": (lambda: x.var(correction="1"), TypeError, ["var", "correction", "'1'"]),
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
    "getitem, uint8": (lambda: x[mt.zeros(2, dtype=mt.uint8)], TypeError, ["uint8", "mask", "numbers"]),
    "setitem, shape": (lambda: VALUES.__setitem__(0, mt.zeros(2)), ValueError, ["setitem", "(2,)", "(2, 3)"]),
    # borders
    "pad, border of rows alone": (
        lambda: mt.pad(images, (1, 1), "reflect"),
        ValueError,
        ["pad", "'reflect'", "2 pads", "(2, 3, 8, 9)"],
    ),
    "pad, border of all axes": (lambda: mt.pad(x, (1,) * 4, "circular"), ValueError, ["pad", "4 pads", "(2, 3)"]),
    "pad, nothing left": (lambda: mt.pad(x, (-1, -2), "reflect"), ValueError, ["pad", "(-1, -2)", "(2, 3)"]),
    # the table of kernels and the threads
    "use_kernels, operation": (lambda: mt.use_kernels(convolve="x").__enter__(), ValueError, ["convolve"]),
    "use_kernels, variant": (lambda: mt.use_kernels(conv2d="magic").__enter__(), ValueError, ["conv2d", "magic"]),
    "kernel_variants": (lambda: mt.kernel_variants("convolve"), ValueError, ["convolve", "conv2d"]),
    "set_num_threads, none": (lambda: mt.set_num_threads(0), ValueError, ["set_num_threads", "0"]),
    "set_num_threads, text": (lambda: mt.set_num_threads("2"), TypeError, ["set_num_threads", "'2'"]),
}
