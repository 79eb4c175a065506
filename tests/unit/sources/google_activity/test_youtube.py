"""Histories of YouTube as Google Takeout writes them, in many languages, as JSON and as pages."""

import gzip
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, FileMark, Page
from privateshare.sources.failures import OTHER_ACTIVITIES, Broken, LeftOut
from privateshare.sources.google_activity.reading import OTHER_SERVICES
from privateshare.sources.google_activity.source import YouTube
from privateshare.sources.recognition import recognise
from privateshare.sources.registry import Sources

FRAMES = {
    "en": "Watched {}",
    "de": "{} angesehen",
    "nl": "Gekeken naar {}",
    "fr": "Vous avez regardé {}",
    "ja": "{} を視聴しました",
    "pl": "Obejrzano: {}",
    "a language nobody knows": "Xyz {} abc",
}
TITLES = [
    f"{word} and {number}" for number, word in enumerate(("Trains", "Bread", "Älpler", "猫", "The sea", "Two") * 3)
]


def video(title: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "header": "YouTube",
        "title": title,
        "titleUrl": f"https://www.youtube.com/watch?v\u003dvideo{number:06}",
        "subtitles": [{"name": "A channel", "url": "https://www.youtube.com/channel/UC1"}],
        "time": f"2023-03-04T16:12:{number:02}.345Z",
        "products": ["YouTube"],
    } | more


def cell(body: str, header: str = "YouTube") -> str:
    classes = "content-cell mdl-cell mdl-cell--6-col mdl-typography--body-1"
    return (
        '<div class="outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp"><div class="mdl-grid">'
        f'<div class="header-cell mdl-cell mdl-cell--12-col"><p class="mdl-typography--title">{header}<br></p></div>'
        f'<div class="{classes}">{body}</div><div class="{classes} mdl-typography--text-right"></div>'
        '<div class="content-cell mdl-cell mdl-cell--12-col mdl-typography--caption"><b>Products:</b><br>&emsp;YouTube<br></div>'
        "</div></div>"
    )


def page_of(*cells: str) -> bytes:
    style = "<style>.a{}</style>" + "<!-- " + "x" * 5000 + " -->"
    return f"<html><head><title>My Activity History</title>{style}</head><body><div class='mdl-grid'>{''.join(cells)}</div></body></html>".encode()


