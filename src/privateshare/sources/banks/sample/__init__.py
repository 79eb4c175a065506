"""Sample data: generated bookings of a household up to yesterday. A day's bookings never change."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from privateshare.sources.banks.booking import BankAccount, Booking
from privateshare.sources.banks.identity import BookingIds
from privateshare.sources.banks.statements import NumberedBooking

DAYS = {"default": 548, "large": 3650}
MOST_A_DAY = 3


@cache
def _household() -> Any:
    return json.loads(files(__package__).joinpath("household.json").read_text("utf-8"))


def sample_bookings(sample: str, today: date) -> Iterator[NumberedBooking]:
    """Yield the bookings of a sample, from its first day to yesterday."""
    ids = BookingIds()
    for back in range(DAYS[sample], 0, -1):
        day = today - timedelta(days=back)
        for rule, amount in _moves(day):
            booking = _booking(rule, amount, day)
            yield NumberedBooking(booking, day, ids.id_of(booking, day, "sample"))


def _moves(day: date) -> Iterator[tuple[Mapping[str, Any], Decimal]]:
    for rule in _household()["monthly"]:
        if rule["day"] == day.day:
            yield rule, Decimal(str(rule["amount"]))
    chance = Random(f"{day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    rules = _household()["often"]
    for _ in range(chance.randint(0, MOST_A_DAY)):
        rule = chance.choices(rules, [rule["weight"] for rule in rules])[0]
        cents = chance.randint(rule["least"] * 100, rule["most"] * 100)
        yield rule, -Decimal(cents - cents % 1000 if rule["kind"] == "cash" else cents) / 100


def _booking(rule: Mapping[str, Any], amount: Decimal, day: date) -> Booking:
    account = _household()["accounts"][rule["account"]]
    return Booking(
        account=BankAccount(account["number"], account["bank"], account["container"]),
        amount=amount,
        currency=account["currency"],
        booked=day,
        valued=day,
        description=rule["description"],
        counterparty=rule["counterparty"],
        kind=rule["kind"],
        category=rule["category"],
        city=rule.get("city", ""),
        country="NL",
    )
