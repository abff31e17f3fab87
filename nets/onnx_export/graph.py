"""An ONNX graph that grows by one operation at a time, and becomes a file."""

from __future__ import annotations

import importlib

import numpy as np

from minitensor.serialize import replacing

OPSET, IR_VERSION = 17, 8  # of 2022: every runtime in use reads them
MOST_BYTES = (1 << 31) - 1  # a file in the format of protocol buffers cannot be larger
OUTPUT_AXES = {2: ["N", "scores"], 4: ["N", "classes", "OH", "OW"]}  # rank -> names of the axes


class Graph:
    """Operations in order; each result has a name. `image` is the name of the input."""

    image, scores = "image", "scores"

    def __init__(self):
        try:
            self.onnx = importlib.import_module("onnx")
        except ImportError as error:
            raise ImportError("export_onnx needs the package onnx: pip install onnx") from error
        self.nodes, self.weights = [], []

    def add(self, operation, *inputs, **attributes):
        """One operation on named results; returns the name of its result."""
        result = f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, list(inputs), [result], **attributes))
        return result

    def constant(self, values, dtype=np.float32):
        """The name of an array that is kept in the file."""
        name = f"weight_{len(self.weights)}"
        array = np.ascontiguousarray(np.asarray(values, dtype))
        self.weights.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def integers(self, *values):
        """The name of a vector of whole numbers: sizes, offsets, axes."""
        return self.constant(values, np.int64)

    def size(self, x):
        """The name of (H, W) of an image (N, C, H, W), which is known only when the graph runs."""
        return self.add("Slice", self.add("Shape", x), self.integers(2), self.integers(4), self.integers(0))

    def cut(self, x, start, size):
        """The rectangle of x that begins at (row, column) `start` and has the (height, width) `size`; names of both."""
        return self.add("Slice", x, start, self.add("Add", start, size), self.integers(2, 3))

    def _name_axes(self, model):
        """Give the output as many axes as the operations make, with names that say what they are."""
        inferred = self.onnx.shape_inference.infer_shapes(model, check_type=True).graph.output[0]
        axes = OUTPUT_AXES.get(len(inferred.type.tensor_type.shape.dim))
        if axes is not None:
            kind = self.onnx.TensorProto.FLOAT
            model.graph.output[0].CopyFrom(self.onnx.helper.make_tensor_value_info(self.scores, kind, axes))

    def save(self, path, scores, channels, net, metadata):
        """Write the file with `scores` as the output, once it has been checked."""
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        self.nodes.append(helper.make_node("Identity", [scores], [self.scores]))
        image = helper.make_tensor_value_info(self.image, kind, ["N", channels, "H", "W"])
        output = helper.make_tensor_value_info(self.scores, kind, None)
        graph = helper.make_graph(self.nodes, type(net).__name__, [image], [output], self.weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="minitensor"
        )
        helper.set_model_props(model, metadata)
        if model.ByteSize() > MOST_BYTES:
            raise ValueError(f"export_onnx: {type(net).__name__} has {model.ByteSize()} bytes, a file {MOST_BYTES}")
        self._name_axes(model)
        self.onnx.checker.check_model(model, full_check=True)
        with replacing(path) as temporary:
            self.onnx.save(model, str(temporary))
