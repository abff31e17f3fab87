"""Chapter 03: a gradient has the shape of its tensor. Backward sums what forward copies, and copies what it sums."""

import minitensor as mt


def main():
    x = mt.arange(12.0, dtype=mt.float64).reshape(4, 3).detach().requires_grad_()
    w = mt.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=mt.float64, requires_grad=True)
    b = mt.tensor([0.5, -0.5], dtype=mt.float64, requires_grad=True)
    product = x @ w
    y = product + b
    mean = y.mean()
    for name, tensor in (("x", x), ("w", w), ("x @ w", product), ("b", b), ("y = x @ w + b", y), ("mean", mean)):
        (gradient,) = mt.grad(mean, [tensor], retain_graph=True)
        assert gradient.shape == tensor.shape
        print(f"{name:<14} shape {str(tensor.shape):<7} gradient {str(gradient.shape)}")
    of_y, of_b, of_x = mt.grad(mean, [y, b, x])
    print(f"mean of {y.size} numbers: each gets {of_y[0, 0].item():g}")
    print(f"each number of b is read {y.shape[0]} times: its gradient is {y.shape[0]} * 0.125 = {of_b[0].item():g}")
    print("gradient of x, row 0:", *of_x[0].tolist())

    g = mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=mt.float64)
    row = mt.tensor([10.0, 20.0], dtype=mt.float64)
    left = (g * row.expand(3, 2)).sum().item()
    right = (g.sum(0) * row).sum().item()
    print("sum over rows of g:", *g.sum(0).tolist())
    print(f"<g, expand(row)> = {left:g}, <sum(g), row> = {right:g}")


if __name__ == "__main__":
    main()
