"""NVIDIA's cuDNN as one more variant of the three convolutions: `mt.use_kernels(conv2d="cudnn")`.

No rule chooses it, because minitensor's convolutions are its own. It is there for comparison: a fast path for those who
want one, and an oracle for the tests. It needs `pip install minitensor[cudnn]`. Nothing is imported before the variant
is asked for.

cuDNN takes a graph of operations, here of one operation, and builds a plan for it. Building takes far longer than
running, so plans are kept for each set of sizes. The precision is `mt.cuda.matmul_precision`: for fp32, plans that
round factors are left out. Plans whose sums change their order from run to run are always left out.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from typing import NamedTuple

from minitensor.backend import array_module, cuda
from minitensor.kernels.cuda.enter import is_float32
from minitensor.kernels.geometry import output_size, transposed_output_size
from minitensor.kernels.relu.cuda import bias_relu
from minitensor.kernels.table import register

ALIGNMENT = 16  # bytes: cuDNN refuses arrays that begin elsewhere
ADVICE = "pip install nvidia-cudnn-frontend nvidia-cudnn-cu13"


class Plan(NamedTuple):
    """A graph that is ready to run, and the bytes of memory that it needs meanwhile."""

    graph: object
    workspace_bytes: int


# What a graph calls its three arrays. In each convolution two of them are given and the third is made.
IMAGE, WEIGHT, OUTPUT = 1, 2, 3


@cache
def library():
    """The module `cudnn`; None if it cannot be loaded, which is said once."""
    try:
        import cudnn

        cudnn.backend_version()
    except Exception as error:  # a missing module, or a library beneath it that cannot be opened
        warnings.warn(
            f'the variant "cudnn" is not used, because cuDNN cannot be loaded ({error}): {ADVICE}', stacklevel=2
        )
        return None
    return cudnn


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return is_float32(x) and library() is not None


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """An output_padding of a stride or more would make room for further windows, which cuDNN's sizes do not allow."""
    out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
    exact = all(extra < step for extra, step in zip(output_padding, stride, strict=True))
    return exact and min(out_size) > 0 and is_float32(x) and library() is not None


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    """The sizes of grad must be those that conv2d gives, and no others that fit as well."""
    exact = tuple(grad.shape[2:]) == tuple(output_size(x, kernel_size, stride, padding, dilation))
    return exact and is_float32(x) and grad.size > 0 and library() is not None


@register("conv2d", "cudnn", backends=("cupy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution, then bias and ReLU. Shapes as in definition.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    y = array_module(x).empty((len(x), len(weight), *out_size), x.dtype)
    _run("conv_fprop", {IMAGE: x, WEIGHT: weight, OUTPUT: y}, stride, padding, dilation)
    bias_relu(y, bias, relu)
    return y


@register("conv_transpose2d", "cudnn", backends=("cupy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """cuDNN's gradient of a convolution with respect to its image. Shapes as in definition.py."""
    out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
    image = array_module(x).empty((len(x), weight.shape[1] * groups, *out_size), x.dtype)
    _run("conv_dgrad", {OUTPUT: x, WEIGHT: weight, IMAGE: image}, stride, padding, dilation)
    bias_relu(image, bias, relu=False)
    return image


@register("conv2d_weight", "cudnn", backends=("cupy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """cuDNN's gradient of a convolution with respect to its weight. Shapes as in definition.py."""
    weight = array_module(x).empty((grad.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    _run("conv_wgrad", {IMAGE: x, OUTPUT: grad, WEIGHT: weight}, stride, padding, dilation)
    return weight


def _run(operation, arrays, stride, padding, dilation):
    """Run one of cuDNN's convolutions; the last of `arrays` is what it writes."""
    xp = array_module(*arrays.values())
    arrays = {name: _as_cudnn_reads(array) for name, array in arrays.items()}
    device = xp.cuda.Device().id
    shapes = tuple(arrays[name].shape for name in (IMAGE, WEIGHT, OUTPUT))
    settings = tuple(stride), tuple(padding), tuple(dilation)
    plan = _plan(operation, tuple(arrays), shapes, *settings, cuda.matmul_precision(), device)
    handle = _handle(device)
    library().set_stream(handle=handle, stream=xp.cuda.get_current_stream().ptr)
    workspace = xp.empty(max(1, plan.workspace_bytes), "uint8")
    addresses = {name: array.data.ptr for name, array in arrays.items()}
    plan.graph.execute(addresses, workspace.data.ptr, handle=handle)


def _as_cudnn_reads(array):
    """Contiguous, from a multiple of ALIGNMENT bytes on; a copy if it is not. What is written is new memory, and is."""
    array = array_module(array).ascontiguousarray(array)
    return array if array.data.ptr % ALIGNMENT == 0 else array.copy()


@cache
def _handle(device):
    """cuDNN's handle for a GPU, which must be the current one."""
    return library().create_handle()


@lru_cache(maxsize=256)
def _plan(operation, order, shapes, stride, padding, dilation, precision, device):
    """The Plan of a convolution of these shapes. cuDNN reads the number of groups from the channels."""
    cudnn = library()
    number = cudnn.data_type.FLOAT
    graph = cudnn.pygraph(
        io_data_type=number, intermediate_data_type=number, compute_data_type=number, handle=_handle(device)
    )
    shape_of = dict(zip((IMAGE, WEIGHT, OUTPUT), shapes, strict=True))
    *given, made = order
    tensors = [graph.tensor(dim=list(shape_of[n]), stride=_steps(shape_of[n]), data_type=number, uid=n) for n in given]
    result = getattr(graph, operation)(
        *tensors, pre_padding=list(padding), post_padding=list(padding), stride=list(stride), dilation=list(dilation)
    )
    result.set_uid(made).set_output(True).set_data_type(number)
    result.set_dim(list(shape_of[made])).set_stride(_steps(shape_of[made]))
    notes = cudnn.numerical_note
    unwanted = [notes.NONDETERMINISTIC, notes.DOWN_CONVERT_INPUTS]
    if precision == "fp32":
        unwanted.append(notes.TENSOR_CORE)  # which reads TF32
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    graph.deselect_numeric_notes(unwanted)
    graph.check_support()
    graph.build_plans()
    return Plan(graph, graph.get_workspace_size())


def _steps(shape):
    """In numbers, from one to the next along each axis of a contiguous array."""
    steps = [1]
    for size in reversed(shape[1:]):
        steps.insert(0, steps[0] * size)
    return steps
