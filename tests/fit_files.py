"""FIT files for tests: workouts, and what watches write all day."""

from datetime import UTC, datetime

from privateshare.sources.workouts.sample.fit_writing import ENUM as ENUM
from privateshare.sources.workouts.sample.fit_writing import SINT16 as SINT16
from privateshare.sources.workouts.sample.fit_writing import SINT32 as SINT32
from privateshare.sources.workouts.sample.fit_writing import UINT8 as UINT8
from privateshare.sources.workouts.sample.fit_writing import UINT16 as UINT16
from privateshare.sources.workouts.sample.fit_writing import UINT32 as UINT32
from privateshare.sources.workouts.sample.fit_writing import fit as fit
from privateshare.sources.workouts.sample.fit_writing import message as message
from privateshare.sources.workouts.sample.fit_writing import seconds as seconds

FILE_ID, SESSION, RECORD, ACTIVITY = 0, 18, 20, 34
RUNNING, CYCLING = 1, 2


def semicircles(degrees: float) -> int:
    return round(degrees * 2**31 / 180)


def point(moment: datetime, latitude: float = 52.0, longitude: float = 5.0, heart: int = 140) -> bytes:
    """A point, at 20 m of height."""
    place = [(0, SINT32, semicircles(latitude)), (1, SINT32, semicircles(longitude)), (2, UINT16, (20 + 500) * 5)]
    return message(RECORD, [(253, UINT32, seconds(moment)), *place, (3, UINT8, heart)])


def session(start: datetime, lasted: int, sport: int = RUNNING, metres: int = 1000) -> bytes:
    """A session of so many seconds."""
    times = [(253, UINT32, seconds(start) + lasted), (2, UINT32, seconds(start)), (7, UINT32, lasted * 1000)]
    rates = [(16, UINT8, 150), (17, UINT8, 170), (18, UINT8, 85), (11, UINT16, 99)]
    return message(SESSION, [*times, (8, UINT32, lasted * 1000), (5, ENUM, sport), (9, UINT32, metres * 100), *rates])


def file_id() -> bytes:
    """The head of an activity by Garmin."""
    return message(FILE_ID, [(0, ENUM, 4), (1, UINT16, 1)])


def activity(moment: datetime, offset_hours: int) -> bytes:
    """The last message, with the local time."""
    local = seconds(moment) + offset_hours * 3600
    return message(ACTIVITY, [(253, UINT32, seconds(moment)), (5, UINT32, local)])


def run(start: datetime, lasted: int = 600) -> bytes:
    """A run with a point each minute."""
    points = [
        point(datetime.fromtimestamp(start.timestamp() + second, UTC), 52 + second / 100_000)
        for second in range(0, lasted + 1, 60)
    ]
    return fit([file_id(), *points, session(start, lasted), activity(start, 2)])
