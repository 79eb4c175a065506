"""The common data model of all formats of bank statements."""

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
    """A bank account.

    `number` is the IBAN, or otherwise the account or card number in upper case without spaces; empty if the file has
    none. `bank` is the bank's name, BIC or code, depending on the file.
    """

    number: str = field(default="", repr=False)
    bank: str = ""
    container: str = BANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A transaction on an account. The amount of money that leaves the account is negative.

    `booked` is the day on which the bank posted it, `made` the day or time of the payment, `valued` the day from which
    interest is calculated. `id` is the bank's reference, which is not always unique.
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
        """The day of the transaction: `booked`, or otherwise `valued` or `made`."""
        made = self.made.date() if isinstance(self.made, datetime) else self.made
        return self.booked or self.valued or made
