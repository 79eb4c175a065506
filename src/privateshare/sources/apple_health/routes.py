"""Routes of workouts (object type 9001), from the GPX files of the export."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, Any

from lxml import etree

from privateshare.sources.object_building import in_a_zone

MAX_POINTS_PER_ROUTE = 200_000  # Enough for two days with one point per second.
COORDINATE_DECIMALS = 6  # A precision of a tenth of a metre.


class NotARoute(Exception):
    """The file is not GPX, or is damaged."""


def route_key(path: str) -> str:
    """Normalize the name of a route's file, which zip programs and phones write in different ways."""
    name = PurePosixPath(path.replace("\\", "/")).name
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())


def route_points(stream: IO[bytes]) -> Iterator[tuple[float, float, float | None, int | None]]:
    """Read the points of a route: latitude, longitude, height in metres, and the time in milliseconds.

    Raises:
        NotARoute: The file is no GPX, is damaged, or has far too many points.
    """
    count = 0
    try:
        for _, point in etree.iterparse(
            stream,
            tag="{*}trkpt",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        ):
            count += 1
            if count > MAX_POINTS_PER_ROUTE:
                raise NotARoute
            yield _point(point)
            parent = point.getparent()
            point.clear()
            while parent is not None and point.getprevious() is not None:
                del parent[0]
    except (etree.XMLSyntaxError, ValueError, TypeError) as error:
        raise NotARoute from error


def _point(point: etree._Element) -> tuple[float, float, float | None, int | None]:
    texts = {child.tag.rpartition("}")[2]: child.text or "" for child in point if isinstance(child.tag, str)}
    latitude, longitude = float(point.get("lat", "")), float(point.get("lon", ""))
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError("no place on earth")
    height = float(texts["ele"]) if texts.get("ele") else None
    return latitude, longitude, height, _milliseconds(texts["time"]) if texts.get("time") else None


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text.strip())
    return round(in_a_zone(moment).timestamp() * 1000)


def route(stream: IO[bytes], account: str, activity_id: str | None) -> dict[str, Any] | None:
    """Map a route, as a GeoJSON line with the times of its points; None if it has no points.

    Raises:
        NotARoute: The file is no GPX, or is damaged.
    """
    coordinates: list[list[float]] = []
    times: list[int] = []
    for latitude, longitude, height, moment in route_points(stream):
        place = [round(longitude, COORDINATE_DECIMALS), round(latitude, COORDINATE_DECIMALS)]
        coordinates.append(place if height is None else [*place, round(height, 1)])
        if moment is not None:
            times.append(moment)
    if not coordinates or not times:
        return None
    own_id = f"route_{times[0]}_{len(coordinates)}"
    found: dict[str, Any] = {
        "accountentityid": account,
        "entityid": f"{account}_{own_id}",
        "id": own_id,
        "createddate": times[0],
        "enddate": times[-1],
        "geometry": {"type": "LineString", "coordinates": coordinates},
    }
    if len(times) == len(coordinates):
        found["coordtimes"] = times
    return found | ({"activityentityid": f"{account}_{activity_id}"} if activity_id else {})
