# ruff: noqa: B905 - the engine stands here letter by letter as in docs/reading.md
"""Chapter 00: an engine of 30 lines, and what it computes. It needs nothing but Python."""

from itertools import count

numbers = count()


class Number:
    def __init__(self, value, op=None, inputs=()):
        self.value, self.op, self.inputs = value, op, inputs
        self.number = next(numbers)  # larger than the numbers of its inputs

    def __add__(self, other):
        return Add()(self, other)

    def __mul__(self, other):
        return Multiply()(self, other)


class Op:
    def __call__(self, *inputs):
        return Number(self.forward(*[x.value for x in inputs]), self, inputs)


class Add(Op):
    def forward(self, a, b):
        return a + b

    def backward(self, grad, a, b):
        return grad, grad  # d(a + b)/da = 1, d(a + b)/db = 1


class Multiply(Op):
    def forward(self, a, b):
        return a * b

    def backward(self, grad, a, b):
        return grad * b, grad * a  # d(ab)/da = b, d(ab)/db = a


def gradient(output, wanted):
    seen, to_visit = {output}, [output]
    while to_visit:  # everything behind the output
        new = set(to_visit.pop().inputs) - seen
        seen |= new
        to_visit += new
    grads = {output: Number(1.0)}
    for result in sorted(seen, key=lambda x: x.number, reverse=True):
        if result.op is None or result not in grads:
            continue
        input_grads = result.op.backward(grads[result], *result.inputs)
        for x, grad in zip(result.inputs, input_grads):
            grads[x] = grads[x] + grad if x in grads else grad
    return grads[wanted]


def main():
    methods = [method for part in (Number, Op, Add, Multiply) for method in vars(part).values() if callable(method)]
    lines = {line for method in (*methods, gradient) for *_, line in method.__code__.co_lines()}
    print(f"an engine of about 30 lines: its functions have {len(lines)}")
    x = Number(3.0)
    a = x * x
    square = a * a
    y = square + a  # a is used in two places
    print(
        "call numbers:",
        ", ".join(f"{name} {n.number}" for name, n in (("x", x), ("a", a), ("a * a", square), ("y", y))),
    )
    print(f"a = x * x = {a.value:g}, y = a * a + a = {y.value:g}")
    print(f"dy/da = 2 a + 1 = {gradient(y, a).value:g}")
    print(f"dy/dx = (2 a + 1) 2 x = {gradient(y, x).value:g}")
    too_early = 1.0 * 2 * x.value  # only the 1 of "+ a" has arrived at a, and it is passed on
    print(f"dy/dx if a passes its gradient on too early: {too_early:g}")

    cube = x * x * x
    first = gradient(cube, x)
    second = gradient(first, x)
    third = gradient(second, x)
    print(f"x = {x.value:g}, x * x * x = {cube.value:g}")
    print(f"first derivative  3 x^2 = {first.value:g}")
    print(f"second derivative 6 x   = {second.value:g}")
    print(f"third derivative  6     = {third.value:g}")


if __name__ == "__main__":
    main()
