"""What every format of bank statement is read into."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

POSTED = "POSTED"
PENDING = "PENDING"
SCHEDULED = "SCHEDULED"

BANK = "bank"
CREDIT_CARD = "creditCard"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account as a file names it.

    `number` is the IBAN, or else the account or card number in upper case without spaces; empty if the file does not
    say. `bank` is the bank's name, its BIC or its code, whichever the file has.
    """

    number: str = field(default="", repr=False)
    bank: str = ""
    container: str = BANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One movement on an account. `amount` is signed: money that leaves the account is negative.

    `booked` is when the bank posted it, `made` when the person paid, `valued` from when interest counts. `id` is the
    bank's own reference, which need not be unique.
    """

    account: BankAccount
    amount: Decimal
    currency: str | None
    booked: date | None = None
    made: date | datetime | None = None
    valued: date | None = None
    status: str = POSTED
    id: str = ""
    description: str = ""
    note: str = ""
    counterparty: str = ""
    counterparty_account: str = ""
    kind: str = ""
    check_number: str = ""
    category: str = ""
    balance: Decimal | None = None
    city: str = ""
    country: str = ""

    @property
    def day(self) -> date | None:
        """The day that counts: when it was posted, else when interest counts from, else when it was made."""
        made = self.made.date() if isinstance(self.made, datetime) else self.made
        return self.booked or self.valued or made
