"""Good archives for tests/contract/test_sources.py."""

from tests.export_reading import table


def orders(number: int) -> bytes:
    """A table with so many items."""
    header = "Website,Order ID,Order Date,Currency,Unit Price,Total Owed,ASIN,Quantity,Product Name"
    return table("Retail.OrderHistory.1.csv", header, "Amazon.de,o{number},{moment},EUR,1,1,B01,1,Tea", number)


def films(number: int) -> bytes:
    """A table with so many videos."""
    header = "Playback Start Datetime (UTC),Seconds Viewed,Title"
    return table("Viewinghistory.csv", header, "{moment},100,Film {number}", number)


GOOD_ARCHIVES = {9043: orders, 9044: films}
FOREIGN = "holds no data of"
