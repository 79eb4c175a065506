"""The mapping of visits, journeys, and recorded positions."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.google_timeline.places import Position, moment_of, position_of
from privateshare.sources.object_building import JsonObject, Mapped, SourceAccount, dict_of, list_of, number_of, text_of

Point = tuple[int, Position]

METRES_OF_A_KILOMETRE = 1000
MILLISECONDS_OF_A_MINUTE = 60_000
UNKNOWN_TYPES = frozenset({"", "UNKNOWN", "TYPE_UNKNOWN", "UNKNOWN_ACTIVITY_TYPE", "TYPE_UNSPECIFIED"})


def segment_objects(account: SourceAccount, thing: JsonObject) -> Iterator[Mapped]:
    """Yield what an entry of a timeline says: a visit, a journey with its route, or a path.

    Raises:
        ValueError: It has no time or place.
    """
    start, end = _times(thing, dict_of(thing.get("duration")))
    if isinstance(thing.get("visit"), dict):
        top = dict_of(thing["visit"].get("topCandidate"))
        level = number_of(thing["visit"].get("hierarchyLevel"))
        yield ObjectType.PLACE_VISIT, _visit(account, start, end, top.get("placeLocation"), top, int(level or 0))
    if isinstance(thing.get("activity"), dict):
        journey = thing["activity"]
        kind = text_of(dict_of(journey.get("topCandidate")).get("type"))
        first = position_of(journey.get("start"))
        yield ObjectType.ACTIVITY, _journey(account, start, end, kind, first, journey.get("distanceMeters"))
    points = _path(list_of(thing.get("timelinePath")), start)
    if points:
        yield ObjectType.ROUTE, route(account, f"path_{start}", points, "")


def visit_objects(account: SourceAccount, thing: JsonObject, level: int = 0) -> Iterator[Mapped]:
    """Yield a visit of a place, in the layout of Takeout.

    Args:
        account: The account.
        thing: The visit.
        level: 0, or more for a place within another that was visited at the same time, such as a shop in a mall.

    Raises:
        ValueError: It has no time or place.
    """
    start, end = _times(dict_of(thing.get("duration")), {})
    place = dict_of(thing.get("location"))
    yield ObjectType.PLACE_VISIT, _visit(account, start, end, place, place, level)


def journey_objects(account: SourceAccount, thing: JsonObject) -> Iterator[Mapped]:
    """Yield a journey with its route, in the layout of Takeout.

    Raises:
        ValueError: It has no time.
    """
    start, end = _times(dict_of(thing.get("duration")), {})
    kind, first = text_of(thing.get("activityType")), position_of(thing.get("startLocation"))
    distance = thing.get("distance")
    if distance is None:
        distance = dict_of(thing.get("waypointPath")).get("distanceMeters")
    journey = _journey(account, start, end, kind, first, distance)
    yield ObjectType.ACTIVITY, journey
    raw = list_of(dict_of(thing.get("simplifiedRawPath")).get("points"))
    timed = [
        (moment, place)
        for point in raw
        if (moment := moment_of(dict_of(point).get("timestamp"), dict_of(point).get("timestampMs"))) is not None
        and (place := position_of(point)) is not None
    ]
    way = [position_of(point) for point in list_of(dict_of(thing.get("waypointPath")).get("waypoints"))]
    last = position_of(thing.get("endLocation"))
    points = timed or [
        (start if number == 0 else end, place)
        for number, place in enumerate(place for place in (first, *way, last) if place is not None)
    ]
    if len(points) > 1:
        yield ObjectType.ROUTE, route(account, f"journey_{start}", points, journey["entityid"], has_times=bool(timed))


def route(
    account: SourceAccount, own_id: str, points: Sequence[Point], activity: str, *, has_times: bool = True
) -> JsonObject:
    """Build a route. The times of its points are left out if they are not known."""
    return account.thing(
        own_id,
        points[0][0],
        enddate=points[-1][0],
        activityentityid=activity,
        geometry={"type": "LineString", "coordinates": [place.coordinates for _, place in points]},
        coordtimes=[moment for moment, _ in points] if has_times else [],
    )


def day_of(moment: int) -> str:
    """Return the day of a moment in UTC."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"


def _visit(account: SourceAccount, start: int, end: int, where: Any, place: JsonObject, level: int) -> JsonObject:
    position = position_of(where)
    place_id = text_of(place.get("placeId")) or text_of(place.get("placeID"))
    if position is None and not place_id:
        raise ValueError("the visit has no place")
    return account.thing(
        f"visit_{start}_{level}" if level else f"visit_{start}",
        start,
        enddate=end,
        name=text_of(place.get("name")),
        address=" ".join(text_of(place.get("address")).split()),
        placeid=place_id,
        placetype=_plain_type(text_of(place.get("semanticType"))),
        latitude=None if position is None else position.latitude,
        longitude=None if position is None else position.longitude,
    )


def _journey(
    account: SourceAccount, start: int, end: int, kind: str, first: Position | None, distance: Any
) -> JsonObject:
    metres = number_of(distance)
    name = _plain_type(kind) or "unknown"
    return account.thing(
        f"journey_{start}",
        start,
        activityname=name,
        activitytypeid=kind or "UNKNOWN",
        distance=None if metres is None else metres / METRES_OF_A_KILOMETRE,
        startinglatitude=None if first is None else first.latitude,
        startinglongitude=None if first is None else first.longitude,
    ) | {"duration": end - start}


def _plain_type(kind: str) -> str:
    """Return a type in plain words, such as "in passenger vehicle"; empty if it is unknown."""
    return "" if kind.upper() in UNKNOWN_TYPES else kind.removeprefix("TYPE_").replace("_", " ").lower()


def _times(thing: JsonObject, other: JsonObject) -> tuple[int, int]:
    start, end = (
        moment_of(
            *(part.get(f"{name}{ending}") for part in (thing, other) for ending in ("Time", "Timestamp", "TimestampMs"))
        )
        for name in ("start", "end")
    )
    if start is None or end is None or end < start:
        raise ValueError("the entry has no time")
    return start, end


def _path(steps: Sequence[Any], start: int) -> list[Point]:
    points = []
    for step in steps:
        thing = dict_of(step)
        moment, minutes = moment_of(thing.get("time")), number_of(thing.get("durationMinutesOffsetFromStartTime"))
        if moment is None and minutes is not None:
            moment = start + int(minutes * MILLISECONDS_OF_A_MINUTE)
        position = position_of(thing.get("point"))
        if moment is not None and position is not None:
            points.append((moment, position))
    return points
