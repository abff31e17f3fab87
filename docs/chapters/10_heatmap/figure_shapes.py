"""A fully connected layer as a 7 x 7 convolution, and the map of scores that it makes of a larger image."""

from importlib import import_module

import numpy as np

import minitensor as mt
from docs.chapters.draw import Drawing

run = import_module("docs.chapters.10_heatmap.run")

WORDS = {
    "en": {
        "title": "From fully connected layers to a map of scores",
        "window": "window 34 x 34",
        "features": "features 8 x 7 x 7",
        "row": "the 392 weights of one hidden number, a row of the fully connected layer: dark is large",
        "kernel": "the same weights as a kernel 8 x 7 x 7",
        "same": ("each weight times its", "feature: the same sum"),
        "image": "image of 90 x 150, in one pass",
        "map": "map of 15 x 30: the most probable kind",
        "kinds": ("nothing", "disk", "square", "cross"),
        "marked": "a window, and its place in the map",
    },
    "ko": {
        "title": "완전 연결 층에서 점수 지도로",
        "window": "34 x 34 윈도우",
        "features": "특징 8 x 7 x 7",
        "row": "은닉값 하나의 가중치 392개, 곧 완전 연결 층의 한 행: 어두울수록 크다",
        "kernel": "같은 가중치를 8 x 7 x 7 커널로",
        "same": ("가중치마다 제 특징을", "곱한 같은 합"),
        "image": "90 x 150 이미지를 한 번에",
        "map": "15 x 30 지도: 확률이 가장 높은 종류",
        "kinds": ("없음", "원반", "정사각형", "십자가"),
        "marked": "윈도우 하나와 지도에서 그 자리",
    },
}
COLOURS = np.array(["#f2f2f2", "#0072b2", "#e69f00", "#cc79a7"])
HIDDEN = 0  # the hidden number whose weights are shown
MARKED = 2, 3  # a place in the map
TILE = 6  # pixels of a cell of the 7 x 7 maps


def _grey(numbers):
    """Numbers as greys from 0 to 1; the largest is dark."""
    low, high = numbers.min(), numbers.max()
    return 1 - (numbers - low) / (high - low)


def _tiles(picture, x, y, maps):
    """8 maps of 7 x 7 in a row."""
    for place, tile in enumerate(_grey(maps)):
        picture.image(x + place * (7 * TILE + 6), y, tile, TILE)


def draw(language):
    say = WORDS[language]
    net = run.shape_classifier()
    weights = net[7].weight.numpy()[HIDDEN]
    image = run.table_of_shapes()
    top, left = (run.APART * at for at in MARKED)
    window = image[:, :, top : top + run.CUT, left : left + run.CUT]
    with mt.no_grad():
        features = mt.relu(net[:6](window)).numpy()[0]
    picture = Drawing(720, 530, say["title"])
    picture.text(20, 24, say["window"], bold=True)
    picture.image(20, 34, (window.numpy()[0, 0] + 1) / 3, 2)
    picture.arrow(96, 68, 128, 68)
    picture.text(140, 24, say["features"], bold=True)
    _tiles(picture, 140, 46, features)
    picture.text(20, 130, say["row"], bold=True)
    picture.image(20, 138, np.repeat(_grey(weights[None]), 12, axis=0), 1.7)
    picture.arrow(100, 162, 100, 215)
    picture.arrow(100, 215, 132, 215)
    picture.text(140, 184, say["kernel"], bold=True)
    _tiles(picture, 140, 194, weights.reshape(run.MAPS, 7, 7))
    for line, words in enumerate(say["same"]):
        picture.text(535, 212 + 18 * line, words)
    _map(picture, say, image)
    return picture


def _map(picture, say, image):
    heat = run.map_of_scores()
    best = heat.argmax(axis=0)
    y, cell = 284, 10
    picture.text(20, y - 10, say["image"], bold=True)
    picture.image(20, y, (image.numpy()[0, 0] + 1) / 3, 2)
    picture.text(360, y - 10, say["map"], bold=True)
    picture.image(360, y, COLOURS[best], cell)
    for row, column, kind in run.PLACES:
        down, across = ((at - (run.CUT - 1) / 2) / run.APART + 0.5 for at in (row, column))
        beside = 32 if row < image.shape[2] / 2 else -24  # the word stands on the side of the middle
        picture.text(360 + across * cell, y + down * cell + beside, say["kinds"][kind], "middle")
    row, column = MARKED
    picture.rectangle(
        20 + column * run.APART * 2, y + row * run.APART * 2, run.CUT * 2, run.CUT * 2, line="#d55e00", thickness=3
    )
    picture.rectangle(360 + column * cell, y + row * cell, cell, cell, line="#d55e00", thickness=3)
    x, below = 20, y + 2 * image.shape[2] + 24
    for colour, name in zip(COLOURS, say["kinds"], strict=True):
        picture.rectangle(x, below, 16, 16, colour)
        picture.text(x + 22, below + 13, name)
        x += 105
    picture.rectangle(x + 1, below + 1, 14, 14, line="#d55e00", thickness=3)
    picture.text(x + 22, below + 13, say["marked"])
