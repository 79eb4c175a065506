"""Sample data: what an invented person watched and rated, until yesterday."""

from collections.abc import Sequence
from datetime import datetime

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file, sample_days, table_file

FILMS = (("Paper Boats", 2019), ("Night Train", 2004), ("Kite", 2022), ("The Long Harbour", 1998))
EVERY = 6


def letterboxd_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return an export of Letterboxd."""
    rows = []
    for number, (day, chance) in enumerate(list(sample_days(now, "letterboxd"))[::EVERY]):
        title, year = chance.choice(FILMS)
        link = f"https://boxd.it/{number}"
        rows.append((f"{day:%Y-%m-%d}", title, year, link, chance.randint(4, 10) / 2, "", "", f"{day:%Y-%m-%d}"))
    header = ("Date", "Name", "Year", "Letterboxd URI", "Rating", "Rewatch", "Tags", "Watched Date")
    return [table_file("diary.csv", header, rows)]


def trakt_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return an export of Trakt."""
    history = []
    for number, (day, chance) in enumerate(list(sample_days(now, "trakt"))[::EVERY]):
        title, year = chance.choice(FILMS)
        movie = {"title": title, "year": year, "ids": {"trakt": FILMS.index((title, year)) + 1}}
        history.append(
            {"id": number + 1, "watched_at": f"{day:%Y-%m-%dT%H:%M:%S}.000Z", "type": "movie", "movie": movie}
        )
    return [json_file("watched-history-1.json", history)]


def imdb_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return the ratings of IMDb."""
    rows = []
    for number, (day, chance) in enumerate(list(sample_days(now, "imdb"))[::EVERY]):
        title, year = chance.choice(FILMS)
        rows.append((f"tt{number:07}", chance.randint(5, 10), f"{day:%Y-%m-%d}", title, year))
    return [table_file("ratings.csv", ("Const", "Your Rating", "Date Rated", "Title", "Year"), rows)]
