"""A workout as a file records it, whatever its format, and its mapping to an activity (300) and a route (9001)."""

import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import asin, cos, isfinite, radians, sin, sqrt

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.object_building import EARLIEST, LATEST, Mapped, SourceAccount

MAX_POINTS = 100_000  # More than a day with one point per second. Longer lines keep every second point, or fewer.
COORDINATE_DECIMALS = 6  # A precision of a tenth of a metre.
EARTH_KILOMETRES = 6371.0088
MAX_SPEED_KILOMETRES_PER_HOUR = 1500.0  # Faster points are errors of a receiver.
MAX_TITLE_CHARACTERS = 500
MOST_OF_OTHERS = 1e7
# Greater values are errors of a device or a program.
MOST: Mapping[str, float] = {
    "averageheartrate": 300,
    "maxheartrate": 300,
    "speed": MAX_SPEED_KILOMETRES_PER_HOUR,
    "maxspeed": MAX_SPEED_KILOMETRES_PER_HOUR,
    "distance": 50_000,
    "calories": 200_000,
    "elevationgain": 200_000,
    "totalelevationloss": 200_000,
}
UNKNOWN_SPORT = "Workout"
RUN_CADENCE = "runcadence"
STEPS_PER_TURN = 2  # Files count the steps of one foot.

_FIRST_MOMENT, _LAST_MOMENT = int(EARLIEST.timestamp() * 1000), int(LATEST.timestamp() * 1000)
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s_\-]+")
_Place = tuple[float, float]


class RecordedLine:
    """The points of a recording in limited memory: if there are more than MAX_POINTS, every second one is dropped.

    The distance is measured along all points.
    """

    def __init__(self) -> None:
        self.moments = array("q")
        self._longitudes, self._latitudes, self._heights = array("d"), array("d"), array("d")
        self._step, self._skip = 1, 0
        self._last: tuple[_Place, int] | None = None
        self.has_all_moments = True
        self.kilometres = 0.0

    def __len__(self) -> int:
        return len(self._latitudes)

    def add(self, latitude: float, longitude: float, height: float | None, moment: int | None) -> None:
        """Add a point. `moment` is in milliseconds since the epoch. Places that are not on earth are dropped."""
        if not (abs(latitude) <= 90 and abs(longitude) <= 180) or (latitude == 0 and longitude == 0):
            return  # Devices without a signal write 0, 0, which is in the sea.
        self.has_all_moments = self.has_all_moments and moment is not None
        self._measure((latitude, longitude), moment or 0)
        self._skip += 1
        if self._skip < self._step:
            return
        self._skip = 0
        self._longitudes.append(round(longitude, COORDINATE_DECIMALS))
        self._latitudes.append(round(latitude, COORDINATE_DECIMALS))
        self._heights.append(round(height, 1) if height is not None and isfinite(height) else float("nan"))
        self.moments.append(moment or 0)
        if len(self) > MAX_POINTS:
            self._thin_out()

    def interrupt(self) -> None:
        """Note a pause, so that the way to the next point is not measured."""
        self._last = None

    def start(self) -> _Place | None:
        """Return the latitude and longitude of the first point."""
        return (self._latitudes[0], self._longitudes[0]) if len(self) else None

    def between(self, first: int, last: int) -> "RecordedLine":
        """Return the part of the line between two moments."""
        part = RecordedLine()
        for number, moment in enumerate(self.moments):
            if first <= moment <= last:
                height = self._heights[number]
                known = None if height != height else height
                part.add(self._latitudes[number], self._longitudes[number], known, moment)
        return part

    def coordinates(self) -> list[list[float]]:
        """Return the points as GeoJSON has them: longitude, latitude, and the height if it is known."""
        places = zip(self._longitudes, self._latitudes, self._heights, strict=True)
        return [[long, lat] if height != height else [long, lat, height] for long, lat, height in places]

    def _measure(self, place: _Place, moment: int) -> None:
        if self._last is not None:
            last, since = self._last
            way = kilometres_between(last, place)
            hours = (moment - since) / 3_600_000
            if hours <= 0 or way / hours <= MAX_SPEED_KILOMETRES_PER_HOUR:
                self.kilometres += way
        self._last = place, moment

    def _thin_out(self) -> None:
        self._step *= 2
        self.moments = self.moments[::2]
        self._longitudes, self._latitudes = self._longitudes[::2], self._latitudes[::2]
        self._heights = self._heights[::2]


