"""The shapes of mean(x @ w + b): forward above, gradients below, the same shape at every place."""

from docs.chapters.draw import FILLS, Drawing

WORDS = {
    "en": {"title": "Every gradient has the shape of its tensor", "value": "value", "gradient": "gradient"},
    "ko": {"title": "기울기의 모양은 언제나 그 텐서의 모양과 같다", "value": "값", "gradient": "기울기"},
}
CELL = 15


def draw(language):
    say = WORDS[language]
    picture = Drawing(660, 320, say["title"])
    places = {
        "x (4, 3)": (30, 50, 4, 3),
        "w (3, 2)": (30, 190, 3, 2),
        "x @ w (4, 2)": (210, 100, 4, 2),
        "b (2)": (210, 230, 1, 2),
        "y (4, 2)": (390, 100, 4, 2),
        "mean ()": (550, 122, 1, 1),
    }
    for name, (x, y, rows, columns) in places.items():
        picture.text(x, y - 8, name, bold=True)
        for kind, left in (("output", x), ("gradient", x + 62)):
            for i in range(rows):
                for j in range(columns):
                    picture.rectangle(left + j * CELL, y + i * CELL, CELL, CELL, FILLS[kind])
    for start, end in (
        ((150, 80), (200, 115)),
        ((150, 205), (200, 150)),
        ((315, 130), (380, 130)),
        ((315, 238), (380, 165)),
        ((490, 130), (540, 130)),
    ):
        picture.arrow(*start, *end)
    picture.legend(30, 285, {"output": say["value"], "gradient": say["gradient"]})
    picture.text(250, 298, say["title"])
    return picture
