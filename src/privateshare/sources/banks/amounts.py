"""Amounts as banks around the world write them: which mark is the decimal one is decided over a whole file."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from privateshare.sources.banks.reasons import Problem, UnreadableStatement

MAX_CHARACTERS = 60
MAX_DIGITS = 18  # of a whole amount; more is no money

_SPACES = re.compile(r"[\s\u00a0\u2000-\u200b\u202f\u2060'’´`]+")
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-", "\u2010": "-", "\u2011": "-", "﹣": "-", "－": "-", "＋": "+"})
_SYMBOLS = "£€$¥₹₽₺₴₩฿₫₪"
_AMOUNT = re.compile(
    rf"(?P<open>\()?(?P<before>[A-Z]{{3}}|[{_SYMBOLS}]|[A-Z]{{1,2}}\$|KR\.?|R\$|FR\.?|RM|ZŁ)?(?P<sign>[+-])?"
    rf"(?P<between>[A-Z]{{3}}|[{_SYMBOLS}]|[A-Z]{{1,2}}\$|KR\.?|R\$|FR\.?)?(?P<digits>[\d.,]*\d[\d.,]*?)"
    rf"(?P<dash>,-|,--|\.-|\.--)?(?P<trailing>[+-])?"
    rf"(?P<after>(?!CR$|DR$|DB$)[A-Z]{{3}}|[{_SYMBOLS}]|KR\.?|KČ|ZŁ|FT\.?|LEI|ЛВ\.?)?(?P<mark>CR|DR|DB|C|D|S|H)?(?P<close>\))?",
    re.IGNORECASE,
)
_CURRENCY_OF = {"£": "GBP", "€": "EUR", "¥": "JPY", "₹": "INR", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₩": "KRW"}
_CREDIT_MARKS = frozenset({"CR", "C", "H"})


@dataclass(frozen=True, slots=True)
class WrittenAmount:
    """An amount as it is written. `sign` is 0 if nothing says whether it came in (1) or went out (-1)."""

    digits: str
    sign: int
    currency: str | None


@lru_cache(maxsize=256)
def written_amount(text: str) -> WrittenAmount | None:
    """Take an amount apart.

    Args:
        text: A cell such as "-1.234,56", "(12.00)", "£5", "1 234,00 EUR" or "12,50 CR".

    Returns:
        Its digits and what is said of the sign and the currency, or None if it is no amount.
    """
    if not text or len(text) > MAX_CHARACTERS:
        return None
    match = _AMOUNT.fullmatch(_SPACES.sub("", text.translate(_MINUS)))
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    if match["sign"] and match["trailing"]:
        return None
    written_sign = match["sign"] or match["trailing"]
    sign = 0 if written_sign is None else -1 if written_sign == "-" else 1
    if match["open"]:
        sign = -1
    if mark := (match["mark"] or "").upper():
        marked = 1 if mark in _CREDIT_MARKS else -1
        sign = marked if sign >= 0 else sign
    label = (match["before"] or match["between"] or match["after"] or "").upper()
    currency = _CURRENCY_OF.get(label) or (label if len(label) == 3 and label.isascii() and label.isalpha() else None)
    return WrittenAmount(match["digits"], sign, currency)


class DecimalMark:
    """Finds out whether a file writes 1.234,56 or 1,234.56, from all of its amounts."""

    def __init__(self) -> None:
        self._votes: set[str] = set()
        self._undecided: set[str] = set()
        self._has_whole_amounts = False
        self._has_large_whole_amounts = False

    def add(self, digits: str) -> None:
        """Take one amount into account."""
        last = max(digits.rfind("."), digits.rfind(","))
        if last < 0:
            self._has_whole_amounts = True
            self._has_large_whole_amounts |= len(digits) > 3
            return
        mark, other = digits[last], "," if digits[last] == "." else "."
        tail = digits[last + 1 :]
        if other in digits:
            self._votes.add(mark)
        elif digits.count(mark) > 1:
            self._votes.add(other)  # marks between thousands come more than once, decimal ones do not
        elif len(tail) != 3 or last == 0 or last > 3 or digits.startswith("0"):
            self._votes.add(mark)
        else:
            self._undecided.add(mark)

    def decide(self, otherwise: str | None = None) -> str:
        """Say which mark is the decimal one.

        Args:
            otherwise: The mark for amounts that do not show it.

        Returns:
            "." or ",".

        Raises:
            UnreadableStatement: The amounts contradict each other, or can all be read in two ways.
        """
        if len(self._votes) > 1:
            raise UnreadableStatement(Problem.AMOUNTS_MIXED)
        if self._votes:
            return next(iter(self._votes))
        if otherwise is not None:
            return otherwise
        if not self._undecided:
            return "."
        if len(self._undecided) == 1 and self._has_whole_amounts and not self._has_large_whole_amounts:
            # 500 and 1,234: amounts with three decimals would all have them
            return "." if "," in self._undecided else ","
        raise UnreadableStatement(Problem.AMOUNTS_UNCLEAR)


def value_of(digits: str, decimal_mark: str) -> Decimal | None:
    """Give the value of written digits, or None if they are not written that way."""
    thousands = "," if decimal_mark == "." else "."
    whole, _, cents = digits.partition(decimal_mark)
    groups = whole.split(thousands)
    if thousands in cents or decimal_mark in cents:
        return None
    if len(groups) > 1 and (not groups[0] or any(not 2 <= len(group) <= 3 for group in groups[1:])):
        return None
    try:
        value = Decimal(f"{''.join(groups) or '0'}.{cents or '0'}")
    except InvalidOperation:
        return None
    return value if len("".join(groups)) <= MAX_DIGITS else None


def plain_amount(text: str) -> Decimal | None:
    """Read an amount of a format that has no marks between thousands: with a point or a comma for the cents.

    Three digits after a comma can be read in two ways, and are not.
    """
    written = written_amount(text)
    if written is None:
        return None
    digits = written.digits
    mark = "," if digits.rfind(",") > digits.rfind(".") else "."
    if mark == "," and "." not in digits and re.fullmatch(r"[1-9]\d{0,2},\d{3}", digits):
        return None
    value = value_of(digits, mark)
    return None if value is None else value * (written.sign or 1)
