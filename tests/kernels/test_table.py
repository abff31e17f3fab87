"""The table of kernels: what `register` refuses."""

import pytest

from minitensor.kernels import table


@pytest.mark.parametrize(
    ("backends", "error", "words"),
    [
        ("einsum", TypeError, "tuple such as .*'einsum'.*order is operation, variant, backends"),
        (("numpy", "jax"), ValueError, "backends are .*'numpy', 'jax'"),
    ],
)
def test_backends_that_are_none(backends, error, words):
    before = {key: dict(variants) for key, variants in table._kernels.items()}
    with pytest.raises(error, match=words):
        table.register("conv2d", "numpy", backends)(lambda x: x)
    assert table._kernels == before
