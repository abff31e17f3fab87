"""Exercise 09: the gradient of cross entropy. Then run: pytest docs/exercises/09

연습 문제 09: 평균 교차 엔트로피의 점수에 대한 기울기 (p - t) / N. 점수가 커도 넘치지 않게, 행의 최댓값을 먼저 뺀다.
다 썼으면 pytest docs/exercises/09 명령을 실행해 보자.
"""


def cross_entropy_gradient(scores, target):
    """The gradient of the mean cross entropy with respect to the scores: (p - t) / N.

    scores  (N, C) float64; p = softmax of each row
    target  (N,) the true class of each row; t is 1 at this class and 0 elsewhere
    Scores may be large: exp(1000) is too large for a float. Subtracting the largest score of a row from the row does
    not change p.
    """
    raise NotImplementedError("exercise 09: write cross_entropy_gradient in docs/exercises/09/exercise.py")
