"""Exercise 00: division for the engine of chapter 00. Then run: pytest docs/exercises/00

연습 문제 00: 나눗셈 y = a / b의 두 입력의 기울기를 돌려준다. dy/da와 dy/db를 구해 각각 grad를 곱한다.
다 썼으면 pytest docs/exercises/00 명령을 실행해 보자.
"""


def divide_backward(grad, a, b):
    """The gradients of the two inputs of y = a / b.

    grad  the gradient of y
    Returns (the gradient of a, the gradient of b). Derive them: dy/da and dy/db, each times grad.
    """
    raise NotImplementedError("exercise 00: write divide_backward in docs/exercises/00/exercise.py")
