"""Tables of Netflix, whole and short, in several languages and notations."""

import io
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.netflix.source import Netflix

ACTIVITY = "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type,Bookmark,Latest Bookmark,Country\n"


def read(files: dict[str, str], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of some tables by type, each as its schema says."""
    left_out = left_out if left_out is not None else LeftOut()
    data = zipped({name: text.encode() for name, text in files.items()})
    connection = Connection(archive=io.BytesIO(data), provider_account_id="netflix", left_out=left_out)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in Netflix().fetch(connection, dict.fromkeys(Netflix.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def day_of(thing: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(thing['createddate'] / 1000, UTC):%Y-%m-%d %H:%M}"


def test_the_whole_activity_and_searches_are_read() -> None:
    """Trailers are passed over, and rows that cannot be read are counted."""
    left_out = LeftOut()
    activity = ACTIVITY + (
        'Sam,2023-03-04 20:12:03,01:48:22,,"Dune: Part Two, uncut",,Smart TV,01:00:00,01:48:22,IN (India)\r\n'
        "Sam,2023-03-05 20:12:03,00:48:22,,Low Tide: Season 1: Arrival,,Phone,,,IN\n"
        "Sam,2023-03-05 20:11:00,00:00:22,,Low Tide: Trailer,TRAILER,Phone,,,IN\n"
        "Sam,soon,00:00:22,,Kite,,Phone,,,IN\n"
    )
    searches = "Profile Name,Country Iso Code,Device,Is Kids,Query Typed,Displayed Name,Action,Section,Utc Timestamp\nSam,IN,TV,0,low tide,Low Tide,play,titles,2023-03-05 20:10:00\n"
    files = {
        "CONTENT_INTERACTION/ViewingActivity.csv": activity,
        "CONTENT_INTERACTION/SearchHistory.csv": searches,
        "DEVICES/Devices.csv": "a,b,c\n1,2,3\n",
        "Cover sheet.pdf": "%PDF",
    }
    found = read(files, left_out)
    first, second = found[ObjectType.WATCH]
    assert (first["title"], first["duration"], first["profilename"]) == ("Dune: Part Two, uncut", 6502, "Sam")
    assert (second["series"], day_of(second), second["device"]) == ("Low Tide", "2023-03-05 20:12", "Phone")
    assert [one["query"] for one in found[ObjectType.SEARCH]] == ["low tide"]
    assert (left_out.read, left_out.count, list(left_out.unused)) == (3, 1, ["Devices.csv"])


@pytest.mark.parametrize(
    ("header", "days"),
    [
        ("Title,Date", ("3/14/23", "3/4/23", "2/28/23")),
        ("Titel,Datum", ("14.03.23", "04.03.23", "28.02.23")),
        ("Titre,Date", ("14/03/2023", "04/03/2023", "28/02/2023")),
        ("タイトル,日付", ("2023/03/14", "2023/03/04", "2023/02/28")),
        ("Title,Date", ("2023-03-14", "2023-03-04", "2023-02-28")),
    ],
)
def test_short_histories_of_all_countries_are_read(header: str, days: tuple[str, ...]) -> None:
    """The order of day and month is found from all days."""
    titles = ('"Low Tide: Season 1: Arrival"', "Kite", "Kite")
    text = "\n".join([header, *(f'{title},"{day}"' for title, day in zip(titles, days, strict=True)), ""])
    found = read({"NetflixViewingHistory.csv": text})[ObjectType.WATCH]
    assert [day_of(one)[:10] for one in found] == ["2023-03-14", "2023-03-04", "2023-02-28"]
    assert found[0]["series"] == "Low Tide"


def test_equal_rows_of_a_day_are_two_and_a_newer_file_repeats_none() -> None:
    """Somebody may watch the same twice."""
    older = "Title,Date\nKite,3/14/23\nKite,3/14/23\n"
    newer = "Title,Date\nLow,3/15/23\nKite,3/14/23\nKite,3/14/23\n"
    one, two = ({thing["entityid"] for thing in read({"a.csv": text})[ObjectType.WATCH]} for text in (older, newer))
    assert (len(one), len(two), one < two) == (2, 3, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Title,Date\nKite,3/4/23\n", "whether 02/03 is in February"),
        ("a,b,c\n1,2,3\n", "holds no viewing activity"),
        ("Title,Date\n", "holds no viewing activity"),
        ("hello\n", "holds no viewing activity"),
        ("name,value\nx,y\n", "holds no viewing activity"),
    ],
)
def test_other_files_are_refused(text: str, message: str) -> None:
    """With what to do."""
    with pytest.raises(Broken, match=message):
        Netflix().identify(Connection(archive=io.BytesIO(zipped({"a.csv": text.encode()}))))
