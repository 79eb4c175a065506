"""Libraries of Goodreads and StoryGraph."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.export_reading import read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.books.source import SOURCES
from privateshare.sources.failures import Broken, LeftOut

GOODREADS, STORYGRAPH = SOURCES
LIBRARY = (
    "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,Publisher,Binding,Number of Pages,Year Published,"
    "Original Publication Year,Date Read,Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,Private Notes,Read Count,Owned Copies\n"
    '1,"Dune (Dune, #1)",Frank  Herbert,"Herbert, Frank","Ann Lee, Ben Ito","=""0441013597""","=""9780441013593""",5,4.27,Ace,Paperback,604,2005,1965,2024/03/02,2024/01/15,"sci-fi, read, classics","sci-fi (#3)",read,"Great.<br/>Spice &amp; ""sand""",,,2,0\n'
    '2,Middlemarch,George Eliot,"Eliot, George",,"=""""","=""""",0,4.0,,,,,,,2024/01/16,to-read,to-read (#1),to-read,,,,0,0\n'
    '3,Left,Ann Lee,,,"=""""","=""""",0,4.0,,,,,,,2024/01/17,"abandoned",,abandoned,,,,0,0\n'
    "4,,Nobody,,,,,0,,,,,,,,2024/01/18,,,read,,,,0,0\n"
)


def day_of(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"


def test_a_library_of_goodreads_is_read() -> None:
    """A shelf of the person's own stays the status, and rows without a title are counted."""
    left_out = LeftOut()
    first, second, third = read_files(GOODREADS, {"goodreads_library_export.csv": LIBRARY}, left_out)[ObjectType.BOOK]
    assert (first["title"], first["authors"]) == ("Dune (Dune, #1)", ["Frank Herbert", "Ann Lee", "Ben Ito"])
    assert (first["isbn"], first["rating"], first["readcount"], first["pagecount"]) == ("9780441013593", 5, 2, 604)
    assert (first["review"], first["shelves"]) == ('Great.\nSpice & "sand"', ["sci-fi", "classics"])
    assert (day_of(first["createddate"]), day_of(first["enddate"])) == ("2024-01-15", "2024-03-02")
    assert [one["readingstatus"] for one in (first, second, third)] == ["read", "to-read", "abandoned"]
    assert {"isbn", "rating", "enddate"} & second.keys() == set()
    assert left_out.count == 1


def test_a_library_of_storygraph_is_read() -> None:
    """The dates of the last reading are those of the book."""
    text = (
        "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,Moods,Star Rating,Review,Tags,Owned?\n"
        'Dune,"Frank Herbert, Ann Lee",,9780441013593,audio,read,2024/01/15,2024/03/02,"2020/01/02-2020/01/09, 2024/02/20-2024/03/02",2,tense,4.75,<p>Good &amp; long</p>,"sand, long",No\n'
        "Kite,Ann,,abc123,digital,currently-reading,2024/05/06,,,0,,,,,No\n"
        "Stop,Ann,,,digital,did-not-finish,2024/05/06,,,0,,,,,No\n"
    )
    first, second, third = read_files(STORYGRAPH, {"x.csv": text})[ObjectType.BOOK]
    assert (first["authors"], first["rating"], first["format"]) == (["Frank Herbert", "Ann Lee"], 4.75, "audio")
    assert (day_of(first["startdate"]), day_of(first["enddate"])) == ("2024-02-20", "2024-03-02")
    assert (first["review"], first["shelves"]) == ("Good & long", ["sand", "long"])
    assert [one["readingstatus"] for one in (second, third)] == ["reading", "did-not-finish"]
    assert "isbn" not in second


ODD = (
    "4,Kite,Ann,x,9,soon,2024/01/02,read",
    "5,Kite,,,-1,2024/13/45,,",
    '6,"Ki\nte",Ann,,0,2024/01/02,2024/01/02,read',
)


@pytest.mark.parametrize("odd", ODD)
def test_odd_rows_are_read_as_far_as_possible(odd: str) -> None:
    """What is not as it should be is left out of the book."""
    text = f"Book Id,Title,Author,ISBN,My Rating,Date Read,Date Added,Exclusive Shelf\n{odd}\n7,Low,Ann,,3,,2024/01/02,read\n"
    found: list[dict[str, Any]] = read_files(GOODREADS, {"a.csv": text})[ObjectType.BOOK]
    assert [one["title"] for one in found][-1] == "Low"
    assert "rating" not in found[0]


def test_each_source_refuses_the_tables_of_the_other() -> None:
    """With what to do."""
    with pytest.raises(Broken, match="holds no data of StoryGraph"):
        read_files(STORYGRAPH, {"a.csv": LIBRARY})
