"""Workouts in FIT files, which Garmin, Wahoo, Coros, Suunto and others write. The library fitdecode decodes them."""

import struct
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from fitdecode import CrcCheck, ErrorHandling, FitDataMessage, FitReader
from fitdecode.exceptions import FitError
from fitdecode.types import DevField

from privateshare.sources.object_building import in_a_zone
from privateshare.sources.workouts.recording import (
    RUN_CADENCE,
    STEPS_PER_TURN,
    Recording,
    cadence_field,
    is_moment,
)

# What fitdecode raises for damaged files. A damaged definition can lead to nearly any error in it.
FIT_ERRORS = (
    *(FitError, struct.error, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError),
    AssertionError,  # The library expects that the lengths in a file agree.
)
FIT_SIGNATURE, SIGNATURE_AT = b".FIT", 8
SEMICIRCLES_PER_DEGREE = 2**31 / 180
MAX_SESSIONS = 1000
DAY_MILLISECONDS = 86_400_000

# The fields of a session by those of an activity, the better one first, and the factors to their units.
_MEASURES = {
    "distance": (("total_distance",), 0.001),
    "calories": (("total_calories",), 1.0),
    "averageheartrate": (("avg_heart_rate",), 1.0),
    "maxheartrate": (("max_heart_rate",), 1.0),
    "speed": (("enhanced_avg_speed", "avg_speed"), 3.6),
    "maxspeed": (("enhanced_max_speed", "max_speed"), 3.6),
    "elevationgain": (("total_ascent",), 1.0),
    "totalelevationloss": (("total_descent",), 1.0),
}

Message = dict[str, Any]


class FitFault(Exception):
    """The rest of a file cannot be read."""


def is_fit(start: bytes) -> bool:
    """Return whether a file is FIT, by its first bytes."""
    return start[SIGNATURE_AT : SIGNATURE_AT + len(FIT_SIGNATURE)] == FIT_SIGNATURE


def messages_of(stream: IO[bytes]) -> Iterator[tuple[str, Message]]:
    """Yield the messages of a file: their names and their values by field.

    Raises:
        FitFault: The rest of the file cannot be read.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            FitReader(stream, check_crc=CrcCheck.DISABLED, error_handling=ErrorHandling.IGNORE) as reader,
        ):
            for frame in reader:
                if isinstance(frame, FitDataMessage):
                    yield frame.name, _values(frame)
    except FIT_ERRORS as error:
        raise FitFault from error


def _values(frame: FitDataMessage) -> Message:
    """Return the values by field. Fields of apps are left out: their names can be those of standard fields."""
    return {
        field.name: field.value
        for field in frame.fields
        if field.value is not None and not isinstance(field.field, DevField)
    }


class FitRecordings:
    """The workouts of one FIT file. There are none in files of other things, such as settings."""

    def __init__(self) -> None:
        self._points = Recording()
        self._sessions: list[Message] = []
        self._device = ""
        self._offset: int | None = None

    def take(self, name: str, message: Message) -> None:
        """Take a message."""
        if name == "record":
            self._take_point(message)
        elif name == "session" and len(self._sessions) < MAX_SESSIONS:
            self._sessions.append(message)
        elif name == "file_id":
            maker, product = message.get("manufacturer"), message.get("garmin_product", message.get("product_name"))
            self._device = " ".join(str(part).replace("_", " ") for part in (maker, product) if isinstance(part, str))
        elif name == "activity":
            self._offset = _offset(message)

    def recordings(self) -> list[Recording]:
        """Return the workouts: one for each session, or one of the points if a damaged file has no sessions left."""
        sessions = self._dated_sessions()
        if not sessions:
            points = self._points
            points.device, points.offset = self._device, self._offset
            return [points] if points.start is not None and points.end != points.start else []
        return [self._of_session(session, span, is_only=len(sessions) == 1) for session, span in sessions]

    @property
    def timeless(self) -> int:
        """How many sessions a device recorded that did not know the time."""
        return len(self._sessions) - len(self._dated_sessions())

    def _dated_sessions(self) -> list[tuple[Message, tuple[int, int]]]:
        return [(session, span) for session in self._sessions if (span := _span(session)) is not None]

    def _of_session(self, session: Message, span: tuple[int, int], *, is_only: bool) -> Recording:
        start, end = span
        found = Recording(device=self._device, offset=self._offset, start=start, end=end)
        found.line = self._points.line if is_only else self._points.line.between(start, end)
        if is_only:
            found.heart = self._points.heart
        _fill(found, session)
        return found

    def _take_point(self, message: Message) -> None:
        moment = moment_of(message.get("timestamp"))
        if moment is None:
            return
        self._points.saw(moment)
        latitude, longitude = _number(message, "position_lat"), _number(message, "position_long")
        if latitude is not None and longitude is not None:
            height = _number(message, "enhanced_altitude", "altitude")
            self._points.line.add(latitude / SEMICIRCLES_PER_DEGREE, longitude / SEMICIRCLES_PER_DEGREE, height, moment)
        if (rate := _number(message, "heart_rate")) is not None:
            self._points.heart.add(rate)


def moment_of(value: object) -> int | None:
    """Return a time of a FIT file in milliseconds since the epoch; None if it is not one."""
    if not isinstance(value, datetime):
        return None
    moment = round(in_a_zone(value).timestamp() * 1000)
    return moment if is_moment(moment) else None


def _span(session: Message) -> tuple[int, int] | None:
    start, end = moment_of(session.get("start_time")), moment_of(session.get("timestamp"))
    start = start if start is not None else end
    if start is None:
        return None
    elapsed = _number(session, "total_elapsed_time", "total_timer_time") or 0.0
    if 0 < elapsed < 400 * DAY_MILLISECONDS / 1000:
        end = start + round(elapsed * 1000)
    return start, max(start, end or start)


def _fill(recording: Recording, session: Message) -> None:
    sport, sub = session.get("sport"), session.get("sub_sport")
    names = [one for one in (sub, sport) if isinstance(one, str) and one not in ("generic", "all")]
    # A sub-sport such as `trail` does not name its sport, and some, such as `road`, say little without it.
    recording.kind = "_".join(dict.fromkeys(names)) if names else (sport if isinstance(sport, str) else "")
    if len(names) == 2 and any(word in names[0] for word in names[1].split("_")):
        recording.kind = names[0]
    profile = session.get("sport_profile_name")
    recording.title = profile if isinstance(profile, str) else ""
    recording.seconds = _number(session, "total_timer_time", "total_elapsed_time")
    for field, (sources, factor) in _MEASURES.items():
        if (value := _number(session, *sources)) is not None:
            recording.measured[field] = value * factor
    if (strides := _number(session, "total_strides")) is not None:
        recording.measured["steps"] = strides * STEPS_PER_TURN
    name = cadence_field(recording.kind)
    factor = STEPS_PER_TURN if name == RUN_CADENCE else 1
    for source, target in (("avg", name), ("max", f"max{name}")):
        if (cadence := _number(session, f"{source}_running_cadence", f"{source}_cadence")) is not None:
            recording.measured[target] = cadence * factor


def _offset(message: Message) -> int | None:
    """Return the offset from UTC by the local time of the message; None if it has none that a place can have."""
    moment, local = moment_of(message.get("timestamp")), message.get("local_timestamp")
    local_moment = moment_of(local)
    if moment is None or local_moment is None:
        return None
    quarters = round((local_moment - moment) / 900_000)
    return quarters * 900_000 if -48 <= quarters <= 56 else None


def _number(message: Message, *names: str) -> float | None:
    for name in names:
        value = message.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
