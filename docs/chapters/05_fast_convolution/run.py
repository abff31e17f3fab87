"""Chapter 05: the same sums as one matrix product, and with fewer multiplications. Times are of this machine."""

from time import perf_counter

import numpy as np

import minitensor as mt
from minitensor.kernels.conv.winograd.matrices import A_T, B_T, OUTPUTS, POINTS, SCALE, SCALED_G, TAPS


def columns(x, kernel):
    """(C * k * k, positions): each window of x (C, H, W) as one column."""
    return mt.unfold(x[None], kernel)[0]


def seconds(work):
    started = perf_counter()
    work()
    return perf_counter() - started


def main():
    rng = np.random.default_rng(0)
    x, w = mt.tensor(rng.normal(size=(8, 42, 42))), mt.tensor(rng.normal(size=(16, 8, 3, 3)))
    slow = mt.conv2d(x[None], w)[0]
    matrix = columns(x, 3)
    fast = (w.reshape(16, -1) @ matrix).reshape(slow.shape)
    print(f"image {x.shape}, weight {w.shape}: output {slow.shape}")
    print(f"columns: {matrix.shape[0]} x {matrix.shape[1]}; weight as a matrix: 16 x {matrix.shape[0]}")
    print(f"numbers in the image {x.size:,}, in the columns {matrix.size:,}: {matrix.size / x.size:.1f} times as many")
    print(f"windows that see a pixel inside: {3 * 3}")
    print(f"windows that a loop visits: 40 * 40 = {matrix.shape[1]:,}; matrix products: 1")
    print("largest difference below 1e-12:", bool(np.abs(fast.numpy() - slow.numpy()).max() < 1e-12))

    line, taps = rng.normal(size=POINTS), rng.normal(size=TAPS)
    plain = [line[i : i + TAPS] @ taps for i in range(OUTPUTS)]
    products = (SCALED_G / SCALE @ taps) * (B_T @ line)  # the only multiplications of line with taps
    print(f"{OUTPUTS} outputs of {TAPS} taps: {OUTPUTS * TAPS} products; Winograd: {len(products)}")
    both = f"{OUTPUTS} x {OUTPUTS} outputs of {TAPS} x {TAPS}"
    print(f"in both axes, {both}: {(OUTPUTS * TAPS) ** 2} products; Winograd: {POINTS**2}")
    print("the same outputs, up to rounding:", np.allclose(A_T @ products, plain, atol=1e-6))

    image, weight = x[None].float(), w.float()
    with mt.use_kernels("reference"):
        by_loop = seconds(lambda: mt.conv2d(image, weight))
    mt.conv2d(image, weight)
    by_rule = min(seconds(lambda: mt.conv2d(image, weight)) for _ in range(5))
    print(f"on this machine the library's choice takes 1/{by_loop / by_rule:.0f} of the loop's time")


if __name__ == "__main__":
    main()
