"""Malformed calls that make tensors, take derivatives, save: (the call, the error, words of its message)."""

import minitensor as mt

x = mt.zeros(2, 3)
leaf = mt.zeros(2, 3, requires_grad=True)
y = leaf.sum()


MALFORMED_MAKING = {
    # making
    **{
        f"{name}, negative size": (lambda name=name: getattr(mt, name)(2, -3), ValueError, [name, "(2, -3)"])
        for name in "zeros ones rand randn".split()
    },
    **{
        f"{name}, size of a fraction": (lambda name=name: getattr(mt, name)(2, 1.5), TypeError, [name, "1.5"])
        for name in "zeros ones rand randn".split()
    },
    **{
        f"{name}, size of text": (lambda name=name: getattr(mt, name)("23"), TypeError, [name, "23"])
        for name in "zeros ones rand randn".split()
    },
    **{
        f"{name}, dtype of complex numbers": (
            lambda name=name: getattr(mt, name)(2, dtype="complex64"),
            TypeError,
            [name, "complex64"],
        )
        for name in "zeros ones rand randn".split()
    },
    **{
        f"{name}, device": (lambda name=name: getattr(mt, name)(2, device="tpu"), ValueError, ["device", "'tpu'"])
        for name in "zeros ones rand randn".split()
    },
    **{
        f"{name}, requires_grad of text": (
            lambda name=name: getattr(mt, name)(2, requires_grad="yes"),
            TypeError,
            [name, "requires_grad", "'yes'"],
        )
        for name in "zeros ones rand randn".split()
    },
    **{
        f"{name}, no tensor": (lambda name=name: getattr(mt, name)("x"), TypeError, [name, "str"])
        for name in "zeros_like ones_like rand_like randn_like".split()
    },
    **{
        f"{name}, dtype of complex numbers": (
            lambda name=name: getattr(mt, name)(x, dtype="complex64"),
            TypeError,
            [name, "complex64"],
        )
        for name in "zeros_like ones_like rand_like randn_like".split()
    },
    **{
        f"{name}, device": (lambda name=name: getattr(mt, name)(x, device="tpu"), ValueError, ["device", "'tpu'"])
        for name in "zeros_like ones_like rand_like randn_like".split()
    },
    "full_like, no tensor": (lambda: mt.full_like("x", 1), TypeError, ["full_like", "str"]),
    "full_like, text": (lambda: mt.full_like(x, "1"), TypeError, ["full_like", "'1'"]),
    "full, text": (lambda: mt.full((2,), "1"), TypeError, ["full", "'1'"]),
    "full, negative size": (lambda: mt.full((-2,), 1), ValueError, ["full", "(-2,)"]),
    "full, device": (lambda: mt.full((2,), 1, device="tpu"), ValueError, ["device", "'tpu'"]),
    "tensor, ragged": (lambda: mt.tensor([[1, 2], [3]]), ValueError, ["tensor"]),
    "tensor, text": (lambda: mt.tensor("abc"), TypeError, ["tensor"]),
    "tensor, None": (lambda: mt.tensor(None), TypeError, ["tensor", "None"]),
    "tensor, objects": (lambda: mt.tensor([object()]), TypeError, ["tensor"]),
    "tensor, complex": (lambda: mt.tensor([1j]), TypeError, ["tensor", "complex"]),
    "tensor, device": (lambda: mt.tensor([1.0], device="tpu"), ValueError, ["device", "'tpu'"]),
    "tensor, gradient of whole numbers": (lambda: mt.tensor([1], requires_grad=True), TypeError, ["int64"]),
    "tensor, a dict": (lambda: mt.tensor({"a": 1}), TypeError, ["tensor", "dict"]),
    "from_numpy, a list": (lambda: mt.from_numpy([1.0]), TypeError, ["from_numpy", "list"]),
    "from_dlpack, a list": (lambda: mt.from_dlpack([1.0]), TypeError, ["from_dlpack", "list"]),
    "arange, text": (lambda: mt.arange("5"), TypeError, ["arange", "'5'"]),
    "arange, complex": (lambda: mt.arange(0, 1j), TypeError, ["arange", "1j"]),
    "arange, endless": (lambda: mt.arange(0, float("inf")), ValueError, ["arange", "inf"]),
    "arange, NaN": (lambda: mt.arange(float("nan")), ValueError, ["arange", "nan"]),
    "linspace, negative steps": (lambda: mt.linspace(0, 1, -1), ValueError, ["linspace", "-1"]),
    "linspace, fractions of steps": (lambda: mt.linspace(0, 1, 2.5), ValueError, ["linspace", "2.5"]),
    "linspace, text": (lambda: mt.linspace("0", 1, 3), TypeError, ["linspace", "'0'"]),
    "randint, empty range": (lambda: mt.randint(3, 3, (2,)), ValueError, ["randint", "3"]),
    "randint, reversed range": (lambda: mt.randint(5, 3, (2,)), ValueError, ["randint", "5", "3"]),
    "randint, fractions": (lambda: mt.randint(0, 1.5, (2,)), ValueError, ["randint", "1.5"]),
    "randint, negative size": (lambda: mt.randint(0, 3, (-2,)), ValueError, ["randint", "-2"]),
    "randint, no size": (lambda: mt.randint(0, 3), ValueError, ["randint"]),
    "randperm, negative": (lambda: mt.randperm(-1), ValueError, ["randperm", "-1"]),
    "randperm, fraction": (lambda: mt.randperm(2.5), ValueError, ["randperm", "2.5"]),
    "manual_seed, text": (lambda: mt.manual_seed("1"), TypeError, ["manual_seed", "'1'"]),
    "manual_seed, fraction": (lambda: mt.manual_seed(1.5), TypeError, ["manual_seed", "1.5"]),
    "set_num_threads, negative": (lambda: mt.set_num_threads(-1), ValueError, ["set_num_threads", "-1"]),
    "set_num_threads, fraction": (lambda: mt.set_num_threads(1.5), TypeError, ["set_num_threads", "1.5"]),
    "use_kernels, everywhere": (lambda: mt.use_kernels("fastest").__enter__(), ValueError, ["fastest"]),
    "kernel_variants, backend": (lambda: mt.kernel_variants("conv2d", "tpu"), ValueError, ["tpu"]),
    # derivatives
    "backward, shape of the gradient": (lambda: y.backward(mt.zeros(2)), ValueError, ["backward", "(2,)"]),
    "backward, gradient of text": (lambda: y.backward("1"), TypeError, ["backward", "str"]),
    "grad, no tensor": (lambda: mt.grad(3.0, [leaf]), TypeError, ["grad", "float"]),
    "grad, by a constant": (lambda: mt.grad(y, [x]), ValueError, ["grad"]),
    "grad, by a number": (lambda: mt.grad(y, [3.0]), TypeError, ["grad", "float"]),
    "grad, unused": (lambda: mt.grad(y, [mt.zeros(2, requires_grad=True)]), ValueError, ["grad", "allow_unused"]),
    "grad, shape of the gradient": (lambda: mt.grad(y, [leaf], mt.zeros(2)), ValueError, ["grad", "(2,)"]),
    "gradcheck, order": (lambda: mt.gradcheck(mt.tanh, [leaf], order=3), TypeError, ["gradcheck", "3"]),
    "gradcheck, float32": (lambda: mt.gradcheck(mt.tanh, [leaf]), TypeError, ["gradcheck", "float32"]),
    "gradcheck, no gradient": (
        lambda: mt.gradcheck(mt.tanh, [mt.zeros(2, dtype=mt.float64)]),
        ValueError,
        ["gradcheck"],
    ),
    "no_grad, a number": (lambda: mt.no_grad(3), TypeError, ["no_grad"]),
    "Tensor, item of several": (lambda: x.item(), ValueError, ["item", "(2, 3)"]),
    "Tensor, truth of several": (lambda: bool(x), ValueError, ["(2, 3)"]),
    "Tensor, a float of several": (lambda: float(x), ValueError, ["(2, 3)"]),
    "Tensor, an index of fractions": (lambda: x[0.5], TypeError, ["indexed", "float"]),
    "Tensor, an index of text": (lambda: x["a"], TypeError, ["indexed", "str"]),
    "Tensor, a step of 0": (lambda: x[::0], ValueError, ["0"]),
    "Tensor, length of a scalar": (lambda: len(mt.tensor(1.0)), TypeError, ["len"]),
    "Tensor, dtype": (lambda: x.to("complex64"), TypeError, ["to", "complex64"]),
    "Tensor, a whole number that needs a gradient": (
        lambda: setattr(mt.tensor([1]), "requires_grad", True),
        TypeError,
        ["int64"],
    ),
    "save, no dict": (lambda: mt.save("f", [1]), TypeError, ["save", "list"]),
    "save, no tensor": (lambda: mt.save("f", {"a": 1}), TypeError, ["save", "int"]),
    "save, names": (lambda: mt.save("f", {1: x}), TypeError, ["save", "1"]),
    "save, metadata": (lambda: mt.save("f", {"a": x}, {"a": 1}), TypeError, ["save", "metadata"]),
}
