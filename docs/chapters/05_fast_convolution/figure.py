"""Windows become columns: a 4 x 4 image, a 3 x 3 kernel, and the product of a row with a matrix."""

import numpy as np

import minitensor as mt
from docs.chapters.draw import Drawing

WORDS = {
    "en": {
        "title": "Each window becomes a column",
        "image": "image",
        "columns": "columns: one window each",
        "kernel": "kernel as a row",
        "output": "output as a row",
        "first": "first window",
    },
    "ko": {
        "title": "윈도우 하나가 열 하나가 된다",
        "image": "이미지",
        "columns": "열: 하나에 윈도우 하나",
        "kernel": "한 줄로 펼친 커널",
        "output": "한 줄로 펼친 출력",
        "first": "첫 윈도우",
    },
}


def draw(language):
    say = WORDS[language]
    image = np.arange(1.0, 17).reshape(4, 4)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
    kernel[0, 0] = 1
    columns = mt.unfold(mt.tensor(image[None, None]), 3)[0].numpy()
    product = kernel.ravel() @ columns
    assert np.array_equal(
        product, mt.conv2d(mt.tensor(image[None, None]), mt.tensor(kernel[None, None])).numpy().ravel()
    )
    picture = Drawing(680, 330, say["title"])
    picture.text(20, 28, say["image"], bold=True)
    kinds = np.full((4, 4), "plain", object)
    kinds[:3, :3] = "input"
    picture.grid(20, 40, image, kinds, 30)
    picture.text(20, 180, say["first"])
    picture.arrow(118, 85, 470, 100)
    columns_kinds = np.full(columns.shape, "plain", object)
    columns_kinds[:, 0] = "input"
    picture.text(480, 28, say["columns"], "start", bold=True)
    picture.grid(480, 40, columns, columns_kinds, 26)
    picture.text(190, 232, say["kernel"], bold=True)
    picture.grid(190, 240, kernel.reshape(1, -1), "kernel", 26)
    picture.text(450, 259, "×", "middle", 18)
    picture.text(470, 304, say["output"], "end", bold=True)
    picture.grid(480, 286, product[None], "output", 26)
    return picture
