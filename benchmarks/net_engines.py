"""What else runs a net on a CPU: torch in the forms that make it faster, and two engines for inference alone.

    torch channels_last   images and weights stored as (N, H, W, C), the order that oneDNN prefers
    torch compiled        torch.compile: the net as C++ code, operations fused; compiled before anything is timed
    onnxruntime           the net as an ONNX file, which torch wrote with its sizes fixed
    openvino              the same file; performance hint LATENCY, float32

"torch" alone is eager torch with images stored as (N, C, H, W), as most people run it.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np

from benchmarks import nets_cases
from benchmarks.libraries import Torch
from benchmarks.numbers import numbers
from benchmarks.peer_libraries import Lacks

IMAGE_DIMENSIONS = 4


class ChannelsLast(Torch):
    """torch with channels_last memory."""

    name = "torch channels_last"

    def placed(self, net):
        return net.to(memory_format=self.module.channels_last)

    def tensor(self, array, requires_grad=False):
        found = super().tensor(array)
        if found.ndim == IMAGE_DIMENSIONS:
            found = found.contiguous(memory_format=self.module.channels_last)
        return found.requires_grad_(requires_grad)


class Compiled(Torch):
    """torch.compile. Each worker compiles anew for each case, as its sizes are constants of the code."""

    name = "torch compiled"

    def placed(self, net):
        return self.module.compile(net, dynamic=False)


class Runtime:
    """An engine that runs an ONNX file and cannot train."""

    def __init__(self, threads):
        self.threads = threads

    def net_step(self, case, known):
        """The step of a case of `nets`: its inference."""
        net_name, settings, shape, classes, mode = known[case]
        if mode != "infer":
            raise Lacks("training")
        net, _ = nets_cases.make(Torch(self.threads), net_name, settings | {"classes": classes})
        image = numbers(*shape)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.onnx"
            _export(net.eval(), image, path)
            run = self.loaded(path)
        return lambda: (run(image),)

    def to_numpy(self, array):
        return array


class OnnxRuntime(Runtime):
    """onnxruntime on the CPU."""

    name = "onnxruntime"

    def __init__(self, threads):
        super().__init__(threads)
        import onnxruntime

        self.module, self.version = onnxruntime, onnxruntime.__version__

    def loaded(self, path):
        options = self.module.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = self.module.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (entry,) = session.get_inputs()
        return lambda image: session.run(None, {entry.name: image})[0]


class OpenVino(Runtime):
    """OpenVINO on the CPU."""

    name = "openvino"

    def __init__(self, threads):
        super().__init__(threads)
        import openvino

        self.module, self.version = openvino, openvino.__version__.partition("-")[0]

    def loaded(self, path):
        core = self.module.Core()
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": self.threads}
        hints["INFERENCE_PRECISION_HINT"] = "f32"
        request = core.compile_model(core.read_model(path), "CPU", hints).create_infer_request()

        def run(image):
            request.infer([image], share_inputs=True)
            return np.asarray(request.get_output_tensor(0).data)

        return run


def _export(net, image, path):
    """The net as torch writes it, with the sizes of this image as constants."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without further packages is called old
        torch.onnx.export(net, (torch.from_numpy(image),), str(path), dynamo=False)


ENGINES = {engine.name: engine for engine in (ChannelsLast, Compiled, OnnxRuntime, OpenVino)}
# The package of each, as pip and Python name it
PACKAGES = {"torch channels_last": "torch", "torch compiled": "torch"}


def builders():
    """{case name: function of a library that prepares it and returns its step}"""
    return {name: _builder(name) for name in nets_cases.CASES}


def _builder(name):
    def build(library):
        if isinstance(library, Runtime):
            return library.net_step(name, nets_cases.CASES)
        return nets_cases.build(library, name)

    return build
