"""Good archives for tests/contract/test_sources.py."""

from tests.export_reading import table


def goodreads(books: int) -> bytes:
    """A library with so many books."""
    header = "Book Id,Title,Author,My Rating,Date Read,Date Added,Exclusive Shelf"
    return table("goodreads_library_export.csv", header, "{number},Tea,Ann,5,,2026/03/04,read", books)


def storygraph(books: int) -> bytes:
    """A library with so many books."""
    header = "Title,Authors,ISBN/UID,Format,Read Status,Date Added"
    return table("export.csv", header, "Tea {number},Ann,,audio,read,2026/03/04", books)


GOOD_ARCHIVES = {9041: goodreads, 9042: storygraph}
FOREIGN = "holds no data of"
