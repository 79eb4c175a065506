"""OFX, CAMT, MT940 and QIF, with what banks make of them."""

import io
import re
from decimal import Decimal

import pytest
from tests.unit.sources.banks.formats import DEBIT, MESSAGES, MT940, STATUSES, camt, ofx
from tests.unit.sources.banks.statements import bookings, moves, reasons

from privateshare.sources.banks.source import SOURCES
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.recognition import recognise


def test_ofx_with_and_without_closing_tags_is_the_same() -> None:
    """SGML leaves closing tags out, XML has them."""
    closed = (
        '<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="211"?><OFX><STMTRS><CURDEF>EUR</CURDEF><BANKACCTFROM>'
        "<BANKID>1</BANKID><ACCTID>123</ACCTID></BANKACCTFROM><BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT</TRNTYPE>"
        "<DTPOSTED>20260105120000[-5:EST]</DTPOSTED><TRNAMT>-12.50</TRNAMT><FITID>1</FITID>"
        "<NAME>BAKERY &amp; SONS</NAME><MEMO>BREAD</MEMO></STMTTRN></BANKTRANLIST></STMTRS></OFX>"
    )
    assert bookings(ofx(DEBIT)) == bookings(closed)
    assert bookings(closed)[0].counterparty == "BAKERY & SONS"


@pytest.mark.parametrize(
    ("amount", "value"), [("-12,50", "-12.50"), ("+5", "5"), ("-1.234,56", "-1234.56"), ("-1,234.56", "-1234.56")]
)
def test_ofx_amounts_of_any_country_are_read(amount: str, value: str) -> None:
    """The standard allows a comma; some banks write marks between thousands too."""
    assert bookings(ofx(DEBIT.replace("-12.50", amount)))[0].amount == Decimal(value)


def test_ofx_faults_are_left_out_one_by_one() -> None:
    """A transaction without a date or an amount does not take the others with it."""
    left_out = LeftOut()
    faults = (DEBIT.replace("20260105", "2026"), DEBIT.replace("-12.50", "n/a"), DEBIT.replace("-12.50", "-1,234"))
    assert len(bookings(ofx(DEBIT, DEBIT, *faults, DEBIT), left_out)) == 3
    assert reasons(left_out) == {"NoDate": 1, "NoAmount": 2}


def test_ofx_that_says_the_direction_in_types_only() -> None:
    """Some banks write every amount without a sign."""
    credit = DEBIT.replace("DEBIT", "CREDIT")
    unsigned = [one.replace("-12.50", "12.50") for one in (DEBIT, credit)]
    assert [booking.amount for booking in bookings(ofx(*unsigned))] == [Decimal("-12.50"), Decimal("12.50")]
    assert [booking.amount for booking in bookings(ofx(DEBIT, unsigned[0]))] == [Decimal("-12.50"), Decimal("12.50")]


def test_ofx_of_several_accounts() -> None:
    """Each transaction is on the account before it; the currency is that of its own statement."""
    second = ofx(DEBIT, account="<CCACCTFROM><ACCTID>4111</CCACCTFROM>").partition("<OFX>")[2].replace("EUR", "USD")
    found = bookings(ofx(DEBIT).replace("</OFX>", second))
    assert [(one.account.number, one.account.container, one.currency) for one in found] == [
        ("123", "bank", "EUR"),
        ("4111", "creditCard", "USD"),
    ]


