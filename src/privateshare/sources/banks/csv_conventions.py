"""Detection of a CSV file's conventions for dates, amounts and signs, and of its account, before it is read."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import PurePosixPath

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.account_numbers import account_number, iban_in
from privateshare.sources.banks.amounts import DecimalMark, WrittenAmount, value_of, written_amount
from privateshare.sources.banks.booking import BANK, CREDIT_CARD, BankAccount
from privateshare.sources.banks.csv_guess import adds_up
from privateshare.sources.banks.csv_table import MAX_COLUMNS, Form, Row, Section, TableColumns, sections_of
from privateshare.sources.banks.csv_words import Role, charges_are_positive, direction_of, has_word, is_english, plain
from privateshare.sources.banks.dates import DAY_FIRST, MONTH_FIRST, DateOrder, possible_dates, split_time
from privateshare.sources.banks.reasons import Problem, UnreadableStatement

MAX_BALANCES = 2000  # This many rows are used to determine the signs of amounts from balances.
MAX_OWN_ACCOUNTS = 20  # A column with more different account numbers contains those of other people.
NUMBER_ROLES = (Role.ACCOUNT, Role.IBAN, Role.OTHER_ACCOUNT)
DAY_ROLES = (Role.BOOKED, Role.DATE, Role.MADE, Role.VALUED)

_PAYMENT = re.compile(
    r"payment.{0,20}thank|thank you|autopay|payment received|zahlung erhalten|paiement recu|pago recibido"
    r"|pagamento (?:recebido|ricevuto)|betaling ontvangen|innbetaling|inbetalning|indbetaling|还款",
    re.IGNORECASE,
)
_CURRENCY_CODE = re.compile(r"\b(EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|AUD|NZD|CAD|SGD|HKD|INR|ZAR|BRL|JPY)\b")
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_CARD = re.compile(r"card|kaart|karte|carte|tarjeta|kort")
_ACCOUNT_LABEL = re.compile(
    r"account|konto|rekening|compte|cuenta|conto|conta|rachunek|uctu|szamla|card|karte|kaart|carte|tarjeta|depot|kreditkarte"
)


@dataclass(slots=True)
class _Facts:
    """Counts over all rows of a section."""

    negative: int = 0
    explicitly_positive: int = 0
    unmarked: int = 0
    negative_payments: int = 0
    fitting_marks: int = 0
    contrary_marks: int = 0
    known_kinds: int = 0
    unnamed_marks: int = 0
    rows: int = 0
    filled: Counter[Role] = field(default_factory=Counter)
    numbers: dict[Role, set[str]] = field(default_factory=dict)
    amounts: list[WrittenAmount | None] = field(default_factory=list)
    balances: list[WrittenAmount | None] = field(default_factory=list)


@dataclass(slots=True)
class _Marks:
    """The decimal marks of amounts and of balances."""

    of_amounts: DecimalMark = field(default_factory=DecimalMark)
    of_balances: DecimalMark = field(default_factory=DecimalMark)


@dataclass(frozen=True, slots=True)
class Conventions:
    """The conventions of a section.

    Attributes:
        balance_mark: The decimal mark of balances, which a few banks write differently from amounts.
        signs: "amount", "inverted", "unmarked went out", "mark", "unnamed mark" or "columns".
        own_account: The column with the person's own account.
        account: The account for rows without such a column.
    """

    date_order: str
    decimal_mark: str
    balance_mark: str
    signs: str
    own_account: Role | None
    account: BankAccount
    currency: str | None
    fee_is_extra: bool


def learn(file: UploadedFile, form: Form, headerless: TableColumns | None, today: date) -> dict[int, Conventions]:
    """Read a whole file, and determine the conventions of each of its tables.

    Raises:
        UnreadableStatement: The dates, the amounts or their signs are ambiguous.
    """
    order, marks = DateOrder(today), _Marks()
    sections: dict[int, Section] = {}
    facts: dict[int, _Facts] = {}
    for section, row in sections_of(file, form, headerless):
        sections[section.number] = section
        _note_row(row, facts.setdefault(section.number, _Facts()), order, marks)
    date_order = order.decide(_usual_order(sections.values()))
    decimal_mark = marks.of_amounts.decide("." if _are_east_asian(sections.values()) else None)
    mark_of_balances = marks.of_balances.decide(decimal_mark)
    return {
        number: Conventions(
            date_order=date_order,
            decimal_mark=decimal_mark,
            balance_mark=mark_of_balances,
            signs=_signs(section.columns, facts[number], decimal_mark, mark_of_balances),
            own_account=(own := _own_account(section.columns, facts[number])),
            account=_account(section, facts[number], own, PurePosixPath(file.path).name),
            currency=section.columns.currency or _currency_around(section),
            fee_is_extra=has_word(section.columns.headers, "fee_is_extra"),
        )
        for number, section in sections.items()
    }


def _note_row(row: Row, facts: _Facts, order: DateOrder, marks: _Marks) -> None:
    days = [(role, row.cell(role)) for role in DAY_ROLES]
    if not any(text and possible_dates(split_time(text)[0]) for _, text in days):
        return
    for role, text in days:
        if text:
            order.add(role, text)
    facts.rows += 1
    for role in (Role.NET, Role.AMOUNT, Role.DEBIT, Role.CREDIT, Role.BALANCE, Role.FEE):
        if (written := written_amount(row.cell(role))) is not None:
            (marks.of_balances if role is Role.BALANCE else marks.of_amounts).add(written.digits)
    for text in row.other_cells():
        marks.of_amounts.add_other(text)
    for role in NUMBER_ROLES:
        if number := account_number(row.cell(role)):
            facts.filled[role] += 1
            known = facts.numbers.setdefault(role, set())
            if len(known) <= MAX_OWN_ACCOUNTS:
                known.add(number)
    facts.unnamed_marks += direction_of(row.cell(Role.UNNAMED)) != 0
    facts.known_kinds += direction_of(row.cell(Role.KIND)) != 0
    written = written_amount(row.cell(amount_role(row.columns)))
    if written is not None:
        direction = direction_in(row)
        facts.fitting_marks += direction * (written.sign or 1) > 0
        facts.contrary_marks += direction * (written.sign or 1) < 0
        facts.negative += written.sign < 0
        facts.explicitly_positive += written.sign > 0
        facts.unmarked += written.sign == 0
        is_payment = _PAYMENT.search(" ".join(row.cells(Role.TEXT) + row.cells(Role.PARTY)))
        facts.negative_payments += written.sign < 0 and is_payment is not None
    if len(facts.amounts) < MAX_BALANCES:
        facts.amounts.append(written)
        facts.balances.append(written_amount(row.cell(Role.BALANCE)))


def direction_in(row: Row) -> int:
    """Return the direction that the marks of a row say: 1 if money came in, -1 if it went out, 0 if they do not say it.

    A payment that was given back may have no mark but its status.
    """
    marks = (row.cell(Role.MARK) or row.cell(Role.KIND), *row.cells(Role.STATUS))
    return next((direction for mark in marks if (direction := direction_of(mark))), 0)


def amount_role(columns: TableColumns) -> Role:
    return Role.NET if Role.NET in columns.places else Role.AMOUNT


def _are_east_asian(sections: Iterable[Section]) -> bool:
    """Return whether the headers are of a language in which a comma is never a decimal mark."""
    return any(_EAST_ASIAN.search(header) for section in sections for header in section.columns.headers)


def _usual_order(sections: Iterable[Section]) -> str | None:
    """Return the usual order of dates of the bank, or of the language of the headers."""
    for section in sections:
        headers = section.columns.headers
        if has_word(headers, "month_first"):
            return MONTH_FIRST
        if has_word(headers, "day_first") or (section.columns.currency in ("EUR", "GBP")):
            return DAY_FIRST
        if headers and not is_english(headers):
            return DAY_FIRST
    return None


def _signs(columns: TableColumns, facts: _Facts, decimal_mark: str, balance_mark: str) -> str:
    """Determine how a section distinguishes money that came in from money that went out.

    Raises:
        UnreadableStatement: The section does not distinguish them.
    """
    has_amount = amount_role(columns) in columns.places
    marks = Role.MARK in columns.places or facts.known_kinds == facts.rows > 0
    if has_amount and marks and facts.contrary_marks > facts.fitting_marks:
        return "mark"
    if has_amount and facts.negative:
        card = charges_are_positive(columns.headers)
        paid_back = facts.negative_payments and facts.negative_payments * 2 >= facts.negative < facts.unmarked
        return "inverted" if card or paid_back else "amount"
    if has_amount and marks and facts.contrary_marks + facts.fitting_marks:
        return "mark"
    if Role.DEBIT in columns.places or Role.CREDIT in columns.places:
        return "columns"
    if has_amount and facts.unnamed_marks == facts.rows > 0:
        return "unnamed mark"
    if facts.rows == 0:
        return "amount"
    if charges_are_positive(columns.headers):
        return "inverted"
    if facts.explicitly_positive:
        return "unmarked went out" if facts.unmarked else "amount"
    if (direction := _direction_by_balance(facts, decimal_mark, balance_mark)) is not None:
        return direction
    raise UnreadableStatement(Problem.SIGNS_UNCLEAR)


def _direction_by_balance(facts: _Facts, decimal_mark: str, balance_mark: str) -> str | None:
    """Determine from the balances whether amounts without a sign all came in or all went out."""

    def values(written: Sequence[WrittenAmount | None], sign: int, mark: str) -> list[Decimal | None]:
        found = [None if one is None else value_of(one.digits, mark) for one in written]
        signs = [1 if one is None or not one.sign else one.sign for one in written]
        return [None if value is None else value * sign * its for value, its in zip(found, signs, strict=True)]

    balances = values(facts.balances, 1, balance_mark)
    if adds_up(values(facts.amounts, 1, decimal_mark), balances):
        return "amount"
    return "inverted" if adds_up(values(facts.amounts, -1, decimal_mark), balances) else None


def _own_account(columns: TableColumns, facts: _Facts) -> Role | None:
    """Determine the column with the person's own account by its content, as headers are often ambiguous."""

    def is_constant(role: Role) -> bool:
        return len(facts.numbers.get(role, ())) == 1

    def is_filled(role: Role) -> bool:
        return facts.filled[role] == facts.rows > 0

    if Role.ACCOUNT in columns.places:
        if is_filled(Role.ACCOUNT) and len(facts.numbers[Role.ACCOUNT]) <= MAX_OWN_ACCOUNTS:
            return Role.ACCOUNT
        if is_constant(Role.ACCOUNT) and _CARD.search(plain(columns.headers[columns.places[Role.ACCOUNT][0]])):
            return Role.ACCOUNT  # Payments to a card do not contain its number.
    if Role.IBAN in columns.places and is_constant(Role.IBAN):
        first = columns.places[Role.IBAN] == (0,)
        if Role.OTHER_ACCOUNT in columns.places or first or (is_filled(Role.IBAN) and facts.rows > 2):
            return Role.IBAN
    other = columns.places.get(Role.OTHER_ACCOUNT, (MAX_COLUMNS,))[0]
    if is_constant(Role.OTHER_ACCOUNT) and is_filled(Role.OTHER_ACCOUNT) and facts.rows > 2 and other <= 3:
        return Role.OTHER_ACCOUNT
    return None


