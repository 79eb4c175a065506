"""Sums of a day, in which what a watch and a phone counted at the same time counts once.

Every sample is kept in sixteen bytes until the end: exports are in no order that could be relied on.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from privateshare.sources.apple_health.clock import DAY_SECONDS, Clock, day_of, midnight_utc, offset_seconds
from privateshare.sources.apple_health.devices import Device, Rank, device_of

MAX_DEVICES = 1 << 12
MAX_SAMPLE_VALUE = 1e9  # Larger values count as damage.
MAX_SAMPLE_DAYS = 20  # Longer samples say nothing about a single day.

_SHIFT = 2 * DAY_SECONDS  # Local days begin up to fourteen hours before the day in UTC.
_LENGTH_BITS, _DEVICE_BITS = 20, 16
_START_BITS = _LENGTH_BITS + _DEVICE_BITS
_ENTERED = 1 << (_DEVICE_BITS - 1)
_LENGTH_MASK, _DEVICE_MASK = (1 << _LENGTH_BITS) - 1, (1 << _DEVICE_BITS) - 1

_Interval = tuple[int, int]
_Sample = tuple[int, int, float]


class _Bucket:
    """The samples of one day: when, how long and of which device packed into one number, and the values."""

    __slots__ = ("keys", "since", "values")

    def __init__(self, day: str) -> None:
        self.since = midnight_utc(day) - _SHIFT
        self.keys = array("Q")
        self.values = array("d")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where samples of one day go whose dates have one offset from UTC."""

    bucket: _Bucket
    midnight: int


@dataclass(slots=True)
class LastSample:
    """Where the sample that was added last went."""

    bucket: _Bucket | None = None

    def was_entered(self) -> None:
        """Note that the person entered it."""
        if self.bucket is not None:
            self.bucket.keys[-1] |= _ENTERED


class DayTotals:
    """Collects the samples of one kind, such as steps, and adds up each day."""

    def __init__(
        self, clock: Clock, devices: "DeviceNumbers", factors: Mapping[str, float], last: LastSample | None = None
    ) -> None:
        self._clock, self._devices, self._factors = clock, devices, factors
        self._days: dict[str, _Bucket] = {}
        self._last = last or LastSample()

    def adder(self) -> Callable[[Mapping[str, str]], None]:
        """Return what takes a record. What crosses midnight is shared out by time.

        It is called millions of times, so everything that it needs is at hand: nearly all samples begin and end on one
        day, of which two pieces of text tell where they go.

        Returns:
            A function that raises ValueError or KeyError if the record has no value or dates, or impossible ones.
        """
        factors, times, new_place, last_sample = self._factors, self._clock.times, self._new_place, self._last
        places, number_of = dict[str, _Place](), self._devices.number_of
        known_source, known_device, number = "", None, -1
        known_day = known_zone = ""
        midnight, keys, values, bucket = 0, array("Q"), array("d"), None

        def add(record: Mapping[str, str]) -> None:
            nonlocal known_source, known_device, number, known_day, known_zone, midnight, keys, values, bucket
            value = float(record["value"]) * factors[record.get("unit", "")]
            if not 0 <= value <= MAX_SAMPLE_VALUE:
                raise ValueError("a value that nobody reaches")
            source, device = record["sourceName"], record.get("device")
            if source != known_source or device != known_device or number < 0:
                known_source, known_device, number = source, device, number_of(record)
            first, last = record["startDate"], record["endDate"]
            day, zone = first[:10], first[19:]
            begins, ends = times.get(first[11:19]), times.get(last[11:19])
            if last[:10] != day or last[19:] != zone or begins is None or ends is None:
                return self._add_elsewhere(first, last, number, value)
            if ends < begins:
                raise ValueError("it ends before it begins")
            if day != known_day or zone != known_zone:
                place = places.get(day + zone)
                if place is None:
                    place = places[day + zone] = new_place(day, first)
                known_day, known_zone, midnight, bucket = day, zone, place.midnight, place.bucket
                keys, values = bucket.keys, bucket.values
            keys.append((midnight + begins) << _START_BITS | (ends - begins) << _DEVICE_BITS | number)
            values.append(value)
            last_sample.bucket = bucket
            return None

        return add

    def _new_place(self, day: str, first: str) -> "_Place":
        bucket = self._bucket(day)
        start = self._clock.seconds(first)
        return _Place(bucket, start - self._clock.times[first[11:19]] - bucket.since)

    def _bucket(self, day: str) -> _Bucket:
        bucket = self._days.get(day)
        if bucket is None:
            bucket = self._days[day] = _Bucket(day)
        return bucket

    def _add_elsewhere(self, first: str, last: str, device: int, value: float) -> None:
        """Add a sample that crosses midnight or a change of the clocks, or is at a time of day not seen before."""
        start, end = self._clock.seconds(first), self._clock.seconds(last)
        if not 0 <= end - start <= MAX_SAMPLE_DAYS * DAY_SECONDS:
            raise ValueError("it ends before it begins, or lasts for weeks")
        self._share_out(offset_seconds(last), start, end, device, value)

    def _share_out(self, offset: int, start: int, end: int, device: int, value: float) -> None:
        part_start = start
        while True:
            midnight = (part_start + offset) // DAY_SECONDS * DAY_SECONDS - offset
            part_end = min(end, midnight + DAY_SECONDS)
            bucket = self._last.bucket = self._bucket(day_of(part_start + offset))
            share = (part_end - part_start) / (end - start) if end > start else 1.0
            since = part_start - bucket.since
            bucket.keys.append(since << _START_BITS | (part_end - part_start) << _DEVICE_BITS | device)
            bucket.values.append(value * share)
            part_start = part_end
            if part_start >= end:
                return

    def days(self) -> Iterator[str]:
        """Yield every day with samples."""
        return iter(self._days)

    def total(self, day: str) -> float | None:
        """Add up a day, or None if there is nothing of it."""
        bucket = self._days.get(day)
        return None if bucket is None else _total(bucket, self._devices)


