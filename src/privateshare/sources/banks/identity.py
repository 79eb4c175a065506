"""Ids of accounts and bookings that are the same in every export, regardless of its format and date.

Banks use different references for a booking in each format, the same one for several bookings, or none, and their texts
differ. Therefore a booking is identified by account, day and amount, without the currency, which some formats lack.
Equal bookings of a day are numbered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256

from privateshare.sources.banks.account_numbers import account_number, masked
from privateshare.sources.banks.booking import BankAccount, Booking

UNNAMED = "unnamed"  # The key of an account whose number is unknown.

_ID_CHARACTERS = 22


@lru_cache(maxsize=1024)
def account_key(account: BankAccount) -> str:
    """Return the key of an account, which is a hash, so that account numbers are not spread."""
    number = account_number(f"{account.bank}/{account.number}")
    if len(number) != 22 or not number.startswith("DE"):
        number = account_number(account.number)
    return sha256(f"bank account {number}".encode()).hexdigest()[:_ID_CHARACTERS] if number else UNNAMED


def account_name(account: BankAccount) -> str:
    """Return the name of an account for its owner: the bank, and the last digits of the number."""
    number = account_number(account.number)
    return " ".join(part for part in (account.bank, masked(number)) if part) or "Bank account"


@dataclass(slots=True)
class _Slot:
    """One of several equal bookings of a day: its references by format, and the last file that contained it."""

    last_file: int
    references: dict[str, str] = field(default_factory=dict)


class BookingIds:
    """A generator of booking ids for one upload.

    Equal bookings in one file are different bookings. Equal bookings in different files are the same booking, unless
    files of one format have different references for them. So overlapping exports, and the same account in two formats,
    yield no duplicates.

    For an upload of one file, counting is sufficient, which needs less memory.
    """

    def __init__(self, *, several_files: bool = True) -> None:
        self._several_files = several_files
        self._counts: dict[int, int] = {}
        self._slots: dict[int, list[_Slot]] = {}
        self._file = 0

    def next_file(self) -> None:
        """Start the next file."""
        self._file += 1

    def id_of(self, booking: Booking, day: date, format_name: str) -> str:
        """Return the id of a booking, which is unique among those of its account."""
        key = _key(booking, day)
        if self._several_files:
            number = self._number_among_files(key, booking.id, format_name)
        else:
            number = self._counts[key] = self._counts.get(key, 0) + 1
        return f"{day:%Y%m%d}-{key:016x}-{number}"

    def _number_among_files(self, key: int, reference: str, format_name: str) -> int:
        slots = self._slots.setdefault(key, [])
        number = self._known(slots, reference, format_name)
        if number is None:
            number = self._free(slots, reference, format_name)
        if number is None:
            slots.append(_Slot(self._file))
            number = len(slots) - 1
        slot = slots[number]
        slot.last_file = self._file
        if reference:
            slot.references[format_name] = reference
        return number + 1

    def _known(self, slots: list[_Slot], reference: str, format_name: str) -> int | None:
        return self._first(slots, lambda slot: bool(reference) and slot.references.get(format_name) == reference)

    def _free(self, slots: list[_Slot], reference: str, format_name: str) -> int | None:
        return self._first(
            slots, lambda slot: not reference or slot.references.get(format_name, reference) == reference
        )

    def _first(self, slots: list[_Slot], fits: Callable[[_Slot], bool]) -> int | None:
        numbered = enumerate(slots)
        return next((number for number, slot in numbered if slot.last_file != self._file and fits(slot)), None)


def _key(booking: Booking, day: date) -> int:
    amount = booking.amount.normalize() + Decimal(0)
    told = f"{account_key(booking.account)}|{day}|{amount:f}"
    return int.from_bytes(sha256(told.encode()).digest()[:8])
