"""Exports of Google Photos, Keep, My Activity and Chrome, of several years and languages."""

import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page, Source
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.google_takeout.source import GoogleActivity, GoogleKeep, GooglePhotos

TAKEN = {"timestamp": "1585000000", "formatted": "23 Mar 2020, 21:46:40 UTC"}


def read(source: Source, files: dict[str, Any], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says."""
    data = zipped(
        {
            name: content.encode() if isinstance(content, str) else json.dumps(content).encode()
            for name, content in files.items()
        }
    )
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def utc(thing: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(thing['createddate'] / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def activity(title: str, address: str = "", header: str = "Search", **fields: Any) -> dict[str, Any]:
    """An activity as Google writes it in JSON."""
    return {
        "header": header,
        "title": title,
        "titleUrl": address,
        "time": "2026-03-04T05:06:07.891Z",
        "products": [header],
    } | fields


# --- Google Photos ---


@pytest.mark.parametrize(
    "name",
    [
        "IMG_1.jpg.json",
        "IMG_1.jpg.supplemental-metadata.json",
        "IMG_1.jpg.supplemental-me.json",
        "IMG_1.jpg(2).json",
        "IMG_1.json",
    ],
)
def test_pictures_are_found_whatever_their_descriptions_are_called(name: str) -> None:
    """Google shortens the names of files."""
    picture = {
        "title": "IMG_1.jpg",
        "description": "At the lake",
        "imageViews": "3",
        "creationTime": {"timestamp": "1595000000"},
        "photoTakenTime": TAKEN,
        "geoData": {"latitude": 0.0, "longitude": 0.0},
        "geoDataExif": {"latitude": 52.1, "longitude": 5.1},
        "people": [{"name": "Jo"}],
        "url": "https://photos.google.com/photo/AF1Qip",
    }
    (media,) = read(GooglePhotos(), {f"Takeout/Google Photos/Photos from 2020/{name}": picture})[ObjectType.MEDIA]
    assert (media["name"], media["description"], utc(media)) == ("IMG_1.jpg", "At the lake", "2020-03-23 21:46:40")
    assert (media["latitude"], media["longitude"], media["type"], media["id"]) == (52.1, 5.1, 0, "AF1Qip")
    assert media["resources"] == [
        {"url": "https://photos.google.com/photo/AF1Qip", "type": 0, "mimetype": "image/jpeg"}
    ]
    assert "mediaalbumname" not in media


def test_a_picture_of_a_year_and_of_an_album_is_one() -> None:
    """In whatever order they come."""
    picture = {"title": "a.mp4", "photoTakenTime": TAKEN, "url": "https://photos.google.com/photo/X"}
    album = {"title": "Trip", "description": "", "access": "protected", "date": TAKEN, "geoData": {}}
    old_album = {"albumData": {"title": "Old", "access": "protected", "date": TAKEN}}
    for order in (1, -1):
        files = {
            "Takeout/Google Photos/Fotos von 2020/a.mp4.json": picture,
            "Takeout/Google Photos/Trip/a.mp4.json": picture,
            "Takeout/Google Photos/Trip/Metadaten.json": album,
            "Takeout/Google Photos/Old/metadata.json": old_album,
        }
        found = read(GooglePhotos(), dict(list(files.items())[::order]))
        last = {media["entityid"]: media for media in found[ObjectType.MEDIA]}
        (media,) = last.values()
        assert (media["mediaalbumname"], media["type"]) == ("Trip", 1)
        assert {one["name"] for one in found[ObjectType.MEDIA_ALBUM]} == {"Trip", "Old"}
        assert media["mediaalbumentityid"] in {one["entityid"] for one in found[ObjectType.MEDIA_ALBUM]}


@pytest.mark.parametrize(
    "folder",
    [
        "Photos from 2020",
        "Fotos von 2020",
        "Photos de 2020",
        "Foto's uit 2020",
        "Fotos de 2020",
        "2020年の写真",
        "2019-05-04",
    ],
)
def test_folders_of_years_are_no_albums(folder: str) -> None:
    """In any language."""
    picture = {"title": "a.jpg", "photoTakenTime": TAKEN}
    (media,) = read(GooglePhotos(), {f"Takeout/x/{folder}/a.jpg.json": picture})[ObjectType.MEDIA]
    assert "mediaalbumname" not in media
    assert media["resources"][0]["url"] == f"Takeout/x/{folder}/a.jpg"


def test_pictures_without_a_date_are_counted() -> None:
    """And other files of the export are named."""
    left_out = LeftOut()
    files = {
        "Takeout/a.json": {"title": "a.jpg", "photoTakenTime": {"timestamp": "0"}},
        "Takeout/b.json": {"title": "b.jpg", "photoTakenTime": TAKEN},
        "Takeout/print-subscriptions.json": {"prints": []},
    }
    assert len(read(GooglePhotos(), files, left_out)[ObjectType.MEDIA]) == 1
    assert (left_out.read, left_out.count, list(left_out.unused)) == (1, 1, ["print-subscriptions.json"])


# --- Google Keep ---


def test_notes_and_lists_are_mapped() -> None:
    """With their labels, links and files."""
    note = {
        "attachments": [{"filePath": "176.jpg", "mimetype": "image/jpeg"}],
        "color": "RED",
        "isTrashed": False,
        "isPinned": True,
        "isArchived": False,
        "listContent": [{"text": "bread", "isChecked": True}, {"textHtml": "<p>", "text": "", "isChecked": False}],
        "title": "Shopping",
        "labels": [{"name": "Home"}],
        "annotations": [{"source": "WEBLINK", "title": "Bread", "url": "https://bread.example"}],
        "userEditedTimestampUsec": 1585000060000000,
        "createdTimestampUsec": 1585000000000000,
    }
    old = {"isTrashed": True, "textContent": "Old 🎸", "title": "", "userEditedTimestampUsec": 1385000060000000}
    shopping, other = read(GoogleKeep(), {"Takeout/Keep/a.json": note, "Takeout/Keep/Old.json": old, "b.html": "x"})[
        ObjectType.NOTE
    ]
    assert shopping["items"] == [{"text": "bread", "isdone": True}, {"text": "", "isdone": False}]
    assert (utc(shopping), shopping["updateddate"]) == ("2020-03-23 21:46:40", 1585000060000)
    assert (shopping["labels"], shopping["link"], shopping["ispinned"]) == (["Home"], "https://bread.example", True)
    assert shopping["attachments"] == [{"name": "176.jpg", "uri": "176.jpg", "mimetype": "image/jpeg"}]
    assert (other["text"], other["istrashed"], utc(other)[:4]) == ("Old 🎸", True, "2013")
    assert shopping["entityid"] != other["entityid"]


def test_an_edited_note_replaces_the_earlier_one() -> None:
    """Also if its title and file were renamed."""
    first = {
        "isTrashed": False,
        "title": "a",
        "userEditedTimestampUsec": 1585000060000000,
        "createdTimestampUsec": 1585000000000000,
    }
    second = first | {"title": "b", "userEditedTimestampUsec": 1595000060000000}
    one = read(GoogleKeep(), {"Takeout/Keep/a.json": first})[ObjectType.NOTE]
    two = read(GoogleKeep(), {"Takeout/Keep/b.json": second})[ObjectType.NOTE]
    assert one[0]["entityid"] == two[0]["entityid"]


# --- My Activity ---


@pytest.mark.parametrize(
    ("title", "address", "query"),
    [
        ("Searched for bread", "https://www.google.com/search?q=bread+%26+butter", "bread & butter"),
        ("Nach bread gesucht", "https://www.google.de/search?q=bread&hl=de", "bread"),
        ("Searched for bread", "https://www.google.co.uk/search?q=bread&tbm=isch", "bread"),
        ("Searched for tea", "https://www.google.com/maps/search/tea+room/@49.4,8.6,15z/data=!3m1", "tea room"),
        ("Heidelberg Castle", "https://www.google.com/maps/place/Heidelberg+Castle/@49.4,8.7,16z", "Heidelberg Castle"),
        ("African Queen", "http://maps.google.com/maps?q=African+Queen&ftid=0x1", "African Queen"),
        ("Searched for chess", "https://play.google.com/store/search?q=chess", "chess"),
        ("Said play music", "https://www.google.com/search?q=play+music", "play music"),
        ("Pesquisou por Centro Cívico", "", "Centro Cívico"),
        ("Nach brot und butter gesucht", "", "brot und butter"),
        ("Gezocht naar\xa0brood", "", "brood"),
    ],
)
def test_searches_of_all_products_are_found(title: str, address: str, query: str) -> None:
    """By their address, or by words of several languages."""
    (search,) = read(GoogleActivity(), {"MyActivity.json": [activity(title, address)]})[ObjectType.SEARCH]
    assert (search["query"], search["product"], utc(search)) == (query, "Search", "2026-03-04 05:06:07")


@pytest.mark.parametrize(
    ("title", "address", "kind", "name", "link"),
    [
        (
            "Visited Bread",
            "https://www.google.com/url?q=https://bread.example/a?b%3Dc&usg=x",
            "visit",
            "Bread",
            "https://bread.example/a?b=c",
        ),
        ("Visited Bread", "https://bread.example/", "visit", "Bread", "https://bread.example/"),
        ("Visited https://bread.example/", "https://bread.example/", "visit", "", "https://bread.example/"),
        (
            "Used Chess",
            "https://play.google.com/store/apps/details?id=c",
            "app",
            "Chess",
            "https://play.google.com/store/apps/details?id=c",
        ),
    ],
)
def test_visits_and_apps_are_found(title: str, address: str, kind: str, name: str, link: str) -> None:
    """Google leads visits through its own address."""
    (visit,) = read(GoogleActivity(), {"MyActivity.json": [activity(title, address, "Chrome")]})[ObjectType.WEB_VISIT]
    assert (visit["kind"], visit.get("title", ""), visit["link"], visit["product"]) == (kind, name, link, "Chrome")


def test_words_of_other_languages_are_learned_from_the_file() -> None:
    """Titles of visits begin or end with the same words."""
    listed = [activity(f"{name} besucht", f"https://{name}.example/") for name in "abcdefghijklmn"]
    visits = read(GoogleActivity(), {"MeineAktivitäten.json": listed})[ObjectType.WEB_VISIT]
    assert [visit["title"] for visit in visits][:3] == ["a", "b", "c"]


def test_films_are_watched_and_videos_are_left_to_youtube() -> None:
    """Other activities and advertising are counted, and are no reason to refuse the file."""
    left_out = LeftOut()
    listed = [
        activity("Watched Low Tide", "https://play.google.com/store/movies/details?id=x", "Google TV"),
        activity("Watched A video", "https://www.youtube.com/watch?v=abcdefgh", "YouTube"),
        activity("Viewed area around Utrecht", "https://www.google.com/maps/@52.1,5.1,15z", "Maps"),
        activity(
            "Visited A shop",
            "https://www.google.com/url?q=https://shop.example",
            "Search",
            details=[{"name": "From Google Ads"}],
        ),
        activity("Visited B", "https://[bad", "Search"),
        activity("1 notification", "", "Discover"),
        activity("Searched for x", "https://www.google.com/search?q=x", time="soon"),
    ]
    found = read(GoogleActivity(), {"Takeout/My Activity/MyActivity.json": listed}, left_out)
    assert [watch["title"] for watch in found[ObjectType.WATCH]] == ["Low Tide"]
    assert (sum(map(len, found.values())), left_out.read, left_out.count) == (1, 1, 1)
    assert "holds 4 activities" in str(left_out.unused["MyActivity.json"])


def page_of(*cells: tuple[str, str, str, str]) -> str:
    """A page of My Activity: cells with the product, the words, an address with its text, and a date."""
    return "<html><head><title>My Activity</title></head><body>" + "".join(
        f'<div class="outer-cell mdl-cell"><div class="mdl-grid"><div class="header-cell"><p>{product}<br></p></div>'
        f'<div class="content-cell mdl-cell mdl-typography--body-1">{words}&nbsp;<a href="{address}">{text}</a><br>{date}<br></div>'
        '<div class="content-cell mdl-typography--caption"><b>Products:</b><br>&emsp;Search<br></div></div></div>'
        for product, words, (address, text), date in ((cell[0], cell[1], cell[2].split("|"), cell[3]) for cell in cells)
    )


def test_pages_of_my_activity_are_read() -> None:
    """As in JSON: the ids are the same."""
    date = "4 Mar 2026, 05:06:07 UTC"
    address = "https://www.google.com/search?q=bread"
    page = page_of(
        ("Search", "Searched for", f"{address}|bread", date),
        ("Search", "Visited", "https://www.google.com/url?q=https://bread.example/&amp;usg=x|Bread", date),
    )
    found = read(
        GoogleActivity(), {"Takeout/My Activity/Search/MyActivity.html": page, "archive_browser.html": "<html>"}
    )
    in_json = read(GoogleActivity(), {"MyActivity.json": [activity("Searched for bread", address)]})
    assert found[ObjectType.SEARCH] == in_json[ObjectType.SEARCH]
    assert [(visit["title"], visit["link"]) for visit in found[ObjectType.WEB_VISIT]] == [
        ("Bread", "https://bread.example/")
    ]


# --- Chrome ---


@pytest.mark.parametrize("name", ["History.json", "BrowserHistory.json", "Verlauf.json"])
def test_the_history_of_chrome_is_read(name: str) -> None:
    """A visit that is in My Activity too is one object. Pages of the browser itself are passed over."""
    history = {
        "Browser History": [
            {
                "page_transition": "LINK",
                "title": "Bread",
                "url": "https://bread.example/",
                "client_id": "c",
                "time_usec": 1772600767891000,
            },
            {
                "page_transition": "TYPED",
                "title": "Settings",
                "url": "chrome://settings",
                "client_id": "c",
                "time_usec": 1772600767891001,
            },
            {"favicon_url": "x", "title": "No date", "url": "https://b.example/", "time_usec": "soon"},
        ],
        "Typed Url": [],
    }
    left_out = LeftOut()
    files = {
        f"Takeout/Chrome/{name}": history,
        "MyActivity.json": [activity("Visited Bread", "https://bread.example/", "Chrome")],
    }
    visits = read(GoogleActivity(), files, left_out)[ObjectType.WEB_VISIT]
    assert [(visit["title"], utc(visit)) for visit in visits] == [("Bread", "2026-03-04 05:06:07")] * 2
    assert len({visit["entityid"] for visit in visits}) == 1
    assert left_out.count == 1


def test_bookmarks_of_browsers_are_read() -> None:
    """With the folders that they are in."""
    left_out = LeftOut()
    page = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<TITLE>Bookmarks</TITLE><H1>Bookmarks</H1>
<DL><p>
    <DT><H3 ADD_DATE="1">Bar</H3>
    <DL><p>
        <DT><A HREF="https://bread.example/?a=1&amp;b=2" ADD_DATE="1585000000" ICON="data:image/png">Bread &amp; butter</A>
        <DT><H3>Trips</H3>
        <DL><p>
            <DT><A HREF="https://trains.example/" ADD_DATE="1585000000">Trains</A>
            <DT><A HREF="javascript:x()" ADD_DATE="1585000000">Script</A>
        </DL><p>
        <DT><A HREF="https://c.example/">No date</A>
    </DL><p>
</DL><p>
"""
    bread, trains = read(GoogleActivity(), {"Takeout/Chrome/Bookmarks.html": page}, left_out)[ObjectType.WEB_VISIT]
    assert (bread["title"], bread["link"], bread["folder"]) == (
        "Bread & butter",
        "https://bread.example/?a=1&b=2",
        "Bar",
    )
    assert (trains["folder"], trains["kind"], utc(trains)[:4]) == ("Bar/Trips", "bookmark", "2020")
    assert (left_out.read, left_out.count) == (2, 1)


@pytest.mark.parametrize(
    ("source", "message"),
    [(GooglePhotos(), "no descriptions of pictures"), (GoogleKeep(), "no notes"), (GoogleActivity(), "no searches")],
)
def test_other_parts_of_an_export_are_refused(source: Source, message: str) -> None:
    """With what to do."""
    files = {"Takeout/archive_browser.html": b"<html>", "Takeout/a.json": b'{"a": 1}', "Takeout/b.vcf": b"BEGIN:VCARD"}
    with pytest.raises(Broken, match=message):
        source.identify(Connection(archive=io.BytesIO(zipped(files))))
