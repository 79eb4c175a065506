"""Sample data: the tables of an invented person, whose last day is yesterday. A day's rows never change."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import sample_days, table_file

PRODUCTS = (
    ("Teapot, 1 litre", "B000000001", 24.9),
    ("Bicycle bell", "B000000002", 8.5),
    ("Notebook", "B000000003", 5.2),
)
FILMS = ("Paper Boats", "Night Train", "Kite")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    orders, watched, searched = [], [], []
    for number, (day, chance) in enumerate(sample_days(now, "amazon")):
        name, asin, price = chance.choice(PRODUCTS)
        moment, quantity = f"{day:%Y-%m-%dT%H:%M:%SZ}", chance.randint(1, 2)
        sent = f"{min(day + timedelta(hours=9), now):%Y-%m-%dT%H:%M:%SZ}"
        if number % 8 == 0:
            total = f"{price * quantity:.2f}"
            order = f"306-{number:07}-0000000"
            orders.append(("Amazon.de", order, moment, "EUR", price, total, asin, quantity, "Closed", sent, name))
            searched.append((moment, name.lower()))
        if number % 5 == 0:
            watched.append((moment, chance.randint(900, 7000), chance.choice(FILMS)))
    header = ("Website", "Order ID", "Order Date", "Currency", "Unit Price", "Total Owed", "ASIN", "Quantity")
    return [
        table_file("Retail.OrderHistory.1.csv", (*header, "Order Status", "Ship Date", "Product Name"), orders),
        table_file("Viewinghistory.csv", ("Playback Start Datetime (UTC)", "Seconds Viewed", "Title"), watched),
        table_file("Search-Data.csv", ("First Search Time (GMT)", "Keywords"), searched),
    ]
