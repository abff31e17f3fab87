"""python -m benchmarks gpu --first: does it run, is it right, how fast is each kernel; for the first minutes on a GPU.

probe    the GPU, its driver, the versions of what is installed
compile  each CUDA source: seconds, and registers, bytes of local and of shared memory of each kernel
check    every variant of the convolutions on odd shapes against their float64 definitions; the same bits twice
risk     doubts that reading could not settle
ceiling  GB/s of simple kernels, TFLOP/s of cuBLAS
step     a train step of U-Net: ms, peak, launches and kernels by time, ours and torch's
layers   every variant of each layer of U-Net beside torch with cuDNN
"""

from __future__ import annotations

import sys

import numpy as np

import minitensor as mt
from benchmarks.gpu import ceilings, layers, profile, risks
from benchmarks.gpu.layers import PRECISIONS, Layer, calls, gpu_variants
from benchmarks.gpu.lines import DeviceLost, Lines, code_version
from minitensor.backend import module_for
from minitensor.kernels import run, use_kernels
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.cuda import launch

PARTS = ("compile", "check", "risk", "ceiling", "step", "layers")
MINUTES = 2.5  # unless --minutes says more
ALLOWED = {"fp32": 3e-6, "tf32": 1e-3}  # relative errors, in the Frobenius norm

# odd sizes, several tiles, an edge in every direction
SHAPES = [
    Layer(2, 19, 9, 11, 67, 3, 1),
    Layer(1, 64, 33, 34, 64, 3, 1),
    Layer(2, 128, 20, 17, 70, 3, 0),
    Layer(2, 16, 8, 8, 64, 3, 2),
    Layer(3, 5, 13, 12, 9, 5, 1),
    Layer(2, 40, 7, 9, 3, 1, 0),
    Layer(2, 24, 12, 10, 17, 2, 0, 2),
]


def main(options):
    """Run the wanted parts; 0, 1 if a check failed, 2 where there is no GPU or a part has no such name."""
    wanted = options.only.split(",") if options.only else list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"--first --only takes {','.join(PARTS)}; got {','.join(unknown)}", file=sys.stderr)
        return 2
    reason = mt.cuda.why_not()
    if reason is not None:
        print(f"python -m benchmarks gpu --first needs a GPU: {reason}", file=sys.stderr)
        return 2
    xp = module_for("cuda")
    synchronize = xp.cuda.Device().synchronize
    with Lines(options.json, options.minutes or MINUTES, synchronize) as lines:
        try:
            measure(xp, wanted, lines)
        except DeviceLost:
            lines.failures += 1
        seconds = round(lines.elapsed())
        lines.say("done", f"done in {seconds} s, {lines.failures} failures", seconds=seconds, failures=lines.failures)
        return int(lines.failures > 0)


def measure(xp, wanted, lines, shapes=SHAPES, nets_layers=layers.UNET):
    """All wanted parts, each guarded by itself."""
    torch = _torch_with_gpu()
    with lines.guarded("probe"):
        facts = probe(xp, torch)
        lines.say("probe", ", ".join(f"{key} {value}" for key, value in facts.items()), **facts)
    parts = {
        "compile": lambda: compile_sources(xp, lines),
        "check": lambda: check(xp, lines, shapes),
        "risk": lambda: risks.measure(lines),
        "ceiling": lambda: ceilings.measure(xp, lines),
        "step": lambda: profile.measure(profile.sides_of(xp), lines),
        "layers": lambda: layers.measure_layers(xp, torch, nets_layers, lines),
    }
    for name, part in parts.items():
        if name not in wanted:
            continue
        if lines.time_is_up():
            lines.say("left out", f"no time for {name}", part=name)
            continue
        with lines.guarded(name):
            part()


