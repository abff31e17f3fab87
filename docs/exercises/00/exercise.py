"""Exercise 00: division for the engine of chapter 00. Then run: pytest docs/exercises/00"""


def divide_backward(grad, a, b):
    """The gradients of the two inputs of y = a / b.

    grad  the gradient of y
    Returns (the gradient of a, the gradient of b). Derive them: dy/da and dy/db, each times grad.
    """
    raise NotImplementedError("exercise 00: write divide_backward in docs/exercises/00/exercise.py")
