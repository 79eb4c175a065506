"""A parser for amounts in all notations of banks. The decimal mark is determined from all amounts of a file."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from privateshare.sources.banks.reasons import Problem, UnreadableStatement

MAX_AMOUNT_CHARACTERS = 60
MAX_WHOLE_DIGITS = 18  # A number with more digits before the decimal mark is not an amount of money.

_SPACES = re.compile(r"[\s\u00a0\u2000-\u200b\u202f\u2060'’´`]+")
_MINUS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "\u2010": "-", "\u2011": "-", "﹣": "-", "－": "-", "＋": "+", "￥": "¥", "，": ","}
)
_SYMBOLS = "£€$¥₹₽₺₴₩฿₫₪"
_AMOUNT = re.compile(
    rf"(?P<open>\()?(?P<before>[A-Z]{{3}}|[{_SYMBOLS}]|[A-Z]{{1,2}}\$|KR\.?|R\$|FR\.?|RM|ZŁ)?(?P<sign>[+-])?"
    rf"(?P<between>[A-Z]{{3}}|[{_SYMBOLS}]|[A-Z]{{1,2}}\$|KR\.?|R\$|FR\.?)?(?P<digits>[\d.,]*\d[\d.,]*?)"
    rf"(?P<dash>,-|,--|\.-|\.--)?(?P<trailing>[+-])?"
    rf"(?P<after>(?!CR$|DR$|DB$)[A-Z]{{3}}|[{_SYMBOLS}]|KR\.?|KČ|ZŁ|FT\.?|LEI|ЛВ\.?|РУБ\.?|元|円|원)?(?P<mark>CR|DR|DB|C|D|S|H)?(?P<close>\))?",
    re.IGNORECASE,
)
# The sign ¥ is that of the yen and of the yuan.
_CURRENCY_OF = {
    "£": "GBP",
    "€": "EUR",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₴": "UAH",
    "₩": "KRW",
    "元": "CNY",
    "円": "JPY",
}
_CREDIT_MARKS = frozenset({"CR", "C", "H"})


@dataclass(frozen=True, slots=True)
class WrittenAmount:
    """The notation of an amount. `sign` is 1 for money that came in, -1 for money that went out, 0 if unknown."""

    digits: str
    sign: int
    currency: str | None


@lru_cache(maxsize=256)
def written_amount(text: str) -> WrittenAmount | None:
    """Split an amount into its parts.

    Args:
        text: A cell such as "-1.234,56", "(12.00)", "£5", "1 234,00 EUR" or "12,50 CR".

    Returns:
        The digits, the sign and the currency, or None if the text is not an amount.
    """
    if not text or len(text) > MAX_AMOUNT_CHARACTERS:
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


_RATE = re.compile(r"\d{1,4}[.,]\d{5,12}")  # Neither a date nor a time is written so.


class DecimalMark:
    """A detector of the decimal mark (1.234,56 or 1,234.56), which considers all amounts of a file."""

    def __init__(self) -> None:
        self._votes: set[str] = set()
        self._undecided: set[str] = set()
        self._marks_of_rates: set[str] = set()
        self._has_whole_amounts = False
        self._has_large_whole_amounts = False

    def add(self, digits: str) -> None:
        """Add an amount."""
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
            self._votes.add(other)  # A thousands separator can occur several times, a decimal mark cannot.
        elif len(tail) != 3 or last == 0 or last > 3 or digits.startswith("0"):
            self._votes.add(mark)
        else:
            self._undecided.add(mark)

    def add_other(self, text: str) -> None:
        """Add a cell of a column that has no amounts. An exchange rate has the decimal mark of the amounts."""
        if _RATE.fullmatch(text):
            self._marks_of_rates.add("." if "." in text else ",")

    def decide(self, otherwise: str | None = None) -> str:
        """Determine the decimal mark.

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
        if len(self._marks_of_rates) == 1:
            return next(iter(self._marks_of_rates))
        if len(self._undecided) == 1 and self._has_whole_amounts and not self._has_large_whole_amounts:
            # In a file with 500 and 1,234 the comma separates thousands, as three decimals would be on every amount.
            return "." if "," in self._undecided else ","
        raise UnreadableStatement(Problem.AMOUNTS_UNCLEAR)


def value_of(digits: str, decimal_mark: str) -> Decimal | None:
    """Convert digits to a value; None if they do not follow the notation with this decimal mark."""
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
    return value if len("".join(groups)) <= MAX_WHOLE_DIGITS else None


def plain_amount(text: str) -> Decimal | None:
    """Parse an amount of a format without thousands separators, with a point or comma before the cents.

    Three digits after a comma are ambiguous and therefore rejected.
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
