"""Exercise 11: the score of a mask with several classes. Then run: pytest docs/exercises/11

연습 문제 11: 클래스별 IU의 평균. 정답이 `ignore`인 픽셀은 세지 않고, 어느 쪽에도 없는 클래스는 평균에서 뺀다.
다 썼으면 pytest docs/exercises/11 명령을 실행해 보자.
"""


def mean_iu(truth, prediction, classes, ignore=255):
    """The mean over the classes of IU = both / either, as in chapter 01, now for masks of class numbers.

    truth, prediction  (H, W) whole numbers; pixels where the truth is `ignore` do not count at all
    A class that is neither in the truth nor in the prediction is left out of the mean. No class at all: 1.0.
    """
    raise NotImplementedError("exercise 11: write mean_iu in docs/exercises/11/exercise.py")
