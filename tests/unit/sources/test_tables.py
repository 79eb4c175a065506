"""Tables as people change them: saved by spreadsheets, cut, damaged, or made to do harm."""

import csv
import io
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import count_in, number_in, rows_of
from privateshare.sources.object_building import Mapped, exact_moment, milliseconds, number_of
from privateshare.sources.tables import TableKind, TableRow, find_table
from privateshare.sources.text_files import MAX_LINE_BYTES, byte_lines

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def nothing(_reader: Any, _row: TableRow) -> Iterator[Mapped]:
    yield from ()


KIND = TableKind({"name": ("Name",), "date": ("Date",), "rating": ("Rating",)}, ("name", "date"), nothing, ("date",))


def file_of(data: bytes) -> UploadedFile:
    """Return a file with this content."""
    return UploadedFile("table.csv", lambda: nullcontext(io.BytesIO(data)), len(data))


def rows(data: bytes) -> list[TableRow]:
    """Return the rows of a table."""
    return list(find_table(file_of(data), [KIND]).rows(NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("1.234.567,8", 1234567.8),
        ("1,234,567.8", 1234567.8),
        ("-3,5", -3.5),
        ("\u22123.5", -3.5),
        ("1\u202f234,5", 1234.5),
        ("1,234,567", None),
        ("1,234", None),
        ("0,234", 0.234),
        ("1,2.3,4", None),
        ("1_000", None),
        ("nan", None),
        ("infinity", None),
        ("1e400", None),
        ("9" * 400, None),
        ("", None),
        (",", None),
        (".5", 0.5),
        ("1e3", 1000.0),
    ],
)
def test_numbers_are_those_that_were_written(text: str, expected: float | None) -> None:
    """A number that can be read in two ways, or is none, is left out."""
    assert number_in(text) == expected


def test_decimal_commas_of_spreadsheets_are_read() -> None:
    """A spreadsheet in German saves 4.5 as 4,5, between semicolons."""
    (row,) = rows("Name;Date;Rating\r\nTee;2024-03-04T05:06:07Z;4,5\r\n".encode("utf-8-sig"))
    assert row.number("rating") == 4.5


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_may_end_as_on_any_system(end: str) -> None:
    """Also as on old Macs, which Excel still offers."""
    text = end.join(("Name,Date,Rating", "A,2024-03-04T05:06:07Z,1", "B,2024-03-05T05:06:07Z,2", ""))
    assert [row.text("name") for row in rows(text.encode())] == ["A", "B"]
    assert [row[0] for row in rows_of(file_of(text.encode()))] == ["Name", "A", "B"]


def test_lines_that_end_as_on_old_macs() -> None:
    """They may be long, or empty, and another byte is left as it is. Many take no longer than other lines."""
    long = b"x" * (MAX_LINE_BYTES + 1)
    assert list(byte_lines(file_of(b"\xef\xbb\xbfa\xe9\r\r" + long + b"\rb"))) == [
        b"a\xe9\n",
        b"\n",
        long[:-1],
        b"x\n",
        b"b",
    ]
    start = time.process_time()
    assert sum(1 for _ in byte_lines(file_of(b"\r" * 5_000_000))) == 5_000_000
    assert time.process_time() - start < 5


def test_a_letter_in_the_older_encoding_may_come_late() -> None:
    """The beginning of the file does not show its encoding then."""
    lines = ["Name,Date,Rating", *["Tea,2024-03-04T05:06:07Z,1"] * 4000, "Jos\xe9,2024-03-04T05:06:07Z,1", ""]
    assert rows("\n".join(lines).encode("cp1252"))[-1].text("name") == "Jos\xe9"
    assert rows("\n".join(lines).encode())[-1].text("name") == "Jos\xe9"


def test_a_long_text_does_not_end_the_table() -> None:
    """Some people write long reviews."""
    long = "word " * 50_000
    data = f"Name,Date,Rating\n{long},2024-03-04T05:06:07Z,1\nB,2024-03-04T05:06:07Z,1\n".encode()
    assert [len(row.text("name")) for row in rows(data)] == [len(long.strip()), 1]
    assert [len(row[0]) for row in rows_of(file_of(data))] == [4, len(long.strip()), 1]


