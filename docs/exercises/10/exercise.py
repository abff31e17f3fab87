"""Exercise 10: a fully connected layer as a convolution. Then run: pytest docs/exercises/10"""


def as_kernel(weight, channels, height, width):
    """The kernel (O, C, H, W) whose convolution gives the same numbers as a fully connected layer.

    weight  (O, C * H * W), applied to features (C, H, W) that were flattened: channel first, then row, then column
    A convolution with this kernel, on features of exactly H x W, has one position, and its value there is
    weight @ features.ravel().
    """
    raise NotImplementedError("exercise 10: write as_kernel in docs/exercises/10/exercise.py")