def kilometres_between(one: _Place, other: _Place) -> float:
    """Return the distance between two places on the surface of the earth."""
    (lat1, long1), (lat2, long2) = ((radians(place[0]), radians(place[1])) for place in (one, other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((long2 - long1) / 2) ** 2
    return 2 * EARTH_KILOMETRES * asin(min(1.0, sqrt(half)))


@dataclass(slots=True)
class Rates:
    """The average and the maximum of a rate, such as of the heart, of which a file has samples."""

    count: int = 0
    total: float = 0.0
    most: float = 0.0

    def add(self, rate: float) -> None:
        """Add a sample. Impossible ones are dropped."""
        if 0 < rate < 1000:
            self.count += 1
            self.total += rate
            self.most = max(self.most, rate)

    @property
    def average(self) -> float | None:
        """The average; None without samples."""
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class Recording:
    """A workout of a file.

    Attributes:
        kind: The file's own name of the sport, such as `running`; empty if it has none.
        title: What the person or the app called it.
        start: When it began, in milliseconds since the epoch; None as long as it is unknown.
        end: When it ended.
        seconds: How long it lasted without pauses, if the file says so.
        device: The maker's name of the device or app.
        offset: The offset from UTC in milliseconds.
        measured: What the file says of it, by the names of the activity's fields and in their units.
        line: Its points.
        heart: The samples of its heart rate.
        cadence: The samples of its cadence, in turns or double steps per minute.
    """

    kind: str = ""
    title: str = ""
    start: int | None = None
    end: int | None = None
    seconds: float | None = None
    device: str = ""
    offset: int | None = None
    measured: dict[str, float] = field(default_factory=dict)
    line: RecordedLine = field(default_factory=RecordedLine)
    heart: Rates = field(default_factory=Rates)
    cadence: Rates = field(default_factory=Rates)

    def saw(self, moment: int) -> None:
        """Note that something was recorded at a moment."""
        self.start = moment if self.start is None else min(self.start, moment)
        self.end = moment if self.end is None else max(self.end, moment)


def is_moment(moment: int | None) -> bool:
    """Return whether a moment in milliseconds since the epoch can be one at which somebody recorded a workout."""
    return moment is not None and _FIRST_MOMENT <= moment < _LAST_MOMENT


def sport_name(kind: str) -> str:
    """Return the English name of a sport as files write it, such as `trail_running`, `TrailRun` or `VIRTUAL_RIDE`."""
    words = [word for word in _WORDS.split(kind) if word and word.isprintable()]
    name = " ".join(words)[:MAX_TITLE_CHARACTERS].casefold()
    return name[:1].upper() + name[1:] if name and name not in ("generic", "other", "unknown") else UNKNOWN_SPORT


def objects_of(
    recording: Recording, account: SourceAccount, own_id: str | None = None, *, has_activity: bool = True
) -> Iterator[Mapped]:
    """Yield the activity of a recording, and its route if it has points.

    Args:
        recording: The recording. Its `start` is known.
        account: The account.
        own_id: The provider's id; without one, the start is the id, so that the same workout in another format is the
            same activity.
        has_activity: Whether to yield the activity; without it only the route.
    """
    start = recording.start
    assert start is not None
    end = max(start, recording.end or start)
    own_id = own_id or str(start // 1000)
    if has_activity:
        yield ObjectType.ACTIVITY, _activity(recording, account, own_id, start, end)
    line = recording.line
    if len(line):
        coordinates = line.coordinates()
        yield (
            ObjectType.ROUTE,
            account.thing(
                f"route_{own_id}",
                start,
                enddate=end,
                activityentityid=f"{account.entity_id}_{own_id}",
                geometry={"type": "LineString", "coordinates": coordinates},
                coordtimes=line.moments.tolist() if line.has_all_moments else None,
            ),
        )


def _activity(recording: Recording, account: SourceAccount, own_id: str, start: int, end: int) -> dict[str, object]:
    seconds = recording.seconds if recording.seconds is not None else (end - start) / 1000
    place = recording.line.start()
    measured = dict(recording.measured)
    measured.setdefault("distance", recording.line.kilometres)
    for name, rates in (("heartrate", recording.heart), (cadence_field(recording.kind), recording.cadence)):
        if rates.average is not None:
            factor = STEPS_PER_TURN if name == RUN_CADENCE else 1
            measured.setdefault("averageheartrate" if name == "heartrate" else name, rates.average * factor)
            measured.setdefault(f"max{name}", rates.most * factor)
    if measured["distance"] and seconds and "speed" not in measured:
        measured["speed"] = measured["distance"] / seconds * 3600
    known = {name: round(value, 3) for name, value in measured.items() if 0 < value <= MOST.get(name, MOST_OF_OTHERS)}
    if "steps" in known:
        known["steps"] = int(known["steps"])
    return account.thing(
        own_id,
        start,
        originalstartdate=start,
        starttimeoffset=recording.offset,
        activityname=sport_name(recording.kind),
        activitytypeid=recording.kind[:MAX_TITLE_CHARACTERS] or "unknown",
        title=recording.title[:MAX_TITLE_CHARACTERS],
        duration=max(0, round(seconds * 1000)),
        startinglatitude=place[0] if place else None,
        startinglongitude=place[1] if place else None,
        logtype="device",
        source={"name": recording.device[:MAX_TITLE_CHARACTERS]} if recording.device else None,
        **known,
    )


def is_on_foot(kind: str) -> bool:
    """Return whether a sport is one in which people take steps."""
    return any(word in kind.casefold() for word in ("run", "walk", "hik"))


def cadence_field(kind: str) -> str:
    """Return the name of an activity's field for the cadence of a sport."""
    if is_on_foot(kind):
        return RUN_CADENCE
    return "swimcadence" if "swim" in kind.casefold() else "bikecadence"
