"""Chapter 08: bilinear interpolation as two matrices, and as a transposed convolution with a fixed kernel."""

import numpy as np

import layers
import minitensor as mt
from minitensor.kernels.interpolate.matrices import interpolation_matrix


def weights(align_corners=False, size_in=4, size_out=8):
    """The matrix A (size_out, size_in) of one axis."""
    return interpolation_matrix(size_in, size_out, "bilinear", align_corners, dtype=np.float64)


def by_transposed_convolution(x, stride):
    """FCN's way: kernel 2 s, padding s / 2, the weights of `layers.init.bilinear_`."""
    kernel = mt.zeros(1, 1, 2 * stride, 2 * stride, dtype=mt.float64)
    layers.init.bilinear_(kernel)
    return mt.conv_transpose2d(x, kernel, stride=stride, padding=stride // 2), kernel


def main():
    a = weights()
    for number in (0, 1, 2, 7):
        print(f"row {number} of A:", *(a[number] + 0.0).tolist())  # + 0.0: -0 is written as 0
    print(f"each row sums to {a.sum(axis=1)[0]:g}")
    print("columns sum to:", *a.sum(axis=0).tolist())
    print("columns with align_corners:", *weights(True).sum(axis=0).round(3).tolist())
    print(f"output 1 lies at (1 + 0.5) * 4 / 8 - 0.5 = {(1 + 0.5) * 4 / 8 - 0.5:g} of the input")
    print(f"with align_corners at 1 * 3 / 7 = {3 / 7:.3f}")

    mt.manual_seed(0)
    x = mt.randn(1, 1, 4, 4, dtype=mt.float64, requires_grad=True)
    y = mt.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    same = np.allclose(y[0, 0].detach().numpy(), a @ x[0, 0].detach().numpy() @ a.T)
    print("Y = A X A^T:", same)
    g = mt.randn(1, 1, 8, 8, dtype=mt.float64)
    (y * g).sum().backward()
    print("gradient = A^T G A:", np.allclose(x.grad[0, 0].numpy(), a.T @ g[0, 0].numpy() @ a))

    stride = 4
    image = mt.randn(1, 1, 6, 6, dtype=mt.float64)
    small, kernel = by_transposed_convolution(image, 2)
    print("FCN's kernel for stride 2, one row:", *(kernel[0, 0, 1] / 0.75).tolist())
    transposed, _ = by_transposed_convolution(image, stride)
    resized = mt.interpolate(image, scale_factor=stride, mode="bilinear", align_corners=False)
    difference = np.abs((transposed - resized)[0, 0].numpy())
    border = stride // 2
    inside = difference[border:-border, border:-border].max()
    print(f"stride {stride}: input {image.shape[2]} x {image.shape[3]}, output {resized.shape[2]} x {resized.shape[3]}")
    print(f"border: {border} pixels wide")
    print("inside, both ways agree to 1e-12:", bool(inside < 1e-12))
    ones, _ = by_transposed_convolution(mt.ones(1, 1, 6, 6, dtype=mt.float64), stride)
    print(f"an image of ones, at the corner: {ones[0, 0, 0, 0].item():g}; in the middle: {ones[0, 0, 12, 12].item():g}")


if __name__ == "__main__":
    main()
