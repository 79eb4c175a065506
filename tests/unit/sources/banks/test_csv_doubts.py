"""What a CSV file leaves open is decided over the whole file, or the file is refused: nothing is guessed."""

from decimal import Decimal

import pytest
from tests.archives import zipped
from tests.unit.sources.banks.statements import bookings, moves, numbered, reasons

from privateshare.sources.failures import Broken, LeftOut

HEADER = "Date,Description,Amount\n"


def csv(*rows: str, header: str = HEADER) -> str:
    """A file of these rows."""
    return header + "".join(f"{row}\n" for row in rows)


def test_one_date_determines_the_order_for_all() -> None:
    """A day above twelve shows the order of day and month, on any line."""
    assert moves(csv("02/03/2026,A,-1.00", "13/03/2026,B,-1.00", "01/03/2026,C,-1.00"))[0][0] == "2026-03-02"
    assert moves(csv("02/03/2026,A,-1.00", "03/13/2026,B,-1.00", "01/03/2026,C,-1.00"))[0][0] == "2026-02-03"


def test_the_order_of_lines_determines_the_order_of_dates() -> None:
    """Statements are sorted by time: if only one interpretation is sorted, it is used."""
    assert [day for day, _ in moves(csv("03/01/2026,A,-1.00", "01/02/2026,B,-1.00", "02/03/2026,C,-1.00"))] == [
        "2026-01-03",
        "2026-02-01",
        "2026-03-02",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        ("02/03/2026,A,-1.00",),
        ("02/03/2026,A,-1.00", "03/04/2026,B,-1.00"),
        ("02-03-2026,A,-1.00", "02-03-2026,B,-1.00"),
        ("02/03/26,A,-1.00", "03/04/26,B,-1.00"),
    ],
)
def test_ambiguous_dates_are_rejected(rows: tuple[str, ...]) -> None:
    """No date is better than a wrong one."""
    with pytest.raises(Broken, match="in February or in March"):
        bookings(csv(*rows))


@pytest.mark.parametrize(
    "row", ["05/05/2026,A,-1.00", "2026-03-02,A,-1.00", "02.03.2026,A,-1.00", "2 Mar 2026,A,-1.00"]
)
def test_dates_that_are_equal_in_both_orders_are_accepted(row: str) -> None:
    """One line is sufficient if there is no doubt."""
    assert len(bookings(csv(row))) == 1


def test_a_date_in_another_order_is_skipped_and_reported() -> None:
    """A file that was put together by hand keeps its other lines."""
    left_out = LeftOut()
    rows = ("13/03/2026,A,-1.00", "14/03/2026,B,-1.00", "03/15/2026,C,-1.00")
    assert len(bookings(csv(*rows), left_out)) == 2
    assert reasons(left_out) == {"NoDate": 1}


@pytest.mark.parametrize(
    ("amounts", "value"),
    [
        (("-1.234,56", "-5,00"), "-1234.56"),
        (("-1,234.56", "-5.00"), "-1234.56"),
        (("-1.234", "-5,00"), "-1234"),
        (("-1,234", "-5.00"), "-1234"),
        (("-1,234", "-500"), "-1234"),
        (("-1.234", "-500"), "-1234"),
        (("-1 234,56", "-5,00"), "-1234.56"),
        (("-1'234.56", "-5.00"), "-1234.56"),
        (("-1.234.567", "-5"), "-1234567"),
        (("-1,23,456.00", "-5.00"), "-123456.00"),
        (("-0.125", "-5.5"), "-0.125"),
        (("−12,50", "-5,00"), "-12.50"),
        (("12,50-", "5,00-"), "-12.50"),
        (("(12.50)", "(5.00)"), "-12.50"),
        (("-€12,50", "-€5,00"), "-12.50"),
        (("-12,50 EUR", "-5,00 EUR"), "-12.50"),
        (("12,50 S", "5,00 H"), "-12.50"),
        (("12.50 DR", "5.00 CR"), "-12.50"),
    ],
)
def test_amounts_are_parsed_by_the_notation_of_all(amounts: tuple[str, str], value: str) -> None:
    """The meaning of point and comma is determined from all amounts of the file."""
    text = "".join(f"2026-03-0{number};A;{amount}\n" for number, amount in enumerate(amounts, start=1))
    assert bookings("Date;Description;Amount\n" + text)[0].amount == Decimal(value)


