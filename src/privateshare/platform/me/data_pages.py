"""`/me/…/data`: a person looks at their own data: kinds, months, search, charts, and single objects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent.rendering import SAFE_HEADERS, PageRoute
from privateshare.platform.consent.translation import N_
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.library.object_lines import title_of
from privateshare.platform.me.kind_charts import ALL_MONTHS, Chart, content_charts, months_chart
from privateshare.platform.me.library_data import (
    PAGE_OBJECTS,
    Found,
    KindCount,
    ListedObject,
    files_of_kind,
    find_object,
    kind_counts,
    read_objects,
)
from privateshare.platform.me.object_texts import fields_of, second_line
from privateshare.platform.me.pictures import pictures_of
from privateshare.platform.me.visitor import MyPage, Visitor
from privateshare.protocol.object_time import moment_of

MAX_SEARCH_CHARACTERS = 100
NO_DATE = 0  # The number that stands for "without a date" where others are months (yyyymm).

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class KindCard:
    """A kind of data.

    Attributes:
        object_type: Its id.
        name: What it is called.
        count: The number of its objects.
        dates: From when to when it is; empty if nothing has a date.
        months: The number of its objects in each month, the newest first.
    """

    object_type: int
    name: str
    count: str
    dates: str
    months: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class KindSection:
    """Kinds of data that belong together, such as everything medical."""

    name: str
    kinds: Sequence[KindCard]


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """An object in a list."""

    title: str
    detail: str
    when: str
    source: str
    address: str


@router.get("/me/{browser_id}/data")
async def show_data(visitor: MyPage) -> Response:
    """Show which kinds of data the library has."""
    groups = kind_groups(visitor, await kind_counts(visitor))
    return visitor.page("me-data.html", {"groups": groups})


def kind_groups(visitor: Visitor, counts: Sequence[KindCount]) -> Sequence[KindSection]:
    """Sort counts into kinds, and kinds into groups; the largest kind of each group comes first."""
    by_kind: dict[int, list[KindCount]] = {}
    for count in counts:
        by_kind.setdefault(count.object_type, []).append(count)
    groups: dict[int, list[tuple[int, KindCard]]] = {}
    for object_type, found in by_kind.items():
        card, number = _kind_card(visitor, object_type, found), sum(count.objects for count in found)
        groups.setdefault(found[0].service_group, []).append((number, card))
    return [
        KindSection(visitor.words.group(group), [card for _, card in sorted(cards, key=lambda pair: -pair[0])])
        for group, cards in sorted(groups.items())
    ]


def kind_cards(visitor: Visitor, counts: Sequence[KindCount]) -> Sequence[KindCard]:
    """Sort counts into kinds, the largest first."""
    return [card for group in kind_groups(visitor, counts) for card in group.kinds]


def _kind_card(visitor: Visitor, object_type: int, counts: Sequence[KindCount]) -> KindCard:
    words = visitor.words
    months = sorted({count.month for count in counts if count.month})
    dates = ""
    if months:
        dates = words.span(words.month(months[0]), words.month(months[-1]))
    number = sum(count.objects for count in counts)
    by_month = sorted(_months(counts).items(), reverse=True)
    named = [(_month_name(visitor, month), words.number(count)) for month, count in by_month]
    return KindCard(object_type, words.object_type(object_type), words.number(number), dates, named)


@router.get("/me/{browser_id}/data/{object_type}")
async def show_kind(
    visitor: MyPage,
    object_type: int,
    month: Annotated[int | None, Query(ge=0, le=999912)] = None,
    q: Annotated[str, Query(max_length=MAX_SEARCH_CHARACTERS)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Show the objects of one kind: those of one month, or those that contain a text."""
    counts = [count for count in await kind_counts(visitor) if count.object_type == object_type]
    if not counts:
        raise NotFound("There is no data of this kind")
    months = _months(counts)
    chosen = month if month is not None and month in months else max(months)
    search = q.strip()
    files = await files_of_kind(visitor, object_type, None if search else chosen)
    found = await read_objects(visitor, files, search)
    lines = await _lines(visitor, object_type, found.objects[(page - 1) * PAGE_OBJECTS : page * PAGE_OBJECTS])
    address = visitor.address(f"data/{object_type}")
    values = {
        "kind": _kind_card(visitor, object_type, counts),
        "months": [
            (_month_name(visitor, one), f"{address}?month={one}", one == chosen) for one in sorted(months)[::-1]
        ],
        "month_name": _month_name(visitor, chosen),
        "search": search,
        "lines": lines,
        "total": visitor.words.number(len(found.objects)),
        "complete": found.complete,
        "unreadable": found.unreadable,
        "charts": [] if search else await _charts(visitor, object_type, months, found),
        "newer": _page_address(address, page - 1, chosen, search) if page > 1 else "",
        "older": _page_address(address, page + 1, chosen, search) if len(found.objects) > page * PAGE_OBJECTS else "",
        "kind_address": address,
    }
    return visitor.page("me-kind.html", values)


