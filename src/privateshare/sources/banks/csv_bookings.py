"""A reader for the bookings in CSV files."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.account_numbers import account_number
from privateshare.sources.banks.amounts import value_of, written_amount
from privateshare.sources.banks.booking import Booking
from privateshare.sources.banks.csv_conventions import DAY_ROLES, Conventions, amount_role, direction_in, learn
from privateshare.sources.banks.csv_guess import guessed_columns
from privateshare.sources.banks.csv_table import Row, form_of, has_header, sections_of
from privateshare.sources.banks.csv_words import Role, currency_code, direction_of, is_balance, is_pending, is_undone
from privateshare.sources.banks.dates import read_date, read_moment, time_of_day
from privateshare.sources.banks.reasons import (
    IS_PENDING,
    IS_UNCERTAIN,
    IS_UNDONE,
    NO_AMOUNT,
    NO_DATE,
    NO_DIRECTION,
    Problem,
    UnreadableStatement,
)
from privateshare.sources.failures import Reason


def is_csv(file: UploadedFile) -> bool:
    """Return whether a file is a table with dates and amounts."""
    try:
        form = form_of(file)
        if not has_header(file, form):
            guessed_columns(file, form)
    except UnreadableStatement as error:
        # A table with ambiguous amounts also counts. Reading it raises the error.
        return error.problem is not Problem.NOT_A_STATEMENT
    return True


def read_csv(file: UploadedFile, today: date) -> Iterator[Booking | Reason]:
    """Read every transaction of every table in the file.

    Raises:
        UnreadableStatement: The file is not a table with dates and amounts, or these are ambiguous.
    """
    form = form_of(file)
    headerless = None if has_header(file, form) else guessed_columns(file, form)
    conventions = learn(file, form, headerless, today)
    waiting: Booking | Reason | None = None
    for section, row in sections_of(file, form, headerless):
        found = _read_row(conventions[section.number], row)
        if isinstance(found, str):  # The line continues the text of the previous row.
            if isinstance(waiting, Booking):
                waiting = replace(waiting, description=f"{waiting.description} {found}".strip())
            continue
        if waiting is not None:
            yield waiting
        waiting = found
    if waiting is not None:
        yield waiting


def _read_row(how: Conventions, row: Row) -> Booking | Reason | str | None:
    """Parse a row.

    Returns:
        The booking; or the reason why the row is skipped; or a text that continues the previous row; or None for a row
        that is not a transaction, such as a total, a balance or a heading.
    """
    day_text = next((text for role in DAY_ROLES if (text := row.cell(role))), "")
    statuses = row.cells(Role.STATUS)
    if is_pending(day_text) or any(map(is_pending, statuses)):
        return IS_PENDING
    if any(map(is_undone, statuses)):
        return IS_UNDONE
    days = {role: _day(row.cell(role), how.date_order) for role in DAY_ROLES}
    money = any(written_amount(row.cell(role)) for role in (Role.NET, Role.AMOUNT, Role.DEBIT, Role.CREDIT))
    if not any(days.values()):
        text = " ".join(row.cells(Role.TEXT))
        if not day_text and not money and text and len(row) > 1 and not row.cell(Role.BALANCE):
            return text
        looks_like_one = money and bool(row.cell(Role.TEXT) or row.cell(Role.PARTY))
        if looks_like_one and not day_text and not any(map(is_balance, row.cells(Role.TEXT))):
            return IS_UNCERTAIN
        return NO_DATE if looks_like_one and day_text else None
    if not money:
        is_heading = read_date(day_text, how.date_order) is None
        return None if row.cell(Role.BALANCE) or is_heading else NO_AMOUNT
    if any(map(is_balance, row.cells(Role.TEXT))) and not row.cell(Role.PARTY):
        return None
    if not row.is_whole:
        return IS_UNCERTAIN
    amount = _amount(how, row)
    if not isinstance(amount, Decimal):
        return amount
    return _booking(how, row, amount, days)


def _day(text: str, order: str) -> date | None:
    return read_date(text, order) if text else None


def _amount(how: Conventions, row: Row) -> Decimal | Reason:
    """Return the signed amount of a row, or the reason why it has none."""

    def value(role: Role) -> Decimal | None:
        written = written_amount(row.cell(role))
        found = value_of(written.digits, how.decimal_mark) if written is not None else None
        return None if written is None or found is None else found * (written.sign or 1)

    if how.signs == "columns":
        return _of_two_columns(row, value(Role.DEBIT), value(Role.CREDIT))
    role = amount_role(row.columns)
    amount, written = value(role), written_amount(row.cell(role))
    if amount is None or written is None:
        return NO_AMOUNT
    if how.signs == "mark":
        direction = direction_in(row)
        if direction > 0 and Role.IN_AMOUNT in row.columns.places:
            came_in = value(Role.IN_AMOUNT)
            return abs(came_in) if came_in is not None else NO_AMOUNT
        if direction < 0 and how.fee_is_extra:
            amount = abs(amount) + abs(value(Role.FEE) or Decimal(0))
        return abs(amount) * direction if direction else NO_DIRECTION
    if how.signs == "unnamed mark":
        return abs(amount) * direction_of(row.cell(Role.UNNAMED))
    if how.signs == "inverted" or (how.signs == "unmarked went out" and not written.sign):
        amount = -amount
    if how.fee_is_extra:
        amount -= abs(value(Role.FEE) or Decimal(0))
    return amount


def _of_two_columns(row: Row, debit: Decimal | None, credit: Decimal | None) -> Decimal | Reason:
    if (row.cell(Role.DEBIT) and debit is None) or (row.cell(Role.CREDIT) and credit is None):
        return NO_AMOUNT
    if debit and credit:
        return NO_DIRECTION
    if Role.CREDIT not in row.columns.places:
        return -debit if debit is not None else NO_AMOUNT
    if Role.DEBIT not in row.columns.places:
        return credit if credit is not None else NO_AMOUNT
    if debit is None and credit is None:
        return NO_AMOUNT
    return -abs(debit) if debit else abs(credit or Decimal(0))


def _booking(how: Conventions, row: Row, amount: Decimal, days: dict[Role, date | None]) -> Booking:
    number = row.cell(how.own_account) if how.own_account is not None else ""
    others = (row.cell(role) for role in (Role.OTHER_ACCOUNT, Role.IBAN, Role.ACCOUNT) if role is not how.own_account)
    account = replace(how.account, number=account_number(number)) if number else how.account
    if bank := row.cell(Role.BANK):
        account = replace(account, bank=bank)
    balance = written_amount(row.cell(Role.BALANCE))
    balance_value = value_of(balance.digits, how.balance_mark) if balance is not None else None
    currency = (amount > 0 and row.cell(Role.IN_CURRENCY)) or row.cell(Role.CURRENCY) or _code(row.cell(Role.VALUED))
    texts = (row.cell(role) for role in (amount_role(row.columns), Role.DEBIT, Role.CREDIT))
    written = next((found for text in texts if (found := written_amount(text)) is not None), None)
    return Booking(
        account=account,
        amount=amount,
        currency=row.columns.currency or currency_code(currency) or (written and written.currency) or how.currency,
        booked=days[Role.BOOKED] or days[Role.DATE] or days[Role.MADE],
        made=_made(how, row),
        valued=days[Role.VALUED],
        id=row.cell(Role.ID),
        description=" ".join(row.cells(Role.TEXT)),
        note=" ".join(row.cells(Role.NOTE)),
        counterparty=_counterparty(row, amount),
        counterparty_account=next((other for other in others if other), ""),
        kind=row.cell(Role.KIND),
        check_number=row.cell(Role.CHECK),
        category=row.cell(Role.CATEGORY),
        balance=None if balance is None or balance_value is None else balance_value * (balance.sign or 1),
        city=row.cell(Role.CITY),
        country=row.cell(Role.COUNTRY),
    )


def _code(text: str) -> str:
    """Return a currency from a column whose header can also mean the value date."""
    return text if len(text) == 3 and text.isalpha() and text.isascii() else ""


def _made(how: Conventions, row: Row) -> date | datetime | None:
    """Return when the payment was made, if the bank gives it in addition to the posting, or with the time of day."""
    text = row.cell(Role.MADE)
    if text:
        return read_moment(text, how.date_order)
    moment = read_moment(row.cell(Role.DATE) or row.cell(Role.BOOKED), how.date_order)
    if isinstance(moment, datetime):
        return moment
    clock = time_of_day(row.cell(Role.TIME))
    return datetime.combine(moment, clock) if moment is not None and clock is not None else None


def _counterparty(row: Row, amount: Decimal) -> str:
    role = Role.PAYEE if amount < 0 else Role.PAYER
    return next(iter(row.cells(Role.PARTY)), "") or row.cell(role)
