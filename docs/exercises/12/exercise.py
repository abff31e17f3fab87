"""Exercise 12: overlap-tile, on a line. Then run: pytest docs/exercises/12

연습 문제 12: 긴 줄을 타일로 나누어 f를 이음매 없이 계산한다. 양 끝 너머는 거울상이고, 맨 끝 수는 되풀이하지 않는다.
다 썼으면 pytest docs/exercises/12 명령을 실행해 보자.
"""


def by_tiles(f, x, margin, tile):
    """f on a long line of numbers, tile by tile, without seams.

    f       gives one output for each number but the `margin` at each end: len(f(y)) == len(y) - 2 * margin
    x       (n,) with n > margin; beyond its ends it is continued by its mirror image, without repeating the outermost
            number: 1 2 3 4 becomes 3 2 [1 2 3 4] 3 2 for margin 2
    tile    outputs per call of f, at most
    Returns (n,): what f gives for the whole continued line. Each call of f may get at most tile + 2 * margin numbers.
    """
    raise NotImplementedError("exercise 12: write by_tiles in docs/exercises/12/exercise.py")
