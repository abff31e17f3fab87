"""The two sides of a GPU benchmark: the same questions to minitensor on CuPy and to torch.

Both run in one process on one GPU. Each measures time with events of its own on its stream: the GPU notes the time
when it comes to them, so the CPU need not wait between steps.

Random inputs are drawn on the device: CuPy draws them, and torch copies the same numbers from its memory (DLPack).
"""

from __future__ import annotations

import os

from benchmarks.libraries import MiniTensor, Torch


class MiniTensorOnGpu(MiniTensor):
    """minitensor on CuPy."""

    device = "cuda:0"

    def __init__(self, cupy):
        super().__init__(threads=1)
        self.cupy = cupy

    def draw(self, shape, seed):
        """Standard normal float32 numbers on the device; the same for the same shape and seed."""
        return self.cupy.random.RandomState(seed).standard_normal(shape, dtype="float32")

    def normals(self, *shape, seed=0):
        return self.module.from_dlpack(self.draw(shape, seed))

    def array(self, tensor):
        return tensor.detach().data

    def set_precision(self, precision):
        self.module.cuda.matmul_precision(precision)

    def milliseconds(self, step, count):
        """Mean time of a step over `count` steps in a row."""
        begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        begin.record()
        for _ in range(count):
            step()
        end.record()
        end.synchronize()
        return self.cupy.cuda.get_elapsed_time(begin, end) / count

    def peak_bytes(self, step):
        """The most memory in use at once during a step, with what was in use before it."""
        pool = self.cupy.get_default_memory_pool()

        class Highest(self.cupy.cuda.MemoryHook):
            name = "Highest"
            bytes = pool.used_bytes()

            def malloc_postprocess(self, **about):
                self.bytes = max(self.bytes, pool.used_bytes())

        with Highest() as highest:
            step()
            self.cupy.cuda.Device().synchronize()
        return int(highest.bytes)

    def free(self):
        self.cupy.get_default_memory_pool().free_all_blocks()


class TorchOnGpu(Torch):
    """torch on the same GPU, free to try its algorithms and keep the fastest (cudnn.benchmark)."""

    device = "cuda:0"

    tries_algorithms = True

    def __init__(self, ours):
        super().__init__(threads=os.cpu_count())
        self.ours = ours

    def normals(self, *shape, seed=0):
        # A copy, so that it lies in memory of torch's own and counts to torch's peak.
        return self.module.from_dlpack(self.ours.draw(shape, seed)).clone()

    def array(self, tensor):
        return self.ours.cupy.from_dlpack(tensor.detach().contiguous())

    def set_precision(self, precision):
        self.module.backends.cudnn.benchmark = self.tries_algorithms
        allowed = precision == "tf32"
        self.module.backends.cuda.matmul.allow_tf32 = allowed
        self.module.backends.cudnn.allow_tf32 = allowed

    def milliseconds(self, step, count):
        begin, end = (self.module.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(count):
            step()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / count

    def peak_bytes(self, step):
        self.module.cuda.reset_peak_memory_stats()
        step()
        self.module.cuda.synchronize()
        return self.module.cuda.max_memory_allocated()

    def free(self):
        self.module.cuda.empty_cache()


class TruthOnGpu(TorchOnGpu):
    """torch in float64 on the same numbers: what both sides are compared with. Nothing of it is timed."""

    tries_algorithms = False

    def normals(self, *shape, seed=0):
        return super().normals(*shape, seed=seed).double()

    def placed(self, net):
        return super().placed(net).double()
