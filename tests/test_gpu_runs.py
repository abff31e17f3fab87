"""How tests ask for a GPU, and what happens to a process whose GPU is lost."""

from types import SimpleNamespace

import pytest

from tests.gpu import GPU_LOST, asks_for_gpu, finish_kernels


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("gpu", True),
        ("gpu and not slow", True),
        ("slow or gpu", True),
        ("not gpu", False),
        ("slow and not gpu", False),
        ("", False),
        (None, False),
        ("gpus", False),
    ],
)
def test_which_expressions_ask_for_a_gpu(expression, wanted):
    assert asks_for_gpu(expression) == wanted


class CUDARuntimeError(RuntimeError):
    pass


def cupy_whose_gpu(answers):
    """A stand-in for CuPy: its GPU finishes its kernels, or raises as CuPy does."""

    def synchronize():
        if not answers:
            raise CUDARuntimeError("cudaErrorIllegalAddress")

    runtime = SimpleNamespace(CUDARuntimeError=CUDARuntimeError)
    return SimpleNamespace(
        cuda=SimpleNamespace(Device=lambda: SimpleNamespace(synchronize=synchronize), runtime=runtime)
    )


def test_a_process_whose_gpu_is_lost_ends(capsys):
    codes = []
    finish_kernels("tests/a.py::test", cupy_whose_gpu(True), codes.append)
    assert codes == []
    finish_kernels("tests/a.py::test", cupy_whose_gpu(False), codes.append)
    assert codes == [GPU_LOST] and "tests/a.py::test: the GPU is lost" in capsys.readouterr().err