def test_a_long_text_in_a_column_of_dates_takes_no_time() -> None:
    """A pattern that looks for a time must not look at all of it again and again."""
    start = time.process_time()
    (row,) = rows(b"Name,Date,Rating\nA," + b"1.11 " * 40_000 + b",1\n")
    assert row.moment("date") is None
    assert time.process_time() - start < 2


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308, float("nan"), float("inf"), "9" * 21])
def test_enormous_numbers_are_none(value: object) -> None:
    """They do not end the import."""
    assert milliseconds(value) is None
    assert number_of(value) is None


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["4/3/2023", "4/25/2023"], "2023-04-03"),
        (["4/3/2023", "25/4/2023"], "2023-03-04"),
        (["4/25/2023", "4/3/2023"], "2023-04-25"),
        (["04/03/23", "25/04/23"], "2023-03-04"),
    ],
)
def test_dates_with_one_meaning_show_the_order_of_the_others(dates: list[str], expected: str) -> None:
    """A spreadsheet writes dates in the notation of its country."""
    data = "Name,Date,Rating\n" + "".join(f"A,{day},1\n" for day in dates)
    moment = rows(data.encode())[0].needed_moment("date")
    assert f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}" == expected


@pytest.mark.parametrize(("text", "expected"), [("1,000", None), ("-1,234", None), ("1,5", 1.5), ("1,234.5", 1234.5)])
def test_a_number_that_may_be_two_is_left_out(text: str, expected: float | None) -> None:
    """One thousand must not become one."""
    assert TableRow([text], {"number": 0}).number("number") == expected


@pytest.mark.parametrize("rest", ["C", "C,2024-03-04T05:06:07Z\nD,2024-03-04T05:06:07Z,1\n"])
def test_a_table_that_ends_within_quotes_was_cut_off(rest: str) -> None:
    """The rest of the file must not become one long name."""
    data = f'Name,Date,Rating\nA,2024-03-04T05:06:07Z,1\n"{rest}'.encode()
    found = find_table(file_of(data), [KIND]).rows(NOW)
    with pytest.raises(csv.Error):
        list(found)
    with pytest.raises(csv.Error):
        list(rows_of(file_of(data)))


def test_a_date_before_all_services_does_not_make_the_others_unclear() -> None:
    """Programs write 1970 for a date that they do not know."""
    found = rows(b"Name,Date,Rating\nA,01 Jan 1970 00:00,1\nB,03 Apr 2023 10:00,1\n")
    assert [row.moment("date") for row in found] == [None, 1680516000000]


def test_rows_before_damage_are_read() -> None:
    """Also if all dates of the table have to be known first."""
    found = find_table(file_of(b'Name,Date,Rating\nA,4/25/2023,1\n"B,4/3/2023'), [KIND]).rows(NOW)
    assert next(found).text("name") == "A"
    with pytest.raises(csv.Error):
        next(found)


def test_ids_that_a_spreadsheet_shortened_are_none() -> None:
    """Else, different messages would have the same id."""
    assert TableRow(["1.12346E+17"], {"id": 0}).identifier("id") == ""
    assert TableRow(["1,12346E+17"], {"id": 0}).identifier("id") == ""
    assert TableRow(["1e5x9"], {"id": 0}).identifier("id") == "1e5x9"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-04-03T10:00:00Z", 1680516000000),
        ("2023-04-03 10:00:00 UTC", 1680516000000),
        ("2023-04-03", 1680480000000),
        ("03/04/2023", None),
        ("03.04.2023 10:00", None),
        ("2023-04", None),
        ("2023", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_only_dates_with_one_meaning_are_exact(value: object, expected: int | None) -> None:
    """The first of two meanings is a wrong date as often as not."""
    assert exact_moment(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10,234", 10234),
        ("10.234", 10234),
        ("1,010,234", 1010234),
        ("10\xa0234", 10234),
        ("10234", 10234),
        ("10234.0", 10234),
        ("1,01,234", None),
        ("10.5", None),
        ("0,234", None),
        ("-3", -3),
        ("", None),
        ("x", None),
    ],
)
def test_counts_have_thousands_and_no_fractions(text: str, expected: int | None) -> None:
    """Ten thousand steps must not become ten."""
    assert count_in(text) == expected
