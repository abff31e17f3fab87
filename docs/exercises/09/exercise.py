"""Exercise 09: the gradient of cross entropy. Then run: pytest docs/exercises/09"""


def cross_entropy_gradient(scores, target):
    """The gradient of the mean cross entropy with respect to the scores: (p - t) / N.

    scores  (N, C) float64; p = softmax of each row
    target  (N,) the true class of each row; t is 1 at this class and 0 elsewhere
    Scores may be large: exp(1000) is too large for a float. Subtracting the largest score of a row from the row does
    not change p.
    """
    raise NotImplementedError("exercise 09: write cross_entropy_gradient in docs/exercises/09/exercise.py")
