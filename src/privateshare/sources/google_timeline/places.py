"""Positions and moments in the notations of all exports."""

import re
from dataclasses import dataclass
from typing import Any

from privateshare.sources.object_building import dict_of, exact_moment, milliseconds, number_of

E7 = 10_000_000
_POSITION = re.compile(r"(?:geo:)?\s*(-?\d{1,3}(?:\.\d+)?)\s*\u00b0?\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*\u00b0?")


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the earth, in degrees."""

    latitude: float
    longitude: float

    @property
    def coordinates(self) -> list[float]:
        """The position in GeoJSON: longitude, latitude."""
        return [self.longitude, self.latitude]


def position_of(value: Any) -> Position | None:
    """Read a position; None if it is none.

    It is a text such as "48.1°, 11.5°" or "geo:48.1,11.5", an object with such a text, or one with numbers, which are
    in units of 10⁻⁷ degrees.
    """
    if isinstance(value, str):
        found = _POSITION.fullmatch(value.strip())
        return _position(float(found[1]), float(found[2])) if found else None
    thing = dict_of(value)
    if isinstance(thing.get("latLng"), str):
        return position_of(thing["latLng"])
    for latitude_name, longitude_name in (("latitudeE7", "longitudeE7"), ("latE7", "lngE7")):
        latitude, longitude = number_of(thing.get(latitude_name)), number_of(thing.get(longitude_name))
        if latitude is not None and longitude is not None:
            return _position(_signed(latitude) / E7, _signed(longitude) / E7)
    return None


def _signed(number: float) -> float:
    """Correct numbers that old exports wrote without a sign, as if they had 32 bits."""
    return number - (1 << 32) if number > 180 * E7 else number


def _position(latitude: float, longitude: float) -> Position | None:
    in_range = abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude, longitude) != (0, 0)
    return Position(round(latitude, 7), round(longitude, 7)) if in_range else None


def moment_of(*values: Any) -> int | None:
    """Return the first value that is a moment, as a text or number, in milliseconds since the epoch; None otherwise."""
    for value in values:
        if (moment := milliseconds(value)) is not None:
            return moment
        moment = exact_moment(value) if isinstance(value, str) else None
        if moment is not None:
            return moment
    return None