def read(files: Mapping[str, Any], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says."""
    data = zipped(
        {
            name: content if isinstance(content, bytes) else json.dumps(content).encode()
            for name, content in files.items()
        }
    )
    left_out = left_out if left_out is not None else LeftOut()
    connection = Connection(archive=io.BytesIO(data), provider_account_id="youtube", left_out=left_out)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in YouTube().fetch(connection, dict.fromkeys(YouTube.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


@pytest.mark.parametrize("language", FRAMES)
def test_titles_have_no_verb(language: str) -> None:
    """The verb of an unknown language is what most titles have in common."""
    entries = [video(FRAMES[language].format(title), number) for number, title in enumerate(TITLES)]
    removed = video(FRAMES[language].format("https://www.youtube.com/watch?v=video000099"), 20, subtitles=[])
    found = read({"Takeout/YouTube/Verlauf/kijkgeschiedenis.json": [*entries, removed]})[ObjectType.WATCH]
    assert [one.get("title") for one in found] == [*TITLES, None]
    assert found[0]["channelname"] == "A channel"
    assert found[0]["createddate"] == 1_677_946_320_000


def test_searches_are_read_from_their_addresses() -> None:
    """Their titles have a verb in the language of the account."""
    address = "https://www.youtube.com/results?search_query\u003dk%C3%A4se+%26+brot"
    entry = {
        "header": "YouTube",
        "title": "Nach käse & brot gesucht",
        "titleUrl": address,
        "time": "2023-03-04T16:12:00Z",
    }
    (search,) = read({"search-history.json": [entry]})[ObjectType.SEARCH]
    assert search["query"] == "käse & brot"


def test_music_is_played() -> None:
    """As tracks are that are played elsewhere."""
    entry = video("Watched Paper Boats", header="YouTube Music", subtitles=[{"name": "The Choir - Topic"}])
    (play,) = read({"a.json": [entry]})[ObjectType.PLAY_HISTORY]
    assert (play["track"]["name"], play["track"]["artists"][0]["name"]) == ("Paper Boats", "The Choir")


@pytest.mark.parametrize(
    ("date", "verb"),
    [
        ("Mar 4, 2023, 5:12:07\u202fPM CET", "Watched\xa0"),
        ("04.03.2023, 17:12:07 MEZ", ""),
        ("4 mars 2023, 17:12:07 CET", "Vous avez regardé "),
        ("4 мар. 2023 г., 19:12:07 MSK", "Вы посмотрели видео "),
        ("4 mrt 2023 17:12:07 CET", "Gekeken naar "),
        ("2023/03/04 16:12:07 UTC", ""),
        ("4 mar 2023, 13:12:07 BRT", "Você assistiu a "),
    ],
)
def test_pages_in_any_language_are_the_same_as_json(date: str, verb: str) -> None:
    """Whoever uploads both has nothing twice."""
    body = (
        f'{verb}<a href="https://www.youtube.com/watch?v=video000007">Trains &amp; sea</a><br>'
        f'<a href="https://www.youtube.com/channel/UC1">A channel</a><br>{date}<br>'
    )
    left_out = LeftOut()
    (watched,) = read({"Takeout/YouTube/history/watch-history.html": page_of(cell(body))}, left_out)[ObjectType.WATCH]
    (same,) = read({"watch-history.json": [video("Watched Trains & sea", 7)]})[ObjectType.WATCH]
    assert watched == same
    assert not left_out.is_partial


def test_a_page_is_recognised_behind_its_style_sheet() -> None:
    """Google writes more of it than is looked at of other files. Pages of other products are not YouTube."""
    style = "<style type='text/css'>" + ".a{color:red}" * 12_000 + "</style>"
    cell = '<div class="outer-cell mdl-cell"><p class="mdl-typography--title">{}<br></p><div class="mdl-typography--body-1">x</div></div>'
    marks = {id_: upload_marks(id_) for id_ in (281, 9015)}
    for product, expected in (("YouTube", {281}), ("YouTube Music", {281}), ("Maps", {9015})):
        page = (
            f"<html><head><title>My Activity</title>{style}</head><body>{cell.format(product)}</body></html>".encode()
        )
        for data in (page, gzip.compress(page), zipped({"Takeout/a.html": page})):
            assert recognise(io.BytesIO(data), marks).files.keys() == expected


def upload_marks(id_: int) -> Sequence[FileMark]:
    upload = Sources().connectable[id_].info.upload
    assert upload is not None
    return upload.marks


def test_other_products_and_activities_without_a_video_are_passed_over() -> None:
    """They are no loss. Activities without a date are."""
    left_out = LeftOut()
    maps = {
        "header": "Maps",
        "title": "Searched for X",
        "titleUrl": "https://www.google.com/maps/search/X",
        "time": "2023-03-04T16:12:00Z",
    }
    removed = {"header": "YouTube", "title": "Watched a video that has been removed", "time": "2023-03-04T16:12:00Z"}
    found = read({"MyActivity.json": [video("Watched A"), maps, removed, video("Watched B", 1, time="soon")]}, left_out)
    assert [one["title"] for one in found[ObjectType.WATCH]] == ["A"]
    assert (left_out.read, left_out.count) == (1, 1)
    assert left_out.not_taken == {OTHER_SERVICES: 1, OTHER_ACTIVITIES: 1}


@pytest.mark.parametrize(
    "files", [{"a.json": [{"a": 1}]}, {"a.html": b"<html><body>hello</body></html>"}, {"a.csv": b"x"}]
)
def test_other_files_are_refused(files: dict[str, Any]) -> None:
    """With what to do."""
    data = zipped(
        {
            name: content if isinstance(content, bytes) else json.dumps(content).encode()
            for name, content in files.items()
        }
    )
    with pytest.raises(Broken, match="holds no history of YouTube"):
        YouTube().identify(Connection(archive=io.BytesIO(data)))
