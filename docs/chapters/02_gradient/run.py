"""Chapter 02: slopes by differences and by the chain rule, and walking down with them. All in float64."""

import numpy as np

import minitensor as mt


def cube(x):
    return x * x * x


def bowl(w):
    """A loss of two weights, lowest at (2, -1): steep along the second, flat along the first."""
    return (w[0] - 2) ** 2 + 4 * (w[1] + 1) ** 2


def walk(step, steps=20):
    """The points that gradient descent visits, starting at (0, 0)."""
    w = mt.zeros(2, dtype=mt.float64, requires_grad=True)
    points = [w.tolist()]
    for _ in range(steps):
        (slope,) = mt.grad(bowl(w), [w])
        w = (w.detach() - step * slope).requires_grad_()
        points.append(w.tolist())
    return points


def main():
    x = mt.tensor(2.0, dtype=mt.float64, requires_grad=True)
    (exact,) = mt.grad(cube(x), [x])
    print(f"x = 2, x^3 = {cube(2.0):g}, slope 3 x^2 = {exact.item():g}")
    for h in (0.1, 0.001):
        forward = (cube(2.0 + h) - cube(2.0)) / h
        central = (cube(2.0 + h) - cube(2.0 - h)) / (2 * h)
        print(f"h = {h:g}: one-sided difference {forward:.6f}, central difference {central:.6f}")
    h = np.float32(1e-7)
    lost = (cube(np.float32(2) + h) - cube(np.float32(2))) / h
    print(f"h = 0.0000001 in float32: {lost:g}")

    for step in (0.1, 0.26):
        points = walk(step)
        losses = [bowl(np.array(point)) for point in points]
        early = " -> ".join(f"{loss:.2f}" for loss in losses[:3])
        print(f"step {step:g}: loss {early} ... after 20 steps {losses[-1]:.4f}")
    print("w after 20 steps of 0.1: ({:.2f}, {:.2f})".format(*walk(0.1)[-1]))


if __name__ == "__main__":
    main()
