"""Objects come from strangers' files: whatever is in them, a page shows them in words and draws what it can."""

from collections.abc import Callable
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from privateshare.platform.consent.translation import Translator
from privateshare.platform.library.object_lines import ObjectLine, describe_object, title_of
from privateshare.platform.me.charts import Bar, Point, columns, line, rows
from privateshare.platform.me.kind_charts import content_charts, months_chart
from privateshare.platform.me.library_data import ListedObject
from privateshare.platform.me.object_texts import Field, fields_of, readable_name, second_line
from privateshare.protocol.catalogue import ObjectType

WORDS = Translator("en")
WORDS_OF_OBJECTS = """
name track album artists code coding text display valueQuantity value unit given amount basetype category currency steps
weight durationinseconds createddate type
"""
NAMES = st.sampled_from(WORDS_OF_OBJECTS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=6)


@pytest.mark.parametrize(
    ("thing", "title"),
    [
        ({"track": {"name": "Song", "artists": [{"name": "A"}, {"name": "B"}]}}, "Song · A, B"),
        ({"album": {"name": "Album"}}, "Album"),
        ({"merchantname": "Spoorlijn"}, "Spoorlijn"),
        ({"code": {"coding": [{"display": "Asthma"}]}}, "Asthma"),
        ({"code": {"text": "Body weight", "coding": [{"display": "Weight"}]}}, "Body weight"),
        ({"type": [{"text": "Check-up"}]}, "Check-up"),
        ({"name": [{"family": "Sample", "given": ["Robin", "R."]}]}, "Robin R. Sample"),
        ({"name": 5, "code": "x"}, ""),
        ({}, ""),
    ],
)
def test_titles(thing: dict[str, Any], title: str) -> None:
    """What a person would call it."""
    assert title_of(thing) == title


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        ({"amount": 24.73, "basetype": "DEBIT", "currency": "EUR", "category": "travel"}, "-€24.73 · travel"),
        ({"valueQuantity": {"value": 81.25, "unit": "kg"}, "status": "final"}, "81.25 kg · final"),
        ({"steps": 8169}, "8,169 steps"),
        ({"steps": 1}, "1 step"),
        ({"weight": 67.2}, "67.2 kg"),
        ({"amount": True, "valueQuantity": {"value": "high"}}, ""),
    ],
)
def test_second_lines(thing: dict[str, Any], text: str) -> None:
    """The values that matter most."""
    assert second_line(thing, WORDS) == text


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        ({"name": "Lunch", "amount": 7.5, "currency": "EUR"}, "Lunch · 7.5 EUR"),
        ({"name": "Lunch", "amount": "7.50"}, "Lunch · 7.50"),
        ({"name": "Lunch", "amount": True}, "Lunch"),
        ({"code": {"text": "Weight"}, "valueQuantity": {"value": 81.255, "unit": "kg"}}, "Weight · 81.25 kg"),
        ({"code": {"text": "Weight"}, "valueQuantity": {"value": 1e300}}, "Weight"),
        ({"code": [[[[{"text": "too deep"}]]]], "name": "x" * 500}, "x" * 120),
    ],
)
def test_lines(thing: dict[str, Any], text: str) -> None:
    """An object in one line, with its value, for people who decide whether to share it."""
    assert describe_object("digime", thing).text == text


@pytest.mark.parametrize(
    "created", [10**18, -(10**18), "once", None, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_line_has_no_date_that_no_calendar_has(created: object) -> None:
    """Whatever a stranger's file says."""
    assert describe_object("digime", {"name": "x", "createddate": created}) == ObjectLine("x", None)


def test_fields_are_named_in_words_and_keep_their_digits() -> None:
    """Times are written out, what is ours or empty is left out, long numbers stay whole."""
    thing = {
        "entityid": "19_1",
        "authoredOn": "2025-03-03",
        "createddate": 1748617972000,
        "amount": 1234567.89,
        "empty": [],
        "album": {"name": "Second"},
    }
    assert fields_of(thing, WORDS) == [
        Field("Authored on", "2025-03-03"),
        Field("Createddate", "May 30, 2025, 3:12\u202fPM UTC"),
        Field("Amount", "1234567.89"),
        Field("Album", fields=[Field("Name", "Second")]),
    ]
    assert readable_name("valueCodeableConcept") == "Value codeable concept"


DRAWN = ("DAILY_ACTIVITY_SUMMARY", "SLEEP", "TRANSACTION", "OBSERVATION", "BODY_COMPOSITION_SUMMARY", "PLAYLIST")


@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, max_size=4))
def test_nothing_in_an_object_fails_a_page(things: list[dict[str, Any]]) -> None:
    """Every object has texts, and every kind of chart is drawn or left out."""
    for thing in things:
        assert isinstance(title_of(thing) + second_line(thing, WORDS), str)
        assert fields_of(thing, WORDS) is not None
    listed = [
        ListedObject(UUID(int=1), n, UUID(int=2), thing, 1_700_000_000_000 + n * 86_400_000)
        for n, thing in enumerate(things)
    ]
    for kind in DRAWN:
        for chart in content_charts(WORDS, ObjectType[kind], listed):
            ElementTree.fromstring(str(chart.drawing))


