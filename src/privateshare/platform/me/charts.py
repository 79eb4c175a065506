"""Charts of a person's data, drawn as SVG on the server, so that they work without JavaScript.

The policy of the pages allows no inline styles, so colours and fonts come from classes in the style sheet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 26
ROW_HEIGHT, ROW_LABEL_WIDTH = 30, 190
GAP = 0.25  # The share of a bar's place that stays empty.
MAX_LABELS = 6
HALF_LABEL = 26
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


def columns(title: str, bars: Sequence[Bar]) -> Markup:
    """Draw values next to each other, such as one for each month."""
    top = _round_up(max((bar.value for bar in bars), default=0.0))
    place = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    step = max(1, -(-len(bars) // MAX_LABELS))
    parts = [_grid(top)]
    for number, bar in enumerate(bars):
        x, height = LEFT + number * place, (HEIGHT - TOP - BOTTOM) * max(0.0, bar.value) / top
        y, width = HEIGHT - BOTTOM - height, max(1.0, place * (1 - GAP))
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>').format(
                _number(x + place * GAP / 2), _number(y), _number(width), _number(height), bar.text
            )
        )
        if number % step == 0:
            is_last = x + place / 2 > WIDTH - RIGHT - HALF_LABEL
            at, anchor = (WIDTH - RIGHT, "end") if is_last else (x + place / 2, "middle")
            parts.append(_label(at, HEIGHT - 8, anchor, bar.label))
    return _drawing(title, HEIGHT, parts)


def rows(title: str, bars: Sequence[Bar]) -> Markup:
    """Draw named values below each other, such as one for each category."""
    top = max((bar.value for bar in bars), default=0.0) or 1.0
    longest = WIDTH - ROW_LABEL_WIDTH - 110
    parts = []
    for number, bar in enumerate(bars):
        y, width = number * ROW_HEIGHT, max(2.0, longest * bar.value / top)
        parts.append(_label(ROW_LABEL_WIDTH - 10, y + 20, "end", bar.label, strong=True))
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="3"/>').format(
                ROW_LABEL_WIDTH, y + 6, _number(width), ROW_HEIGHT - 12
            )
        )
        parts.append(_label(ROW_LABEL_WIDTH + width + 8, y + 20, "start", bar.text))
    return _drawing(title, max(1, len(bars)) * ROW_HEIGHT, parts)


def line(title: str, points: Sequence[Point], first: str, last: str) -> Markup:
    """Draw values over time. `first` and `last` are the labels of the earliest and latest moment."""
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
    path = " ".join(f"{_number(x)},{_number(y)}" for x, y in places)
    parts = [_scale(bottom, top), Markup('<polyline class="line" points="{}"/>').format(path)]
    for (x, y), point in zip(places, ordered, strict=True):
        parts.append(
            Markup('<circle class="dot" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>').format(
                _number(x), _number(y), point.text
            )
        )
    parts += [_label(LEFT, HEIGHT - 8, "start", first), _label(WIDTH - RIGHT, HEIGHT - 8, "end", last)]
    return _drawing(title, HEIGHT, parts)


def _grid(top: float) -> Markup:
    return _scale(0.0, top)


def _scale(bottom: float, top: float) -> Markup:
    lines = Markup()
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
        value = bottom + (top - bottom) * share
        lines += Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            LEFT, WIDTH - RIGHT, _number(y), _number(y)
        )
        lines += _label(LEFT - 6, y + 4, "end", _short(value))
    return lines


def _label(x: float, y: float, anchor: str, text: str, *, strong: bool = False) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        "name" if strong else "label", _number(x), _number(y), anchor, text
    )


def _drawing(title: str, height: float, parts: Sequence[Markup]) -> Markup:
    opened = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, height, title)
    return opened + Markup().join(parts) + Markup("</svg>")


def _round_up(value: float) -> float:
    """Return a round number that is not less than a value, for the top of a scale."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * power >= value)


def _short(value: float) -> str:
    """Write a number of a scale in few characters, such as 12k."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _number(value: float) -> str:
    return f"{value:.1f}"
