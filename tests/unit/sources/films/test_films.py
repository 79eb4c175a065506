"""What people watched and rated, at Letterboxd, Trakt and IMDb."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.films.source import SOURCES
from privateshare.sources.films.tables import WITHOUT_RATING

LETTERBOXD, TRAKT, IMDB = SOURCES
ENTRY = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
REVIEW = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
FILM = "Date,Name,Year,Letterboxd URI\n"
FILES: dict[str, str | bytes] = {
    "diary.csv": ENTRY
    + '2024-01-02,"Kite, the",2022,https://boxd.it/a,4.5,Yes,"cinema, sea",2024-01-01\n2024-02-02,Low,1999,https://boxd.it/b,,,,2024-02-01\n,Bad,1999,x,,,,\n',
    "deleted/diary.csv": ENTRY + "2024-01-02,Deleted,2022,https://boxd.it/z,4.5,,,2024-01-01\n",
    "likes/films.csv": FILM + "2024-01-02,Liked,2022,https://boxd.it/c\n",
    "profile.csv": "Date Joined,Username,Given Name,Family Name,Email Address\n2020-01-01,Mira_K,Mira,,m@example.org\n",
    "ratings.csv": FILM.strip()
    + ',Rating\n2024-01-02,"Kite, the",2022,https://boxd.it/d,4.5\n2024-03-02,Rated,2001,https://boxd.it/e,3\n',
    "reviews.csv": REVIEW + '2024-02-02,Low,1999,https://boxd.it/b,,,"Long <i>and</i>\n\ngood.",,2024-02-01\n',
    "watched.csv": FILM
    + '2024-01-02,"Kite, the",2022,https://boxd.it/d\n2024-03-01,Rated,2001,https://boxd.it/e\n2023-03-01,Seen,2003,https://boxd.it/f\n',
    "watchlist.csv": FILM + "2024-01-02,Later,2025,https://boxd.it/g\n",
}


OTHER = {"username": "Bo", "name": "B", "joined_at": "2019-01-01T00:00:00Z", "ids": {"slug": "bo"}}


def day_of(thing: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(thing['createddate'] / 1000, UTC):%Y-%m-%d}"


def test_an_export_of_letterboxd_is_read() -> None:
    """A film in the diary is not repeated by the lists of watched and rated ones, and films to watch are left out."""
    left_out = LeftOut()
    found = read_files(LETTERBOXD, FILES, left_out)[ObjectType.WATCH]
    latest = {one["entityid"]: one for one in found}
    by_title = {one["title"]: one for one in latest.values()}
    assert by_title.keys() == {"Kite, the", "Low", "Rated", "Seen"}
    assert len(latest) == 4
    kite, low, rated, seen = (by_title[name] for name in ("Kite, the", "Low", "Rated", "Seen"))
    assert (kite["rating"], kite["isrewatch"], kite["tags"], day_of(kite)) == (9, True, ["cinema", "sea"], "2024-01-01")
    assert low["review"] == "Long and good."
    assert (rated["rating"], day_of(rated), day_of(seen)) == (6, "2024-03-01", "2023-03-01")
    assert left_out.count == 1
    assert owner_of(LETTERBOXD, FILES).provider_account_id == "mira_k"


EPISODE = {"season": 2, "number": 3, "title": "Arrival", "ids": {"trakt": 11, "imdb": "tt11"}}
SHOW = {"title": "Low Tide", "year": 2020, "ids": {"trakt": 10, "slug": "low-tide"}}
MOVIE = {"title": "Kite", "year": 2022, "ids": {"trakt": 7, "imdb": "tt7", "slug": "kite-2022"}}
RATED = {"title": "Rated", "year": 2001, "ids": {"trakt": 8}}


def test_a_film_that_was_watched_twice_on_a_day_is_there_twice() -> None:
    """Its review belongs to the first of them."""
    row = "2026-01-05,Heat,1995,https://boxd.it/1,4,,{0},2026-01-04\n"
    files: dict[str, str | bytes] = {
        "diary.csv": ENTRY + 2 * row.format(""),
        "reviews.csv": REVIEW + row.format("Good.,"),
    }
    found = {thing["id"]: thing for thing in read_files(LETTERBOXD, files, LeftOut())[ObjectType.WATCH]}
    assert sorted(thing.get("review", "") for thing in found.values()) == ["", "Good."]


def test_an_export_of_trakt_is_read() -> None:
    """Ratings belong to what was watched; what was only rated stands alone."""
    left_out = LeftOut()
    files: dict[str, Any] = {
        "ratings-movies.json": [
            {"rated_at": "2024-02-01T00:00:00.000Z", "rating": 8, "type": "movie", "movie": MOVIE},
            {"rated_at": "2024-02-02T00:00:00.000Z", "rating": 6, "type": "movie", "movie": RATED},
        ],
        "user-profile.json": {
            "username": "Mira",
            "name": "M",
            "joined_at": "2020-01-01T00:00:00Z",
            "ids": {"slug": "mira"},
        },
        "watched-history-1.json": [
            {"id": 1, "watched_at": "2024-01-01T20:00:00.000Z", "action": "watch", "type": "movie", "movie": MOVIE},
            {"id": 2, "watched_at": "2024-01-02T20:00:00.000Z", "type": "episode", "episode": EPISODE, "show": SHOW},
            {"id": 3, "watched_at": None, "type": "movie", "movie": MOVIE},
        ],
        "watched-movies.json": [{"plays": 2, "last_watched_at": "2024-01-01T20:00:00.000Z", "movie": MOVIE}],
        # Other people are not the owner.
        "network-following.json": [{"followed_at": "2024-01-01T20:00:00.000Z", "user": OTHER}],
        "likes-comments.json": [{"liked_at": "2024-01-01T20:00:00.000Z", "comment": {"comment": "Ah", "user": OTHER}}],
        "user-settings.json": {"user": {**OTHER, "username": "Mira"}, "account": {"timezone": "Europe/Paris"}},
        "lists-watchlist.json": [{"rank": 1, "listed_at": "2024-01-01T20:00:00.000Z", "movie": RATED}],
    }
    texts: dict[str, str | bytes] = {name: json.dumps(content) for name, content in files.items()}
    film, episode, rated = read_files(TRAKT, texts, left_out)[ObjectType.WATCH]
    assert (film["title"], film["rating"], film["videoid"]) == ("Kite", 8, "tt7")
    assert (episode["series"], episode["season"], episode["episode"], episode["title"]) == ("Low Tide", 2, 3, "Arrival")
    assert episode["link"] == "https://trakt.tv/shows/low-tide"
    assert (rated["title"], rated["rating"], day_of(rated)) == ("Rated", 6, "2024-02-02")
    assert left_out.count == 1
    assert owner_of(TRAKT, texts).provider_account_id == "mira"


def test_ratings_of_imdb_are_read() -> None:
    """The list of films to watch has the same columns, and no ratings."""
    left_out = LeftOut()
    header = "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres\n"
    text = (
        header
        + 'tt1,9,2024-01-02,"Kite, the",Kite,https://www.imdb.com/title/tt1,Movie,8.0,90,2022,Drama\ntt2,,,Later,,,,,,,\ntt3,11,2024-01-02,Odd,,,,,,,\n'
    )
    (found,) = read_files(IMDB, {"ratings.csv": text}, left_out)[ObjectType.WATCH]
    assert (found["title"], found["rating"], found["year"], found["videoid"]) == ("Kite, the", 9, 2022, "tt1")
    assert left_out.count == 1
    assert left_out.not_taken == {WITHOUT_RATING: 1}


@pytest.mark.parametrize(
    ("source", "text"),
    [(LETTERBOXD, FILM + "2024-01-02,Later,2025,x\n"), (IMDB, "Const,Your Rating,Date Rated\ntt1,,\n"), (TRAKT, "[]")],
)
def test_films_to_watch_are_refused(source: Any, text: str) -> None:
    """A list of films to watch alone holds nothing that was watched."""
    with pytest.raises(Broken, match="holds no data of"):
        read_files(source, {"watchlist.csv": text})
