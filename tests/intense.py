"""python -m tests.intense [--examples N] [--table FILE] [OPERATION ...]: many examples of every operation, counted.

One property test stands for each operation (for some, several: one for each mode). Each runs under the `intense`
profile: 10,000 fresh examples, each of them in float64 and float32, its values, gradients and second gradients held to
torch's. The table, a row as each test ends, is what docs/results-parity.md shows: Hypothesis's own counts.
"""

import argparse
import os
import re
import sys

import pytest

from tests.registry import UNARY

OPERATIONS = {
    "conv2d": "conv::test_conv2d",
    "conv2d_relu": "conv::test_conv2d_relu",
    "conv_transpose2d": "conv::test_conv_transpose2d",
    "conv2d_weight": "conv::test_conv2d_weight",
    "interpolate, to a size": "interpolate::test_to_a_size",
    "interpolate, by a factor": "interpolate::test_by_a_factor",
    "max_pool2d": "pool::test_max_pool2d_and_its_indices",
    "avg_pool2d": "pool::test_avg_pool2d",
    "adaptive_avg_pool2d": "pool::test_adaptive_avg_pool2d",
    "max_unpool2d": "pool::test_max_unpool2d_puts_back_what_max_pool2d_took",
    "cross_entropy, classes": "loss::test_cross_entropy_of_classes",
    "cross_entropy, probabilities": "loss::test_cross_entropy_of_probabilities",
    "batch_norm, in training": "normalize::test_batch_norm_in_training",
    "batch_norm, in use": "normalize::test_batch_norm_in_use",
    "group_norm": "normalize::test_group_norm",
    "pad, constant": "pad::test_constant",
    **{f"pad, {mode}": f"pad::test_borders_made_of_the_image[{mode}]" for mode in ("reflect", "replicate", "circular")},
    "softmax, log_softmax": "softmax::test_any_shape_and_axis",
    "nll_loss": "loss::test_nll_loss",
    "binary_cross_entropy_with_logits": "loss::test_binary_cross_entropy_with_logits",
    "mse_loss": "loss::test_mse_loss",
    "dice_loss": "loss::test_dice_loss",
    "focal_loss": "loss::test_focal_loss",
    "unfold": "unfold::test_unfold",
    "fold": "unfold::test_fold",
    **{name: f"reduce::test_over_any_axes[{name}]" for name in ("sum", "mean", "logsumexp")},
    "var": "reduce::test_var",
    **{f"{name}, of all": f"reduce::test_extremes_of_all[{name}]" for name in ("max", "min")},
    **{name: f"reduce::test_extremes_and_their_places_along_an_axis[{name}]" for name in ("max", "min")},
    "argmax": "reduce::test_argmax",
    "matmul": "matmul::test_matmul",
    "linear": "matmul::test_linear",
    "indexing": "indexing::test_basic_indices",
    "reshape": "shape::test_reshape",
    "flatten": "shape::test_flatten",
    "squeeze, unsqueeze": "shape::test_squeeze_and_unsqueeze",
    "permute, transpose": "shape::test_permute_and_transpose",
    "expand": "shape::test_expand",
    "flip": "shape::test_flip",
    "cat": "shape::test_cat",
    "stack": "shape::test_stack",
    "one_hot": "shape::test_one_hot",
    "where": "elementwise::test_where_broadcasts_all_three",
    "clamp": "elementwise::test_unary[clamp]",
    "clamp, between tensors": "elementwise::test_binary_with_broadcasting[clamp between tensors]",
    **{
        name: f"elementwise::test_binary_with_broadcasting[{name}]"
        for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum")
    },
    **{name: f"elementwise::test_unary[{name}]" for name in UNARY},
    **{
        name: f"habits_drawn::test_elementwise[{name}]"
        for name in ("gelu", "gelu, by tanh", "silu", "softplus", "softplus, smooth part", "remainder, of a number")
    },
    **{name: f"habits_drawn::test_pairs[{name}]" for name in ("remainder", "masked_fill", "l1_loss", "smooth_l1_loss")},
    "floor_divide": "habits_drawn::test_floor_divide",
    **{
        name: f"habits_drawn::test_along_an_axis[{name}]"
        for name in ("cumsum", "prod", "sort", "sort, descending", "topk", "argmin", "split", "chunk")
    },
    **{f"norm, {p}": f"habits_drawn::test_norm[{p}]" for p in ("1", "2", "inf")},
    "std": "habits_drawn::test_std",
    "layer_norm": "habits_drawn::test_layer_norm",
    "binary_cross_entropy": "habits_drawn::test_binary_cross_entropy[mean]",
    "pixel_shuffle": "habits_drawn::test_pixel_shuffle",
    "einsum": "habits::test_einsum",
    "einsum, of matrices": "habits_drawn::test_sums_of_products",
    "gather": "habits::test_gather",
    "in-place arithmetic": "inplace::test_values_dtypes_and_refusals",
}


class Table:
    """A pytest plugin that writes one row for each test as it ends."""

    def __init__(self, names, file):
        self.names = names  # node id -> operation
        self.file = file
        self.write("| operation | examples passed | failed | seconds | test |\n|---|--:|--:|--:|---|")

    def write(self, row):
        print(row, file=self.file, flush=True)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = (yield).get_result()
        if report.when != "call":
            return
        counted = re.findall(r"(\d+) passing, (\d+) failing", item.hypothesis_statistics)
        passing, failing = (sum(int(counts[i]) for counts in counted) for i in (0, 1))
        name, test = self.names[item.nodeid], item.nodeid.split("::")[1]
        self.write(f"| {name} | {passing:,} | {failing} | {report.duration:.0f} | `{test}` |")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.intense", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="of each test (default: %(default)s)")
    parser.add_argument("--table", type=argparse.FileType("w"), default=sys.stdout, help="where it is written")
    parser.add_argument("operations", nargs="*", metavar="OPERATION", help="one of the table's (default: all)")
    options = parser.parse_args(arguments)
    unknown = set(options.operations) - set(OPERATIONS)
    if unknown:
        parser.error(f"no such operation: {', '.join(sorted(unknown))}")
    os.environ["HYPOTHESIS_PROFILE"], os.environ["HYPOTHESIS_EXAMPLES"] = "intense", str(options.examples)
    names = {}
    for name in options.operations or OPERATIONS:
        module, test = OPERATIONS[name].split("::")
        names[f"tests/ops/test_{module}.py::{test}"] = name
    table = Table(names, options.table)
    return pytest.main([*names, "-q", "--no-header", "-p", "no:cacheprovider"], plugins=[table])


if __name__ == "__main__":
    sys.exit(main())
