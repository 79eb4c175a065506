"""A parser for QIF, the format of Quicken. It has dates in the order of the country, no currency, rarely an account.

The only maintained library for it does not support all Python versions of this package.
"""

import re
from collections.abc import Iterator
from datetime import date

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.amounts import DecimalMark, value_of, written_amount
from privateshare.sources.banks.booking import BANK, CREDIT_CARD, BankAccount, Booking
from privateshare.sources.banks.dates import DateOrder, read_date
from privateshare.sources.banks.reasons import IS_INVESTMENT, NO_AMOUNT, NO_DATE
from privateshare.sources.banks.text import bounded_lines, encoding_of, opened_text
from privateshare.sources.failures import Reason

_MONEY_TYPES = {"bank": BANK, "cash": BANK, "ccard": CREDIT_CARD, "oth a": BANK, "oth l": BANK, "oth s": BANK}


def is_qif(start: str) -> bool:
    """Return whether a file is QIF, by its start."""
    return re.match(r"\s*!\s*(?:type|account|option|clear)\b", start, re.IGNORECASE) is not None


def read_qif(file: UploadedFile, today: date) -> Iterator[Booking | Reason]:
    """Read every transaction of every account of the file.

    Raises:
        UnreadableStatement: The dates or the amounts can be read in two ways.
    """
    encoding = encoding_of(file)
    order, mark = DateOrder(today), DecimalMark()
    for kind, fields in _records(file, encoding):
        if kind in _MONEY_TYPES:
            order.add("D", fields.get("D", ""))
            if (written := written_amount(_amount_text(fields))) is not None:
                mark.add(written.digits)
    date_order, decimal_mark = order.decide(), mark.decide()
    account = BankAccount()
    for kind, fields in _records(file, encoding):
        if kind == "account":
            account = BankAccount(number=fields.get("N", ""))
        elif kind in _MONEY_TYPES:
            yield _booking(fields, account, kind, date_order, decimal_mark)
        elif not kind.startswith(("cat", "class", "memorized", "tag", "security", "prices", "budget")):
            yield IS_INVESTMENT


def _records(file: UploadedFile, encoding: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each record: the kind of its list, and the first value of each letter."""
    kind, fields = "", dict[str, str]()
    with opened_text(file, encoding) as text:
        for raw in bounded_lines(text):
            line = raw.strip()
            if line.startswith("!"):
                kind = re.sub(r"^!\s*(type:)?\s*", "", line.casefold()).strip()
            elif line.startswith("^"):
                if fields:
                    yield kind, fields
                fields = {}
            elif line:
                fields.setdefault(line[0].upper(), line[1:].strip())
    if fields:
        yield kind, fields


def _amount_text(fields: dict[str, str]) -> str:
    return fields.get("T") or fields.get("U", "")


def _booking(
    fields: dict[str, str], account: BankAccount, kind: str, date_order: str, decimal_mark: str
) -> Booking | Reason:
    booked = read_date(fields.get("D", ""), date_order)
    if booked is None:
        return NO_DATE
    written = written_amount(_amount_text(fields))
    value = None if written is None else value_of(written.digits, decimal_mark)
    if written is None or value is None:
        return NO_AMOUNT
    payee, memo, category = fields.get("P", ""), fields.get("M", ""), fields.get("L", "")
    return Booking(
        account=BankAccount(account.number, account.bank, _MONEY_TYPES[kind]),
        amount=value * (written.sign or 1),
        currency=written.currency,
        booked=booked,
        description=memo or payee,
        counterparty=payee,
        check_number=fields.get("N", "") if fields.get("N", "").isdigit() else "",
        category=category.strip("[]"),
    )
