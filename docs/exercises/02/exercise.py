"""Exercise 02: the gradient by differences, which checks any other gradient. Then run: pytest docs/exercises/02

연습 문제 02: 중앙 차분으로 f의 기울기를 구한다. 원소를 하나씩 위아래로 h만큼 움직인다. x는 바뀌면 안 된다.
다 썼으면 pytest docs/exercises/02 명령을 실행해 보자.
"""


def numerical_gradient(f, x, h=1e-4):
    """The gradient of f at x by central differences: (f(x + h e_i) - f(x - h e_i)) / (2 h) for each element i.

    f  takes an array of the shape of x and returns a number
    x  a float64 array of any shape; it must not be changed
    Returns an array of the shape of x.
    """
    raise NotImplementedError("exercise 02: write numerical_gradient in docs/exercises/02/exercise.py")
