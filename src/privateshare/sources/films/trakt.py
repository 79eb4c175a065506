"""The JSON of Trakt: the history, ratings, and whose they are."""

from collections.abc import Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.failures import OF_OTHERS
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import (
    JsonObject,
    Mapped,
    dict_of,
    exact_moment,
    number_of,
    stable_id,
    text_of,
)

MAX_RATINGS = 200_000
BEST = 10
ORIGIN = "https://trakt.tv"


class TraktReader(DeclaredReader):
    """A reader of an export of Trakt.

    The names of files are in alphabetical order, so ratings come before what was watched. What was rated and is not in
    the history is yielded at the end.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ratings: dict[str, tuple[int, float, JsonObject]] = {}
        self._seen: set[str] = set()

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object."""
        del key
        is_about_video = isinstance(thing.get("movie") or thing.get("episode") or thing.get("show"), dict)
        is_entry = is_about_video and ("watched_at" in thing or "rated_at" in thing)
        is_user = "username" in thing and "ids" in thing and "joined_at" in thing
        return ObjectRole.RECORD if is_entry or is_user or _is_of_others(thing) else ObjectRole.WRAPPER

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield something that was watched, or take note of a rating or the person."""
        thing = found.thing
        if _is_of_others(thing):
            self.left_out.pass_over(OF_OTHERS)
            return
        if "username" in thing:
            name = text_of(thing.get("username"))
            self.note_owner(name.casefold(), name)
            return
        video = _video(thing)
        if "rated_at" in thing and "watched_at" not in thing:
            moment, rating = _moment(thing.get("rated_at")), number_of(thing.get("rating"))
            if moment is None or rating is None or not 0 < rating <= BEST:
                raise ValueError("the rating has no date, or is not of 10")
            if len(self._ratings) < MAX_RATINGS:
                self._ratings[video["videoid"]] = moment, rating, video
            return
        moment = _moment(thing.get("watched_at"))
        if moment is None:
            raise ValueError("the entry has no date")
        if video["videoid"] in self._ratings:
            self._seen.add(video["videoid"])
            video["rating"] = self._ratings[video["videoid"]][1]
        own_id = text_of(thing.get("id")) or f"{moment}_{video['videoid']}"
        yield ObjectType.WATCH, self.account.thing(own_id, moment, **video)

    def remaining_objects(self) -> Iterator[Mapped]:
        """Yield what was rated, and is not in the history."""
        for own_id, (moment, rating, video) in self._ratings.items():
            self.left_out.read += 1
            if own_id not in self._seen:
                yield ObjectType.WATCH, self.account.thing(f"rated_{own_id}", moment, rating=rating, **video)


def _is_of_others(thing: JsonObject) -> bool:
    """Return whether an entry is of somebody else, such as a friend or the author of a comment that was liked."""
    return isinstance(thing.get("user"), dict) and "account" not in thing


def _video(thing: JsonObject) -> JsonObject:
    """Return the fields of a film, a series or an episode. Raises ValueError if it has no name."""
    episode, show, film = (dict_of(thing.get(name)) for name in ("episode", "show", "movie"))
    about = film or episode or show
    ids = dict_of(about.get("ids"))
    title = text_of(about.get("title"))
    if not title and not show:
        raise ValueError("the video has no name")
    season, number = number_of(episode.get("season")), number_of(episode.get("number"))
    kind = "movies" if film else "shows"
    slug = text_of(dict_of((film or show).get("ids")).get("slug"))
    own_id = (
        text_of(ids.get("imdb")) or text_of(ids.get("trakt")) or stable_id(title, show.get("title"), season, number)
    )
    year = number_of((film or show).get("year"))
    return {
        "videoid": own_id,
        "title": title,
        "series": text_of(show.get("title")) if episode else "",
        "season": int(season) if season is not None else None,
        "episode": int(number) if number is not None else None,
        "year": int(year) if year else None,
        "link": f"{ORIGIN}/{kind}/{slug}" if slug else "",
    }


def _moment(value: object) -> int | None:
    return exact_moment(value)
