"""The tables of Letterboxd and IMDb."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.failures import DELETED, NotTaken
from privateshare.sources.html_text import text_of_html
from privateshare.sources.object_building import JsonObject, Mapped, stable_id
from privateshare.sources.tables import NotATable, TableKind, TableRow, UnclearTableDates, find_table

NOT_KEPT = frozenset({"deleted", "orphaned"})
WITHOUT_RATING = NotTaken("Titles without a rating")
MAX_FILMS = 200_000
BEST_LETTERBOXD = 5
BEST = 10
_FILM = {"date": ("Date",), "name": ("Name",), "year": ("Year",), "link": ("Letterboxd URI",)}
_ENTRY = {**_FILM, "watched": ("Watched Date",), "rating": ("Rating",), "rewatch": ("Rewatch",), "tags": ("Tags",)}

Film = tuple[str, str]
"""A film by its name and year, which all tables of Letterboxd have in common."""


class LetterboxdReader(DeclaredReader):
    """A reader of an export of Letterboxd.

    The diary has dates. Films that were marked or rated without being in it are yielded at the end.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._in_diary: set[Film] = set()
        self._others: dict[Film, JsonObject] = {}
        self._equal: Counter[str] = Counter()

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file. What the person deleted is in folders of its own, and is left out."""
        self._equal.clear()  # A review repeats an entry of the diary.
        if not NOT_KEPT & {part.casefold() for part in file.path.split("/")[:-1]}:
            yield from super().objects_of_file(file)
            return
        with suppress(NotATable, UnclearTableDates, csv.Error):
            for _ in find_table(file, self.tables).rows(self.now):
                self.left_out.pass_over(DELETED)

    def entry(self, row: TableRow) -> Iterator[Mapped]:
        """Yield an entry of the diary, or a review, which repeats the entry and has a text."""
        film = _film(row)
        watched = row.moment("watched")
        moment = watched if watched is not None else row.needed_moment("date")
        if len(self._in_diary) < MAX_FILMS:
            self._in_diary.add(film)
        review, own_id = row.text("review"), f"{moment}_{stable_id(*film)}"
        self._equal[own_id] += 1  # A film may be watched twice on a day.
        thing = self.account.thing(
            own_id if self._equal[own_id] == 1 else f"{own_id}-{self._equal[own_id]}",
            moment,
            title=film[0],
            year=_whole(row, "year"),
            link=row.text("link"),
            rating=_letterboxd_rating(row),
            review=text_of_html(review) if "<" in review else review,
            isrewatch=True if row.text("rewatch").casefold() == "yes" else None,
            tags=[tag for part in row.text("tags").split(",") if (tag := part.strip())],
        )
        yield ObjectType.WATCH, thing

    def film(self, row: TableRow) -> Iterator[Mapped]:
        """Take note of a film that was watched or rated."""
        film, moment = _film(row), row.needed_moment("date")
        fields: JsonObject = {
            "title": film[0],
            "year": _whole(row, "year"),
            "link": row.text("link"),
            "rating": _letterboxd_rating(row),
        }
        if len(self._others) < MAX_FILMS:
            known = self._others.setdefault(film, {"moment": moment})
            known.update({name: value for name, value in fields.items() if value})
            known["moment"] = min(known["moment"], moment)
        yield from ()

    def person(self, row: TableRow) -> Iterator[Mapped]:
        """Take note of whose export it is."""
        name = row.text("username")
        self.note_owner(name.casefold(), name)
        yield from ()

    def remaining_objects(self) -> Iterator[Mapped]:
        """Yield the films that are not in the diary."""
        for film, fields in self._others.items():
            self.left_out.read += 1
            if film not in self._in_diary:
                moment = fields.pop("moment")
                yield ObjectType.WATCH, self.account.thing(f"film_{stable_id(*film)}", moment, **fields)

    tables = (
        TableKind({**_ENTRY, "review": ("Review",)}, ("name", "link", "watched"), entry),
        TableKind({**_FILM, "rating": ("Rating",)}, ("date", "name", "link", "rating"), film),
        # The list of films to watch, and of those that were liked, have the same columns.
        TableKind(_FILM, ("date", "name", "link"), film, files=r"^watched\b"),
        TableKind({"joined": ("Date Joined",), "username": ("Username",)}, ("joined", "username"), person),
    )


class ImdbReader(DeclaredReader):
    """A reader of the ratings of IMDb. Rows without a rating are films to watch."""

    def rated(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a film that the person rated."""
        if not row.text("rating"):
            self.left_out.pass_over(WITHOUT_RATING)
            return
        rating, own_id = row.number("rating"), row.needed_text("id")
        if rating is None or not 0 < rating <= BEST:
            raise ValueError("the rating is not of 10")
        thing = self.account.thing(
            own_id,
            row.needed_moment("date"),
            title=row.text("title"),
            videoid=own_id,
            year=_whole(row, "year"),
            link=row.text("link") or f"https://www.imdb.com/title/{own_id}/",
            rating=rating,
        )
        yield ObjectType.WATCH, thing

    tables = (
        TableKind(
            {
                "id": ("Const",),
                "rating": ("Your Rating", "You rated"),
                "date": ("Date Rated",),
                "title": ("Title",),
                "link": ("URL",),
                "year": ("Year",),
            },
            ("id", "rating", "date"),
            rated,
            written=("date",),
        ),
    )


def _film(row: TableRow) -> Film:
    return row.needed_text("name"), row.text("year")


def _letterboxd_rating(row: TableRow) -> float | None:
    rating = row.number("rating")
    return rating * BEST / BEST_LETTERBOXD if rating and 0 < rating <= BEST_LETTERBOXD else None


def _whole(row: TableRow, column: str) -> int | None:
    number = row.number(column)
    return int(number) if number else None
