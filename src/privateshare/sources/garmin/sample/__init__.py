"""Sample data: an export of an invented person with a watch and a scale. Its last day is yesterday."""

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random
from typing import Any

from privateshare.sources.archive import Opener, UploadedFile
from privateshare.sources.workouts.sample import workout
from privateshare.sources.workouts.sample.fit_writing import ENUM, SINT16, UINT8, UINT16, UINT32, fit, message, seconds

DAYS = 365
MONITORED_DAYS = 14
PERSON = 1000001
FILE_ID, EVENT, MONITORING, STRESS_LEVEL = 0, 21, 55, 227
MONITORING_TYPE, GARMIN, AUTO_ACTIVITY_DETECT, MARKER, WALKING, RUNNING = 32, 1, 54, 3, 6, 1
Record = dict[str, Any]


def sample_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield the files of the sample."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=back) for back in range(DAYS, 0, -1)]
    folder = "DI_CONNECT/DI-Connect-"
    lists: dict[str, list[Record]] = {"UDSFile": [], "sleepData": [], "userBioMetrics": []}
    activities = []
    for day in days:
        chance = Random(f"garmin {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        lists["UDSFile"].append(_summary(day, chance))
        lists["sleepData"].append(_night(day, chance))
        if day.weekday() == 0:
            lists["userBioMetrics"].append(_weighing(day, chance))
        if day.weekday() in (1, 3, 6):
            activities.append(_activity(day))
    yield _json(f"{folder}Fitness/me_0_summarizedActivities.json", [{"summarizedActivitiesExport": activities}])
    yield _json(f"{folder}Aggregator/UDSFile_1.json", lists["UDSFile"])
    yield _json(f"{folder}Wellness/1_sleepData.json", lists["sleepData"])
    yield _json(f"{folder}Wellness/1_userBioMetrics.json", lists["userBioMetrics"])
    for day in days[-MONITORED_DAYS:]:
        yield _file(f"me_{day:%Y%m%d}.fit", _monitoring(day))
    for day in days[-MONITORED_DAYS:]:
        if day.weekday() in (1, 3, 6):
            yield _file(f"me_{day:%Y%m%d}.tcx", workout(day).encode())


def _start(day: datetime) -> datetime:
    return datetime.fromisoformat(workout(day).partition("<Id>")[2][:20])


def _activity(day: datetime) -> Record:
    text = workout(day)
    lasted = int(text.partition("<TotalTimeSeconds>")[2].partition("<")[0])
    metres = float(text.partition("<DistanceMeters>")[2].partition("<")[0])
    return {
        "activityId": 5_000_000_000 + day.toordinal(),
        "userProfileId": PERSON,
        "name": "Around the lake",
        "activityType": "running" if 'Sport="Running"' in text else "cycling",
        "beginTimestamp": int(_start(day).timestamp() * 1000),
        "duration": lasted * 1000.0,
        "distance": metres * 100,
        "avgHr": 141.0,
        "maxHr": 163.0,
        "calories": lasted / 60 * 10 * 4.184,
        "avgSpeed": metres / lasted / 10,
    }


def _summary(day: datetime, chance: Random) -> Record:
    steps, average = round(chance.gauss(8500, 2200)), chance.randint(22, 45)
    return {
        "userProfilePK": PERSON,
        "calendarDate": f"{day:%Y-%m-%d}",
        "totalSteps": max(900, steps),
        "totalDistanceMeters": max(700, steps * 0.76),
        "activeKilocalories": 420.0 + steps // 100,
        "bmrKilocalories": 1620.0,
        "totalKilocalories": 2040.0 + steps // 100,
        "moderateIntensityMinutes": chance.randint(5, 50),
        "vigorousIntensityMinutes": chance.randint(0, 30),
        "restingHeartRate": chance.randint(52, 58),
        "minHeartRate": 48,
        "maxHeartRate": chance.randint(110, 165),
        "allDayStress": {
            "aggregatorList": [
                {"type": "TOTAL", "averageStressLevel": average, "maxStressLevel": average + 45, "restDuration": 30_000}
            ]
        },
    }


def _night(day: datetime, chance: Random) -> Record:
    start = day - timedelta(minutes=chance.randint(20, 100))
    deep, light, rem, awake = (chance.randint(*span) * 60 for span in ((50, 100), (180, 280), (60, 120), (5, 30)))
    return {
        "sleepStartTimestampGMT": f"{start:%Y-%m-%dT%H:%M:%S}.0",
        "sleepEndTimestampGMT": f"{start + timedelta(seconds=deep + light + rem + awake):%Y-%m-%dT%H:%M:%S}.0",
        "calendarDate": f"{day:%Y-%m-%d}",
        "sleepWindowConfirmationType": "ENHANCED_CONFIRMED_FINAL",
        "deepSleepSeconds": deep,
        "lightSleepSeconds": light,
        "remSleepSeconds": rem,
        "awakeSleepSeconds": awake,
    }


def _weighing(day: datetime, chance: Random) -> Record:
    moment = f"{day + timedelta(hours=6, minutes=50):%Y-%m-%dT%H:%M:%S}.0"
    grams = round(chance.gauss(71_500, 500))
    weight = {"weight": grams, "bodyFat": 19.5, "bmi": 22.8, "sourceType": "INDEX_SCALE", "timestampGMT": moment}
    return {"metaData": {"userProfilePK": PERSON, "calendarDate": moment}, "weight": weight}


def _monitoring(day: datetime) -> bytes:
    """Return what a watch writes on a day: an hour of walking that it recognizes, its heart rates and stress."""
    chance = Random(f"watch {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    start = seconds(day)
    messages = [message(FILE_ID, [(0, ENUM, MONITORING_TYPE), (1, UINT16, GARMIN)])]
    steps = 0
    for quarter in range(28, 88):
        moment = start + quarter * 900
        steps += chance.randint(40, 160)
        counts = [(3, UINT32, steps), (2, UINT32, steps * 76), (19, UINT16, steps // 25)]
        messages.append(message(MONITORING, [(253, UINT32, moment + 60), (5, ENUM, WALKING), *counts]))
        messages.append(message(MONITORING, [(253, UINT32, moment + 120), (27, UINT8, chance.randint(60, 110))]))
        messages.append(message(STRESS_LEVEL, [(1, UINT32, moment + 180), (0, SINT16, chance.randint(12, 70))]))
    walk = [(253, UINT32, start + 66_600), (0, ENUM, AUTO_ACTIVITY_DETECT), (1, ENUM, MARKER)]
    messages.append(message(EVENT, [*walk, (15, UINT32, start + 64_800), (3, UINT32, 30), (14, ENUM, WALKING)]))
    return fit(messages)


def _json(path: str, content: object) -> UploadedFile:
    return _file(path, json.dumps(content).encode())


def _file(path: str, data: bytes) -> UploadedFile:
    return UploadedFile(path, _opener(data), len(data))


def _opener(data: bytes) -> Opener:
    return lambda: nullcontext(io.BytesIO(data))
