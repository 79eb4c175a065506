"""Normalization of account numbers."""

import re
from functools import lru_cache

_IBAN = re.compile(r"(?<![A-Z0-9])([A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30})(?![A-Z0-9])")
_LENGTHS = {
    "AD": 24,
    "AT": 20,
    "BE": 16,
    "BG": 22,
    "CH": 21,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "EE": 20,
    "ES": 24,
    "FI": 18,
    "FR": 27,
    "GB": 22,
    "GI": 23,
    "GR": 27,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IS": 26,
    "IT": 27,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "MC": 27,
    "MT": 31,
    "NL": 18,
    "NO": 15,
    "PL": 28,
    "PT": 25,
    "RO": 24,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "TR": 26,
    "UA": 29,
    "RS": 22,
    "BA": 20,
    "ME": 22,
    "MK": 19,
    "AL": 28,
    "MD": 24,
}


@lru_cache(maxsize=1024)
def account_number(text: str) -> str:
    """Normalize a number to upper case without spaces and punctuation.

    A German bank code with an account number is converted to the equivalent IBAN.
    """
    number = re.sub(r"[\s.\u00a0-]", "", text).upper()
    german = re.fullmatch(r"(\d{8})/0*(\d{1,10})", number)
    return german_iban(german[1], german[2]) if german else number.replace("/", "")


def german_iban(bank_code: str, number: str) -> str:
    """Build the IBAN of a German bank code and account number, with its check digits (ISO 13616)."""
    basic = f"{bank_code}{number:0>10}"
    return f"DE{98 - int(basic + '131400') % 97:02}{basic}"


def is_iban(text: str) -> bool:
    """Return whether a text is an IBAN with the right length and check digits."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", text) or _LENGTHS.get(text[:2], len(text)) != len(text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def iban_in(text: str) -> str:
    """Find an IBAN in a text, such as the name of a file; empty if there is none."""
    for found in _IBAN.finditer(re.sub(r"[_.]", "|", text.upper())):
        number = found[1].replace(" ", "")
        length = _LENGTHS.get(number[:2])
        for candidate in (number, number[:length] if length else ""):
            if is_iban(candidate):
                return candidate
    return ""


def masked(number: str) -> str:
    """Mask a number except for its last four characters, to show it to the person."""
    return f"••••{number[-4:]}" if len(number) > 4 else number
