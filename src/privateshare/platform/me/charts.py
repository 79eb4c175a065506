"""Charts of a person's data, drawn as SVG on the server, so that they work without JavaScript.

The policy of the pages allows no inline styles, so colours and fonts come from classes in the style sheet. In a
language that is written from right to left a chart is mirrored: time runs to the left, the scale stands at the right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

from privateshare.platform.consent.translation import Translator

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 26
ROW_HEIGHT, ROW_LABEL_WIDTH = 30, 190
GAP = 0.25  # The share of a bar's place that stays empty.
MAX_LABELS = 6
HALF_LABEL = 48  # A phone shows labels in larger letters.
MIN_LINE_POINTS = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """A value of a chart. `label` stands at the axis, and `text` says all of it, such as "March 2026: 412"."""

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a moment, in seconds. `text` says all of it."""

    moment: float
    value: float
    text: str


class Drawing:
    """The shapes of one chart. Places are counted from where reading begins, which is the right side in Arabic."""

    def __init__(self, words: Translator) -> None:
        self.words = words
        self._shapes: list[Markup] = []

    def bar(self, x: float, y: float, width: float, height: float, text: str = "") -> None:
        """Draw a bar whose text is shown when somebody points at it."""
        begin = min(self._place(x), self._place(x + width))
        title = Markup("<title>{}</title>").format(text) if text else ""
        self._add(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="2">{}</rect>'),
            begin,
            y,
            width,
            height,
            title,
        )

    def dot(self, x: float, y: float, text: str) -> None:
        """Draw a point of a line."""
        self._add(
            Markup('<circle class="dot" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>'), self._place(x), y, text
        )

    def path(self, places: Sequence[tuple[float, float]]) -> None:
        """Draw a line through all of these places."""
        points = " ".join(f"{self._place(x):.1f},{y:.1f}" for x, y in places)
        self._add(Markup('<polyline class="line" points="{}"/>'), points)

    def label(self, x: float, y: float, anchor: str, text: str, *, name: str = "label") -> None:
        """Write a text that begins, ends or has its middle at a place: `anchor` is start, end or middle."""
        self._add(
            Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>'), name, self._place(x), y, anchor, text
        )

    def scale(self, bottom: float, top: float) -> None:
        """Draw the lines at the bottom, the middle and the top of a scale, with their values."""
        for share in (0.0, 0.5, 1.0):
            y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
            ends = sorted((self._place(LEFT), self._place(WIDTH - RIGHT)))
            self._add(Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'), *ends, y, y)
            self.label(LEFT - 6, y + 4, "end", self.words.short_number(bottom + (top - bottom) * share))

    def svg(self, title: str, height: float) -> Markup:
        """Return the chart. `title` names it for screen readers."""
        opened = Markup('<svg class="chart" viewBox="0 0 {} {}" direction="{}" role="img" aria-label="{}">').format(
            WIDTH, height, self.words.direction, title
        )
        return opened + Markup().join(self._shapes) + Markup("</svg>")

    def _place(self, x: float) -> float:
        return WIDTH - x if self.words.direction == "rtl" else x

    def _add(self, shape: Markup, *values: str | float) -> None:
        self._shapes.append(shape.format(*(f"{v:.1f}" if isinstance(v, float | int) else v for v in values)))


def columns(words: Translator, title: str, bars: Sequence[Bar]) -> Markup:
    """Draw values next to each other, such as one for each month."""
    drawing = Drawing(words)
    top = _round_up(max((bar.value for bar in bars), default=0.0))
    drawing.scale(0.0, top)
    place = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    step = max(1, -(-len(bars) // MAX_LABELS))
    for number, bar in enumerate(bars):
        x, height = LEFT + number * place, (HEIGHT - TOP - BOTTOM) * max(0.0, bar.value) / top
        width = max(1.0, place * (1 - GAP))
        drawing.bar(x + place * GAP / 2, HEIGHT - BOTTOM - height, width, height, bar.text)
        if number % step == 0:
            is_last = x + place / 2 > WIDTH - RIGHT - HALF_LABEL
            at, anchor = (WIDTH - RIGHT, "end") if is_last else (x + place / 2, "middle")
            # A phone shows every second label, in larger letters.
            name = "label minor" if number // step % 2 else "label"
            drawing.label(at, HEIGHT - 8, anchor, bar.label, name=name)
    return drawing.svg(title, HEIGHT)


def rows(words: Translator, title: str, bars: Sequence[Bar]) -> Markup:
    """Draw named values below each other, such as one for each category."""
    drawing = Drawing(words)
    top = max((bar.value for bar in bars), default=0.0) or 1.0
    longest = WIDTH - ROW_LABEL_WIDTH - 110
    for number, bar in enumerate(bars):
        y, width = number * ROW_HEIGHT, max(2.0, longest * bar.value / top)
        drawing.label(ROW_LABEL_WIDTH - 10, y + 20, "end", bar.label, name="name")
        drawing.bar(ROW_LABEL_WIDTH, y + 6, width, ROW_HEIGHT - 12)
        drawing.label(ROW_LABEL_WIDTH + width + 8, y + 20, "start", bar.text)
    return drawing.svg(title, max(1, len(bars)) * ROW_HEIGHT)


def line(words: Translator, title: str, points: Sequence[Point], first: str, last: str) -> Markup:
    """Draw values over time. `first` and `last` are the labels of the earliest and latest moment."""
    drawing = Drawing(words)
    ordered = sorted(points, key=lambda point: point.moment)
    lowest, highest = min(point.value for point in ordered), max(point.value for point in ordered)
    margin = (highest - lowest) * 0.15 or abs(highest) * 0.1 or 1.0
    bottom, top = lowest - margin, highest + margin
    begin, span = ordered[0].moment, (ordered[-1].moment - ordered[0].moment) or 1.0
    places = [
        (
            LEFT + (WIDTH - LEFT - RIGHT) * (point.moment - begin) / span,
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (point.value - bottom) / (top - bottom),
        )
        for point in ordered
    ]
    drawing.scale(bottom, top)
    drawing.path(places)
    for (x, y), point in zip(places, ordered, strict=True):
        drawing.dot(x, y, point.text)
    drawing.label(LEFT, HEIGHT - 8, "start", first)
    drawing.label(WIDTH - RIGHT, HEIGHT - 8, "end", last)
    return drawing.svg(title, HEIGHT)


def _round_up(value: float) -> float:
    """Return a round number that is not less than a value, for the top of a scale."""
    if value <= 0:
        return 2.0
    power = 10.0 ** floor(log10(value))
    # Below 10 only even numbers: the middle of the scale has a label too, and half an entry does not exist.
    steps = (2, 4, 6, 8, 10) if power == 1 else (1, 2, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value)
