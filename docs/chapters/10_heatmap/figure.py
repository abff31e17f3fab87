"""A large image with two disks, and the heatmap of a classifier that has only seen small windows."""

from importlib import import_module

from docs.chapters.draw import Drawing

run = import_module("docs.chapters.10_heatmap.run")

WORDS = {
    "en": {
        "title": "A classifier slides over a larger image",
        "image": "image of 48 x 48",
        "heat": "heatmap of 9 x 9",
        "window": "the window of the marked score",
    },
    "ko": {
        "title": "분류기가 더 큰 이미지 위를 미끄러진다",
        "image": "48 x 48 이미지",
        "heat": "9 x 9 히트맵",
        "window": "표시한 점수의 윈도우",
    },
}
PIXEL, CELL = 6, 32
MARKED = 2, 1


def draw(language):
    say = WORDS[language]
    heat = run.heatmap()
    picture = Drawing(660, 380, say["title"])
    picture.text(20, 28, say["image"], bold=True)
    picture.image(20, 40, (run.scene()[0].numpy()[0, 0] + 1) / 3, PIXEL)
    picture.text(350, 28, say["heat"], bold=True)
    picture.image(350, 40, heat, CELL)
    for (row, column), value in ((at, heat[at]) for at in ((i, j) for i in range(len(heat)) for j in range(len(heat)))):
        if value > 0.5:
            picture.text(
                350 + column * CELL + CELL / 2, 40 + row * CELL + CELL / 2 + 4, f"{value:.1f}".lstrip("0"), "middle", 11
            )
    row, column = MARKED
    side = run.WINDOW * PIXEL
    picture.rectangle(20 + column * 4 * PIXEL, 40 + row * 4 * PIXEL, side, side, line="#d55e00", thickness=4)
    picture.rectangle(350 + column * CELL, 40 + row * CELL, CELL, CELL, line="#d55e00", thickness=4)
    picture.rectangle(20, 348, 16, 16, line="#d55e00", thickness=4)
    picture.text(44, 361, say["window"])
    return picture
