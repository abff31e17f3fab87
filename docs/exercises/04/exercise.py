"""Exercise 04: convolution as loops. Then run: pytest docs/exercises/04"""


def conv2d(image, kernel, stride=1, padding=0):
    """The convolution of one image (H, W) with one kernel (KH, KW), as deep learning defines it.

    out[i, j] = sum over a, b of kernel[a, b] * padded[i * stride + a, j * stride + b]

    padded is the image with `padding` zeros on every side. Returns a float array of
    floor((H + 2 padding - KH) / stride) + 1 rows, and likewise columns. The kernel is not rotated.
    """
    raise NotImplementedError("exercise 04: write conv2d in docs/exercises/04/exercise.py")
