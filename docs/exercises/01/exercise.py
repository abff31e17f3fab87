"""Exercise 01: how well do two masks agree? Then run: pytest docs/exercises/01

연습 문제 01: 두 마스크의 IoU: 양쪽에 모두 있는 픽셀 수를 적어도 한쪽에 있는 픽셀 수로 나눈다. 둘 다 비었으면 1.0이다.
다 썼으면 pytest docs/exercises/01 명령을 실행해 보자.
"""


def iou(a, b):
    """Intersection over union of two masks, bool arrays of one shape: pixels in both, divided by pixels in either.

    Two empty masks agree: 1.0.
    """
    raise NotImplementedError("exercise 01: write iou in docs/exercises/01/exercise.py")
