"""Exercise 07: the gradient of a convolution with a stride. Then run: pytest docs/exercises/07

연습 문제 07: 스트라이드가 있는 1차원 합성곱의 입력 기울기를 구한다. 어느 윈도우도 닿지 않는 수의 기울기는 0이다.
다 썼으면 pytest docs/exercises/07 명령을 실행해 보자.
"""


def conv1d_input_gradient(g, kernel, size, stride=1):
    """The gradient of y = conv1d(x, kernel, stride) with respect to x, where g is the gradient of y.

    y[i] = sum over a of kernel[a] * x[i * stride + a]
    x has `size` numbers. y has floor((size - K) / stride) + 1, and so has g.

    Returns a float array of `size` numbers. Pixels that no window reaches get 0.
    """
    raise NotImplementedError("exercise 07: write conv1d_input_gradient in docs/exercises/07/exercise.py")
