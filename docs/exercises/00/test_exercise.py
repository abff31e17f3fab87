"""The properties of a right answer to exercise 00."""

from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.floats(0.5, 4) | st.floats(-4, -0.5)
H = 1e-6


def near(a, b):
    return abs(a - b) <= 1e-5 * max(1, abs(a), abs(b))


@given(a=NUMBERS, b=NUMBERS)
def test_gradients_are_slopes(answer, a, b):
    of_a, of_b = answer.divide_backward(1.0, a, b)
    slope = ((a + H) / b - (a - H) / b) / (2 * H)
    assert near(of_a, slope), (
        f"a / b at a = {a}, b = {b}: if a grows by h, y grows by {slope:.4f} h, but you return {of_a:.4f}. "
        "dy/da is the factor of a in a * (1 / b)."
    )
    slope = (a / (b + H) - a / (b - H)) / (2 * H)
    assert not near(of_b, -slope), (
        f"a / b at a = {a}, b = {b}: the gradient of b has the wrong sign. "
        "With a above 0, a larger b makes a / b smaller."
    )
    assert near(of_b, slope), f"at a = {a}, b = {b}: dy/db is {slope:.4f}, you return {of_b:.4f}. Derive a * b^(-1)."


@given(grad=NUMBERS, a=NUMBERS, b=NUMBERS)
def test_the_chain_rule_multiplies_by_grad(answer, grad, a, b):
    once, scaled = answer.divide_backward(1.0, a, b), answer.divide_backward(grad, a, b)
    for name, one, other in zip("ab", once, scaled, strict=True):
        assert near(grad * one, other), (
            f"the gradient of {name} must be the derivative times grad: with grad = {grad} it is {other:.4f}, not "
            f"{grad * one:.4f}. The chain rule passes on what comes from behind."
        )
