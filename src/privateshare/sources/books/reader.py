"""The tables of libraries of books."""

import re
from collections.abc import Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.html_text import text_of_html
from privateshare.sources.object_building import Mapped, stable_id
from privateshare.sources.tables import TableKind, TableRow

READ, READING, TO_READ = "read", "reading", "to-read"
STATUSES = {"currently-reading": READING, "to-read": TO_READ, "read": READ}
_ISBN = re.compile(r"97[89]\d{10}|\d{9}[\dXx]")
_RANGE_END = re.compile(r"[-–](?=\s*\d{4}[/-])")


class GoodreadsReader(DeclaredReader):
    """A reader of the library of Goodreads."""

    def book(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a book."""
        title, own_id = row.needed_text("title"), row.identifier("id")
        shelf = row.text("shelf") or READ
        shelves = [name for part in row.text("shelves").split(",") if (name := part.strip()) and name != shelf]
        added, read = row.moment("added"), row.moment("read")
        authors = [row.text("author"), *row.text("others").split(",")]
        review = row.text("review")
        thing = self.account.thing(
            own_id or stable_id(title, row.text("author")),
            added if added is not None else read,
            title=title,
            authors=list(dict.fromkeys(" ".join(name.split()) for name in authors if name.strip())),
            isbn=_isbn(row.text("isbn13")) or _isbn(row.text("isbn")),
            publisher=row.text("publisher"),
            publicationyear=_whole(row, "year") or _whole(row, "first"),
            pagecount=_whole(row, "pages"),
            format=row.text("format"),
            readingstatus=STATUSES.get(shelf, shelf),
            readcount=_whole(row, "count"),
            rating=_rating(row),
            review=text_of_html(review) if "<" in review or "&" in review else review,
            shelves=shelves,
            enddate=read,
            link=f"https://www.goodreads.com/book/show/{own_id}" if own_id.isdigit() else "",
        )
        yield ObjectType.BOOK, thing

    tables = (
        TableKind(
            {
                "id": ("Book Id",),
                "title": ("Title",),
                "author": ("Author",),
                "others": ("Additional Authors",),
                "isbn": ("ISBN",),
                "isbn13": ("ISBN13",),
                "rating": ("My Rating",),
                "publisher": ("Publisher",),
                "format": ("Binding",),
                "pages": ("Number of Pages",),
                "year": ("Year Published",),
                "first": ("Original Publication Year",),
                "read": ("Date Read",),
                "added": ("Date Added",),
                "shelves": ("Bookshelves",),
                "shelf": ("Exclusive Shelf",),
                "review": ("My Review",),
                "count": ("Read Count",),
            },
            ("title", "author", "shelf"),
            book,
            written=("read", "added"),
            complete=(ObjectType.BOOK,),
        ),
    )


class StoryGraphReader(DeclaredReader):
    """A reader of the library of StoryGraph."""

    def book(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a book."""
        title, authors = row.needed_text("title"), row.text("authors")
        status = row.text("status")
        begun, ended = _last_range(row)
        added = row.moment("added")
        thing = self.account.thing(
            stable_id(title, authors, row.text("isbn")),
            added if added is not None else ended,
            title=title,
            authors=[name.strip() for name in authors.split(",") if name.strip()],
            isbn=_isbn(row.text("isbn")),
            format=row.text("format"),
            readingstatus=STATUSES.get(status, status),
            readcount=_whole(row, "count"),
            rating=_rating(row),
            review=text_of_html(row.text("review")) if "<" in row.text("review") else row.text("review"),
            shelves=[name for part in row.text("tags").split(",") if (name := part.strip())],
            startdate=begun,
            enddate=ended,
        )
        yield ObjectType.BOOK, thing

    tables = (
        TableKind(
            {
                "title": ("Title",),
                "authors": ("Authors",),
                "isbn": ("ISBN/UID",),
                "format": ("Format",),
                "status": ("Read Status",),
                "added": ("Date Added",),
                "last": ("Last Date Read",),
                "dates": ("Dates Read",),
                "count": ("Read Count",),
                "rating": ("Star Rating",),
                "review": ("Review",),
                "tags": ("Tags",),
            },
            ("title", "authors", "status"),
            book,
            written=("added", "last"),
            complete=(ObjectType.BOOK,),
        ),
    )


def _last_range(row: TableRow) -> tuple[int | None, int | None]:
    """Return when the person began the last reading and ended it: `2023/01/02-2023/01/09, 2024/05/06`."""
    last = row.text("dates").rsplit(",", 1)[-1].strip()
    parts = _RANGE_END.split(last)
    begun, ended = (TableRow([part.strip()], {"date": 0}).moment("date") for part in (parts[0], parts[-1]))
    ended = ended if ended is not None else row.moment("last")
    return (begun if len(parts) > 1 else None), ended


def _isbn(text: str) -> str:
    """Return an ISBN. Goodreads writes it as a formula, so that spreadsheets keep its zeros."""
    found = _ISBN.fullmatch(re.sub(r"[^\dXx]", "", text))
    return found[0].upper() if found else ""


def _whole(row: TableRow, column: str) -> int | None:
    number = row.number(column)
    return int(number) if number and number.is_integer() else None


def _rating(row: TableRow) -> float | None:
    rating = row.number("rating")
    return rating if rating and 0 < rating <= 5 else None