def test_ofx_pending_transactions_and_trades_are_told() -> None:
    """They are no booked transactions of money."""
    left_out = LeftOut()
    more = f"<STMTTRNP>{DEBIT}</STMTTRNP><BUYSTOCK><INVBUY><FITID>9</INVBUY></BUYSTOCK>"
    assert len(bookings(ofx(DEBIT).replace("</BANKTRANLIST>", more + "</BANKTRANLIST>"), left_out)) == 1
    assert reasons(left_out) == {"Pending": 1, "Investment": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_ofx_in_an_encoding_that_its_head_does_not_name(encoding: str) -> None:
    """Banks name one and use another."""
    assert bookings(ofx(DEBIT.replace("BREAD", "Bäckerei")).encode(encoding))[0].description == "Bäckerei"


@pytest.mark.parametrize("version", STATUSES)
@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("prefix", ["", "ns2"])
def test_camt_of_every_version_is_read(version: int, message: int, prefix: str) -> None:
    """The versions put names and states in different places; prefixes mean nothing."""
    (found,) = bookings(camt(version, message, prefix))
    assert (str(found.booked), str(found.valued), found.amount) == ("2026-01-05", "2026-01-06", Decimal("-12.50"))
    assert (found.account.number, found.currency, found.id) == ("NL91ABNA0417164300", "EUR", "REF1")
    assert (found.counterparty, found.counterparty_account) == ("BAKERY", "NL20INGB0001234567")
    assert found.description == "BREAD AND BUTTER"


def test_camt_entries_that_are_not_booked_are_told() -> None:
    """Pending ones come again when they are booked; those for information are never booked."""
    left_out = LeftOut()
    assert len(bookings(camt(statuses=("BOOK", "PDNG", "INFO")), left_out)) == 1
    assert reasons(left_out) == {"Pending": 1, "NotBooked": 1}
    with pytest.raises(Broken, match=r"CAMT\.053"):
        bookings(camt(statuses=("INFO", "INFO")))


BALANCES = "<Bal><Dt><Dt>2026-01-{}</Dt></Dt></Bal><Bal><Dt><Dt>2026-01-{}</Dt></Dt></Bal>"
PERIOD = "<FrToDt><FrDtTm>2026-01-{}T00:00:00</FrDtTm><ToDtTm>2026-01-{}T23:59:59</ToDtTm></FrToDt>"


@pytest.mark.parametrize("around", [BALANCES, PERIOD])
def test_camt_entries_without_a_date_have_that_of_a_statement_of_one_day(around: str) -> None:
    """A date that is only known to be one of several is none."""
    undated = re.sub(r"<(BookgDt|ValDt)>.*?</\1>", "", camt())
    (found,) = bookings(undated.replace("</Acct>", f"</Acct>{around.format('07', '07')}"))
    assert str(found.booked) == "2026-01-07"
    with pytest.raises(Broken, match="no transaction with a date"):
        bookings(undated.replace("</Acct>", f"</Acct>{around.format('07', '08')}"))
    with pytest.raises(Broken, match="no transaction with a date"):
        bookings(undated)
    (dated,) = bookings(camt().replace("</Acct>", f"</Acct>{around.format('07', '07')}"))
    assert str(dated.booked) == "2026-01-05"


def test_camt_that_was_cut_off_gives_what_is_there() -> None:
    """The entries before the cut are read, and the person is told."""
    text, left_out = camt(statuses=("BOOK", "BOOK", "BOOK")), LeftOut()
    assert len(bookings(text[: text.rindex("<Ntry>") + 40], left_out)) == 2
    assert "not downloaded to its end" in str(left_out.damaged["The file"])


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE d [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
def test_camt_entities_are_not_expanded(attack: str) -> None:
    """A document type is no way to other files, or to much memory."""
    found = bookings(attack + camt().replace("BREAD", "BREAD &b;" if "ENTITY" in attack else "BREAD"))
    assert all("root:" not in one.description and "aaaa" not in one.description for one in found)


def test_mt940_lines_and_details() -> None:
    """Field 86 holds subfields in Germany, words between slashes in the Netherlands; a credit taken back went out."""
    first, second = bookings(MT940)
    assert (str(first.booked), str(first.valued), first.amount) == ("2026-01-05", "2026-01-06", Decimal("-12.50"))
    assert (first.account.number, first.currency, first.id) == ("NL91ABNA0417164300", "EUR", "00000000001005")
    assert first.description == "BREAD AND BUTTER"
    assert second.amount == Decimal("-2")
    assert (second.counterparty, second.counterparty_account) == ("BAKERY SONS", "DE02120300000000202051")
    assert second.description == "BREAD AND BUTTER"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_mt940_with_and_without_its_envelope(line_end: str, wrapped: bool) -> None:
    """Banks leave the envelope out, or the sign at the end, and end lines in two ways."""
    text = MT940 if wrapped else MT940.partition("{4:\n")[2].removesuffix("-}\n")
    assert moves(text.replace("\n", line_end)) == [("2026-01-05", Decimal("-12.50")), ("2026-01-06", Decimal("-2"))]


@pytest.mark.parametrize(
    ("line", "day", "amount"),
    [
        ("260228D1,5NTRF", "2026-02-28", "-1.5"),
        ("260230D1,5NTRF", "2026-02-28", "-1.5"),
        ("2512310102C1234567,89NTRF", "2026-01-02", "1234567.89"),
        ("2601021231C5,NTRF", "2025-12-31", "5"),
        ("260105    C5,NTRF", "2026-01-05", "5"),
        ("2601050105CR5,00N051NONREF", "2026-01-05", "5.00"),
        ("2601050105DF2402,00S   X", "2026-01-05", "-2402.00"),
        ("2601050105ED3,00NTRF", "2026-01-05", "-3.00"),
        ("2601050105C1,234NTRF", "2026-01-05", "1.234"),
    ],
)
def test_mt940_lines_of_all_kinds(line: str, day: str, amount: str) -> None:
    """Without a day of booking, at the turn of a year, on a day that does not exist, with three decimals."""
    assert moves(f":20:X\n:25:123\n:60F:C260104EUR0,\n:61:{line}\n") == [(day, Decimal(amount))]


def test_a_damaged_line_of_mt940_is_left_out() -> None:
    """The others are read."""
    left_out = LeftOut()
    assert len(bookings(MT940.replace(":61:2601060105D12,50", ":61:26010D12,50"), left_out)) == 1
    assert reasons(left_out) == {"Damaged": 1}


QIF = "!Account\nNMain\nTBank\n^\n!Type:Bank\nD{0}/ 1'26\nT-1,012.50\nPBakery\nMBread\nLFood\n^\nD1/16'26\nT5.00\nPWork\n^\n"


def test_qif_is_read_in_the_order_that_its_dates_show() -> None:
    """Spaces instead of zeros, an apostrophe before the year, marks between thousands."""
    first, second = bookings(QIF.replace("D{0}/ 1", "D1/ 5"))
    assert (str(first.day), first.amount, str(second.day)) == ("2026-01-05", Decimal("-1012.50"), "2026-01-16")
    assert (first.account.number, first.counterparty, first.category) == ("Main", "Bakery", "Food")


def test_qif_whose_dates_can_be_read_in_two_ways_is_refused() -> None:
    """As with CSV."""
    with pytest.raises(Broken, match="in February or in March"):
        bookings("!Type:Bank\nD02/03/2026\nT-1.00\n^\n")


def test_qif_lists_of_other_things_are_passed_over() -> None:
    """Categories are no transactions; trades are told."""
    left_out = LeftOut()
    text = "!Type:Cat\nNFood\n^\n!Type:Bank\nD2026-01-05\nT-1.00\n^\n!Type:Invst\nD2026-01-05\nNBuy\n^\n"
    assert len(bookings(text, left_out)) == 1
    assert reasons(left_out) == {"Investment": 1}


@pytest.mark.parametrize(
    "text",
    [
        ofx(),
        ofx()[ofx().index("<OFX>") :],
        "\r\n" + ofx(),
        '<?xml version="1.0"?><?OFX OFXHEADER="200"?>' + ofx()[ofx().index("<OFX>") :],
        camt(),
        camt(prefix="ns2"),
        '<?xml version="1.0"?>' + camt(),
        MT940,
        "\ufeff!Type:Bank\nD1/2/2026\n^\n",
    ],
)
def test_statements_of_all_formats_are_recognised_by_how_they_begin(text: str) -> None:
    """Also those that lack the head of their format."""
    upload = SOURCES[0].info.upload
    assert upload is not None
    assert recognise(io.BytesIO(text.encode()), {348: [mark for mark in upload.marks if not mark.is_weak]}).files
