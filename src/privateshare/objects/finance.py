"""Objects of service group 3, finance."""

from typing import ClassVar

from privateshare.objects.model import DataObject, Moment
from privateshare.protocol.catalogue import ObjectType


class Transaction(DataObject):
    """A transaction. `amount` is never negative; `base_type` is CREDIT or DEBIT.

    `created_date` is the day on which the transaction was posted, or if that is unknown, made. `value_date` is the day
    from which it counts for interest. `currency` is an ISO 4217 code. `category_type` is EXPENSE, INCOME, TRANSFER,
    DEFERRED_COMPENSATION or UNCATEGORIZE. `status` is POSTED, PENDING, SCHEDULED or FAILED.
    """

    object_type: ClassVar[ObjectType] = ObjectType.TRANSACTION

    id: str | None = None
    container: str | None = None
    amount: float | None = None
    base_type: str | None = None
    currency: str | None = None
    category: str | None = None
    category_id: str | None = None
    high_level_category_id: str | None = None
    category_source: str | None = None
    category_type: str | None = None
    check_number: str | None = None
    consumer_ref: str | None = None
    original_ref: str | None = None
    simple_ref: str | None = None
    post_date: Moment | None = None
    transaction_date: Moment | None = None
    value_date: Moment | None = None
    is_manual: bool | None = None
    status: str | None = None
    type: str | None = None
    sub_type: str | None = None
    running_balance: float | None = None
    running_balance_currency: str | None = None
    counterparty_account: str | None = None
    merchant_id: str | None = None
    merchant_name: str | None = None
    merchant_address1: str | None = None
    merchant_address2: str | None = None
    merchant_city: str | None = None
    merchant_state: str | None = None
    merchant_zip: str | None = None
    merchant_country: str | None = None


class Purchase(DataObject):
    """Something that the person bought. `amount` is what was paid for it in all; items of an order share its number."""

    object_type: ClassVar[ObjectType] = ObjectType.PURCHASE

    id: str | None = None
    order_number: str | None = None
    name: str | None = None
    quantity: float | None = None
    amount: float | None = None
    currency: str | None = None
    merchant: str | None = None
    category: str | None = None
    product_id: str | None = None
    link: str | None = None
    status: str | None = None
    shipped_date: Moment | None = None
    shipping_address: str | None = None
    payment_method: str | None = None
