"""The tables of Amazon: orders, digital orders, what was watched on Prime Video, and searches.

The names of columns differ by year, and by the way in which the table was requested.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.object_building import Mapped, stable_id
from privateshare.sources.tables import TableKind, TableRow

SIGNS: Mapping[str, str] = {"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR", "¥": "JPY", "zł": "PLN", "R$": "BRL"}
NOTHING = frozenset({"not applicable", "not available", "nicht verfügbar", "nicht zutreffend", "n/a", "-"})
DECIMALS = 2
_NUMBER = re.compile(r"\d[\d.,'’\s\xa0]*")
MINUS = ("-", "\u2212")
_ANOTHER = re.compile(r"\d")
_CURRENCY = re.compile(r"\b[A-Z]{3}\b")
ORDER: Mapping[str, tuple[str, ...]] = {
    "order": ("Order ID", "OrderId", "Bestellnummer", "Numéro de commande", "Número de pedido", "Numero ordine"),
    "date": ("Order Date", "OrderDate", "Bestelldatum", "Date de commande", "Fecha del pedido", "Data ordine"),
    "name": ("Product Name", "ProductName", "Title", "Titel", "Produktname", "Nom du produit", "Nombre del producto"),
    "asin": ("ASIN", "ASIN/ISBN"),
    "quantity": (
        "Quantity",
        "Original Quantity",
        "QuantityOrdered",
        "Quantity Ordered",
        "Menge",
        "Quantité",
        "Cantidad",
    ),
    "amount": ("Total Owed", "Total Amount", "Item Total", "OurPrice", "Our Price", "Price", "Gesamtbetrag"),
    "unit": ("Unit Price", "Purchase Price Per Unit", "Stückpreis"),
    "currency": ("Currency", "OurPriceCurrencyCode", "Our Price Currency Code", "BaseCurrencyCode", "Währung"),
    "seller": ("Seller", "SellerOfRecord", "Seller of Record", "Publisher"),
    "website": ("Website", "Marketplace"),
    "category": ("Category",),
    "status": ("Order Status", "Shipment Status", "OrderStatus"),
    "shipped": ("Ship Date", "Shipment Date", "Versanddatum", "FulfilledDate", "Fulfilled Date"),
    "address": ("Shipping Address", "Shipping Address Street 1", "Lieferadresse"),
    "payment": ("Payment Instrument Type", "Payment Method Type"),
}


class AmazonReader(DeclaredReader):
    """A reader of the tables of Amazon."""

    _order = ""

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file."""
        self._order, self._equal = "", Counter[str]()
        yield from super().objects_of_file(file)

    def purchase(self, row: TableRow) -> Iterator[Mapped]:
        """Yield an item of an order."""
        order, name, moment = _value(row, "order"), _value(row, "name"), row.needed_moment("date")
        if not name:
            raise ValueError("the item has no name")
        quantity = row.number("quantity")
        amount, currency = money_of(_value(row, "amount"))
        if amount is None:
            unit, currency = money_of(_value(row, "unit"))
            amount = round(unit * (quantity or 1), DECIMALS) if unit is not None else None
        asin, website = _value(row, "asin"), _value(row, "website")
        thing = self.account.thing(
            self._item_id(order or str(moment), asin or name),
            moment,
            ordernumber=order,
            name=name,
            quantity=quantity,
            amount=amount,
            currency=_value(row, "currency") or currency,
            merchant=_value(row, "seller") or website,
            category=_value(row, "category"),
            productid=asin,
            link=f"https://www.{website.casefold()}/dp/{asin}"
            if asin and website.casefold().startswith("amazon.")
            else "",
            status=_value(row, "status").casefold(),
            shippeddate=row.moment("shipped"),
            shippingaddress=_value(row, "address"),
            paymentmethod=_value(row, "payment"),
        )
        yield ObjectType.PURCHASE, thing

    def watched(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a video that was watched on Prime Video."""
        moment, title = row.needed_moment("date"), row.needed_text("title")
        thing = self.account.thing(
            f"{moment}_{stable_id(title)}",
            moment,
            title=title,
            series=row.text("series"),
            duration=row.number("seconds"),
            device=_value(row, "device"),
            country=_value(row, "country"),
        )
        yield ObjectType.WATCH, thing

    def searched(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a search."""
        moment, query = row.needed_moment("date"), _value(row, "query")
        if query:
            own_id = f"{moment}_{stable_id(query)}"
            yield ObjectType.SEARCH, self.account.thing(own_id, moment, query=query, product="Amazon")

    def _item_id(self, order: str, product: str) -> str:
        """Return the id of an item. A product that was sent in parts has several rows, which are numbered."""
        if order != self._order:
            self._order = order
            self._equal.clear()
        self._equal[product] += 1
        number = self._equal[product]
        return f"{order}_{stable_id(product)}" + (f"-{number}" if number > 1 else "")

    tables = (
        TableKind(ORDER, ("order", "date", "name"), purchase, written=("date", "shipped")),
        TableKind(
            {
                "date": ("Playback Start Datetime (UTC)", "Playback Start Time", "Start Time", "Date Watched"),
                "title": ("Title", "Content Title", "Video Title"),
                "series": ("Series", "Show Title"),
                "seconds": ("Seconds Viewed", "Seconds Streamed"),
                "device": ("Device Model", "Device Type", "Device"),
                "country": ("Country Code", "Territory", "Playback Country"),
            },
            ("date", "title", "seconds"),
            watched,
        ),
        TableKind(
            {
                "date": ("First Search Time (GMT)", "Search Time (GMT)", "Search Time", "Query Timestamp"),
                "query": ("Keywords", "First Search Query String", "Search Query", "Search Keywords"),
            },
            ("date", "query"),
            searched,
        ),
    )


def money_of(text: str) -> tuple[float | None, str]:
    """Read an amount and its currency in the notation of any country, such as "1.219,49 €" or "$1,219.49"."""
    found = _NUMBER.search(text)
    if found is None:
        return None, ""
    before, after = text[: found.start()].strip(), text[found.end() :].strip()
    if _ANOTHER.search(after):
        return None, ""  # Such as a range, or a number of items before the price.
    rest = f"{before} {after}".strip(" -\u2212()")
    code = _CURRENCY.search(rest)
    currency = code[0] if code else SIGNS.get(rest, "")
    digits = re.sub(r"[\s\xa0'’]", "", found[0]).rstrip(".,")
    point = max(digits.rfind("."), digits.rfind(","))
    # A separator with three digits after it separates thousands, unless there is another one.
    is_point = point >= 0 and (len(digits) - point - 1 != 3 or ("." in digits and "," in digits))
    # No thousands begin with a zero, as in 0.990.
    is_point = is_point or (point >= 0 and digits[:point].strip("0") == "")
    whole, part = (digits[:point], digits[point + 1 :]) if is_point else (digits, "")
    number = float(f"{re.sub('[.,]', '', whole) or '0'}.{part or '0'}")
    if _is_negative(before, after):
        number = -number
    return (number if abs(number) < 1e12 else None), currency


def _is_negative(before: str, after: str) -> bool:
    """Return whether an amount is negative, such as -5.00, 5.00- or, as accountants write it, (5.00)."""
    is_in_brackets = before.startswith("(") and after.endswith(")")
    return is_in_brackets or before.startswith(MINUS) or before.endswith(MINUS) or after.startswith(MINUS)


def _value(row: TableRow, column: str) -> str:
    text = row.text(column)
    return "" if text.casefold() in NOTHING else text
