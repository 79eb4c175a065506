"""The workouts of GPX, TCX and KML files."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from privateshare.sources.object_building import in_a_zone
from privateshare.sources.workouts.recording import Recording, is_moment

MAX_PLACES_IN_TEXT = 500_000
MAX_LAP_SECONDS = 400 * 86_400
# Strava's numbers of sports, which it writes into GPX files.
GPX_SPORTS = {"1": "Ride", "2": "AlpineSki", "4": "Hike", "9": "Run", "10": "Walk", "16": "Swim"}
TCX_MEASURES = {"DistanceMeters": ("distance", 0.001), "Calories": ("calories", 1.0)}

Starts = Mapping[str, Callable[[list[str], Mapping[str, str]], None]]
Ends = Mapping[str, Callable[[list[str], str], None]]

_FRACTION = re.compile(r"[.,](\d+)")


class TrackFormat(Protocol):
    """What to call for the elements of a format, by their names."""

    starts: Starts
    ends: Ends


class Tracks:
    """A receiver of the elements of one file, which collects its recordings. `ready` has those that are complete.

    Attributes:
        ready: The recordings that the file has been read to the end of. Take them out.
        timeless: The number of tracks without times, such as planned routes.
        waypoints: The number of places that the person marked.
        is_track_file: Whether the file is GPX, TCX or KML.
    """

    def __init__(self) -> None:
        self.ready: list[Recording] = []
        self.timeless = self.waypoints = 0
        self.is_track_file = False
        self._current: Recording | None = None
        self._creator = ""
        self._starts: Starts = {}
        self._ends: Ends = {}

    def start(self, path: list[str], attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""
        if not self.is_track_file and len(path) == 1:
            self._choose(path[0], attributes)
        handler = self._starts.get(path[-1])
        if handler is not None:
            handler(path, attributes)

    def end(self, path: list[str], text: str) -> None:
        """Take the end of an element. Values that cannot be read are dropped."""
        handler = self._ends.get(path[-1])
        if handler is not None:
            with suppress(ValueError, OverflowError):
                handler(path, text)

    def finish(self) -> None:
        """Complete the recording that a damaged file ends in."""
        recording, self._current = self._current, None
        if recording is None:
            return
        if recording.start is None:
            self.timeless += bool(len(recording.line))
        else:
            self.ready.append(recording)

    def _choose(self, root: str, attributes: Mapping[str, str]) -> None:
        if root not in FORMATS:
            return
        self.is_track_file = True
        chosen = FORMATS[root](self)
        self._starts, self._ends = chosen.starts, chosen.ends
        self._creator = attributes.get("creator", "")

    def begin(self, kind: str = "") -> Recording:
        """Begin a recording."""
        self.finish()
        self._current = Recording(kind=kind, device=self._creator)
        return self._current

    @property
    def current(self) -> Recording | None:
        """The recording that the file is in."""
        return self._current


class _Point:
    """A point that is being read."""

    def __init__(self, latitude: float | None = None, longitude: float | None = None) -> None:
        self.latitude, self.longitude = latitude, longitude
        self.height: float | None = None
        self.moment: int | None = None

    def add_to(self, recording: Recording) -> None:
        """Add it to a recording."""
        if self.moment is not None:
            recording.saw(self.moment)
        if self.latitude is not None and self.longitude is not None:
            recording.line.add(self.latitude, self.longitude, self.height, self.moment)


class _GpxFormat:
    """GPX 1.0 and 1.1, with the extensions of Garmin and others for the heart rate and the cadence."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks, self._point = tracks, _Point()
        self._seconds = 0.0  # The time in the segments of the track: between them is a pause.
        self._segment_start: int | None = None
        self._segment_end = 0
        self.starts: Starts = {
            "trk": self._track,
            "rte": self._planned,
            "wpt": self._waypoint,
            "trkseg": self._segment,
            "trkpt": self._begin_point,
        }
        self.ends: Ends = {
            "trkpt": self._end_point,
            "trkseg": self._end_segment,
            "trk": self._end_track,
            "time": self._time,
            "ele": self._height,
            "hr": self._heart,
            "heartrate": self._heart,
            "cad": self._cadence,
            "cadence": self._cadence,
            "name": self._name,
            "type": self._type,
        }

    def _waypoint(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._tracks.waypoints += 1

    def _track(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._tracks.begin()
        self._seconds = 0.0

    def _planned(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._tracks.timeless += 1

    def _segment(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._segment_start = None
        if (recording := self._tracks.current) is not None:
            recording.line.interrupt()

    def _begin_point(self, _path: list[str], attributes: Mapping[str, str]) -> None:
        self._point = _Point()
        with suppress(ValueError):
            self._point = _Point(float(attributes.get("lat", "")), float(attributes.get("lon", "")))

    def _end_point(self, _path: list[str], _text: str) -> None:
        recording, point = self._tracks.current, self._point
        if recording is None:
            return
        point.add_to(recording)
        if point.moment is not None:
            self._segment_start = point.moment if self._segment_start is None else self._segment_start
            self._segment_end = point.moment

    def _end_segment(self, _path: list[str], _text: str) -> None:
        if self._segment_start is not None:
            self._seconds += max(0, self._segment_end - self._segment_start) / 1000

    def _end_track(self, _path: list[str], _text: str) -> None:
        if (recording := self._tracks.current) is not None and self._seconds:
            recording.seconds = self._seconds
        self._tracks.finish()

    def _time(self, path: list[str], text: str) -> None:
        if "trkpt" in path:
            self._point.moment = moment_of(text)

    def _height(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["trkpt"]:
            self._point.height = float(text)

    def _heart(self, path: list[str], text: str) -> None:
        if "trkpt" in path and (recording := self._tracks.current) is not None:
            recording.heart.add(float(text))

    def _cadence(self, path: list[str], text: str) -> None:
        if "trkpt" in path and (recording := self._tracks.current) is not None:
            recording.cadence.add(float(text))

    def _name(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["trk"] and (recording := self._tracks.current) is not None:
            recording.title = text

    def _type(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["trk"] and (recording := self._tracks.current) is not None:
            recording.kind = GPX_SPORTS.get(text, text)


class _TcxFormat:
    """Garmin's Training Center format."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks, self._point = tracks, _Point()
        self.starts: Starts = {
            "Activity": self._activity,
            "Lap": self._lap,
            "Track": self._track,
            "Trackpoint": self._begin_point,
            "Course": self._planned,
        }
        self.ends: Ends = {
            "Activity": self._end_activity,
            "Trackpoint": self._end_point,
            "Time": self._time,
            "LatitudeDegrees": self._latitude,
            "LongitudeDegrees": self._longitude,
            "AltitudeMeters": self._height,
            "Value": self._value,
            "Cadence": self._cadence,
            "RunCadence": self._cadence,
            "TotalTimeSeconds": self._seconds,
            "DistanceMeters": self._measure,
            "Calories": self._measure,
            "MaximumSpeed": self._fastest,
            "Name": self._name,
            "Id": self._id,
        }

    def _activity(self, _path: list[str], attributes: Mapping[str, str]) -> None:
        self._tracks.begin(attributes.get("Sport", ""))

    def _planned(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._tracks.timeless += 1

    def _lap(self, _path: list[str], attributes: Mapping[str, str]) -> None:
        moment = moment_of(attributes.get("StartTime", ""))
        if moment is not None and (recording := self._tracks.current) is not None:
            recording.saw(moment)

    def _track(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        if (recording := self._tracks.current) is not None:
            recording.line.interrupt()

    def _begin_point(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._point = _Point()

    def _end_point(self, _path: list[str], _text: str) -> None:
        if (recording := self._tracks.current) is not None:
            self._point.add_to(recording)

    def _end_activity(self, _path: list[str], _text: str) -> None:
        recording = self._tracks.current
        if recording is not None and recording.start is not None and recording.seconds is not None:
            recording.saw(recording.start + round(recording.seconds * 1000))
        self._tracks.finish()

    def _time(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["Trackpoint"]:
            self._point.moment = moment_of(text)

    def _id(self, path: list[str], text: str) -> None:
        moment = moment_of(text) if path[-2:-1] == ["Activity"] else None
        if moment is not None and (recording := self._tracks.current) is not None:
            recording.saw(moment)

    def _latitude(self, path: list[str], text: str) -> None:
        if "Trackpoint" in path:
            self._point.latitude = float(text)

    def _longitude(self, path: list[str], text: str) -> None:
        if "Trackpoint" in path:
            self._point.longitude = float(text)

    def _height(self, path: list[str], text: str) -> None:
        if "Trackpoint" in path:
            self._point.height = float(text)

    def _value(self, path: list[str], text: str) -> None:
        recording, parent = self._tracks.current, path[-2] if len(path) > 1 else ""
        if recording is None:
            return
        if parent == "HeartRateBpm":
            recording.heart.add(float(text))
        elif parent == "MaximumHeartRateBpm":
            rate = float(text)
            recording.measured["maxheartrate"] = max(rate, recording.measured.get("maxheartrate", 0.0))

    def _cadence(self, path: list[str], text: str) -> None:
        if "Trackpoint" in path and (recording := self._tracks.current) is not None:
            recording.cadence.add(float(text))

    def _seconds(self, path: list[str], text: str) -> None:
        recording, seconds = self._tracks.current, float(text)
        if path[-2:-1] == ["Lap"] and recording is not None and 0 < seconds < MAX_LAP_SECONDS:
            recording.seconds = (recording.seconds or 0.0) + seconds

    def _measure(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["Lap"] and (recording := self._tracks.current) is not None:
            name, factor = TCX_MEASURES[path[-1]]
            recording.measured[name] = recording.measured.get(name, 0.0) + float(text) * factor

    def _fastest(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["Lap"] and (recording := self._tracks.current) is not None:
            speed = float(text) * 3.6
            recording.measured["maxspeed"] = max(speed, recording.measured.get("maxspeed", 0.0))

    def _name(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["Creator"] and (recording := self._tracks.current) is not None:
            recording.device = text


class _KmlFormat:
    """KML: the tracks of Google's extension, and lines of which the place says when they were."""

    def __init__(self, tracks: Tracks) -> None:
        self._tracks = tracks
        self._moments: list[int | None] = []
        self._number = 0
        self.starts: Starts = {"Placemark": self._place, "Track": self._track}
        self.ends: Ends = {
            "Placemark": self._end_place,
            "when": self._when,
            "begin": self._when,
            "end": self._when,
            "coord": self._coordinate,
            "coordinates": self._coordinates,
            "name": self._name,
        }

    def _place(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._tracks.begin()

    def _track(self, _path: list[str], _attributes: Mapping[str, str]) -> None:
        self._moments, self._number = [], 0
        if (recording := self._tracks.current) is not None:
            recording.line.interrupt()

    def _when(self, path: list[str], text: str) -> None:
        recording, moment = self._tracks.current, moment_of(text)
        if recording is None:
            return
        if "Track" in path:
            self._moments.append(moment)
        if moment is not None:
            recording.saw(moment)

    def _coordinate(self, _path: list[str], text: str) -> None:
        moment = self._moments[self._number] if self._number < len(self._moments) else None
        self._number += 1
        self._add(text.split(), moment)

    def _coordinates(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["LineString"]:
            for place in text.split()[:MAX_PLACES_IN_TEXT]:
                with suppress(ValueError):
                    self._add(place.split(","), None)

    def _add(self, parts: list[str], moment: int | None) -> None:
        if (recording := self._tracks.current) is not None and len(parts) > 1:
            height = float(parts[2]) if len(parts) > 2 else None
            recording.line.add(float(parts[1]), float(parts[0]), height, moment)

    def _name(self, path: list[str], text: str) -> None:
        if path[-2:-1] == ["Placemark"] and (recording := self._tracks.current) is not None:
            recording.title = text

    def _end_place(self, _path: list[str], _text: str) -> None:
        recording = self._tracks.current
        if recording is not None and not len(recording.line):
            recording.start = None  # A place on a map is no workout.
        self._tracks.finish()


FORMATS: Mapping[str, Callable[[Tracks], TrackFormat]] = {
    "gpx": _GpxFormat,
    "TrainingCenterDatabase": _TcxFormat,
    "kml": _KmlFormat,
}
"""The formats, by the names of their root elements."""


def moment_of(text: str) -> int | None:
    """Read a time such as `2026-03-04T05:06:07.123Z`, in milliseconds since the epoch; None if it is not one.

    Times without a zone are in UTC, as the formats say.
    """
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1][:6]}", text.strip()))
        found = round(in_a_zone(moment).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return found if is_moment(found) else None
