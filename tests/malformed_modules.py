"""Malformed calls of losses as layers, of containers and modules: (the call, the error, words of its message)."""

import layers
import minitensor as mt

x = mt.zeros(2, 3)
classes = mt.tensor([0, 2])
net = layers.Linear(3, 2)


MALFORMED_MODULES = {
    **{
        f"{name}, reduction": (
            lambda name=name: getattr(layers, name)(reduction="average"),
            ValueError,
            [name, "'average'"],
        )
        for name in "CrossEntropyLoss NLLLoss MSELoss L1Loss BCELoss BCEWithLogitsLoss SmoothL1Loss".split()
    },
    "CrossEntropyLoss, smoothing above 1": (
        lambda: layers.CrossEntropyLoss(label_smoothing=1.5)(x, classes),
        ValueError,
        ["cross_entropy", "label_smoothing", "1.5"],
    ),
    "CrossEntropyLoss, smoothing of text": (
        lambda: layers.CrossEntropyLoss(label_smoothing="0")(x, classes),
        TypeError,
        ["cross_entropy", "label_smoothing", "'0'"],
    ),
    "CrossEntropyLoss, weight of text": (
        lambda: layers.CrossEntropyLoss("1"),
        TypeError,
        ["CrossEntropyLoss", "weight", "'1'"],
    ),
    "CrossEntropyLoss, ignore_index of a fraction": (
        lambda: layers.CrossEntropyLoss(ignore_index=0.5)(x, classes),
        TypeError,
        ["cross_entropy", "ignore_index", "0.5"],
    ),
    "NLLLoss, weight of text": (lambda: layers.NLLLoss("1"), TypeError, ["NLLLoss", "weight", "'1'"]),
    "SmoothL1Loss, negative beta": (
        lambda: layers.SmoothL1Loss(beta=-1.0)(x, x),
        ValueError,
        ["smooth_l1_loss", "beta", "-1.0"],
    ),
    "DiceLoss, smooth of text": (
        lambda: layers.DiceLoss(smooth="1")(mt.zeros(1, 2, 3), mt.zeros(1, 3, dtype=mt.int64)),
        TypeError,
        ["dice_loss", "smooth", "'1'"],
    ),
    "Sequential, a function": (lambda: layers.Sequential(abs), TypeError, ["Sequential"]),
    "Sequential, a list": (lambda: layers.Sequential([layers.ReLU()]), TypeError, ["Sequential", "list"]),
    "Sequential, beyond": (lambda: layers.Sequential(layers.ReLU())[3], IndexError, ["3"]),
    "ModuleList, a number": (lambda: layers.ModuleList([3]), TypeError, ["ModuleList", "int"]),
    "ModuleList, no list": (lambda: layers.ModuleList(3), TypeError, ["ModuleList", "int"]),
    "ModuleDict, a list": (lambda: layers.ModuleDict([layers.ReLU()]), TypeError, ["ModuleDict"]),
    "ModuleDict, a number": (lambda: layers.ModuleDict({"a": 3}), TypeError, ["ModuleDict", "int"]),
    "ModuleDict, a name with a dot": (lambda: layers.ModuleDict({"a.b": layers.ReLU()}), ValueError, ["a.b"]),
    "load_state_dict, missing": (lambda: net.load_state_dict({}), ValueError, ["weight"]),
    "load_state_dict, unexpected": (
        lambda: net.load_state_dict({**net.state_dict(), "other": x}),
        ValueError,
        ["other"],
    ),
    "load_state_dict, shape": (
        lambda: net.load_state_dict({**net.state_dict(), "weight": x.T}),
        ValueError,
        ["weight", "(3, 2)"],
    ),
    "load_state_dict, no dict": (lambda: net.load_state_dict([x]), TypeError, ["list"]),
    "load_state_dict, no tensor": (
        lambda: net.load_state_dict({**net.state_dict(), "weight": "x"}),
        TypeError,
        ["weight"],
    ),
    "train, a number": (lambda: net.train(3), TypeError, ["train", "3"]),
    "to, device": (lambda: net.to("tpu"), ValueError, ["'tpu'"]),
    "to, whole numbers": (lambda: net.to(mt.int64), TypeError, ["int64"]),
    "Parameter, whole numbers": (lambda: layers.Parameter(mt.tensor([1])), TypeError, ["int64"]),
    "functional_call, no module": (lambda: layers.functional_call(3, {}), TypeError, ["functional_call", "int"]),
    "functional_call, a name from nowhere": (
        lambda: layers.functional_call(net, {"other": x}, (x,)),
        ValueError,
        ["functional_call", "other"],
    ),
    "register_buffer, no tensor": (lambda: layers.Linear(3, 2).register_buffer("a", 3), TypeError, ["a", "int"]),
}
