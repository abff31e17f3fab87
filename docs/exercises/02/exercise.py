"""Exercise 02: the gradient by differences, which checks any other gradient. Then run: pytest docs/exercises/02"""


def numerical_gradient(f, x, h=1e-4):
    """The gradient of f at x by central differences: (f(x + h e_i) - f(x - h e_i)) / (2 h) for each element i.

    f  takes an array of the shape of x and returns a number
    x  a float64 array of any shape; it must not be changed
    Returns an array of the shape of x.
    """
    raise NotImplementedError("exercise 02: write numerical_gradient in docs/exercises/02/exercise.py")
