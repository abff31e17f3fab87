"""What an operation does, stage by stage, with all numbers: to look at, not to compute with.

    python -m minitensor trace conv_transpose2d --size 2 3 --kernel 3 --stride 2 --padding 1

stages.py      Trace and Stage: named arrays, with words, a formula and the kind of each cell
conv.py        convolution and transposed convolution, from the very helpers of their definitions
resample.py    bilinear interpolation as two matrices, and its gradient
pool.py        max pooling: who won each window, and where the gradient goes
graph.py       an autograd graph: what backward does, in its order
text.py svg.py picture.py page.py    renderers; they read a Trace and nothing else
"""

from minitensor.trace.conv import trace_conv2d, trace_conv_transpose2d
from minitensor.trace.graph import trace_backward
from minitensor.trace.pool import trace_max_pool2d
from minitensor.trace.resample import trace_bilinear
from minitensor.trace.stages import Stage, Trace

__all__ = [
    "Stage",
    "Trace",
    "trace_backward",
    "trace_bilinear",
    "trace_conv2d",
    "trace_conv_transpose2d",
    "trace_max_pool2d",
]
