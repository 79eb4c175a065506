"""What the words of CSV files mean: the names of columns and the marks in them, from `columns.toml`."""

import re
import tomllib
import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files


class Role(StrEnum):
    """What a column holds."""

    BOOKED = "booked"  # the date of posting
    MADE = "made"  # the date of the payment
    DATE = "date"  # a date, the bank does not say of what
    TIME = "time"
    VALUED = "valued"
    AMOUNT = "amount"
    NET = "net"  # the amount after fees, where another column has the one before
    DEBIT = "debit"
    CREDIT = "credit"
    MARK = "mark"  # whether it came in or went out
    FEE = "fee"  # to be taken off the amount
    CURRENCY = "currency"
    BALANCE = "balance"
    ACCOUNT = "account"  # the person's own
    OTHER_ACCOUNT = "other_account"
    IBAN = "iban"  # of either
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
    IN_AMOUNT = "in_amount"  # of what came in, in IN_CURRENCY
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
    """Give a word without case, accents and punctuation, so that spellings of it are equal."""
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
    """Say what the column of a header holds, and in which currency, as far as the header tells.

    Args:
        header: Such as "Bedrag (EUR)".

    Returns:
        The role, or None for a word that is not known, and the currency.
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
    """Say whether a mark means that money came in (1) or went out (-1); 0 if it is not known."""
    if (sign := mark.strip()) in ("+", "-"):
        return 1 if sign == "+" else -1
    word = plain(mark)
    return 1 if word in _words("marks", "came_in") else -1 if word in _words("marks", "went_out") else 0


def is_pending(status: str) -> bool:
    """Say whether a status, or what stands in the place of a date, means that a transaction is not booked yet."""
    return plain(status) in _words("marks", "pending")


def is_undone(status: str) -> bool:
    """Say whether a status means that no money moved."""
    return plain(status) in _words("marks", "undone")


def is_balance(text: str) -> bool:
    """Say whether a text names a balance or a total, as some banks put before and after transactions."""
    return plain(text).startswith(tuple(_words("marks", "balances")))


def has_word(headers: tuple[str, ...], name: str) -> bool:
    """Say whether any of the headers is one of the words that `columns.toml` lists as a sign of something."""
    return any(plain(header) in _words("signs", name) for header in headers)


def charges_are_positive(headers: tuple[str, ...]) -> bool:
    """Say whether the headers are of a card whose purchases are written without a minus."""
    whole = plain(" ".join(headers)) in _words("signs", "positive_charges_headers")
    return whole or has_word(headers, "positive_charges")


def is_english(headers: tuple[str, ...]) -> bool:
    """Say whether the headers may be of an English bank: by their words for dates and amounts, and without accents."""
    for header in headers:
        word = _CURRENCY.sub("", header[:MAX_HEADER_CHARACTERS])
        if role_of(header)[0] in DATES | AMOUNTS and plain(word) not in _words("signs", "english"):
            return False
        if any(letter.isalpha() and not letter.isascii() for letter in word):
            return False
    return True
