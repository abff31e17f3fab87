"""Exercise 04: convolution as loops. Then run: pytest docs/exercises/04

연습 문제 04: 이미지 하나와 커널 하나의 합성곱을 반복문으로 쓴다. 패딩을 먼저 두르고, 커널은 회전하지 않는다.
다 썼으면 pytest docs/exercises/04 명령을 실행해 보자.
"""


def conv2d(image, kernel, stride=1, padding=0):
    """The convolution of one image (H, W) with one kernel (KH, KW), as deep learning defines it.

    out[i, j] = sum over a, b of kernel[a, b] * padded[i * stride + a, j * stride + b]

    padded is the image with `padding` zeros on every side. Returns a float array of
    floor((H + 2 padding - KH) / stride) + 1 rows, and likewise columns. The kernel is not rotated.
    """
    raise NotImplementedError("exercise 04: write conv2d in docs/exercises/04/exercise.py")
