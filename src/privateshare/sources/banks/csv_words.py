"""The meaning of headers and marks in CSV files, from `columns.toml`."""

import re
import tomllib
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

from privateshare.sources.charsets import without_accents


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

CURRENCIES = (
    *(
        "EUR",
        "EURO",
        "EUROS",
        "EUROA",
        "USD",
        "GBP",
        "CHF",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
        "CZK",
        "HUF",
        "RON",
        "BGN",
        "AUD",
    ),
    *(
        "NZD",
        "CAD",
        "SGD",
        "HKD",
        "INR",
        "ZAR",
        "TRY",
        "BRL",
        "MXN",
        "JPY",
        "ISK",
        "AED",
        "SAR",
        "ILS",
        "THB",
        "MYR",
        "PHP",
    ),
    *("IDR", "KRW", "CNY", "UAH", "RSD", "RUB", "RUR", "BYN", "KZT"),
)
_CURRENCY = re.compile(
    rf"\s*(?:\b(?:in|en|i|w|v)\s+)?[(\[]?\b({'|'.join(CURRENCIES)})\b\s*[)\]]?\s*$"
    r"|\s*[(\[（]\s*([£€$₹元円원])\s*[)\]）]\s*$|\s+([£€₹])\s*$",
    re.IGNORECASE,
)
_NAMED_CURRENCIES = {"EURO": "EUR", "EUROS": "EUR", "EUROA": "EUR", "£": "GBP", "€": "EUR", "₹": "INR", "$": ""}
_NAMED_CURRENCIES |= {
    "元": "CNY",
    "円": "JPY",
    "원": "KRW",
    "RUR": "RUB",
    "人民币": "CNY",
    "日元": "JPY",
    "美元": "USD",
}


@lru_cache(maxsize=1024)
def plain(word: str) -> str:
    """Normalize a word for comparison: without case, accents and punctuation."""
    return " ".join(re.sub(r"\W|_", " ", without_accents(word)).split())


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(files(__package__).joinpath("columns.toml").read_text("utf-8"))


@cache
def _roles() -> dict[str, Role]:
    return {plain(word): Role(name) for name, words in _tables()["columns"].items() for word in words if plain(word)}


@cache
def _words(table: str, name: str) -> frozenset[str]:
    return frozenset(plain(word) for word in _tables()[table][name]) - {""}


def header_row() -> str:
    """Return a regular expression for a row with a header of dates and one of amounts, without accents."""
    return rf"(?m)^(?=.*{_header_of(DATES)})(?=.*{_header_of(AMOUNTS)})"


def _header_of(roles: frozenset[Role]) -> str:
    words = {plain(word) for role in roles for word in _tables()["columns"][role]}
    patterns = sorted((r"[\W_]{1,3}".join(word.split()) for word in words), key=len, reverse=True)
    currency = rf"(?:(?:in|en|i|w|v)\s)?[(\[]?(?:{'|'.join(CURRENCIES).lower()}|[£€$₹元円원])?\s?[)\]]?"
    if AMOUNTS & roles:
        patterns.append(r"[a-z]{3}\s?\$")
    return rf"(?:^|[;,\t|])[\s\"']*(?:{'|'.join(patterns)})[\s,:.]*{currency}[\s\"']*(?:[;,\t|]|$)"


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


def currency_code(text: str) -> str | None:
    """Return the code of a currency that a cell names; None if it names none."""
    name = text.strip().upper()
    return _NAMED_CURRENCIES.get(name, name if len(name) == 3 and name.isascii() else None) or None


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
