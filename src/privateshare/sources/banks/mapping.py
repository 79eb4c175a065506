"""The mapping of bookings to transactions (201) of schema digime."""

from datetime import UTC, date, datetime
from decimal import Decimal

from privateshare.sources.banks.booking import Booking
from privateshare.sources.contract import JsonObject


def transaction(booking: Booking, day: date, own_id: str, account_entity_id: str) -> JsonObject:
    """Map a booking.

    Args:
        booking: The booking.
        day: The day of the transaction.
        own_id: The booking's id among those of its account.
        account_entity_id: The `accountentityid` of the account.

    Returns:
        The transaction, without the fields that are unknown.
    """
    found: JsonObject = {
        "accountentityid": account_entity_id,
        "entityid": f"{account_entity_id}_{own_id}",
        "id": booking.id or own_id,
        "createddate": _milliseconds(booking.booked or day),
        "container": booking.account.container,
        "amount": _number(abs(booking.amount)),
        "basetype": "DEBIT" if booking.amount < 0 else "CREDIT",
        "status": booking.status,
        "ismanual": False,
    }
    optional = {
        "currency": booking.currency,
        "postdate": _milliseconds(booking.booked) if booking.booked is not None else None,
        "transactiondate": _milliseconds(booking.made) if booking.made is not None else None,
        "valuedate": _milliseconds(booking.valued) if booking.valued is not None else None,
        "originalref": booking.description,
        "simpleref": booking.counterparty or booking.description,
        "consumerref": booking.note,
        "merchantname": booking.counterparty,
        "counterpartyaccount": booking.counterparty_account,
        "type": booking.kind,
        "category": booking.category,
        "checknumber": booking.check_number,
        "merchantcity": booking.city,
        "merchantcountry": booking.country,
        "runningbalance": _number(booking.balance) if booking.balance is not None else None,
        "runningbalancecurrency": booking.currency if booking.balance is not None else None,
    }
    return found | {name: value for name, value in optional.items() if value not in (None, "")}


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _milliseconds(day: date | datetime) -> int:
    """Convert a day to its midnight in UTC, or a time to UTC, as statements have no time zones."""
    moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)
