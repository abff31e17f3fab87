"""Exercise 03: the gradient of broadcasting. Then run: pytest docs/exercises/03

연습 문제 03: 브로드캐스팅된 배열의 기울기를 원래 모양 `shape`로 더해 줄인다.
여러 번 읽힌 수의 기울기는 읽힌 곳들의 합이다.
다 썼으면 pytest docs/exercises/03 명령을 실행해 보자.
"""


def sum_to(grad, shape):
    """Sum an array down to `shape`, the shape of an array before it was broadcast to the shape of grad.

    Broadcasting adds axes in front, and it reads axes of size 1 many times. Where a number was read many times, its
    gradient is the sum over all of these places.
    """
    raise NotImplementedError("exercise 03: write sum_to in docs/exercises/03/exercise.py")
