"""Amazon's tables, in layouts of several years and notations of several countries."""

import pytest
from tests.export_reading import read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.amazon.reader import money_of
from privateshare.sources.amazon.source import SOURCES
from privateshare.sources.failures import Broken, LeftOut

ORDERS, WATCHED = SOURCES
HEADER = (
    "Website,Order ID,Order Date,Purchase Order Number,Currency,Unit Price,Unit Price Tax,Shipping Charge,Total Discounts,Total Owed,"
    "Shipment Item Subtotal,Shipment Item Subtotal Tax,ASIN,Product Condition,Quantity,Payment Instrument Type,Order Status,Shipment Status,"
    "Ship Date,Shipping Option,Shipping Address,Billing Address,Carrier Name & Tracking Number,Product Name,Gift Message\n"
)


def row(
    order: str = "306-1",
    asin: str = "B01",
    name: str = "Tea, 1 kg",
    total: str = '"1,219.49"',
    date: str = "2025-07-23T16:31:59Z",
) -> str:
    return (
        f"Amazon.de,{order},{date},Not Applicable,EUR,\"609.75\",0,0,'0',{total},0,0,{asin},New,2,Visa - 1234,Closed,Shipped,"
        f'2025-07-24T10:00:00Z,std,"Ann Lee, Street 1",x,DHL(1),"{name}",Not Available\n'
    )


def test_orders_of_the_data_request_are_read() -> None:
    """Items that were sent in parts stay apart, and rows without a date are counted."""
    left_out = LeftOut()
    text = HEADER + row() + row() + row("306-2", total="Not Available") + row("306-3", date="Not Available")
    found = read_files(ORDERS, {"Retail.OrderHistory.1/Retail.OrderHistory.1.csv": text}, left_out)[ObjectType.PURCHASE]
    first, second, third = found
    assert (first["name"], first["amount"], first["currency"], first["quantity"]) == ("Tea, 1 kg", 1219.49, "EUR", 2)
    assert (first["ordernumber"], first["productid"], first["status"]) == ("306-1", "B01", "closed")
    assert first["link"] == "https://www.amazon.de/dp/B01"
    assert first["shippingaddress"] == "Ann Lee, Street 1"
    assert first["entityid"] != second["entityid"]
    assert third["amount"] == 1219.5
    assert (left_out.read, left_out.count) == (3, 1)


@pytest.mark.parametrize(
    "text",
    [
        'Order Date,Order ID,Title,Category,ASIN/ISBN,Seller,Purchase Price Per Unit,Quantity,Shipment Date,Item Total,Currency\n10/22/19,111-1,Tea,Grocery,B01,Tea Inc,$12.50,2,10/23/19,"$1,025.00",USD\n',
        "ASIN,Title,OrderId,OrderDate,OurPrice,OurPriceCurrencyCode,QuantityOrdered,Marketplace\nB01,Tea,111-1,2019-10-22T00:00:00Z,1025.0,USD,2,www.amazon.com\n",
        "Bestelldatum;Bestellnummer;Produktname;ASIN;Menge;Gesamtbetrag;Währung\n22.10.2019;111-1;Tea;B01;2;1.025,00;USD\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_other_layouts_are_read(text: str, encoding: str) -> None:
    """Older reports, digital orders, and tables of other languages."""
    (found,) = read_files(ORDERS, {"a.csv": text.encode(encoding)})[ObjectType.PURCHASE]
    assert (found["name"], found["amount"], found["currency"], found["quantity"]) == ("Tea", 1025.0, "USD", 2)
    assert found["createddate"] == 1571702400000


def test_items_without_an_order_are_read() -> None:
    """Some people remove the numbers of their orders before they share the table."""
    found = read_files(ORDERS, {"a.csv": HEADER + row("") + row("", "B02")})[ObjectType.PURCHASE]
    assert len({one["entityid"] for one in found}) == 2
    assert all("ordernumber" not in one for one in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.99", (12.99, "")),
        ("$1,219.49", (1219.49, "USD")),
        ("1.219,49 €", (1219.49, "EUR")),
        ("EUR 12,99", (12.99, "EUR")),
        ("1 219,49 €", (1219.49, "EUR")),
        ("¥1,200", (1200.0, "JPY")),
        ("₹12,34,567.50", (1234567.5, "INR")),
        ("0", (0.0, "")),
        ("1'219.50 CHF", (1219.5, "CHF")),
        ("Not Available", (None, "")),
        ("", (None, "")),
        ("9" * 40, (None, "")),
        ("٣", (3.0, "")),
        ("-5.00", (-5.0, "")),
        ("-$5.00", (-5.0, "USD")),
        ("$-5.00", (-5.0, "USD")),
        ("5,00- €", (-5.0, "EUR")),
        ("($5.00)", (-5.0, "USD")),
        ("EUR -5,00", (-5.0, "EUR")),
        ("\u22125,00 €", (-5.0, "EUR")),
        ("2 x 5.00", (None, "")),
        ("5.00 - 6.00", (None, "")),
        ("0.990", (0.99, "")),
        ("0,990 €", (0.99, "EUR")),
    ],
)
def test_amounts_of_all_countries_are_read(text: str, expected: tuple[float | None, str]) -> None:
    """With their currency."""
    assert money_of(text) == expected


def test_prime_video_and_searches_are_read() -> None:
    """They are another source, which does not need the orders."""
    files: dict[str, str | bytes] = {
        "Digital.PrimeVideo.Viewinghistory.csv": "Playback Start Datetime (UTC),Device Model,Seconds Viewed,Title\n2024-03-04T05:06:07Z,TV,1800,Kite\n",
        "Search-Data.Customer-Engagement.csv": "First Search Time (GMT),Keywords\n2024-03-04T05:06:07Z,tea pot\n2024-03-05T05:06:07Z,\n",
        "Retail.OrderHistory.1.csv": HEADER + row(),
    }
    found = read_files(WATCHED, files)
    (watched,), (searched,) = found[ObjectType.WATCH], found[ObjectType.SEARCH]
    assert (watched["title"], watched["duration"], watched["device"]) == ("Kite", 1800, "TV")
    assert searched["query"] == "tea pot"
    assert len(read_files(ORDERS, files)[ObjectType.PURCHASE]) == 1


@pytest.mark.parametrize(
    "text",
    [
        HEADER,
        "CartDomain,DateAddedToCart,ASIN,ProductName,Quantity\nx,2024-03-04T05:06:07Z,B01,Tea,1\n",
        "OrderID,ReturnDate,Reason\n1,2024-03-04T05:06:07Z,x\n",
    ],
)
def test_other_tables_are_no_purchases(text: str) -> None:
    """What is in a cart was not bought."""
    with pytest.raises(Broken, match="holds no data of Amazon"):
        read_files(ORDERS, {"a.csv": text})
