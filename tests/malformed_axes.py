"""Malformed calls along axes, of cutting, picking and sums: (the call, the error, words of its message)."""

import minitensor as mt

x = mt.zeros(2, 3)
images = mt.zeros(2, 3, 8, 9)
whole = mt.tensor([[1, 2, 3]])
flags = mt.tensor([True, False])


def along(name, dim):
    """The operation along an axis; topk is told how many first."""
    return getattr(mt, name)(x, *([1] if name == "topk" else []), dim=dim)


MALFORMED_AXES = {
    # axes
    **{
        f"{name}, axis": (lambda name=name: along(name, 2), ValueError, [name, "dim 2"])
        for name in "std min argmin prod any all norm cumsum sort topk".split()
    },
    **{
        f"{name}, axis of text": (lambda name=name: along(name, "rows"), TypeError, [name, "'rows'"])
        for name in "std min argmin prod any all norm cumsum sort topk".split()
    },
    **{
        f"{name}, axis that is true": (lambda name=name: along(name, True), TypeError, [name, "True"])
        for name in "std min argmin prod any all norm cumsum sort topk".split()
    },
    **{
        f"{name}, axis of a fraction": (lambda name=name: along(name, 0.5), TypeError, [name, "0.5"])
        for name in "std min argmin prod any all norm cumsum sort topk".split()
    },
    **{
        f"{name}, axis of text": (lambda name=name: getattr(mt, name)(x, "rows"), TypeError, [name, "'rows'"])
        for name in "mean max var argmax softmax log_softmax logsumexp squeeze flip".split()
    },
    **{
        f"{name}, axis that is true": (lambda name=name: getattr(mt, name)(x, True), TypeError, [name, "True"])
        for name in "mean max var argmax softmax log_softmax logsumexp squeeze flip".split()
    },
    **{
        f"{name}, axis of a fraction": (lambda name=name: getattr(mt, name)(x, 0.5), TypeError, [name, "0.5"])
        for name in "mean max var argmax softmax log_softmax logsumexp squeeze flip".split()
    },
    **{
        f"{name}, two axes that are one": (
            lambda name=name: getattr(mt, name)(x, dim=(0, -2)),
            ValueError,
            [name, "(0, -2)"],
        )
        for name in "std any all norm mean var squeeze".split()
    },
    "unsqueeze, axis of text": (lambda: mt.unsqueeze(x, "0"), TypeError, ["unsqueeze", "'0'"]),
    "unsqueeze, axis before the first": (lambda: mt.unsqueeze(x, -4), ValueError, ["unsqueeze", "-4"]),
    "transpose, axis of text": (lambda: mt.transpose(x, "0", 1), TypeError, ["transpose", "'0'"]),
    "transpose, axis of a fraction": (lambda: mt.transpose(x, 0, 1.0), TypeError, ["transpose", "1.0"]),
    "permute, axis of text": (lambda: mt.permute(x, ("0", 1)), TypeError, ["permute", "'0'"]),
    "permute, axis beyond": (lambda: mt.permute(x, (0, 2)), ValueError, ["permute", "2"]),
    "permute, too many": (lambda: mt.permute(x, (0, 1, 2)), ValueError, ["permute", "(0, 1, 2)"]),
    "flatten, axis of text": (lambda: mt.flatten(x, "0"), TypeError, ["flatten", "'0'"]),
    "flatten, axis beyond": (lambda: mt.flatten(x, 0, 2), ValueError, ["flatten", "2"]),
    "cat, axis of text": (lambda: mt.cat([x, x], "0"), TypeError, ["cat", "'0'"]),
    "stack, axis of text": (lambda: mt.stack([x, x], "0"), TypeError, ["stack", "'0'"]),
    "stack, nothing": (lambda: mt.stack([]), TypeError, ["stack", "[]"]),
    "cat, dimensions": (lambda: mt.cat([x, images]), ValueError, ["cat", "(2, 3)", "(2, 3, 8, 9)"]),
    # sorting
    "topk, more than there are": (lambda: mt.topk(x, 4), ValueError, ["topk", "4", "3"]),
    "topk, negative": (lambda: mt.topk(x, -1), ValueError, ["topk", "-1"]),
    "topk, fraction": (lambda: mt.topk(x, 1.5), ValueError, ["topk", "1.5"]),
    "topk, largest of text": (lambda: mt.topk(x, 1, largest="yes"), TypeError, ["topk", "largest", "'yes'"]),
    "topk, sorted of a number": (lambda: mt.topk(x, 1, sorted=1), TypeError, ["topk", "sorted", "1"]),
    "sort, descending of a number": (lambda: mt.sort(x, 0, 1), TypeError, ["sort", "descending", "1"]),
    # splitting
    "split, size 0": (lambda: mt.split(x, 0), ValueError, ["split", "0"]),
    "split, negative size": (lambda: mt.split(x, -2), ValueError, ["split", "-2"]),
    "split, sizes that do not add up": (lambda: mt.split(x, [1, 2]), ValueError, ["split", "[1, 2]", "2"]),
    "split, a negative size among them": (lambda: mt.split(x, [-1, 3]), ValueError, ["split", "[-1, 3]"]),
    "split, size of a fraction": (lambda: mt.split(x, 0.5), TypeError, ["split", "0.5"]),
    "split, axis": (lambda: mt.split(x, 1, 2), ValueError, ["split", "dim 2"]),
    "chunk, none": (lambda: mt.chunk(x, 0), ValueError, ["chunk", "0"]),
    "chunk, a fraction": (lambda: mt.chunk(x, 1.5), ValueError, ["chunk", "1.5"]),
    "chunk, axis": (lambda: mt.chunk(x, 1, 2), ValueError, ["chunk", "dim 2"]),
    "chunk, axis of text": (lambda: mt.chunk(x, 1, "0"), TypeError, ["chunk", "'0'"]),
    # picking
    "gather, index of floats": (lambda: mt.gather(x, 0, x), TypeError, ["gather", "float32"]),
    "gather, index beyond": (lambda: mt.gather(x, 1, mt.tensor([[3], [0]])), IndexError, ["gather", "3"]),
    "gather, index before": (lambda: mt.gather(x, 1, mt.tensor([[-4], [0]])), ValueError, ["gather", "-4"]),
    "gather, dimensions": (lambda: mt.gather(x, 1, mt.tensor([0])), ValueError, ["gather", "(1,)", "(2, 3)"]),
    "gather, a longer index": (
        lambda: mt.gather(x, 1, mt.tensor([[0], [0], [0]])),
        ValueError,
        ["gather", "(3, 1)", "(2, 3)"],
    ),
    "gather, axis": (lambda: mt.gather(x, 2, mt.tensor([[0]])), ValueError, ["gather", "dim 2"]),
    "masked_fill, mask of floats": (lambda: mt.masked_fill(x, x, 0.0), TypeError, ["masked_fill", "float32"]),
    "masked_fill, shapes": (lambda: mt.masked_fill(x, flags, 0.0), ValueError, ["masked_fill", "(2,)", "(2, 3)"]),
    "masked_fill, value of text": (lambda: mt.masked_fill(x, x > 0, "0"), TypeError, ["masked_fill", "'0'"]),
    "masked_fill, a fraction among whole numbers": (
        lambda: mt.masked_fill(whole, whole > 1, 0.5),
        TypeError,
        ["masked_fill", "0.5", "int64"],
    ),
    # einsum
    "einsum, no equation": (lambda: mt.einsum(3, x), ValueError, ["einsum", "3"]),
    "einsum, operands": (lambda: mt.einsum("ij,jk->ik", x), ValueError, ["einsum", "ij,jk->ik"]),
    "einsum, axes": (lambda: mt.einsum("ijk->i", x), ValueError, ["einsum", "ijk", "(2, 3)"]),
    "einsum, sizes": (lambda: mt.einsum("ij,jk->ik", x, x), ValueError, ["einsum", "j", "3", "2"]),
    "einsum, a letter from nowhere": (lambda: mt.einsum("ij->ik", x), ValueError, ["einsum", "k"]),
    "einsum, a letter twice in the output": (lambda: mt.einsum("ij->ii", x), ValueError, ["einsum", "i"]),
    "einsum, no letters": (lambda: mt.einsum("1,2->1", x, x), ValueError, ["einsum", "1,2->1"]),
    "einsum, dtypes": (
        lambda: mt.einsum("ij,ij->", x, mt.zeros(2, 3, dtype=mt.float64)),
        TypeError,
        ["einsum", "float32", "float64"],
    ),
    # shapes
    "pixel_shuffle, factor 0": (lambda: mt.pixel_shuffle(images, 0), ValueError, ["pixel_shuffle", "0"]),
    "pixel_shuffle, channels": (lambda: mt.pixel_shuffle(images, 2), ValueError, ["pixel_shuffle", "3", "2"]),
    "pixel_shuffle, fraction": (lambda: mt.pixel_shuffle(images, 1.5), ValueError, ["pixel_shuffle", "1.5"]),
    "pixel_shuffle, dimensions": (lambda: mt.pixel_shuffle(x, 1), ValueError, ["pixel_shuffle", "(2, 3)"]),
    "layer_norm, shape": (lambda: mt.layer_norm(x, 4), ValueError, ["layer_norm", "(4,)", "(2, 3)"]),
    "layer_norm, no axes": (lambda: mt.layer_norm(x, ()), ValueError, ["layer_norm", "()"]),
    "layer_norm, weight": (lambda: mt.layer_norm(x, 3, mt.ones(2)), ValueError, ["layer_norm", "weight", "(2,)"]),
    "layer_norm, bias": (lambda: mt.layer_norm(x, 3, None, mt.ones(2)), ValueError, ["layer_norm", "bias", "(2,)"]),
    "layer_norm, whole numbers": (lambda: mt.layer_norm(whole, 3), TypeError, ["layer_norm", "int64"]),
    "layer_norm, eps of text": (lambda: mt.layer_norm(x, 3, eps="0"), TypeError, ["layer_norm", "eps", "'0'"]),
    "layer_norm, shape of text": (lambda: mt.layer_norm(x, "3"), TypeError, ["layer_norm", "'3'"]),
    "layer_norm, shape of fractions": (lambda: mt.layer_norm(x, (3.0,)), TypeError, ["layer_norm", "3.0"]),
    "group_norm, channels": (lambda: mt.group_norm(images, 2), ValueError, ["group_norm", "3", "2"]),
    "group_norm, no groups": (lambda: mt.group_norm(images, 0), ValueError, ["group_norm", "0"]),
    "batch_norm, negative eps": (
        lambda: mt.batch_norm(images, None, None, training=True, eps=-1.0),
        ValueError,
        ["batch_norm", "eps", "-1.0"],
    ),
    "batch_norm, momentum of text": (
        lambda: mt.batch_norm(images, mt.zeros(3), mt.ones(3), training=True, momentum="0.1"),
        TypeError,
        ["batch_norm", "momentum", "'0.1'"],
    ),
    "batch_norm, no statistics": (lambda: mt.batch_norm(images, None, None), ValueError, ["batch_norm", "running"]),
    "batch_norm, mean without variance": (
        lambda: mt.batch_norm(images, mt.zeros(3), None),
        ValueError,
        ["batch_norm", "running_var"],
    ),
    # smooth functions
    "softplus, beta of text": (lambda: mt.softplus(x, "1"), TypeError, ["softplus", "beta", "'1'"]),
    "softplus, threshold of text": (lambda: mt.softplus(x, 1.0, "20"), TypeError, ["softplus", "threshold", "'20'"]),
    "gelu, approximation": (lambda: mt.gelu(x, "fast"), ValueError, ["gelu", "'fast'"]),
    "gelu, approximation of a number": (lambda: mt.gelu(x, 1), ValueError, ["gelu", "1"]),
    **{
        f"{name}, bools": (lambda name=name: getattr(mt, name)(flags), TypeError, [name, "bool"])
        for name in "gelu silu softplus".split()
    },
    **{
        f"{name}, whole numbers": (lambda name=name: getattr(mt, name)(whole), TypeError, [name, "int64"])
        for name in "gelu silu softplus".split()
    },
    "norm, order of text": (lambda: mt.norm(x, "max"), TypeError, ["norm", "'max'"]),
    "norm, whole numbers": (lambda: mt.norm(whole), TypeError, ["norm", "int64"]),
    "std, whole numbers": (lambda: mt.std(whole), TypeError, ["std", "int64"]),
    "std, correction of text": (lambda: mt.std(x, correction="1"), TypeError, ["std", "correction", "'1'"]),
    "prod, two axes": (lambda: mt.prod(x, (0, 1)), TypeError, ["prod", "(0, 1)"]),
    "argmin, two axes": (lambda: mt.argmin(x, (0, 1)), TypeError, ["argmin", "(0, 1)"]),
    "argmin, of nothing": (lambda: mt.zeros(0).argmin(), ValueError, ["argmin", "(0,)"]),
    "min, of nothing": (lambda: mt.zeros(0).min(), ValueError, ["min", "(0,)"]),
    "argmax, of nothing": (lambda: mt.zeros(0).argmax(), ValueError, ["argmax", "(0,)"]),
    # division
    **{
        f"{name}, shapes": (lambda name=name: getattr(mt, name)(x, mt.zeros(4)), ValueError, [name, "(2, 3)", "(4,)"])
        for name in "floor_divide remainder".split()
    },
    **{
        f"{name}, text": (lambda name=name: getattr(mt, name)(x, "2"), TypeError, [name, "str"])
        for name in "floor_divide remainder".split()
    },
    **{
        f"{name}, bools": (lambda name=name: getattr(mt, name)(flags, flags), TypeError, [name, "bool"])
        for name in "floor_divide remainder".split()
    },
    **{
        f"{name}, shapes": (lambda name=name: getattr(mt, name)(x, mt.zeros(4)), ValueError, [name, "(2, 3)", "(4,)"])
        for name in "ne le gt".split()
    },
    **{
        f"{name}, text": (lambda name=name: getattr(mt, name)(x, "2"), TypeError, [name, "str"])
        for name in "add sub mul div pow maximum minimum".split()
    },
    **{
        f"{name}, dtypes of devices": (lambda name=name: getattr(mt, name)(x, [1, 2, 3]), TypeError, [name, "list"])
        for name in "add sub mul div pow maximum minimum".split()
    },
}
