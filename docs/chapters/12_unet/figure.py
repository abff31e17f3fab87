"""The U of the paper, drawn from nets.unet_sizes: sizes, skips and crops."""

import nets
from docs.chapters.draw import FILLS, Drawing

WORDS = {
    "en": {
        "title": "The U-Net for 572 pixels",
        "crop": "crop",
        "down": "2 convolutions, then pooling",
        "up": "up-convolution, then 2 convolutions",
    },
    "ko": {
        "title": "572픽셀을 위한 U-Net",
        "crop": "잘라 내기",
        "down": "합성곱 2번, 그리고 풀링",
        "up": "업 합성곱, 그리고 합성곱 2번",
    },
}
ROW, BOX, HIGH = 78, 62, 34  # pixels between levels; a box


def _box(picture, x, y, number, kind):
    picture.rectangle(x, y, BOX, HIGH, FILLS[kind])
    picture.text(x + BOX / 2, y + 22, str(number), "middle")


def draw(language):
    say = WORDS[language]
    sizes = nets.unet_sizes(572, depth=4)
    picture = Drawing(700, 450, say["title"])
    picture.text(20, 26, say["title"], bold=True)
    for number, level in enumerate(sizes.levels):
        y, left, right = 44 + number * ROW, 20 + number * 26, 618 - number * 26
        _box(picture, left, y, level.enter, "input")
        picture.arrow(left + BOX, y + 17, left + BOX + 22, y + 17)
        _box(picture, left + BOX + 22, y, level.skip, "input")
        down = left + BOX - 8 if number < 3 else 290
        picture.arrow(left + BOX + 54, y + HIGH, down, y + ROW)
        _box(picture, right - BOX - 22, y, level.up, "output")
        picture.arrow(right - 22, y + 17, right, y + 17)
        _box(picture, right, y, level.leave, "output")
        picture.arrow(left + 2 * BOX + 22, y + 17, right - BOX - 22, y + 17, "#cc79a7")
        picture.text(350, y + 11, f"{say['crop']} {level.crop}", "middle", 12)
        picture.arrow(right + 5 if number < 3 else 410, y + ROW, right - BOX, y + HIGH)
    y = 44 + 4 * ROW
    _box(picture, 266, y, sizes.bottom[0], "input")
    picture.arrow(266 + BOX, y + 17, 372, y + 17)
    _box(picture, 372, y, sizes.bottom[1], "output")
    picture.rectangle(20, 418, 16, 16, FILLS["input"])
    picture.text(42, 431, say["down"])
    picture.rectangle(350, 418, 16, 16, FILLS["output"])
    picture.text(372, 431, say["up"])
    return picture
