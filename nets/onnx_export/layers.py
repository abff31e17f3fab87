"""What each layer becomes in ONNX. Each function takes the graph, the layer and the name of its input."""

from __future__ import annotations

from math import sqrt

from layers import (
    GELU,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Upsample,
)

SAME_FROM = 20  # log(1 + e^x) = x in float32 from here on
PAD_MODES = {"reflect": "reflect", "replicate": "edge"}  # ours -> ONNX's


def apply(graph, layer, x):
    """The name of layer(x). Raises TypeError for a layer that is not in the table."""
    if type(layer) not in TABLE:
        known = ", ".join(kind.__name__ for kind in TABLE)
        raise TypeError(f"export_onnx: a layer {type(layer).__name__} cannot be written; these can: {known}")
    return TABLE[type(layer)](graph, layer, x)


def sequential(graph, layers, x):
    for layer in layers:
        x = apply(graph, layer, x)
    return x


def conv(graph, layer, x):
    padding = layer.padding
    if padding == "valid":
        padding = 0, 0
    if padding == "same":
        ends = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        begins = [end // 2 for end in ends]
        pads = [*begins, *(end - begin for end, begin in zip(ends, begins, strict=True))]
    else:
        pads = [*padding, *padding]  # top, left, bottom, right
    if layer.padding_mode != "zeros" and any(pads):
        if layer.padding_mode not in PAD_MODES:
            raise TypeError(f"export_onnx: Conv2d with padding_mode={layer.padding_mode!r} cannot be written")
        border = graph.integers(0, 0, *pads[:2], 0, 0, *pads[2:])  # all axes' begins, then all ends
        x, pads = graph.add("Pad", x, border, mode=PAD_MODES[layer.padding_mode]), [0] * 4
    return graph.add("Conv", x, *_weights(graph, layer), pads=pads, **_window(layer))


def conv_transpose(graph, layer, x):
    pads = [*layer.padding, *layer.padding]
    window = _window(layer) | {"output_padding": list(layer.output_padding)}
    return graph.add("ConvTranspose", x, *_weights(graph, layer), pads=pads, **window)


def _window(layer):
    return {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "dilations": list(layer.dilation),
        "group": layer.groups,
    }


def _weights(graph, layer):
    values = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    return [graph.constant(value.numpy()) for value in values]


def batch_norm(graph, layer, x):
    """With running statistics, as in evaluation."""
    if layer.running_mean is None:
        raise TypeError("export_onnx: BatchNorm2d without running statistics cannot be written")
    count = layer.num_features
    scale = [1.0] * count if layer.weight is None else layer.weight.numpy()
    shift = [0.0] * count if layer.bias is None else layer.bias.numpy()
    numbers = [graph.constant(v) for v in (scale, shift, layer.running_mean.numpy(), layer.running_var.numpy())]
    return graph.add("BatchNormalization", x, *numbers, epsilon=layer.eps)


def max_pool(graph, layer, x):
    if layer.return_indices:
        raise TypeError("export_onnx: MaxPool2d with return_indices cannot be written")
    return graph.add(
        "MaxPool",
        x,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
        dilations=list(layer.dilation),
        ceil_mode=int(layer.ceil_mode),
    )


def upsample(graph, layer, x):
    if layer.scale_factor is None or layer.mode not in ("bilinear", "nearest"):
        raise TypeError(f"export_onnx: Upsample({layer.extra_repr()}) cannot be written")
    factors = layer.scale_factor if isinstance(layer.scale_factor, (tuple, list)) else [layer.scale_factor] * 2
    if any(factor != int(factor) for factor in factors):
        raise TypeError(f"export_onnx: Upsample by {layer.scale_factor} cannot be written, only by whole numbers")
    size = graph.add("Mul", graph.size(x), graph.integers(*map(int, factors)))
    return resize(graph, x, size, layer.mode, layer.align_corners)


def resize(graph, x, size, mode="bilinear", align_corners=None):
    """interpolate(x, size): images of the (height, width) named `size`."""
    outer = graph.add("Slice", graph.add("Shape", x), graph.integers(0), graph.integers(2), graph.integers(0))
    sizes = graph.add("Concat", outer, size, axis=0)  # (N, C, H, W)
    if mode == "nearest":
        options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        corners = "align_corners" if align_corners else "half_pixel"
        options = {"mode": "linear", "coordinate_transformation_mode": corners}
    return graph.add("Resize", x, "", "", sizes, **options)


def avg_pool(graph, layer, x):
    if layer.divisor_override is not None or layer.ceil_mode:
        raise TypeError("export_onnx: AvgPool2d with divisor_override or ceil_mode cannot be written")
    return graph.add(
        "AveragePool",
        x,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=[*layer.padding, *layer.padding],
        count_include_pad=int(layer.count_include_pad),
    )


def adaptive_avg_pool(graph, layer, x):
    if layer.output_size not in (1, (1, 1), [1, 1]):
        raise TypeError(f"export_onnx: AdaptiveAvgPool2d({layer.output_size}) cannot be written, only 1")
    return graph.add("GlobalAveragePool", x)


def linear(graph, layer, x):
    """(..., in_features) -> (..., out_features)"""
    y = graph.add("MatMul", x, graph.constant(layer.weight.numpy().T))
    return y if layer.bias is None else graph.add("Add", y, graph.constant(layer.bias.numpy()))


def gelu(graph, layer, x):
    if layer.approximate != "none":
        raise TypeError(f"export_onnx: GELU({layer.approximate!r}) cannot be written, only the exact one")
    share = graph.add("Add", graph.add("Erf", graph.add("Div", x, graph.constant(sqrt(2)))), graph.constant(1))
    return graph.add("Mul", graph.add("Mul", x, share), graph.constant(0.5))


def softplus(graph, layer, x):
    """Above the threshold softplus and x are equal in float32, if the threshold is torch's 20 or more."""
    if layer.threshold < SAME_FROM:
        raise TypeError(f"export_onnx: Softplus with threshold={layer.threshold} cannot be written, only from 20 up")
    inner = graph.add("Softplus", graph.add("Mul", x, graph.constant(layer.beta)))
    return graph.add("Div", inner, graph.constant(layer.beta))


def flatten(graph, layer, x):
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise TypeError(f"export_onnx: Flatten({layer.start_dim}, {layer.end_dim}) cannot be written, only (1, -1)")
    return graph.add("Flatten", x, axis=1)


def same(graph, layer, x):
    """Dropout and Identity: in evaluation they change nothing."""
    return x


TABLE = {
    Sequential: sequential,
    Conv2d: conv,
    ConvTranspose2d: conv_transpose,
    BatchNorm2d: batch_norm,
    MaxPool2d: max_pool,
    AvgPool2d: avg_pool,
    AdaptiveAvgPool2d: adaptive_avg_pool,
    Upsample: upsample,
    Linear: linear,
    Flatten: flatten,
    Dropout: same,
    Dropout2d: same,
    Identity: same,
    GELU: gelu,
    SiLU: lambda graph, layer, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    Softplus: softplus,
    ReLU: lambda graph, layer, x: graph.add("Relu", x),
    LeakyReLU: lambda graph, layer, x: graph.add("LeakyRelu", x, alpha=layer.negative_slope),
    Sigmoid: lambda graph, layer, x: graph.add("Sigmoid", x),
    Tanh: lambda graph, layer, x: graph.add("Tanh", x),
    Softmax: lambda graph, layer, x: graph.add("Softmax", x, axis=layer.dim),
}
