"""Reading the lists of an API page by page, and the position at which a later reading continues.

A list is read in one of three ways (`Listing.reading`):

- `Whole`: completely each time. What the library has and the list has not was deleted at the source.
- `NewestFirst`: until the items come that the last complete reading began with. Every page shows what was deleted
  between its first and its last item.
- `Since`: what is newer than the newest item of the last complete reading. The API selects it.

A position is stored after each page, so that an interrupted reading continues with the next page. ADR 54, 55.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from privateshare.sources.contract import PAGE_OBJECTS, Covered, JsonObject, Page, Skipped
from privateshare.sources.failures import UNKNOWN, LeftOut
from privateshare.sources.json_api.paging import NextPage, single_page
from privateshare.sources.json_api.requests import ApiClient, ApiRefused, ApiRequest, Reply
from privateshare.sources.object_building import SourceAccount

MAX_PAGES = 20_000  # Protects from an API whose pages never end.
KNOWN_ITEMS = 20  # One of them that is still there is enough to recognise where the last reading began.
OK, BAD_REQUEST, SERVER_ERROR = 200, 400, 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Whole:
    """The list is read completely each time."""


@dataclass(frozen=True, slots=True)
class NewestFirst:
    """The list begins with the newest item.

    Attributes:
        id_of: Returns the id of an item.
        has_end: Whether the list has everything. Some APIs end lists after some hundred items.
        shows_deletions: Whether what is missing between two items was deleted.
    """

    id_of: Callable[[Any], str]
    has_end: bool = True
    shows_deletions: bool = True


@dataclass(frozen=True, slots=True)
class Since:
    """The API selects what is newer. `mark_of` returns the date of an item: a number or text that can be compared."""

    mark_of: Callable[[Any], int | str | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the first request of a list depends on.

    Attributes:
        owner: The account's id at the source.
        known: What is stored of the account, with its token.
        since: The newest mark of the last complete reading, for lists that are read since then.
    """

    owner: str
    known: JsonObject = field(repr=False)
    since: int | str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of an API.

    Attributes:
        name: Its name among the lists of the source. Positions are stored with it.
        object_type: The type of its objects.
        first: Builds the request for its first page.
        items: Finds the items of a page. Raises ValueError if there are none.
        map: Maps an item to an object; None if the item is none of the person's data. Raises KeyError, ValueError or
            TypeError if it cannot be read.
        following: Builds the request for the next page.
        reading: How it is read.
        complete: Fetches what the list does not say of an item.
    """

    name: str
    object_type: int
    first: Callable[[Wanted], ApiRequest]
    items: Callable[[Any], Sequence[Any]]
    map: Callable[[Any, SourceAccount], JsonObject | None]
    following: NextPage = single_page
    reading: Whole | NewestFirst | Since = field(default_factory=Whole)
    complete: Callable[[Any, ApiClient], Any] | None = None


@dataclass(slots=True)
class _Position:
    """Where the reading of a list is.

    Attributes:
        next: The request for the next page, if a reading is in progress.
        known: The ids of the items with which the last complete reading began.
        new: Those with which the reading in progress began.
        since: The newest mark of the last complete reading.
        newest: The newest mark of the reading in progress.
        edge: The date of the oldest item so far.
    """

    next: JsonObject | None = None
    known: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    since: int | str | None = None
    newest: int | str | None = None
    edge: int | None = None

    def to_json(self) -> JsonObject:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value not in (None, [])}


class TypeReader:
    """Reads all lists that have objects of one type."""

    def __init__(
        self, client: ApiClient, listings: Sequence[Listing], account: SourceAccount, wanted: Wanted, left_out: LeftOut
    ) -> None:
        self._client, self._listings, self._account = client, listings, account
        self._wanted, self._left_out = wanted, left_out
        self._positions: dict[str, _Position] = {}
        self._is_whole = True  # Whether everything of the type was read since the beginning, and could be mapped.

    def read(self, cursor: str | None) -> Iterator[Page | Skipped]:
        """Yield the pages of all lists. Raises TryLater or NeedsLogin."""
        self._positions = _decode(cursor)
        object_type = self._listings[0].object_type
        try:
            for listing in self._listings:
                yield from self._read_list(listing)
        except ApiRefused as refused:
            message = f"The source did not provide it (HTTP status {refused.status})"
            yield Skipped(object_type, refused.code, message, refused.status)
            return
        if self._is_whole and all(isinstance(listing.reading, Whole) for listing in self._listings):
            yield Page(object_type, (), self._cursor(), covered=Covered())

    def _read_list(self, listing: Listing) -> Iterator[Page]:
        position = self._positions.setdefault(listing.name, _Position())
        if position.next is not None:
            self._is_whole = False
            try:
                yield from self._pages(listing, position, ApiRequest.from_json(position.next))
                return
            except ApiRefused as refused:  # The token of a page may have expired meanwhile.
                if not BAD_REQUEST <= refused.status < SERVER_ERROR:
                    raise
                position.next, position.new, position.newest, position.edge = None, [], None, None
        first = listing.first(Wanted(self._wanted.owner, self._wanted.known, position.since))
        yield from self._pages(listing, position, first)

    def _pages(self, listing: Listing, position: _Position, request: ApiRequest | None) -> Iterator[Page]:
        seen, before = list[ApiRequest](), frozenset[str]()
        while request is not None:
            if request in seen[-3:] or len(seen) == MAX_PAGES:
                raise ApiRefused(OK, "EndlessPages")
            seen.append(request)
            reply = self._client.get(request)
            items = _items(listing, reply)
            # Lists that are divided by date repeat items at the bounds of pages.
            objects = self._mapped(listing, [item for item in items if not before & set(_ids(listing, [item]))])
            ids = _ids(listing, items)
            before = frozenset(ids)
            position.new = (position.new + ids)[:KNOWN_ITEMS]
            position.newest = max(
                (mark for mark in (position.newest, *_marks(listing, items)) if mark is not None), default=None
            )
            is_known = bool(set(ids) & set(position.known))
            request = None if is_known else listing.following(reply, items)
            covered = self._covered(listing, position, objects, is_last=request is None and not is_known)
            self._advance(position, request)
            # The position is that after the page, so only its last part has it.
            for start in range(0, max(len(objects), 1), PAGE_OBJECTS):
                part, is_end = objects[start : start + PAGE_OBJECTS], start + PAGE_OBJECTS >= len(objects)
                found = [thing for thing in part if thing is not None]
                yield Page(
                    listing.object_type,
                    found,
                    self._cursor() if is_end else None,
                    covered=covered if is_end else None,
                )

    def _mapped(self, listing: Listing, items: Sequence[Any]) -> list[JsonObject | None]:
        """Map the items; None for those that are left out."""
        found = list[JsonObject | None]()
        for item in items:
            try:
                thing = listing.map(listing.complete(item, self._client) if listing.complete else item, self._account)
            except (KeyError, ValueError, TypeError, AttributeError, OverflowError, IndexError, ApiRefused):
                self._left_out.leave_out(UNKNOWN, listing.object_type)
                found.append(None)
                self._is_whole = False
                continue
            if thing is not None:
                self._left_out.read += 1
                found.append(thing)
        return found

    def _covered(
        self, listing: Listing, position: _Position, objects: Sequence[JsonObject | None], *, is_last: bool
    ) -> Covered | None:
        """Return the dates that a page of a list with the newest item first covers completely."""
        if not isinstance(listing.reading, NewestFirst) or len(self._listings) > 1:
            return None
        if not listing.reading.shows_deletions:
            return None
        before, moments = position.edge, [thing.get("createddate") for thing in objects if thing is not None]
        known = [moment for moment in moments if isinstance(moment, int)]
        is_ordered = len(known) == len(objects) and known == sorted(known, reverse=True)
        if not is_ordered or (before is not None and known and known[0] > before):
            position.edge = min(known, default=before)
            return None
        position.edge = known[-1] if known else before
        if is_last and listing.reading.has_end:
            # Without bounds, what has no date would count as covered too.
            return Covered(-(10**15), before)
        return Covered(known[-1], before) if known else None

    def _advance(self, position: _Position, request: ApiRequest | None) -> None:
        position.next = request.to_json() if request is not None else None
        if request is None:
            position.known, position.new = position.new or position.known, []
            position.since, position.newest = position.newest or position.since, None
            position.edge = None

    def _cursor(self) -> str:
        return orjson.dumps({name: position.to_json() for name, position in self._positions.items()}).decode()


def _items(listing: Listing, reply: Reply) -> Sequence[Any]:
    try:
        return listing.items(reply.content)
    except ValueError as error:
        raise ApiRefused(OK, "UnknownForm") from error


def _ids(listing: Listing, items: Sequence[Any]) -> list[str]:
    reading = listing.reading
    return list(_known_values(reading.id_of, items)) if isinstance(reading, NewestFirst) else []


def _marks(listing: Listing, items: Sequence[Any]) -> list[int | str]:
    reading = listing.reading
    return list(_known_values(reading.mark_of, items)) if isinstance(reading, Since) else []


def _known_values(value_of: Callable[[Any], T | None], items: Sequence[Any]) -> Iterable[T]:
    for item in items:
        try:
            value = value_of(item)
        except (KeyError, ValueError, TypeError, AttributeError):
            continue
        if value is not None:
            yield value


def _decode(cursor: str | None) -> dict[str, _Position]:
    """Decode a stored cursor. One that cannot be read, such as that of an older version, counts as none."""
    try:
        stored = orjson.loads(cursor or "{}")
        return {name: _Position(**values) for name, values in stored.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