def _torch_with_gpu():
    """torch, where it is installed and sees the GPU."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def probe(xp, torch):
    """What all figures depend on."""
    facts = {"python": sys.version.split()[0], "numpy": np.__version__, "cupy": xp.__version__} | code_version()
    runtime = xp.cuda.runtime
    if hasattr(runtime, "getDeviceProperties"):
        properties = runtime.getDeviceProperties(0)
        facts["gpu"] = properties["name"].decode()
        facts["multiprocessors"] = properties["multiProcessorCount"]
        facts["memory GiB"] = round(properties["totalGlobalMem"] / 2**30, 1)
        facts |= {"driver": runtime.driverGetVersion(), "cupy's CUDA": runtime.runtimeGetVersion()}
    if torch:
        facts |= {"torch": torch.__version__, "cuDNN": torch.backends.cudnn.version()}
    return facts


def compile_sources(xp, lines):
    """Compile each source; a kernel whose local memory is not 0 keeps registers in memory, which is slow."""
    for path in sorted(launch.KERNELS.rglob("*.cu")):
        name = str(path.relative_to(launch.KERNELS))
        with lines.guarded("compile", source=path.name):
            began = lines.elapsed()
            module, parameters = launch._module(xp, name)
            kernels = {kernel: _resources(module.get_function(kernel)) for kernel in parameters}
            seconds = round(lines.elapsed() - began, 2)
            known = {name: facts for name, facts in kernels.items() if facts}
            text = " ".join(f"{name} {'/'.join(map(str, facts))}" for name, facts in known.items())
            spills = " SPILLS" if any(local for _, local, _ in known.values()) else ""
            lines.say(
                "compile", f"{path.name:26} {seconds} s  {text[:200]}{spills}",
                source=path.name, seconds=seconds, registers_local_shared=kernels,
            )  # fmt: skip


def _resources(kernel):
    """[registers of a thread, its bytes of local memory, a block's bytes of shared memory]; [] on the double."""
    attributes = getattr(kernel, "attributes", None)
    if attributes is None:
        return []
    return [attributes[name] for name in ("num_regs", "local_size_bytes", "shared_size_bytes")]


def check(xp, lines, shapes):
    """Every variant on every shape in both precisions; print what is wrong and how many were right."""
    asked = right = 0
    for layer in shapes:
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(shape, np.float32) for shape in layer.shapes]
        wide = calls(*(array.astype(np.float64) for array in arrays), layer)
        exact = {name: getattr(reference, name)(*args) for name, args in wide.items()}
        on_device = calls(*map(xp.asarray, arrays), layer)
        for precision in PRECISIONS:
            mt.cuda.matmul_precision(precision)
            try:
                for operation, args in on_device.items():
                    rule, variants = gpu_variants(operation, args)
                    for variant in variants:
                        about = {"op": operation, "variant": variant, "layer": layer.name, "precision": precision}
                        asked += 1
                        with lines.guarded("check", **about), use_kernels(**{operation: variant}):
                            right += _check(lines, about | {"rule": rule}, operation, args, exact[operation])
            finally:
                mt.cuda.matmul_precision("fp32")
        if lines.time_is_up():
            break
    lines.say("checks", f"check: {right} of {asked} right and the same bits twice", right=right, asked=asked)


def _check(lines, about, operation, args, exact):
    first, again = run(operation, *args).get(), run(operation, *args).get()
    error = relative_error(first, exact)
    repeats = bool((first == again).all())
    ok = bool(error < ALLOWED[about["precision"]]) and repeats
    lines.failures += not ok
    text = f"WRONG {' '.join(map(str, about.values()))}: error {error:.1e}, repeats {repeats}"
    lines.say("check", None if ok else text, **about, error=float(f"{error:.2e}"), repeats=repeats, ok=ok)
    return ok


def relative_error(found, exact):
    """|found - exact| / |exact| in the Frobenius norm."""
    difference = np.asarray(found, np.float64) - exact
    return float(np.linalg.norm(difference.ravel()) / max(np.linalg.norm(np.ravel(exact)), 1e-30))
