"""Exercise 08: the matrix of bilinear interpolation. Then run: pytest docs/exercises/08

연습 문제 08: 한 축을 쌍선형으로 늘리거나 줄이는 행렬. 출력 i는 입력의 (i + 0.5) * size_in / size_out - 0.5에 놓인다.
다 썼으면 pytest docs/exercises/08 명령을 실행해 보자.
"""


def bilinear_matrix(size_in, size_out):
    """The matrix (size_out, size_in) that resizes one axis, as align_corners=False does.

    Output i lies at x = (i + 0.5) * size_in / size_out - 0.5 in the input. It is the weighted mean of the two input
    pixels beside x; the nearer one has the larger weight. Beyond the border the outermost pixel repeats.
    """
    raise NotImplementedError("exercise 08: write bilinear_matrix in docs/exercises/08/exercise.py")
