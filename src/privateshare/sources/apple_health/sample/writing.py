"""A generator of exports of an invented person, for the sample, for tests, and for the benchmark.

What happens on a day depends on the day only: an export of another date says the same of the days that both have.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from random import Random
from xml.sax.saxutils import quoteattr

from privateshare.sources.apple_health.routes import route_key

OFFSET = "+0100"
WATCH, PHONE, SCALE = "Sam’s Apple Watch", "Sam’s iPhone", "Scale"
_DEVICE = "<<HKDevice: 0x2830{:05x}>, name:{}, manufacturer:Apple Inc., model:{}, hardware:{}, software:11.2>"
DEVICES = {
    WATCH: _DEVICE.format(0xA1B2, "Apple Watch", "Watch", "Watch6,2"),
    PHONE: _DEVICE.format(0xC3D4, "iPhone", "iPhone", "iPhone14,5"),
    SCALE: "",
}
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord|Audiogram)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record
  type          CDATA #REQUIRED
  unit          CDATA #IMPLIED
  value         CDATA #IMPLIED
  sourceName    CDATA #REQUIRED
  sourceVersion CDATA #IMPLIED
  device        CDATA #IMPLIED
  creationDate  CDATA #IMPLIED
  startDate     CDATA #REQUIRED
  endDate       CDATA #REQUIRED
>
]>
<HealthData locale="en_NL">
"""
QUANTITY, CATEGORY = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifier"
_HOME = (52.0907, 5.1214)
_WAKING_HOURS = range(7, 22)