def _months(counts: Sequence[KindCount]) -> Mapping[int, int]:
    """Count the objects of each month (yyyymm); NO_DATE stands for those without a date."""
    months: Counter[int] = Counter()
    for count in counts:
        months[count.month or NO_DATE] += count.objects
    return months


def _month_name(visitor: Visitor, month: int) -> str:
    return visitor.words.month(month) if month else visitor.words.say(N_("Without a date"))


def _page_address(address: str, page: int, month: int, search: str) -> str:
    chosen: dict[str, str | int] = {"q": search} if search else {"month": month}
    return f"{address}?{urlencode(chosen | {'page': page})}"


async def _charts(visitor: Visitor, object_type: int, months: Mapping[int, int], found: Found) -> Sequence[Chart]:
    dated = {month: number for month, number in months.items() if month != NO_DATE}
    by_month = months_chart(visitor.words, object_type, dated)
    objects = found.objects
    if object_type in ALL_MONTHS:
        objects = (await read_objects(visitor, await files_of_kind(visitor, object_type))).objects
    return [*([by_month] if by_month else []), *content_charts(visitor.words, object_type, objects)]


async def _lines(visitor: Visitor, object_type: int, objects: Sequence[ListedObject]) -> Sequence[ObjectSummary]:
    sources = {account.id: account.source_id for account in await library_accounts(visitor.db, visitor.library.id)}
    return [
        ObjectSummary(
            title_of(one.thing) or visitor.words.object_type(object_type),
            second_line(one.thing, visitor.words),
            _when(visitor, one),
            visitor.words.source(sources[one.account_id]) if one.account_id in sources else "",
            visitor.address(f"data/{object_type}/{one.file_id}/{one.index}"),
        )
        for one in objects
    ]


def _when(visitor: Visitor, one: ListedObject) -> str:
    """Return an object's day, with the time unless it is midnight, which stands for a day without a time."""
    moment = moment_of(one.moment)
    if moment is None:
        return ""
    return visitor.words.moment(moment) if moment.hour or moment.minute else visitor.words.date(moment)


@router.get("/me/{browser_id}/data/{object_type}/{file_id}/{index}")
async def show_object(visitor: MyPage, object_type: int, file_id: UUID, index: int) -> Response:
    """Show one object with all of its fields."""
    found = await find_object(visitor, object_type, file_id, index)
    if found is None:
        raise NotFound("This is not there any more: it was replaced or deleted")
    (line,) = await _lines(visitor, object_type, [found])
    values = {
        "line": line,
        "kind_name": visitor.words.object_type(object_type),
        "fields": fields_of(found.thing, visitor.words),
        "pictures": [f"{line.address}/picture/{number}" for number, _ in enumerate(pictures_of(found.thing))],
        "kind_address": visitor.address(f"data/{object_type}"),
    }
    return visitor.page("me-object.html", values)


@router.get("/me/{browser_id}/data/{object_type}/{file_id}/{index}/picture/{number}")
async def show_picture(visitor: MyPage, object_type: int, file_id: UUID, index: int, number: int) -> Response:
    """Send a picture that is in an object, such as a photo in a health record."""
    found = await find_object(visitor, object_type, file_id, index)
    pictures = pictures_of(found.thing) if found is not None else ()
    if not 0 <= number < len(pictures):
        raise NotFound("This is not there any more: it was replaced or deleted")
    return Response(pictures[number].data, media_type=pictures[number].media_type, headers=SAFE_HEADERS)
