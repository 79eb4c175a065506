"""Sample data: the libraries of an invented reader, whose last day is yesterday."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import sample_days, table_file

AUTHORS = ("Mara Lind", "Teo Okafor", "Ana Reyes")
NOUNS = ("Harbour", "Orchard", "Lantern", "Meadow", "Winter", "Railway")


def goodreads_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return the library of Goodreads."""
    header = ("Book Id", "Title", "Author", "ISBN13", "My Rating", "Number of Pages", "Date Read", "Date Added")
    rows = [
        (number, title, author, "", rating, 200 + number, read, added, "read" if read else "to-read")
        for number, title, author, rating, read, added in _books(now)
    ]
    return [table_file("goodreads_library_export.csv", (*header, "Exclusive Shelf"), rows)]


def storygraph_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return the library of StoryGraph."""
    header = ("Title", "Authors", "ISBN/UID", "Format", "Read Status", "Date Added", "Last Date Read", "Star Rating")
    rows = [
        (title, author, "", "paperback", "read" if read else "to-read", added, read, rating or "")
        for _, title, author, rating, read, added in _books(now)
    ]
    return [table_file("export.csv", header, rows)]


def _books(now: datetime) -> Iterator[tuple[int, str, str, int, str, str]]:
    for number, (day, chance) in enumerate(list(sample_days(now, "books"))[::9]):
        title = f"The {chance.choice(NOUNS)} and the {chance.choice(NOUNS)} {number}"
        is_read = number % 4 < 3
        begun = day - timedelta(days=20)
        read = f"{day:%Y/%m/%d}" if is_read else ""
        yield (
            number + 1,
            title,
            chance.choice(AUTHORS),
            chance.randint(2, 5) if is_read else 0,
            read,
            f"{begun:%Y/%m/%d}",
        )
