"""The meaning of headers and marks in CSV files, from `columns.toml`."""

import re
import tomllib
import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files


class Role(StrEnum):
    """The role of a column."""

    BOOKED = "booked"  # The date of posting.
    MADE = "made"  # The date of the payment.
    DATE = "date"  # A date without further description.
    TIME = "time"
    VALUED = "valued"
    AMOUNT = "amount"
    NET = "net"  # The amount after fees, if another column has the amount before fees.
    DEBIT = "debit"
    CREDIT = "credit"
    MARK = "mark"  # Says whether the money came in or went out.
    FEE = "fee"  # Is subtracted from the amount.
    CURRENCY = "currency"
    BALANCE = "balance"
    ACCOUNT = "account"  # The person's own account.
    OTHER_ACCOUNT = "other_account"
    IBAN = "iban"  # The account of either side.
    BANK = "bank"
    PARTY = "party"
    PAYER = "payer"
    PAYEE = "payee"
    TEXT = "text"
    NOTE = "note"
    KIND = "kind"
    CATEGORY = "category"
    STATUS = "status"
    ID = "id"
    CHECK = "check"
    CITY = "city"
    COUNTRY = "country"
    IN_AMOUNT = "in_amount"  # The amount of money that came in, in IN_CURRENCY.
    IN_CURRENCY = "in_currency"
    UNNAMED = "unnamed"


DATES = frozenset({Role.BOOKED, Role.MADE, Role.DATE, Role.VALUED})
AMOUNTS = frozenset({Role.AMOUNT, Role.NET, Role.DEBIT, Role.CREDIT})
REPEATED = frozenset({Role.TEXT, Role.PARTY, Role.NOTE, Role.STATUS})

MAX_HEADER_CHARACTERS = 100

_CURRENCY = re.compile(
    r"\s*(?:\b(?:in|en|i|w|v)\s+)?[(\[]?\b(EUR|EURO|EUROS|EUROA|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|AUD|NZD|CAD"
    r"|SGD|HKD|INR|ZAR|TRY|BRL|MXN|JPY|ISK|AED|SAR|ILS|THB|MYR|PHP|IDR|KRW|CNY|UAH|RSD)\b\s*[)\]]?\s*$"
    r"|\s*[(\[]\s*([£€$₹])\s*[)\]]\s*$|\s+([£€₹])\s*$",
    re.IGNORECASE,
)
_NAMED_CURRENCIES = {"EURO": "EUR", "EUROS": "EUR", "EUROA": "EUR", "£": "GBP", "€": "EUR", "₹": "INR", "$": ""}
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "o", "æ": "ae", "Æ": "ae", "ł": "l", "Ł": "l", "đ": "d", "ı": "i"})


@lru_cache(maxsize=1024)
def plain(word: str) -> str:
    """Normalize a word for comparison: without case, accents and punctuation."""
    decomposed = unicodedata.normalize("NFKD", word.translate(_LETTERS).casefold())
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.sub(r"\W|_", " ", letters).split())


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files(__package__).joinpath("columns.toml").read_text("utf-8"))


@cache
def _roles() -> dict[str, Role]:
    return {plain(word): Role(name) for name, words in _tables()["columns"].items() for word in words if plain(word)}


@cache
def _words(table: str, name: str) -> frozenset[str]:
    return frozenset(plain(word) for word in _tables()[table][name]) - {""}


@lru_cache(maxsize=1024)
def role_of(header: str) -> tuple[Role | None, str | None]:
    """Determine the role and the currency of a column from its header.

    Args:
        header: A header such as "Bedrag (EUR)".

    Returns:
        The role and the currency; None for each that is unknown.
    """
    if len(header) > MAX_HEADER_CHARACTERS:
        return None, None
    if header.strip() == "+/-":
        return Role.MARK, None
    if dollars := re.fullmatch(r"([A-Z]{3})\s?\$", header.strip()):
        return Role.AMOUNT, dollars[1]
    found = _CURRENCY.search(header)
    if found is not None and (role := _roles().get(plain(header[: found.start()]))) is not None:
        name = (found[1] or found[2] or found[3]).upper()
        return role, _NAMED_CURRENCIES.get(name, name) or None
    return _roles().get(plain(header)), None


def direction_of(mark: str) -> int:
    """Return 1 if a mark means that money came in, -1 if it went out, and 0 if the mark is unknown."""
    if (sign := mark.strip()) in ("+", "-"):
        return 1 if sign == "+" else -1
    word = plain(mark)
    return 1 if word in _words("marks", "came_in") else -1 if word in _words("marks", "went_out") else 0


def is_pending(status: str) -> bool:
    """Return whether a status, or a word in place of a date, means that a transaction is not booked yet."""
    return plain(status) in _words("marks", "pending")


def is_undone(status: str) -> bool:
    """Return whether a status means that no money was moved."""
    return plain(status) in _words("marks", "undone")


def is_balance(text: str) -> bool:
    """Return whether a text means a balance or a total, which some banks list among transactions."""
    return plain(text).startswith(tuple(_words("marks", "balances")))


def has_word(headers: tuple[str, ...], name: str) -> bool:
    """Return whether any header is in a list of signs in `columns.toml`."""
    return any(plain(header) in _words("signs", name) for header in headers)


def charges_are_positive(headers: tuple[str, ...]) -> bool:
    """Return whether the headers belong to a card whose purchases have no minus sign."""
    whole = plain(" ".join(headers)) in _words("signs", "positive_charges_headers")
    return whole or has_word(headers, "positive_charges")


def is_english(headers: tuple[str, ...]) -> bool:
    """Return whether the headers may be English: they use English words for dates and amounts, and no accents."""
    for header in headers:
        word = _CURRENCY.sub("", header[:MAX_HEADER_CHARACTERS])
        if role_of(header)[0] in DATES | AMOUNTS and plain(word) not in _words("signs", "english"):
            return False
        if any(letter.isalpha() and not letter.isascii() for letter in word):
            return False
    return True
