"""Exercise 05: windows as columns, so that a convolution is one matrix product. Then run: pytest docs/exercises/05

연습 문제 05: 모든 k x k 윈도우를 행렬의 열로 쓴다. 행은 채널, 윈도우 안의 행, 열의 순서이고, 열은 읽는 순서의 자리다.
다 썼으면 pytest docs/exercises/05 명령을 실행해 보자.
"""


def unfold(x, k):
    """Every k x k window of x (C, H, W) at stride 1, as the columns of a matrix (C * k * k, OH * OW).

    Rows: channel first, then the row and the column inside the window. Columns: positions in reading order.
    Row (c * k + a) * k + b, column i * OW + j holds x[c, i + a, j + b].
    """
    raise NotImplementedError("exercise 05: write unfold in docs/exercises/05/exercise.py")
