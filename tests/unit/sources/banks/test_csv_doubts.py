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


def test_one_date_decides_for_all() -> None:
    """A day above twelve shows the order of day and month, wherever it stands."""
    assert moves(csv("02/03/2026,A,-1.00", "13/03/2026,B,-1.00", "01/03/2026,C,-1.00"))[0][0] == "2026-03-02"
    assert moves(csv("02/03/2026,A,-1.00", "03/13/2026,B,-1.00", "01/03/2026,C,-1.00"))[0][0] == "2026-02-03"


def test_the_order_of_lines_decides() -> None:
    """Statements are in order of time: if only one reading is, it is meant."""
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
def test_dates_that_can_be_read_in_two_ways_are_refused(rows: tuple[str, ...]) -> None:
    """No day is better than a wrong one."""
    with pytest.raises(Broken, match="in February or in March"):
        bookings(csv(*rows))


@pytest.mark.parametrize(
    "row", ["05/05/2026,A,-1.00", "2026-03-02,A,-1.00", "02.03.2026,A,-1.00", "2 Mar 2026,A,-1.00"]
)
def test_dates_that_mean_the_same_in_any_order_are_read(row: str) -> None:
    """One line is enough where there is no doubt."""
    assert len(bookings(csv(row))) == 1


def test_a_date_in_another_order_is_left_out_and_told() -> None:
    """A file that somebody has put together keeps its other lines."""
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
def test_amounts_are_read_by_how_all_are_written(amounts: tuple[str, str], value: str) -> None:
    """What a point and a comma mean, other amounts of the file show."""
    text = "".join(f"2026-03-0{number};A;{amount}\n" for number, amount in enumerate(amounts, start=1))
    assert bookings("Date;Description;Amount\n" + text)[0].amount == Decimal(value)


@pytest.mark.parametrize("amounts", [("-1,234", "-5,678"), ("-1.234",), ("-1,234", "-5000")])
def test_amounts_that_can_be_read_in_two_ways_are_refused(amounts: tuple[str, ...]) -> None:
    """A thousand times too much is worse than nothing."""
    text = "".join(f"2026-03-0{number};A;{amount}\n" for number, amount in enumerate(amounts, start=1))
    with pytest.raises(Broken, match="one thousand or one and a fraction"):
        bookings("Date;Description;Amount\n" + text)


def test_amounts_without_signs_are_refused() -> None:
    """A file that does not show what came in is not taken to show what went out."""
    with pytest.raises(Broken, match="which amounts came in"):
        bookings(csv("2026-03-02,A,1.00", "2026-03-03,B,2.00"))


@pytest.mark.parametrize(("balances", "first"), [(("99", "97", "94"), -1), (("101", "103", "106"), 1)])
def test_balances_tell_which_amounts_went_out(balances: tuple[str, ...], first: int) -> None:
    """Amounts without signs are read if the balances beside them add up."""
    rows = (f"2026-03-0{number},A,{number}.00,{balance}.00" for number, balance in enumerate(balances, start=1))
    assert bookings(csv(*rows, header="Date,Description,Amount,Balance\n"))[0].amount == first


def test_a_mark_that_is_not_known_is_left_out_and_told() -> None:
    """A line whose direction nobody knows is not counted as income."""
    left_out = LeftOut()
    rows = ("2026-03-02,A,1.00,Af", "2026-03-03,B,2.00,Bij", "2026-03-04,C,2.00,Zzz")
    assert [b.amount for b in bookings(csv(*rows, header="Date,Description,Amount,Af Bij\n"), left_out)] == [-1, 2]
    assert reasons(left_out) == {"NoDirection": 1}


def test_columns_without_names_that_could_be_either_are_refused() -> None:
    """Two columns of amounts and no balance do not show which is which."""
    with pytest.raises(Broken, match="which of its columns"):
        bookings("02.03.2026;A shop;12,50;\n13.03.2026;B work;;100,00\n14.03.2026;C shop;7,50;\n")


def test_a_statement_that_is_refused_takes_no_other_with_it() -> None:
    """In a zip the others are read, and the person is told."""
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
        (b'Date,Description,Amount\n2026-03-02,"' + b"x" * 200_000, "longer than any|no transactions"),
    ],
)
def test_other_files_are_refused_in_plain_words(data: bytes, words: str) -> None:
    """What it is, and what to do instead."""
    with pytest.raises(Broken, match=words):
        bookings(data)


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest() -> None:
    """Some banks do not double the quotes in texts."""
    rows = [f'2026-03-{1 + number % 28:02};5" PIPE {number};-1,00' for number in range(60)]
    assert len(bookings("Datum;Omschrijving;Bedrag\n" + "\n".join(rows))) == 60
