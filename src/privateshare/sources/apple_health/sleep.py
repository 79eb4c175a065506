"""Sleep (303). For each night, only the segments of the best device are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from privateshare.sources.apple_health.clock import Clock, day_of, offset_seconds
from privateshare.sources.apple_health.day_totals import DeviceNumbers
from privateshare.sources.apple_health.devices import Rank
from privateshare.sources.apple_health.reader import CATEGORY, Attributes

RECORD = f"{CATEGORY}SleepAnalysis"
LONGEST_GAP_SECONDS = 2 * 3600  # Segments with a longer gap belong to different sleeps.
MAX_SEGMENTS = 500_000
MAX_SEGMENT_SECONDS = 36 * 3600

_VALUE = "HKCategoryValueSleepAnalysis"
IN_BED, ASLEEP, AWAKE, LIGHT, DEEP, REM = "inbed", "asleep", "awake", "light", "deep", "rem"
_LEVELS = {
    "InBed": IN_BED,
    "Asleep": ASLEEP,
    "AsleepUnspecified": ASLEEP,
    "AsleepCore": LIGHT,
    "AsleepDeep": DEEP,
    "AsleepREM": REM,
    "Awake": AWAKE,
    "0": IN_BED,
    "1": ASLEEP,
    "2": AWAKE,
    "3": LIGHT,
    "4": DEEP,
    "5": REM,
}
_SLEPT = frozenset({ASLEEP, LIGHT, DEEP, REM})
_STAGES = frozenset({LIGHT, DEEP, REM})


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A part of a night."""

    start: int
    end: int
    level: str
    device: int
    offset: int


class Nights:
    """A collector of segments, which it groups into nights and naps."""

    def __init__(self, clock: Clock, devices: DeviceNumbers) -> None:
        self._clock, self._devices = clock, devices
        self._segments: set[Segment] = set()  # A set, because the same segment may occur twice.

    def add(self, record: Attributes) -> None:
        """Add a record.

        Raises:
            KeyError, ValueError: It has no time, an impossible one, or a value that is not known.
        """
        start, end = self._clock.seconds(record["startDate"]), self._clock.seconds(record["endDate"])
        level = _LEVELS[record["value"].removeprefix(_VALUE)]
        if not 0 <= end - start <= MAX_SEGMENT_SECONDS:
            raise ValueError("it ends before it begins, or lasts for days")
        if len(self._segments) >= MAX_SEGMENTS:
            raise ValueError("more than a life of nights")
        device = self._devices.number_of(record)
        self._segments.add(Segment(start, end, level, device, offset_seconds(record["endDate"])))

    def sleeps(self, account: str) -> Iterator[dict[str, Any]]:
        """Yield every sleep, oldest first."""
        for night in _nights(sorted(self._segments)):
            yield self._sleep(night, account)

    def _sleep(self, night: list[Segment], account: str) -> dict[str, Any]:
        by_device = [list(segments) for _, segments in groupby(sorted(night, key=_device), key=_device)]
        best = min(by_device, key=self._precedence)
        segments = _without_overlaps(best)
        start, end = best[0].start, max(segment.end for segment in best)
        seconds = {level: _seconds(segments, level) for level in (ASLEEP, LIGHT, DEEP, REM, AWAKE)}
        in_bed = _covered([segment for segment in night if segment.level == IN_BED]) or end - start
        offset = best[-1].offset
        has_stages = any(seconds[level] for level in _STAGES)
        found: dict[str, Any] = {
            "accountentityid": account,
            "entityid": f"{account}_sleep_{start}",
            "id": str(start),
            "createddate": start * 1000,
            "startdate": start * 1000,
            "enddate": end * 1000,
            "calendardate": day_of(end + offset),
            "starttimeoffsetinseconds": best[0].offset,
            "timeinbedinseconds": in_bed,
            "source": {"name": self._devices.devices[best[0].device].name},
            "sleeplevels": [
                {"level": one.level, "startdate": one.start * 1000, "enddate": one.end * 1000} for one in segments
            ],
        }
        slept = sum(seconds[level] for level in _SLEPT)
        if slept:
            found |= {"durationinseconds": slept, "awakedurationinseconds": seconds[AWAKE]}
        if has_stages:
            found |= {
                "lightsleepdurationinseconds": seconds[LIGHT],
                "deepsleepdurationinseconds": seconds[DEEP],
                "remsleepinseconds": seconds[REM],
                "unmeasurablesleepinseconds": seconds[ASLEEP],
            }
        return found

    def _precedence(self, segments: list[Segment]) -> tuple[int, Rank, int, str]:
        """Order devices: those that tell stages first, then those that tell sleep; a watch before a phone."""
        levels = {segment.level for segment in segments}
        known = 0 if levels & _STAGES else 1 if levels & _SLEPT else 2
        device = self._devices.devices[segments[0].device]
        return known, device.rank, -_covered(segments), device.name


def _device(segment: Segment) -> int:
    return segment.device


def _nights(segments: list[Segment]) -> Iterator[list[Segment]]:
    """Group segments that overlap or nearly follow each other. They are in order."""
    night: list[Segment] = []
    end = 0
    for segment in segments:
        if night and segment.start - end > LONGEST_GAP_SECONDS:
            yield night
            night = []
        end = max(end, segment.end) if night else segment.end
        night.append(segment)
    if night:
        yield night


def _without_overlaps(segments: list[Segment]) -> list[Segment]:
    """Return the segments of a device; time in bed only if the device reports nothing else."""
    ordered = sorted(segment for segment in segments if segment.level != IN_BED)
    if not ordered:
        return sorted(segments)
    found: list[Segment] = []
    for segment in ordered:
        start = max(segment.start, found[-1].end) if found else segment.start
        if start < segment.end:
            found.append(Segment(start, segment.end, segment.level, segment.device, segment.offset))
    return found


def _seconds(segments: list[Segment], level: str) -> int:
    return sum(segment.end - segment.start for segment in segments if segment.level == level)


def _covered(segments: list[Segment]) -> int:
    """Return how many seconds segments cover together."""
    total, end = 0, 0
    for segment in sorted(segments):
        start = max(segment.start, end)
        total += max(0, segment.end - start)
        end = max(end, segment.end)
    return total
