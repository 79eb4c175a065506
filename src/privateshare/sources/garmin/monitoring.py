"""What watches write all day into FIT files: steps of each activity, heart rates, stress, and recognized movements.

A watch writes a file at each synchronization, and counts from local midnight on: a file continues the counts of the one
before. The files of an export are in no order. So all counts are kept until the end, in a few bytes each, and then
become epochs of fifteen minutes, as Garmin's own summaries have them.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.fitness_objects import body_composition
from privateshare.sources.object_building import Mapped, SourceAccount
from privateshare.sources.workouts.fit import Message, moment_of
from privateshare.sources.workouts.recording import is_moment, is_on_foot

EPOCH_SECONDS = 900
EPOCHS_PER_DAY = 96
MAX_SAMPLES = 8_000_000  # Twenty years of a watch that writes each minute.
MAX_DETECTED = 100_000
FIT_EPOCH_SECONDS = 631_065_600  # The first second of FIT's time, 1989-12-31, in Unix time.
MAX_HEART_RATE = 250
STRESS_FIELD = "timeoffsetstresslevelvalues"
_LOW_BITS = 0xFFFF


class TooMuch(Exception):
    """There are more samples than any watch writes."""


@dataclass(slots=True)
class _Counts:
    """The counts of one activity: when, and steps, metres, kilocalories and active seconds since midnight."""

    moments: "array[int]" = field(default_factory=lambda: array("I"))
    values: "array[float]" = field(default_factory=lambda: array("f"))


@dataclass(slots=True)
class _Epoch:
    steps: float = 0.0
    metres: float = 0.0
    kilocalories: float = 0.0
    active_seconds: float = 0.0


class Monitoring:
    """Collects the messages of all monitoring files of an export."""

    def __init__(self) -> None:
        self._counts: dict[str, _Counts] = {}
        self._stress = _Samples()
        self._hearts: dict[int, tuple[int, int, int]] = {}  # By epoch: how many samples, their sum, and the highest.
        self._detected: dict[int, tuple[int, str, str]] = {}
        self._weighings: dict[int, Message] = {}
        self._weighings_of_file: dict[int, Message] = {}
        self._last_seconds = 0
        self._size = 0

    def begin_file(self) -> None:
        """Forget the last full time, which the short times of a file refer to."""
        self._last_seconds = 0
        self._weighings_of_file = {}

    def end_file(self) -> int:
        """Keep the weighings of the file, unless several people used the scale; return how many are left out."""
        users = {message.get("user_profile_index") for message in self._weighings_of_file.values()}
        if len(users) > 1:
            return len(self._weighings_of_file)
        self._weighings |= self._weighings_of_file
        return 0

    def take(self, name: str, message: Message) -> bool:
        """Take a message, and return whether it is of use. Raises TooMuch."""
        moment = moment_of(message.get("timestamp"))
        if moment is not None:
            self._last_seconds = moment // 1000
        if name == "monitoring":
            return self._take_monitoring(message)
        if name == "stress_level":
            return self._take_stress(message)
        if name == "event" and message.get("event") == "auto_activity_detect":
            return self._take_detected(message)
        if name == "weight_scale" and moment is not None and len(self._weighings) < MAX_DETECTED:
            self._weighings_of_file[moment] = message
            return True
        return False

    def objects(self, account: SourceAccount) -> Iterator[Mapped]:
        """Yield epochs, recognized movements and weighings, oldest first."""
        yield from self._epochs(account)
        for start, (seconds, kind, sub) in sorted(self._detected.items()):
            yield (
                ObjectType.MOVE_IQ_SUMMARY,
                account.thing(
                    f"moveiq_{start // 1000}",
                    start,
                    startdate=start,
                    enddate=start + seconds * 1000,
                    durationinseconds=seconds,
                    activitytype=kind,
                    activitysubtype=sub,
                ),
            )
        for moment, message in sorted(self._weighings.items()):
            if (found := _weighing(message, moment, account)) is not None:
                yield found

    def stress_between(self, start: int, end: int) -> dict[str, int]:
        """Return the stress levels between two moments, by seconds since the first one."""
        listed = self._stress.between(start // 1000, end // 1000)
        return {str(seconds - start // 1000): round(level) for seconds, level in listed}

    def _take_monitoring(self, message: Message) -> bool:
        seconds = self._seconds_of(message)
        if seconds is None:
            return False
        rate = message.get("heart_rate")
        if isinstance(rate, int) and 0 < rate < MAX_HEART_RATE:
            number, total, most = self._hearts.get(seconds // EPOCH_SECONDS, (0, 0, 0))
            self._hearts[seconds // EPOCH_SECONDS] = number + 1, total + rate, max(most, rate)
        kind = message.get("activity_type")
        if not isinstance(kind, str):
            return isinstance(rate, int)
        counts = [
            _steps(message, kind),
            _number(message, "distance"),
            _number(message, "active_calories", "calories"),
            _number(message, "active_time"),
        ]
        if any(counts):
            self._grow()
            counted = self._counts.setdefault(kind[:40], _Counts())
            counted.moments.append(seconds)
            counted.values.extend(counts)
        return True

    def _take_stress(self, message: Message) -> bool:
        moment, level = moment_of(message.get("stress_level_time")), message.get("stress_level_value")
        if moment is None or not isinstance(level, int) or not 0 <= level <= 100:
            return False  # Negative levels say why none was measured.
        self._grow()
        self._stress.add(moment // 1000, level)
        return True

    def _take_detected(self, message: Message) -> bool:
        value = message.get("auto_activity_detect_start_timestamp", message.get("start_timestamp"))
        start = moment_of(value)
        if start is None and isinstance(value, int):
            start = (value + FIT_EPOCH_SECONDS) * 1000
        minutes = message.get("auto_activity_detect_duration", message.get("data"))
        if start is None or not is_moment(start) or not isinstance(minutes, int | float) or not 0 < minutes <= 1440:
            return False
        kind, sub = message.get("activity_type"), message.get("activity_subtype")
        if len(self._detected) < MAX_DETECTED:
            self._detected[start] = (
                round(minutes * 60),
                kind if isinstance(kind, str) else "unknown",
                sub if isinstance(sub, str) else "",
            )
        return True

    def _seconds_of(self, message: Message) -> int | None:
        if "timestamp" in message:
            return self._last_seconds or None
        low = message.get("timestamp_16")
        if not isinstance(low, int) or not self._last_seconds:
            return None
        fit_seconds = self._last_seconds - FIT_EPOCH_SECONDS
        self._last_seconds += (low - fit_seconds) & _LOW_BITS
        return self._last_seconds if is_moment(self._last_seconds * 1000) else None

    def _grow(self) -> None:
        self._size += 1
        if self._size > MAX_SAMPLES:
            raise TooMuch

    def _epochs(self, account: SourceAccount) -> Iterator[Mapped]:
        for kind, counted in sorted(self._counts.items()):
            epoch, number = _Epoch(), -1
            for seconds, change in _changes(counted):
                if seconds // EPOCH_SECONDS != number:
                    if number >= 0:
                        yield self._epoch(kind, number, epoch, account)
                    epoch, number = _Epoch(), seconds // EPOCH_SECONDS
                epoch.steps += change[0]
                epoch.metres += change[1]
                epoch.kilocalories += change[2]
                epoch.active_seconds += change[3]
            if number >= 0:
                yield self._epoch(kind, number, epoch, account)

    def _epoch(self, kind: str, number: int, epoch: _Epoch, account: SourceAccount) -> Mapped:
        start = number * EPOCH_SECONDS
        samples, total, most = self._hearts.get(number, (0, 0, 0))
        return ObjectType.EPOCH_SUMMARY, account.thing(
            f"epoch_{start}_{kind}",
            start * 1000,
            startdate=start * 1000,
            enddate=(start + EPOCH_SECONDS) * 1000 - 1,
            durationinseconds=EPOCH_SECONDS,
            activitytype=kind,
            steps=round(epoch.steps),
            distanceinmeters=round(epoch.metres, 1),
            activekilocalories=round(epoch.kilocalories),
            activetimeinseconds=min(EPOCH_SECONDS, round(epoch.active_seconds)) or None,
            averageheartrateinbeatsperminute=round(total / samples) if samples else None,
            maxheartrateinbeatsperminute=most or None,
        )


class _Samples:
    """Samples by day: the second of the day, and the value."""

    def __init__(self) -> None:
        self._days: dict[int, tuple[array[int], bytearray]] = {}

    def add(self, seconds: int, value: int) -> None:
        """Add a sample."""
        day, second = divmod(seconds, EPOCHS_PER_DAY * EPOCH_SECONDS)
        seconds_of_day, values = self._days.setdefault(day, (array("I"), bytearray()))
        seconds_of_day.append(second)
        values.append(value)

    def between(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the samples between two seconds since the epoch, in order."""
        length = EPOCHS_PER_DAY * EPOCH_SECONDS
        found = {}
        for day in range(first // length, min(last // length, first // length + 2) + 1):
            seconds_of_day, values = self._days.get(day, ((), ()))
            for second, value in zip(seconds_of_day, values, strict=True):
                if first <= day * length + second <= last:
                    found[day * length + second] = value
        return sorted(found.items())


def _changes(counted: _Counts) -> Iterator[tuple[int, list[float]]]:
    """Yield by how much the counts grew, in the order of time. A count that is lower than before began anew."""
    order = sorted(range(len(counted.moments)), key=counted.moments.__getitem__)
    last = [0.0] * 4
    for at in order:
        values = list(counted.values[4 * at : 4 * at + 4])
        change = [new - old if new >= old else new for new, old in zip(values, last, strict=True)]
        last = values
        if any(change):
            yield counted.moments[at], change


def _steps(message: Message, kind: str) -> float:
    """Return the steps. Watches count cycles of two steps, which the library names by the activity if it can."""
    if not is_on_foot(kind):
        return 0.0
    return _number(message, "steps") or 2 * _number(message, "cycles")


def _weighing(message: Message, moment: int, account: SourceAccount) -> Mapped | None:
    kilograms = _number(message, "weight")
    if not 0 < kilograms < 1000:
        return None
    names = {"bodyFat": "percent_fat", "bodyWater": "percent_hydration", "boneMass": "bone_mass"}
    names |= {"muscleMass": "muscle_mass", "bodyMassIndex": "bmi"}
    try:
        return body_composition(account, moment, kilograms, {to: _number(message, of) for to, of in names.items()})
    except ValueError:
        return None


def _number(message: Message, *names: str) -> float:
    for name in names:
        value = message.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
            return float(value)
    return 0.0
