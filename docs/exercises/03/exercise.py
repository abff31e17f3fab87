"""Exercise 03: the gradient of broadcasting. Then run: pytest docs/exercises/03"""


def sum_to(grad, shape):
    """Sum an array down to `shape`, the shape of an array before it was broadcast to the shape of grad.

    Broadcasting adds axes in front, and it reads axes of size 1 many times. Where a number was read many times, its
    gradient is the sum over all of these places.
    """
    raise NotImplementedError("exercise 03: write sum_to in docs/exercises/03/exercise.py")
