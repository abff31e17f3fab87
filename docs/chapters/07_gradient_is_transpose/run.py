"""Chapter 07: convolution as a matrix C, its gradient as C^T, and transposed convolution as that same C^T."""

import numpy as np

import minitensor as mt

SIZE, KERNEL = 3, np.array([[1.0, 2.0], [3.0, 4.0]])


def matrix():
    """C (outputs, pixels): column j is the convolution of an image that is 1 at pixel j and 0 elsewhere."""
    images = mt.tensor(np.eye(SIZE * SIZE).reshape(-1, 1, SIZE, SIZE))
    return mt.conv2d(images, mt.tensor(KERNEL[None, None])).numpy().reshape(SIZE * SIZE, -1).T


def main():
    c = matrix()
    print(f"image {SIZE} x {SIZE}, kernel 2 x 2: C has {c.shape[0]} rows and {c.shape[1]} columns")
    for row in c.astype(int):
        print("  C row:", *row)

    x = mt.tensor(np.arange(1.0, 10).reshape(1, 1, 3, 3), requires_grad=True)
    w = mt.tensor(KERNEL[None, None])
    y = mt.conv2d(x, w)
    print("y = C x:", *y.numpy().ravel().astype(int))
    assert np.array_equal(y.numpy().ravel(), c @ x.numpy().ravel())
    g = mt.tensor([[[[1.0, 0.0], [2.0, -1.0]]]], dtype=mt.float64)
    (y * g).sum().backward()
    by_matrix = c.T @ g.numpy().ravel()
    by_operation = mt.conv_transpose2d(g, w).numpy().ravel()
    print("g:                     ", *g.numpy().ravel().astype(int))
    for name, values in (
        ("backward():", x.grad.numpy().ravel()),
        ("C^T g:", by_matrix),
        ("conv_transpose2d(g, w):", by_operation),
    ):
        print(f"{name:<23}", *values.astype(int))

    mt.manual_seed(0)
    image = mt.randn(2, 3, 9, 8, dtype=mt.float64)
    weight = mt.randn(4, 3, 3, 3, dtype=mt.float64)
    gradient = mt.randn(2, 4, 5, 4, dtype=mt.float64)
    options = {"stride": 2, "padding": 1}
    for size in (9, 8):
        print(f"size {size}: output_padding = ({size} + 2 * 1 - 3) mod 2 = {(size + 2 * 1 - 3) % 2}")
    numbers = (
        (gradient * mt.conv2d(image, weight, **options)).sum().item(),
        (image * mt.conv_transpose2d(gradient, weight, output_padding=(0, 1), **options)).sum().item(),
        (weight * mt.conv2d_weight(image, weight.shape, gradient, **options)).sum().item(),
    )
    names = "<g, conv(x, w)>", "<x, conv_transpose(g, w)>", "<w, conv2d_weight(x, g)>"
    for name, number in zip(names, numbers, strict=True):
        print(f"{name:<26} = {number:.6f}")

    back = mt.conv_transpose2d(mt.conv2d(x.detach(), w), w).numpy()[0, 0]
    print("there and back, C^T C x:", *back.ravel().astype(int))
    print("x itself:               ", *range(1, 10))


if __name__ == "__main__":
    main()