@pytest.mark.parametrize("moment", [None, 10**15, -(10**15), 253_402_351_199_000, -62_135_647_200_000])
def test_what_no_calendar_has_is_left_out_of_charts(moment: int | None) -> None:
    """Such as the last day of the year 9999 in a time zone that is behind. The other objects are drawn."""
    things = [ListedObject(UUID(int=1), n, UUID(int=2), {"steps": n}, n * 86_400_000) for n in range(1, 5)]
    strange = ListedObject(UUID(int=1), 9, UUID(int=2), {"steps": 9}, moment)
    kind = ObjectType.DAILY_ACTIVITY_SUMMARY
    drawn = [[chart.drawing for chart in content_charts(WORDS, kind, some)] for some in (things, [*things, strange])]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 1


def test_deep_objects_are_cut() -> None:
    """A thousand levels are not a thousand lists."""
    thing: dict[str, Any] = {"name": "end"}
    for _ in range(900):
        thing = {"inner": thing}
    (field,) = fields_of(thing, WORDS)
    depth = 0
    while field.fields:
        (field,), depth = field.fields, depth + 1
    assert depth < 10


def test_charts_are_whole_and_escape_their_texts() -> None:
    """Each is well-formed, has a name for screen readers, and hides nothing in its texts."""
    bars = [Bar("<b>", 0, '"'), Bar("&", 412, "x"), Bar("c", 1e9, "y")]
    for drawing in (
        columns(WORDS, "Plays & <more>", bars),
        rows(WORDS, "Spending", bars),
        line(WORDS, "Weight", [Point(1, 81.2, "a"), Point(2, 81.2, "b")], "then", "now"),
        columns(WORDS, "Empty", []),
        rows(WORDS, "Empty", []),
    ):
        root = ElementTree.fromstring(str(drawing))
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"]


def _boxes(drawing: str) -> list[tuple[float, float]]:
    """Return where each bar begins and how wide it is."""
    shapes = ElementTree.fromstring(drawing).iter("rect")
    return [(float(shape.attrib["x"]), float(shape.attrib["width"])) for shape in shapes]


@pytest.mark.parametrize("draw", [columns, rows])
def test_charts_are_mirrored_where_reading_begins_at_the_right(draw: Callable[..., Markup]) -> None:
    """In Arabic each bar, label and scale is where its mirror image is, and the first month stands at the right."""
    bars = [Bar(str(number), number, str(number)) for number in range(1, 13)]
    left_to_right, right_to_left = (str(draw(Translator(language), "Plays", bars)) for language in ("en", "ar"))
    for (x, width), (mirrored, same) in zip(_boxes(left_to_right), _boxes(right_to_left), strict=True):
        assert (640 - mirrored - same, same) == pytest.approx((x, width), abs=0.11)
    places = [
        [float(text.attrib["x"]) for text in ElementTree.fromstring(drawing).iter("text")]
        for drawing in (left_to_right, right_to_left)
    ]
    assert [640 - x for x in places[1]] == pytest.approx(places[0], abs=0.11)
    assert ElementTree.fromstring(right_to_left).attrib["direction"] == "rtl"


def test_lines_run_to_the_left_in_arabic() -> None:
    """The earliest value of a line stands at the right."""
    points = [Point(1, 81.2, "then"), Point(2, 82, "now")]
    root = ElementTree.fromstring(str(line(Translator("ar"), "Weight", points, "then", "now")))
    then, now = (float(dot.attrib["cx"]) for dot in root.iter("circle"))
    assert then > now
    assert [text.text for text in root.iter("text")][-2:] == ["then", "now"]


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [("en", 12_500, "12.5K"), ("de", 12_500, "12.500"), ("de", 0.25, "0,25"), ("ar", 1_500, "1,500"), ("en", 0, "0")],
)
def test_numbers_of_a_scale_are_short(language: str, number: float, text: str) -> None:
    """A scale has little room, and its numbers are written as in the page's language."""
    assert Translator(language).short_number(number) == text


@pytest.mark.parametrize("highest", range(1, 10))
def test_a_scale_of_few_entries_has_whole_numbers_only(highest: int) -> None:
    """Nobody saved half an album in a month."""
    drawn = columns(Translator("en"), "By month", [Bar("May", 0, ""), Bar("June", highest, "")])
    texts = [element.text or "" for element in ElementTree.fromstring(drawn).iter() if element.tag.endswith("text")]
    numbers = [text for text in texts if text not in ("May", "June")]
    assert len(numbers) == 3
    assert all(number.isdigit() for number in numbers), numbers


def test_months_without_anything_are_drawn_too() -> None:
    """A gap of a year is a gap in the chart."""
    chart = months_chart(WORDS, ObjectType.PLAY_HISTORY, {202411: 3, 202601: 5})
    assert chart is not None
    assert str(chart.drawing).count("<rect") == 15
    assert months_chart(WORDS, ObjectType.PLAY_HISTORY, {202411: 3}) is None
