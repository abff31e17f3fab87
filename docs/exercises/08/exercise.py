"""Exercise 08: the matrix of bilinear interpolation. Then run: pytest docs/exercises/08"""


def bilinear_matrix(size_in, size_out):
    """The matrix (size_out, size_in) that resizes one axis, as align_corners=False does.

    Output i lies at x = (i + 0.5) * size_in / size_out - 0.5 in the input. It is the weighted mean of the two input
    pixels beside x; the nearer one has the larger weight. Beyond the border the outermost pixel repeats.
    """
    raise NotImplementedError("exercise 08: write bilinear_matrix in docs/exercises/08/exercise.py")
