"""Exercise 10: a fully connected layer as a convolution. Then run: pytest docs/exercises/10

연습 문제 10: 완전 연결 층의 가중치 (O, C * H * W)를 같은 값을 내는 합성곱 커널 (O, C, H, W)로 바꾼다.
다 썼으면 pytest docs/exercises/10 명령을 실행해 보자.
"""


def as_kernel(weight, channels, height, width):
    """The kernel (O, C, H, W) whose convolution gives the same numbers as a fully connected layer.

    weight  (O, C * H * W), applied to features (C, H, W) that were flattened: channel first, then row, then column
    A convolution with this kernel, on features of exactly H x W, has one position, and its value there is
    weight @ features.ravel().
    """
    raise NotImplementedError("exercise 10: write as_kernel in docs/exercises/10/exercise.py")
