"""When both gradients of a convolution are computed at once: a rule for each operation, as in conv_rules.py.

The figures are milliseconds of two threads on one machine; `reference` is one by one, each by its own rule.
"""

from __future__ import annotations

from minitensor.kernels.table import chosen_variant, rule
from minitensor.kernels.unfold import TURNED_BYTES


@rule("conv2d_gradients", backends=("numpy",))
def conv2d_gradients_rule(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """Both at once where each by itself would go by the same Winograd; so what `use_kernels` says of either holds.

    Else, and with groups in 2-D, one by one: so is (1, 64, 570), where each by itself takes another Winograd.

    (N, C, H) -> O                     one by one    at once
    (4,   16, 256) ->   16                     14         13
    (4,   32, 256) ->   16                     25         22
    (4,   32, 128) ->   32                     10        9.4
    (4,   64,  64) ->   64                    9.6        8.8
    (4,  128,  64) ->   64                     17         15
    (8,   64,  32) ->   64                    5.1        4.3
    (4,  128,  32) ->  128                    7.7        6.4
    (4,  256,  16) ->  256                    8.5        7.5
    (1,   64, 570) ->   64                    147        155 in one axis, 162 in both
    (1,   64, 284) ->  128                     78         68
    (1,  256, 138) ->  256                     95         90
    (1, 1024,  30) -> 1024                    108        108
    """
    by_x = grad, weight, None, stride, padding, output_padding, groups, dilation
    by_weight = x, grad, weight.shape[2:], stride, padding, dilation, groups
    variants = {chosen_variant("conv_transpose2d", *by_x), chosen_variant("conv2d_weight", *by_weight)}
    for variant in ("winograd", "winograd2d"):
        if variants == {variant}:
            yield variant


@rule("conv_transpose2d_gradients", backends=("numpy",))
def conv_transpose2d_gradients_rule(x, weight, grad, stride, padding, dilation, groups):
    """Both at once where each by itself would go by unfold, without groups, and the weight is below TURNED_BYTES.

    To turn a larger weight gradient round takes too long (unfold.py), so (1, 512, 56) goes one by one.

    (N, C, H) -> O                     one by one    at once
    (4,   32, 128) ->   16, 2x2/2             8.1        6.1
    (1,  128, 196) ->   64, 2x2/2              37         33
    (1,  512,  56) ->  256, 2x2/2              38         37
    """
    by_x = grad, weight, None, stride, padding, dilation, groups
    by_weight = grad, x, weight.shape[2:], stride, padding, dilation, groups
    if weight.nbytes < TURNED_BYTES:
        if {chosen_variant("conv2d", *by_x), chosen_variant("conv2d_weight", *by_weight)} == {"unfold"}:
            yield "unfold"
