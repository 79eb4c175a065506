"""The mapping of My Activity of all products but YouTube: searches, opened pages and apps, and films."""

import re
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import parse_qs, unquote_plus, urlsplit

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.google_activity.titles import TitleFrame
from privateshare.sources.object_building import (
    Mapped,
    SourceAccount,
    dict_of,
    exact_moment,
    list_of,
    stable_id,
    text_of,
)

SECOND = 1000
SEARCH_PATHS = ("/search", "/webhp", "/images", "/shopping", "/store/search", "/maps", "/books", "/finance", "/imgres")
APP_PATH, FILM_PATHS = "/store/apps/details", ("/store/movies/details", "/store/tv/show", "/tv/detail")
MAX_SEARCH_CHARACTERS = 2048
# What Google writes before a search, or behind it, for activities without an address.
BEFORE_SEARCHES = (
    *("Searched for ", "Said ", "Gesucht nach ", "Gezocht naar ", "Vous avez recherché ", "Has buscado ", "Buscaste "),
    *(
        "Hai cercato ",
        "Pesquisou por ",
        "Você pesquisou ",
        "Sökte efter ",
        "Søgte efter ",
        "Søkte etter ",
        "Wyszukano: ",
    ),
    *("Вы искали: ", "تم البحث عن ", "بحثت عن "),
)
BEHIND_SEARCHES = (" を検索しました", "을(를) 검색했습니다.", " gesucht")
_GOOGLE = re.compile(r"(?:www\.|m\.|maps\.|play\.|books\.|news\.|tv\.)?google(?:\.[a-z]{2,3}){1,2}")
_MAPS_SEARCH = re.compile(r"/maps/(?:search|place)/([^/@?]+)")
_ADVERTISING = re.compile(r"\bads\b|advert", re.IGNORECASE)


class ActivityClass(StrEnum):
    """What an activity is."""

    SEARCH = "search"
    VISIT = "visit"
    APP = "app"
    FILM = "film"
    OTHER = "other"


def classify(thing: JsonObject) -> tuple[ActivityClass, str]:
    """Return what an activity is, and what was searched for or the address that was opened."""
    details = (text_of(dict_of(one).get("name")) for one in list_of(thing.get("details")))
    if text_of(thing.get("header")) == "Ads" or any(_ADVERTISING.search(detail) for detail in details):
        return ActivityClass.OTHER, ""
    address, title = text_of(thing.get("titleUrl")), text_of(thing.get("title")).replace("\xa0", " ")
    try:
        parts = urlsplit(address)
        host, query = parts.hostname or "", parse_qs(parts.query)
    except ValueError:
        return ActivityClass.OTHER, ""
    if not _GOOGLE.fullmatch(host):
        is_page = parts.scheme in ("http", "https") and bool(host)
        return (ActivityClass.VISIT, address) if is_page else _search_in_title(title)
    if parts.path == APP_PATH:
        return ActivityClass.APP, address
    if parts.path.startswith(FILM_PATHS):
        return ActivityClass.FILM, address
    target = next(iter(query.get("q", [])), "").strip()
    if parts.path == "/url":
        return (
            (ActivityClass.VISIT, target) if target.startswith(("http://", "https://")) else (ActivityClass.OTHER, "")
        )
    if target and parts.path.rstrip("/") in (*SEARCH_PATHS, ""):
        return ActivityClass.SEARCH, target
    if (place := _MAPS_SEARCH.match(parts.path)) is not None:
        return ActivityClass.SEARCH, unquote_plus(place[1]).strip()
    return _search_in_title(title)


def _search_in_title(title: str) -> tuple[ActivityClass, str]:
    for before in BEFORE_SEARCHES:
        if title.startswith(before):
            return ActivityClass.SEARCH, title.removeprefix(before).strip()
    for behind in BEHIND_SEARCHES:
        if title.endswith(behind):
            return ActivityClass.SEARCH, title.removesuffix(behind).removeprefix("Nach ").strip()
    return ActivityClass.OTHER, ""


class TitleFrames:
    """The words around the titles of a file, by what the activities are."""

    def __init__(self, things: Iterable[JsonObject]) -> None:
        """Find the words in some activities of the file."""
        titles: dict[ActivityClass, list[str]] = {}
        for thing in things:
            titles.setdefault(classify(thing)[0], []).append(text_of(thing.get("title")))
        self._frames = {kind: TitleFrame(found) for kind, found in titles.items()}

    def title(self, kind: ActivityClass, thing: JsonObject) -> str:
        """Return the title of an activity without the words around it; empty if it is only an address."""
        text = text_of(thing.get("title"))
        if kind in self._frames:
            text = self._frames[kind].title(text)
        for word in ("Visited ", "Used ", "Watched "):
            text = text.removeprefix(word)
        return "" if text.startswith(("http://", "https://")) else text


def activity_object(account: SourceAccount, thing: JsonObject, frames: TitleFrames) -> Mapped | None:
    """Map an activity. Returns None if it is none of those that are imported.

    Raises:
        ValueError: It has no date.
    """
    kind, what = classify(thing)
    if kind is ActivityClass.OTHER or not what:
        return None
    found = exact_moment(text_of(thing.get("time")))
    if found is None:
        raise ValueError("the activity has no date")
    moment = found // SECOND * SECOND  # Pages have no milliseconds.
    own_id = f"{moment}_{stable_id(what)}"
    product = text_of(thing.get("header"))
    if kind is ActivityClass.SEARCH:
        query, link = what[:MAX_SEARCH_CHARACTERS], text_of(thing.get("titleUrl"))
        return ObjectType.SEARCH, account.thing(own_id, moment, query=query, link=link, product=product)
    title = frames.title(kind, thing)
    if kind is ActivityClass.FILM:
        return ObjectType.WATCH, account.thing(own_id, moment, title=title, link=what)
    visit = account.thing(own_id, moment, kind=str(kind), title=title, link=what, product=product)
    return ObjectType.WEB_VISIT, visit