class ExportWriter:
    """A generator for the days from `first` on. `density` is the number of samples per waking hour."""

    route_name = "route_2024-01-01_9.00am.gpx"

    def __init__(self, first: datetime, days: int, density: int = 1) -> None:
        self._first, self._days, self._density = first, days, density

    @property
    def route_key(self) -> str:
        """The name of the file with the last run's route."""
        return route_key(self.route_name)

    def export(self) -> Iterator[bytes]:
        """Yield the main file, piece by piece: type by type, as Apple does."""
        yield HEAD.encode()
        last = self._first + timedelta(days=self._days)
        yield f' <ExportDate value="{_stamp(last)}"/>\n'.encode()
        yield (
            b' <Me HKCharacteristicTypeIdentifierDateOfBirth="1988-05-04"'
            b' HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale"/>\n'
        )
        for write in (self._steps, self._energy, self._heart, self._body, self._sleep, self._runs, self._rings):
            for number in range(self._days):
                day = self._first + timedelta(days=number)
                yield "".join(write(day, Random(f"{day:%Y%m%d}{write.__name__}"))).encode()  # noqa: S311 - Sample data must be reproducible.
        yield b"</HealthData>\n"

    def route(self) -> bytes:
        """Return the file of the last run's route."""
        start = next(
            day
            for day in (self._first + timedelta(days=number) for number in range(self._days - 1, -1, -1))
            if _runs_on(day)
        )
        points = []
        for number in range(120):
            moment = _run_start(start) + timedelta(seconds=15 * number, hours=-1)  # GPX files have times in UTC.
            place = _HOME[0] + number * 0.0002, _HOME[1] + (number % 40) * 0.0001
            points.append(
                f'<trkpt lon="{place[1]:.6f}" lat="{place[0]:.6f}"><ele>{3 + number % 7}.0</ele>'
                f"<time>{moment:%Y-%m-%dT%H:%M:%SZ}</time><extensions><speed>2.7</speed></extensions></trkpt>"
            )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="Apple Health Export" '
            'xmlns="http://www.topografix.com/GPX/1/1"><trk><name>Route</name><trkseg>'
            + "".join(points)
            + "</trkseg></trk></gpx>"
        ).encode()

    def _samples(self, day: datetime) -> Iterator[tuple[datetime, datetime]]:
        length = timedelta(seconds=3600 // self._density * 0.6)
        for hour in _WAKING_HOURS:
            for part in range(self._density):
                start = day + timedelta(hours=hour, seconds=3600 // self._density * part)
                yield start, start + length

    def _steps(self, day: datetime, chance: Random) -> Iterator[str]:
        for start, end in self._samples(day):
            steps = chance.randint(0, 1100 // self._density)
            yield _record("StepCount", WATCH, start, end, steps, "count")
            yield _record("DistanceWalkingRunning", WATCH, start, end, round(steps * 0.00071, 5), "km")
            if chance.random() < 0.7:  # The person also carried the phone, which counted a little less.
                later = timedelta(seconds=20)
                yield _record("StepCount", PHONE, start + later, end, int(steps * 0.93), "count")
        yield _record("FlightsClimbed", PHONE, day.replace(hour=9), day.replace(hour=9, minute=4), 3, "count")

    def _energy(self, day: datetime, chance: Random) -> Iterator[str]:
        for start, end in self._samples(day):
            yield _record(
                "ActiveEnergyBurned", WATCH, start, end, round(chance.uniform(2, 55) / self._density, 3), "kcal"
            )
        for hour in range(24):
            start = day + timedelta(hours=hour)
            yield _record("BasalEnergyBurned", WATCH, start, start + timedelta(hours=1), 61.5, "kcal")

    def _heart(self, day: datetime, chance: Random) -> Iterator[str]:
        for start, _ in self._samples(day):
            yield _record("HeartRate", WATCH, start, start, chance.randint(58, 118), "count/min")
        yield _record("RestingHeartRate", WATCH, day, day.replace(hour=23), chance.randint(55, 61), "count/min")
        night = day.replace(hour=4)
        yield _record("OxygenSaturation", WATCH, night, night, round(chance.uniform(0.94, 0.99), 2), "%")
        yield _record("HeartRateVariabilitySDNN", WATCH, night, night, round(chance.uniform(28, 70), 3), "ms")

    def _body(self, day: datetime, chance: Random) -> Iterator[str]:
        if day.toordinal() % 7 == 0:
            morning = day.replace(hour=7, minute=10)
            yield _record("BodyMass", SCALE, morning, morning, round(chance.uniform(66.5, 68.9), 1), "kg")
            yield _record("BodyFatPercentage", SCALE, morning, morning, round(chance.uniform(0.26, 0.28), 3), "%")
        if day.toordinal() % 30 == 0:
            evening = day.replace(hour=19)
            yield _record("BloodPressureSystolic", "Health", evening, evening, chance.randint(112, 128), "mmHg")
            yield _record("BloodPressureDiastolic", "Health", evening, evening, chance.randint(70, 82), "mmHg")

    def _sleep(self, day: datetime, chance: Random) -> Iterator[str]:
        moment = day + timedelta(minutes=chance.randint(0, 50))  # A time in the night at the start of the day.
        bed = moment
        for level in ("AsleepCore", "AsleepDeep", "AsleepCore", "AsleepREM", "Awake", "AsleepCore", "AsleepREM"):
            end = moment + timedelta(minutes=chance.randint(5, 12) if level == "Awake" else chance.randint(40, 80))
            yield _category("SleepAnalysis", WATCH, moment, end, f"HKCategoryValueSleepAnalysis{level}")
            moment = end
        yield _category("SleepAnalysis", PHONE, bed, moment, "HKCategoryValueSleepAnalysisInBed")

    def _runs(self, day: datetime, chance: Random) -> Iterator[str]:
        if not _runs_on(day):
            return
        start = _run_start(day)
        minutes = chance.randint(25, 48)
        end = start + timedelta(minutes=minutes)
        yield (
            f' <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="{minutes}.0" durationUnit="min"'
            f' sourceName={quoteattr(WATCH)} device={quoteattr(DEVICES[WATCH])} creationDate="{_stamp(end)}"'
            f' startDate="{_stamp(start)}" endDate="{_stamp(end)}">\n'
            f'  <MetadataEntry key="HKTimeZone" value="Europe/Amsterdam"/>\n'
            f'  <MetadataEntry key="HKElevationAscended" value="{chance.randint(500, 4000)} cm"/>\n'
            + _statistics(start, end, "ActiveEnergyBurned", f'sum="{minutes * 9.5}" unit="kcal"')
            + _statistics(start, end, "DistanceWalkingRunning", f'sum="{minutes / 6.1:.3f}" unit="km"')
            + _statistics(start, end, "HeartRate", 'average="148.2" minimum="92" maximum="171" unit="count/min"')
        )
        if day == self._last_run():
            yield f'  <WorkoutRoute><FileReference path="/workout-routes/{self.route_name}"/></WorkoutRoute>\n'
        yield " </Workout>\n"

    def _last_run(self) -> datetime:
        days = (self._first + timedelta(days=number) for number in range(self._days - 1, -1, -1))
        return next(day for day in days if _runs_on(day))

    def _rings(self, day: datetime, chance: Random) -> Iterator[str]:
        yield (
            f' <ActivitySummary dateComponents="{day:%Y-%m-%d}" activeEnergyBurned="{chance.randint(280, 720)}"'
            ' activeEnergyBurnedGoal="450" activeEnergyBurnedUnit="kcal" appleMoveTime="0" appleMoveTimeGoal="0"'
            f' appleExerciseTime="{chance.randint(5, 70)}" appleExerciseTimeGoal="30"'
            f' appleStandHours="{chance.randint(6, 14)}" appleStandHoursGoal="12"/>\n'
        )


def _runs_on(day: datetime) -> bool:
    return day.toordinal() % 3 == 0


def _run_start(day: datetime) -> datetime:
    return day.replace(hour=18, minute=day.toordinal() % 50)


def _stamp(moment: datetime) -> str:
    return f"{moment.isoformat(' ', 'seconds')} {OFFSET}"


def _statistics(start: datetime, end: datetime, kind: str, values: str) -> str:
    return (
        f'  <WorkoutStatistics type="{QUANTITY}{kind}" startDate="{_stamp(start)}" endDate="{_stamp(end)}" {values}/>\n'
    )


def _record(kind: str, source: str, start: datetime, end: datetime, value: float, unit: str) -> str:
    return _element(QUANTITY + kind, source, start, end, str(value), f' unit="{unit}"')


def _category(kind: str, source: str, start: datetime, end: datetime, value: str) -> str:
    return _element(CATEGORY + kind, source, start, end, value, "")


def _element(kind: str, source: str, start: datetime, end: datetime, value: str, unit: str) -> str:
    name, device = _described(source)
    ended = _stamp(end)
    return (
        f' <Record type="{kind}" sourceName={name} sourceVersion="11.2"{device}{unit}'
        f' creationDate="{ended}" startDate="{_stamp(start)}" endDate="{ended}" value="{value}"/>\n'
    )


@cache
def _described(source: str) -> tuple[str, str]:
    """Return the name of a source and the attribute of its device, as they are written."""
    device = DEVICES.get(source)
    return quoteattr(source), f" device={quoteattr(device)}" if device else ""