class DeviceNumbers:
    """Gives each device and app a number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str | None], int] = {}
        self._places: dict[Device, int] = {}
        self.devices: list[Device] = []

    def number_of(self, record: Mapping[str, str]) -> int:
        """Return the number of a record's device.

        Raises:
            ValueError: There are more devices than any person has.
        """
        key = (record.get("sourceName", ""), record.get("device"))
        number = self._numbers.get(key)
        if number is None:
            number = self._new(key)
        return number

    def _new(self, key: tuple[str, str | None]) -> int:
        device = device_of(*key)
        # Apple's descriptions contain a memory address, which differs in each export.
        number = self._places.get(device, len(self.devices))
        if number == len(self.devices):
            if number >= MAX_DEVICES - 1:
                raise ValueError("more devices than any person has")
            self.devices.append(device)
            self._places[device] = number
        if len(self._numbers) < MAX_DEVICES:
            self._numbers[key] = number
        return number


def _total(bucket: _Bucket, devices: DeviceNumbers) -> float:
    keys, values = bucket.keys, bucket.values
    if len({key & _DEVICE_MASK for key in keys}) == 1:
        if len(set(keys)) == len(keys):
            return sum(values)
        return sum(value for _, value in sorted(set(zip(keys, values, strict=True))))
    by_device: defaultdict[int, set[_Sample]] = defaultdict(set)  # A set, because the same sample may occur twice.
    for key, value in zip(keys, values, strict=True):
        start = key >> _START_BITS
        by_device[key & _DEVICE_MASK].add((start, start + (key >> _DEVICE_BITS & _LENGTH_MASK), value))
    total, covered = 0.0, list[_Interval]()
    for _, samples in sorted(by_device.items(), key=lambda one: _precedence(one[0], one[1], devices)):
        ordered = sorted(samples)
        total += _outside(ordered, covered)
        covered = _union(covered, ordered)
    return total


def _precedence(number: int, samples: set[_Sample], devices: DeviceNumbers) -> tuple[int, float, str]:
    """Order devices: by rank, then those that measured more first, then by name, so that it is always the same."""
    device = devices.devices[number & ~_ENTERED]
    rank = Rank.ENTERED if number & _ENTERED else device.rank
    return rank, -sum(value for _, _, value in samples), device.name


def _outside(samples: Sequence[_Sample], covered: Sequence[_Interval]) -> float:
    """Add up the shares of samples that are outside of what other devices covered. Both are in order."""
    total, at = 0.0, 0
    for start, end, value in samples:
        while at < len(covered) and covered[at][1] <= start:
            at += 1
        if start == end:
            total += 0.0 if at < len(covered) and covered[at][0] <= start else value
            continue
        inside, ahead = 0, at
        while ahead < len(covered) and covered[ahead][0] < end:
            inside += min(end, covered[ahead][1]) - max(start, covered[ahead][0])
            ahead += 1
        total += value * (1 - inside / (end - start))
    return total


def _union(covered: Sequence[_Interval], samples: Sequence[_Sample]) -> list[_Interval]:
    merged: list[_Interval] = []
    for start, end in sorted([*covered, *((start, end) for start, end, _ in samples if start < end)]):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
