"""Exercise 13: connected components. Then run: pytest docs/exercises/13

연습 문제 13: 마스크에서 상하좌우로 이어진 덩어리에 1부터 빈틈없이 번호를 매긴다. 대각선은 이어진 것이 아니다.
다 썼으면 pytest docs/exercises/13 명령을 실행해 보자.
"""


def components(mask):
    """Number the connected regions of a bool mask (H, W).

    Two pixels of the mask are connected if one lies above, below, left or right of the other, or if a chain of such
    neighbours leads from one to the other. Diagonal neighbours alone are not connected.
    Returns whole numbers (H, W): 0 outside the mask, 1, 2, ... n for the regions, without gaps.
    """
    raise NotImplementedError("exercise 13: write components in docs/exercises/13/exercise.py")
