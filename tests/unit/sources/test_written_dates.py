"""Dates as pages and chats in many languages write them."""

from datetime import UTC, datetime

import pytest
from scripts.date_names import date_names

from privateshare.sources.written_dates import NAMES_FILE, WrittenDates

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def read(*texts: str) -> list[str | None]:
    """The dates of a file."""
    dates = WrittenDates(NOW)
    for text in texts:
        dates.learn(text)
    found = [dates.read(text) for text in texts]
    return [None if one is None else f"{datetime.fromtimestamp(one / 1000, UTC):%Y-%m-%d %H:%M:%S}" for one in found]


def test_the_names_are_those_of_babel() -> None:
    """`python scripts/date_names.py` writes them anew."""
    assert NAMES_FILE.read_bytes() == date_names()


@pytest.mark.parametrize(
    "text",
    [
        "Mar 04, 2023, 5:12 PM",
        "4. März 2023, 17:12",
        "4 mrt. 2023 17:12",
        "4 mars 2023 à 17:12",
        "4 Mar 2023, 17.12",
        "2023年3月4日 17:12",
        "2023. 3. 4. 오후 5:12",
        "2023/03/04 下午5:12",
        "٤ مارس ٢٠٢٣، ٥:١٢ م",
        "4 มี.ค. 2566 17:12",
        "Μαρ 4, 2023, 5:12 μ.μ.",
        "4 מרץ 2023, 17:12",
        "tháng 3 04, 2023 5:12 CH",
        "17:12 4 thg 3, 2023",
        "4 Mart 2023 17:12",
        "2023. márc. 4. 17:12",
        "4 de mar. de 2023 14:12 GMT-03:00",
        "4 мар. 2023 г., 20:12 MSK",
        "04.03.2023, 18:12 MEZ",
        "Mar 4, 2023, 6:12:00\u202fPM CET",
        "4 मार्च 2023, 10:42 pm IST",
        "2023-03-04 17:12",
        "3월 04, 2023 5:12:00오후",
    ],
)
def test_a_date_in_any_language_is_read(text: str) -> None:
    """Its time zone counts, if it has one."""
    assert read(text) == ["2023-03-04 17:12:00"]


def test_shortened_names_are_read_in_the_language_of_the_file() -> None:
    """Alone, some could be of several languages."""
    russian = ["9 мар 2022 г., 20:53", "18 фев 2022 г., 08:00", "1 янв 2021 г., 00:00", "30 сен 2020 г., 10:10"]
    assert read(*russian) == [
        "2022-03-09 20:53:00",
        "2022-02-18 08:00:00",
        "2021-01-01 00:00:00",
        "2020-09-30 10:10:00",
    ]
    assert read("4. lip 2023 10:00", "1. lis 2023 10:00", "2. srp 2023 10:00")[1:] == [
        "2023-10-01 10:00:00",
        "2023-07-02 10:00:00",
    ]  # Croatian; in Polish these are other months.


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["3/4/23, 17:12", "3/14/23, 10:00"], "2023-03-04 17:12:00"),
        (["3/4/23, 17:12", "14/4/23, 10:00"], "2023-04-03 17:12:00"),
        (["1/2/23, 1:00", "2/2/23, 1:00", "1/3/23, 1:00", "2/3/23, 1:00"], "2023-02-01 01:00:00"),
        (["6/7/26, 1:00"], None),
        (["5/7/26, 1:00"], "2026-05-07 01:00:00"),
        (["3/4/23, 17:12"], None),
        (["23-03-30, 17:12", "23-04-02, 10:00", "23-04-03, 10:00", "23-05-01, 10:00"], "2023-03-30 17:12:00"),
        (["30-03-23, 17:12", "02-04-23, 10:00", "03-04-23, 10:00", "01-05-23, 10:00"], "2023-03-30 17:12:00"),
    ],
)
def test_the_order_of_numbers_is_that_of_the_file(texts: list[str], first: str | None) -> None:
    """Days after the twelfth, the order of the dates, and the present show it; otherwise no date is read."""
    assert read(*texts)[0] == first


@pytest.mark.parametrize("text", ["", "hello", "at 5:12", "2023", "32 Mar 2023 10:00", "4 Foo 2023 10:00", "x" * 200])
def test_other_texts_are_no_dates(text: str) -> None:
    """They are not taken for one."""
    assert read(text) == [None]


@pytest.mark.parametrize("text", ["1/1/" + "9" * 60, "9" * 50 + "-01-01 10:00", "31.12.9999 24:59", "9999-12-31 24:59"])
def test_impossible_years_are_no_dates(text: str) -> None:
    """They do not end the import."""
    assert read(text) == [None]


@pytest.mark.parametrize(("text", "expected"), [("03.04.99, 10:00", "1999-04-03 10:00:00"), ("03.04.73, 10:00", None)])
def test_years_with_two_digits_are_not_in_the_future(text: str, expected: str | None) -> None:
    """A date of 1999 must not become one of 2099."""
    assert read(text) == [expected]


def test_what_has_not_happened_is_no_date() -> None:
    """An export has nothing of 2099."""
    assert read("Apr 3, 2099, 7:12:01 AM") == [None]
