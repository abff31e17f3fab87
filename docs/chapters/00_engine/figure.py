"""The graph of y = a * a + a with a = x * x, at x = 3: values forward, gradients back."""

from importlib import import_module

from docs.chapters.draw import FILLS, Drawing

run = import_module("docs.chapters.00_engine.run")

WORDS = {
    "en": {
        "title": "Values go forward, gradients go back",
        "value": "value",
        "gradient": "gradient",
        "number": "call number",
    },
    "ko": {"title": "값은 앞으로, 기울기는 뒤로 흐른다", "value": "값", "gradient": "기울기", "number": "호출 번호"},
}


def draw(language):
    say = WORDS[language]
    x = run.Number(3.0)
    a = x * x
    square = a * a
    y = square + a
    picture = Drawing(640, 230, say["title"])
    places = {"x": (x, 20, 80), "a = x * x": (a, 175, 80), "a * a": (square, 330, 20), "y = a * a + a": (y, 485, 80)}
    first = x.number
    for name, (number, left, top) in places.items():
        picture.rectangle(left, top, 130, 92, "#fafafa")
        picture.text(left + 65, top + 20, name, "middle", bold=True)
        picture.rectangle(left + 6, top + 28, 118, 20, FILLS["output"], None)
        picture.text(left + 65, top + 43, f"{say['value']} {number.value:g}", "middle")
        picture.rectangle(left + 6, top + 50, 118, 20, FILLS["gradient"], None)
        picture.text(left + 65, top + 65, f"{say['gradient']} {run.gradient(y, number).value:g}", "middle")
        picture.text(left + 65, top + 85, f"{say['number']} {number.number - first}", "middle", 11)
    for start, end in (
        ((150, 126), (175, 126)),
        ((305, 105), (330, 85)),
        ((460, 75), (485, 100)),
        ((305, 150), (485, 150)),
    ):
        picture.arrow(*start, *end)
    picture.text(320, 215, say["title"], "middle")
    return picture
