"""A streaming parser for SWIFT MT940 and MT942, with the contents of field 86 of several countries.

A statement line that cannot be read does not affect the others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.amounts import plain_amount
from privateshare.sources.banks.booking import BankAccount, Booking
from privateshare.sources.banks.reasons import NOT_A_STATEMENT_LINE
from privateshare.sources.banks.text import bounded_lines, encoding_of, opened_text
from privateshare.sources.failures import Reason

MAX_FIELD_LINES = 200

_FIELD = re.compile(r":(\d\d[A-Z]?|NS):(.*)")
_LINE = re.compile(
    r"(?P<valued>\d{6})(?P<booked>\d{4}|\s{4})?(?P<mark>[RE]?[DC])(?P<funds>[A-Z])?\s?(?P<amount>\d[\d,.]{0,17}|,\d+)"
    r"(?P<kind>[A-Z][A-Z0-9 ]{3})?(?P<rest>.*)",
    re.DOTALL,
)
_BALANCE = re.compile(r"[DC](?P<day>\d{6})(?P<currency>[A-Z]{3})")
_SUBFIELD = re.compile(r"[?>](\d\d)")
_CODE_WORD = re.compile(
    r"/(TRTP|IBAN|BIC|NAME|REMI|EREF|ORDP|BENM|ID|ADDR|CSID|MARF|SVCL|ISDT|PREF|RTRN|CNTP|ULTC|ULTD|PURP|CREF|USTD|STRD"
    r"|BUSP|OCMT|CHGS|EXCH|IREF|KREF|NRTX|ACCW|INIT)/"
)
_SEPA_WORD = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC)[+:]")
_IBAN = re.compile(r"\b([A-Z]{2}\d{2}[A-Z0-9]{11,30})\b")
NO_REFERENCE = frozenset({"NONREF", "NONE", "KREF+", "EREF", "NOTPROVIDED"})


def is_mt940(start: str) -> bool:
    """Return whether a file is MT940 or MT942, by its start."""
    return re.search(r"^\s*(?:\{1:.*\{4:\s*)?:20:", start, re.MULTILINE | re.DOTALL) is not None and (
        re.search(r"^:(?:25|61|60[FM]):", start, re.MULTILINE) is not None
    )


@dataclass(slots=True)
class _Statement:
    """The state of the statement that is being read."""

    account: BankAccount = field(default_factory=BankAccount)
    currency: str | None = None
    line: str = ""
    details: str = ""


def read_mt940(file: UploadedFile) -> Iterator[Booking | Reason]:
    """Read every statement line of every statement in the file."""
    state = _Statement()
    for tag, text in _fields(file):
        if tag in ("61", "20", "62F", "62M", "64", "65", "90D", "90C", "NS", "-") and state.line:
            if tag == "NS":
                state.details += f"\n{text}"
                continue
            yield _booking(state)
            state.line = state.details = ""
        if tag == "20":
            state = _Statement()
        elif tag in ("25", "25P"):
            state.account = _account(text)
            state.currency = _account_currency(text) or state.currency
        elif tag in ("60F", "60M", "34F") and (found := _currency(text)) is not None:
            state.currency = found
        elif tag == "61":
            state.line = text
        elif tag == "86" and state.line:
            state.details = text
    if state.line:
        yield _booking(state)


def _fields(file: UploadedFile) -> Iterator[tuple[str, str]]:
    """Yield each field with its tag and its lines."""
    tag, lines = "", list[str]()
    with opened_text(file, encoding_of(file)) as text:
        for raw in bounded_lines(text):
            line = raw.rstrip("\r\n\x03 ").lstrip("\x01\x00")
            found = _FIELD.match(line.partition("{4:")[2] if line.startswith("{1:") else line)
            if found is not None:
                if tag:
                    yield tag, "\n".join(lines)
                tag, lines = found[1], [found[2]]
            elif line.strip() in ("-", "-}") or line.startswith(("-}", "{1:")):
                if tag:
                    yield tag, "\n".join(lines)
                yield "-", ""
                tag, lines = "", []
            elif line.strip() and len(lines) < MAX_FIELD_LINES:
                lines.append(line)
    if tag:
        yield tag, "\n".join(lines)


def _account(text: str) -> BankAccount:
    words = text.split("\n")[0].strip().upper().split()
    bank, separator, number = (words[0] if words else "").rpartition("/")
    if separator and re.fullmatch(r"[A-Z]{3}", number):  # Some banks append the currency.
        bank, _, number = bank.rpartition("/")
    return BankAccount(number=re.sub(r"(?<=\d)[A-Z]{3}$", "", number), bank=bank)


def _account_currency(text: str) -> str | None:
    found = re.search(r"(?:[/ ]|(?<=\d))([A-Z]{3})\s*$", text.split("\n")[0].strip())
    return found[1] if found else None


def _currency(text: str) -> str | None:
    if (balance := _BALANCE.match(text)) is not None:
        return balance["currency"]
    found = re.match(r"([A-Z]{3})", text)
    return found[1] if found else None


def _booking(state: _Statement) -> Booking | Reason:
    first, _, extra = state.line.partition("\n")
    # A few banks insert a line break before the amount.
    found = _LINE.fullmatch(first) or _LINE.fullmatch(state.line.replace("\n", "", 1))
    valued = _day(found["valued"]) if found is not None else None
    amount = plain_amount(_whole_number(found["amount"])) if found is not None else None
    if found is None or amount is None or valued is None:
        return NOT_A_STATEMENT_LINE
    reference = found["rest"].partition("//")[2].strip()
    kind = (found["kind"] or "").strip()
    booking = Booking(
        account=state.account,
        amount=-amount if _went_out(found["mark"]) else amount,
        currency=state.currency,
        booked=_entry_day(valued, found["booked"]) or valued,
        valued=valued,
        id="" if reference in NO_REFERENCE else reference,
        kind=kind,
        description=" ".join(extra.split()),
    )
    return with_details(booking, state.details) if state.details.strip() else booking


def _whole_number(digits: str) -> str:
    """Normalize "12," and "1234,5", so that three decimals, as in dinars, are not taken for thousands."""
    return digits + "00" if digits.endswith(",") else digits.replace(",", ".") if digits.count(",") == 1 else digits


def _went_out(mark: str) -> bool:
    """Return whether money left the account: by a debit, an expected debit, or a reversed credit."""
    return mark in ("D", "ED", "RC")


def _day(text: str) -> date | None:
    """Parse yymmdd. Some banks write 30 February for the last day of that month."""
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    year += 2000 if year < 70 else 1900
    try:
        if month == 2 and day in (29, 30):
            return date(year, 3, 1) - timedelta(days=1)
        return date(year, month, day)
    except ValueError:
        return None


def _entry_day(valued: date, text: str | None) -> date | None:
    """Parse the day of booking, mmdd, in the year that is nearest to the value date."""
    if text is None or not text.strip():
        return None
    days = [_day(f"{year % 100:02}{text}") for year in (valued.year - 1, valued.year, valued.year + 1)]
    return min((day for day in days if day is not None), key=lambda day: abs(day - valued), default=None)


def with_details(booking: Booking, details: str) -> Booking:
    """Add the details of field 86: German subfields, code words between slashes, or plain text."""
    flat = details.replace("\n", "")
    if re.match(r"\d{3}[^\w\s]", flat) and _SUBFIELD.search(flat):
        return _with_german_details(booking, flat)
    words = _code_words(flat)
    if words:
        return replace(
            booking,
            description=words.get("REMI", "").removeprefix("USTD//").strip("/ ") or words.get("EREF", "").strip("/ ")
            or booking.description or " ".join(details.split()),
            counterparty=words.get("NAME", "").strip("/ "),
            counterparty_account=words.get("IBAN", "").strip("/ "),
        )  # fmt: skip
    text = " ".join(details.split())
    iban = _IBAN.search(text)
    return replace(booking, description=text or booking.description, counterparty_account=iban[1] if iban else "")


def _code_words(text: str) -> dict[str, str]:
    parts = _CODE_WORD.split(text)
    found: dict[str, str] = {}
    for word, value in zip(parts[1::2], parts[2::2], strict=True):
        if value.strip("/ "):
            found.setdefault(word, value)
    return found


def _with_german_details(booking: Booking, text: str) -> Booking:
    """Parse ?00 (kind), ?20 to ?29 and ?60 to ?63 (purpose), ?30 and ?31 or ?38 (account), ?32 and ?33 (name)."""
    parts = _SUBFIELD.split(text)
    fields: dict[str, str] = {}
    for number, value in zip(parts[1::2], parts[2::2], strict=True):
        fields[number] = fields.get(number, "") + value
    purpose = "".join(fields[number] for number in sorted(fields) if number[0] in "26")
    return replace(
        booking,
        description=_purpose(purpose) or fields.get("00", "").strip() or booking.description,
        counterparty=(fields.get("32", "") + fields.get("33", "")).strip(),
        counterparty_account=(fields.get("38") or fields.get("31") or "").strip(),
        kind=booking.kind or text[:3],
    )


def _purpose(text: str) -> str:
    parts = _SEPA_WORD.split(text)
    words = dict(zip(parts[1::2], parts[2::2], strict=True))
    return " ".join((words.get("SVWZ") or (text if not words else parts[0] or text)).split())
