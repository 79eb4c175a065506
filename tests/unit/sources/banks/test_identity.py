"""The same booking has the same id in every export, and different ones have different ids."""

from tests.unit.sources.banks.formats import DEBIT, MT940, camt, ofx
from tests.unit.sources.banks.statements import bookings, ids, numbered

from privateshare.sources.banks.identity import account_key, account_name

HEADER = "Datum;Omschrijving;Bedrag (EUR);Rekening\n"
BREAD = "05-01-2026;BREAD;-12,50;NL91ABNA0417164300\n"
BUTTER = "05-01-2026;BUTTER;-12,50;NL91ABNA0417164300\n"
LATER = "16-01-2026;WORK;1.000,00;NL91ABNA0417164300\n"


def ids_of(text: str) -> list[str]:
    """The ids of one statement."""
    return [found.id for found in numbered(text.encode())]


def test_all_formats_yield_the_same_ids() -> None:
    """CSV, CAMT, MT940 and OFX of one account give a booking one id and one account."""
    account = "<BANKACCTFROM><BANKID>ABNANL2A<ACCTID>NL91ABNA0417164300</BANKACCTFROM>"
    texts = [HEADER + BREAD + LATER, camt(), MT940, ofx(DEBIT, account=account)]
    assert len({ids_of(text)[0] for text in texts}) == 1
    assert len({account_key(bookings(text)[0].account) for text in texts}) == 1


def test_a_german_bank_code_and_number_are_the_iban() -> None:
    """MT940 names accounts by both, CSV by the IBAN."""
    first = bookings(MT940.replace("NL91ABNA0417164300EUR", "37040044/0532013000"))[0].account
    second = bookings((HEADER + BREAD + LATER).replace("NL91ABNA0417164300", "DE89 3704 0044 0532 0130 00"))[0].account
    assert account_key(first) == account_key(second)


def test_equal_bookings_of_a_day_are_different() -> None:
    """Two coffees are two bookings, even if the bank gives both the same reference."""
    assert len(set(ids_of(HEADER + BREAD + BREAD + LATER))) == 3
    assert len(set(ids_of(ofx(DEBIT, DEBIT)))) == 2


def test_a_newer_export_has_the_same_ids() -> None:
    """Whatever it adds, and in any order."""
    older, newer = ids_of(HEADER + BREAD + BUTTER + LATER), ids_of(HEADER + LATER + LATER + BUTTER + BREAD)
    assert set(older) < set(newer)


def test_overlapping_exports_create_no_duplicates() -> None:
    """The same account in two formats creates none either."""
    files = {"a.csv": HEADER + BREAD + LATER, "b.csv": HEADER + BREAD + BUTTER + LATER, "c.xml": camt(), "d.sta": MT940}
    assert len(set(ids(files))) == 4  # two of 12.50, one of 1000, and the second of the MT940


def test_references_distinguish_equal_bookings_of_two_files() -> None:
    """Files that share a day have different references for its bookings."""
    files = {"a.xml": camt(), "b.xml": camt().replace("REF1", "REF2")}
    assert len(set(ids(files))) == 2
    assert len(set(ids({"a.xml": camt(), "b.xml": camt()}))) == 1


def test_another_account_day_or_amount_is_another_booking() -> None:
    """Each of them alone is sufficient."""
    changes = [("NL91ABNA0417164300", "NL20INGB0001234567"), ("05-01", "06-01"), ("-12,50", "12,50")]
    rent = "20-01-2026;RENT;-1,00;NL91ABNA0417164300\n"
    found = {ids_of((HEADER + BREAD + rent).replace(old, new))[0] for old, new in [("", ""), *changes]}
    assert len(found) == 4


def test_only_the_end_of_an_account_number_is_shown() -> None:
    """Neither the name nor the key contains the whole number."""
    account = bookings(HEADER + BREAD + LATER)[0].account
    for told in (account_key(account), account_name(account), repr(account)):
        assert "0417164" not in told
    assert account_name(account) == "••••4300"


def test_a_file_without_a_currency_yields_the_same_ids() -> None:
    """QIF and many CSV files have none. Two currencies in one file are two bookings nevertheless."""
    assert ids_of(HEADER + BREAD) == ids_of((HEADER + BREAD).replace(" (EUR)", ""))
    header = "Date;Amount;Currency\n"
    assert len(set(ids_of(header + "2026-01-05;-5.00;EUR\n2026-01-05;-5.00;USD\n"))) == 2
