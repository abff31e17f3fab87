"""Exercise 06: transposed convolution. Then run: pytest docs/exercises/06

연습 문제 06: 전치 합성곱: 0을 끼우고, K - 1만큼 두르고, 180도 회전한 커널을 미끄러뜨리고, `padding`만큼 잘라 낸다.
또는 거꾸로, 입력 픽셀마다 자기 값을 곱한 커널을 출력에 더한다.
다 썼으면 pytest docs/exercises/06 명령을 실행해 보자.
"""


def conv_transpose2d(image, kernel, stride=1, padding=0):
    """The transposed convolution of one image (H, W) with one kernel (K, K).

    1. insert stride - 1 zeros between neighbouring pixels
    2. pad with K - 1 zeros on every side
    3. slide the kernel, rotated by 180 degrees, over the result with stride 1
    4. crop `padding` pixels from every side

    Returns a float array of (H - 1) stride - 2 padding + K rows, and likewise columns. Or do it the other way round:
    each input pixel adds its value times the kernel to the output, `stride` pixels from its neighbour's place.
    """
    raise NotImplementedError("exercise 06: write conv_transpose2d in docs/exercises/06/exercise.py")
