"""Reading dates in whatever form they are written."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.protocol.dates import read_date, read_milliseconds
from privateshare.protocol.window import Window


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


def day(*parts: int) -> Window:
    return Window(ms(*parts), ms(*parts) + 86_400_000 - 1)


def second(*parts: int) -> Window:
    return Window(ms(*parts), ms(*parts) + 999)


TEN = second(1998, 5, 5, 10)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("2026", Window(ms(2026, 1, 1), ms(2027, 1, 1) - 1)),
        ("2024-02", Window(ms(2024, 2, 1), ms(2024, 3, 1) - 1)),
        ("2026-07-08", day(2026, 7, 8)),
        ("2026-07-08T09", Window(ms(2026, 7, 8, 9), ms(2026, 7, 8, 10) - 1)),
        ("2026-07-08T09:10", Window(ms(2026, 7, 8, 9, 10), ms(2026, 7, 8, 9, 11) - 1)),
        ("2026-07-08T09:10:11Z", second(2026, 7, 8, 9, 10, 11)),
        ("2026-07-08T09:10:11.5Z", Window(ms(2026, 7, 8, 9, 10, 11) + 500, ms(2026, 7, 8, 9, 10, 11) + 599)),
        ("2026-07-08T09:10:11.123456+02:00", Window(ms(2026, 7, 8, 7, 10, 11) + 123, ms(2026, 7, 8, 7, 10, 11) + 123)),
        ("2026-07-08T00:10:11-05:30", second(2026, 7, 8, 5, 40, 11)),
        ("2026-07-08+02:00", Window(ms(2026, 7, 7, 22), ms(2026, 7, 8, 22) - 1)),
        ("2026-06-30T23:59:60Z", second(2026, 6, 30, 23, 59, 59)),
        ("9999-12-31", Window(ms(9999, 12, 31), 253_402_300_799_999)),
    ],
)
def test_a_date_is_the_window_of_all_its_meanings(text: str, window: Window) -> None:
    """The less precise a date is, the longer is its window."""
    assert read_date(text) == window


@pytest.mark.parametrize(
    ("value", "window"),
    [
        *[(text, TEN) for text in ("1998-05-05T10:00:00+0000", "1998-05-05T10:00:00+00", "1998-05-05t10:00:00z")],
        *[(text, TEN) for text in ("1998-05-05 10:00:00", "1998-05-05  10:00:00 UTC", "1998-5-5 10:00:00 +0:00")],
        *[(text, TEN) for text in ("19980505T100000Z", "19980505100000", "19980505100000+0000", "1998/05/05 10:00:00")],
        *[
            (text, TEN)
            for text in ("Tue, 05 May 1998 12:00:00 +0200", "5 May 1998, 10:00:00 am", "05.05.1998 10:00:00")
        ],
        *[(text, TEN) for text in ("Tue May 05 1998 10:00:00 GMT+0000 (Central Time)", "May 5, 1998 10:00:00 GMT")],
        *[(text, TEN) for text in ("1998-05-05T12:00:00+02:00[Europe/Paris]", "\u200f1998-05-05T10:00:00Z\u200e")],
        *[(number, TEN) for number in (894362400, "894362400", 894362400.0, "894362400.25", 894362400.5)],
        *[(number, Window(ms(1998, 5, 5, 10), ms(1998, 5, 5, 10))) for number in (894362400000, "894362400000")],
        ("1998-05-05T24:00:00Z", second(1998, 5, 6)),
        ("1998-05-05T12:30 AM", Window(ms(1998, 5, 5, 0, 30), ms(1998, 5, 5, 0, 31) - 1)),
        *[(text, day(1998, 5, 5)) for text in ("19980505", 19980505, "1998-5-5", " 1998-05-05", "1998-05-05\n")],
        *[(text, day(1998, 5, 5)) for text in ("05/05/1998", "5.5.1998", "05-05-1998", "1998/5/5", "1998.05.05")],
        *[
            (text, day(1998, 5, 5))
            for text in ("5 May 1998", "5th May 1998", "MAY 5TH, 1998", "05-May-1998", "1998-MAY-05")
        ],
        *[(text, day(1998, 5, 5)) for text in ("1998-W19-2", "1998W192", "1998-125", "1998125", 1998125)],
        *[
            (text, day(1998, 5, 5))
            for text in ("１９９８－０５－０５", "١٩٩٨-٠٥-٠٥", "१९९८-०५-०५", "1998‑05‑05", "1998−05−05")
        ],
        *[(text, Window(ms(1998, 5, 1), ms(1998, 6, 1) - 1)) for text in ("1998-5", "199805", "05/1998", "May 1998")],
        ("1998-W19", Window(ms(1998, 5, 4), ms(1998, 5, 11) - 1)),
        (1998, Window(ms(1998, 1, 1), ms(1999, 1, 1) - 1)),
        ("13/04/1998", day(1998, 4, 13)),
        ("04/13/1998", day(1998, 4, 13)),
    ],
)
def test_other_notations_of_dates_are_parsed(value: Any, window: Window) -> None:
    """If a date can have only one meaning, its notation does not matter."""
    assert read_date(value) == window


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("03/04/2020", day(2020, 3, 4), day(2020, 4, 3)),
        ("3.4.2020", day(2020, 3, 4), day(2020, 4, 3)),
        ("1998050510", Window(ms(1998, 5, 5, 10)), second(2033, 4, 25, 14, 1, 50)),  # an hour, or a number of seconds
    ],
)
def test_an_ambiguous_date_covers_all_its_meanings(value: Any, first: Window, last: Window) -> None:
    """A limit that contains its window contains each meaning."""
    assert read_date(value) == Window(first.start, last.end)


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "yesterday", "in 1998", "ca. 1998", "1998?", "12", "7", "10:00", "8867-45", "x" * 100_000),
        *(
            "2026-01-01 (actual 1998-05-05)",
            "2026-01-01 [1998]",
            "2026-01-01 (recorded)",
            "2026-01-01T10:00:00Z (1998)",
        ),
        *("2026-01-01T10:00:00Z (about)x", "2026-01-01T10:00:00Z [see 1998-05-05]", "2026-01 (UTC)"),
        *("1999-02-30", "2026-13", "1998-00-00", "1998-05-00", "1998-366", "1998-W54", "0000", "0000-01-01"),
        *("1998-05-05T25:00", "1998-05-05T24:01", "1998-05-05T10:60", "1998-05-05T10:00:61", "1998-05-05T13 PM"),
        *("1998-05-05T10:00+15:00", "1998-05-05T10:00+02:75", "1998-05-05T10:00 CEST", "98-05-05", "05/05/98"),
        *("980505", "201112", "2541-05-05", "+1998-05-05", "-1998-05-05", "1998-05-05/1998-06-01"),
        *(None, True, False, [], {}, ["1998"], {"start": "1998"}, 5, -5, 35920, float("nan"), float("inf"), 1e300),
        *("1" * 17, 10**18, "²"),
    ],
)
def test_an_uncertain_date_is_not_parsed(value: Any) -> None:
    """The date does not exist, or could mean too much: a year of two digits, a year of the Thai calendar."""
    assert read_date(value) is None


@pytest.mark.parametrize(
    ("value", "window"),
    [
        (894362400000, Window(894362400000, 894362400000)),
        (5.9, Window(5, 5)),
        (0, Window(0, 0)),
        (-5, Window(-5, -5)),
        (894362400, Window(894362400, 894362400999)),  # perhaps seconds
        ("894362400000", Window(894362400000, 894362400000)),
        ("1998-05-05", day(1998, 5, 5)),
        *[(value, None) for value in (True, "", "soon", float("nan"), float("-inf"), 10**18, -(10**400), None)],
    ],
)
def test_numbers_of_schema_digime_are_milliseconds(value: Any, window: Window | None) -> None:
    """A number that is small enough for seconds covers both meanings."""
    assert read_milliseconds(value) == window


moments = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(2399, 12, 30)).map(
    lambda when: when.replace(microsecond=0)
)
zones = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@given(moments, zones)
def test_a_window_contains_the_moment_that_was_written(when: datetime, zone: timezone) -> None:
    """In each notation. With seconds, the window starts at the moment."""
    local = when.replace(tzinfo=zone)
    moment = int((local - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
    forms = [
        local.isoformat(),
        local.isoformat(" "),
        local.strftime("%Y%m%dT%H%M%S%z").rjust(20, "0"),
        local.strftime("%Y-%j %H:%M:%S %z").rjust(23, "0"),
        "{}-W{:02}-{} {}".format(*local.isocalendar(), local.strftime("%H:%M:%S%z")),
        format_datetime(local),
    ]
    assert [read_date(form) for form in forms] == [Window(moment, moment + 999)] * len(forms)


@given(st.text() | st.from_regex(r"[\dTZ:+. /-]{1,20}", fullmatch=True) | st.integers() | st.floats())
def test_any_value_is_a_window_or_nothing(value: Any) -> None:
    """No value raises an error."""
    for window in (read_date(value), read_milliseconds(value)):
        assert window is None or (window.start is not None and window.end is not None and window.start <= window.end)