def _account(section: Section, facts: _Facts, own: Role | None, file_name: str) -> BankAccount:
    """Return the account for rows that do not contain it."""
    found = _account_around(section, file_name)
    numbers = facts.numbers.get(own, set()) if own is not None else set()
    return replace(found, number=next(iter(numbers))) if len(numbers) == 1 else found


def _account_around(section: Section, file_name: str) -> BankAccount:
    """Find the account in the lines before a table, or in the file name."""
    headers = " ".join(map(plain, section.columns.headers))
    container = CREDIT_CARD if re.search(r"\bcard (no|number|member)|creditcard|kreditkarte", headers) else BANK
    around = [cell for row in reversed(section.preamble) for cell in row]
    number = next((iban for cell in around if (iban := iban_in(cell))), "")
    if not number:
        number = next((found for row in reversed(section.preamble) if (found := _labelled_number(row))), "")
    if number:
        return BankAccount(number, container=container)
    return BankAccount(iban_in(file_name) or _number_in_name(file_name), container=container)


def _labelled_number(row: Sequence[str]) -> str:
    """Find a number next to a word for account or card."""
    for place, cell in enumerate(row):
        if _ACCOUNT_LABEL.search(plain(cell)):
            for other in (cell, *row[place + 1 :]):
                found = re.search(r"(?<![\d.,])[\dxX*][\d xX*/-]{5,28}\d(?![\d.,])", other)
                if found is not None and not possible_dates(found[0]):
                    return account_number(found[0])
    return ""


def _number_in_name(file_name: str) -> str:
    found = re.match(r"Chase(\d{4})_", file_name)
    return found[1] if found else ""


def _currency_around(section: Section) -> str | None:
    for row in reversed(section.preamble):
        for cell in row:
            if found := _CURRENCY_CODE.search(cell):
                return found[1]
    return None