@pytest.mark.parametrize(
    ("rate", "value"), [("0.848252", "-12.900"), ("1,000000", "-12900"), ("24.11.2026", ""), ("12.2026", "")]
)
def test_an_exchange_rate_shows_the_decimal_mark(rate: str, value: str) -> None:
    """Some banks write all amounts with three decimals. Dates show nothing."""
    text = f"Date;Description;Amount;Exchange Rate\n2026-03-01;A;-12.900;{rate}\n2026-03-02;B;-29.000;{rate}\n"
    if value:
        assert bookings(text)[0].amount == Decimal(value)
    else:
        with pytest.raises(Broken, match="one thousand or one and a fraction"):
            bookings(text)


@pytest.mark.parametrize("amounts", [("-1,234", "-5,678"), ("-1.234",), ("-1,234", "-5000")])
def test_ambiguous_amounts_are_rejected(amounts: tuple[str, ...]) -> None:
    """An amount that is a thousand times too large is worse than none."""
    text = "".join(f"2026-03-0{number};A;{amount}\n" for number, amount in enumerate(amounts, start=1))
    with pytest.raises(Broken, match="one thousand or one and a fraction"):
        bookings("Date;Description;Amount\n" + text)


def test_amounts_without_signs_are_rejected() -> None:
    """Otherwise expenses could count as income."""
    with pytest.raises(Broken, match="which amounts came in"):
        bookings(csv("2026-03-02,A,1.00", "2026-03-03,B,2.00"))


@pytest.mark.parametrize(("balances", "first"), [(("99", "97", "94"), -1), (("101", "103", "106"), 1)])
def test_balances_determine_the_direction_of_amounts(balances: tuple[str, ...], first: int) -> None:
    """Amounts without signs are accepted if the balances beside them add up."""
    rows = (f"2026-03-0{number},A,{number}.00,{balance}.00" for number, balance in enumerate(balances, start=1))
    assert bookings(csv(*rows, header="Date,Description,Amount,Balance\n"))[0].amount == first


def test_a_line_with_an_unknown_mark_is_skipped_and_reported() -> None:
    """A line with an unknown direction does not count as income."""
    left_out = LeftOut()
    rows = ("2026-03-02,A,1.00,Af", "2026-03-03,B,2.00,Bij", "2026-03-04,C,2.00,Zzz")
    assert [b.amount for b in bookings(csv(*rows, header="Date,Description,Amount,Af Bij\n"), left_out)] == [-1, 2]
    assert reasons(left_out) == {"NoDirection": 1}


def test_ambiguous_columns_without_names_are_rejected() -> None:
    """Two columns of amounts without a balance could be in either order."""
    with pytest.raises(Broken, match="which of its columns"):
        bookings("02.03.2026;A shop;12,50;\n13.03.2026;B work;;100,00\n14.03.2026;C shop;7,50;\n")


def test_a_rejected_statement_does_not_affect_others() -> None:
    """The others in a zip are read, and the person is informed."""
    left_out = LeftOut()
    files = {"a.csv": csv("2026-03-02,A,-1.00").encode(), "b.csv": csv("02/03/2026,A,-1.00").encode()}
    assert len(numbered(zipped(files | {"read me.txt": b"Hello"}), left_out)) == 1
    assert list(left_out.damaged) == ["b.csv"]
    assert list(left_out.unused) == ["read me.txt"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a spreadsheet"),
        (zipped({"xl/workbook.xml": b"<workbook/>", "[Content_Types].xml": b"<Types/>"}), "is a spreadsheet"),
        (b"Hello", "no bank transactions"),
        (b'{"hello": 1}', "no bank transactions"),
        (b"<html><body>Sign in</body></html>", "no bank transactions"),
        (b"Date,Description,Amount\n", "no transactions"),
        (b'Date,Description,Amount\n2026-03-02,"' + b"x" * 200_000, "too long|no transactions"),
    ],
)
def test_other_files_are_rejected_with_an_explanation(data: bytes, words: str) -> None:
    """What the file is, and what to do."""
    with pytest.raises(Broken, match=words):
        bookings(data)


def test_an_unclosed_quote_does_not_swallow_the_rest() -> None:
    """Some banks do not double the quotes in texts."""
    rows = [f'2026-03-{1 + number % 28:02};5" PIPE {number};-1,00' for number in range(60)]
    assert len(bookings("Datum;Omschrijving;Bedrag\n" + "\n".join(rows))) == 60
