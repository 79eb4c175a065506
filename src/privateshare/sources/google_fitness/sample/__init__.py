"""Sample data: exports of an invented person, whose last day is yesterday. A day's entries never change."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file, sample_days, table_file

DAYS_BETWEEN_WALKS = 3
DAYS_BETWEEN_WEIGHTS = 7
DAYS_BETWEEN_BADGES = 60
HEADER = (
    *("Date", "Move Minutes count", "Calories (kcal)", "Distance (m)", "Heart Points", "Average heart rate (bpm)"),
    *("Max heart rate (bpm)", "Min heart rate (bpm)", "Average speed (m/s)", "Step count"),
)


def fitbit_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample of Fitbit."""
    steps: list[Any] = []
    nights, walks, weights, badges = [], [], [], []
    for number, (moment, chance) in enumerate(sample_days(now, "fitbit")):
        steps.append({"dateTime": f"{moment:%m/%d/%y} 12:00:00", "value": str(chance.randint(3000, 14000))})
        nights.append(_fitbit_night(moment, chance, number))
        if number % DAYS_BETWEEN_WALKS == 0:
            walks.append(_fitbit_walk(moment, chance, number))
        if number % DAYS_BETWEEN_WEIGHTS == 0:
            pounds = round(160 + chance.random() * 6, 1)
            weights.append(
                {"logId": number, "weight": pounds, "bmi": 23.1, "date": f"{moment:%m/%d/%y}", "time": "06:00:00"}
            )
        if number % DAYS_BETWEEN_BADGES == 0:
            badge = {
                "badgeType": "DAILY_STEPS",
                "value": 5000 + 100 * number,
                "name": "A long walk",
                "timesAchieved": 1,
            }
            badges.append(badge | {"dateTime": f"{moment:%Y-%m-%d}"})
    folder = "Takeout/Fitbit/Global Export Data"
    names = ("steps-2026-01-01", "sleep-2026-01-01", "exercise-0", "weight-2026-01-01", "badge")
    return [
        json_file(f"{folder}/{name}.json", content)
        for name, content in zip(names, (steps, nights, walks, weights, badges), strict=True)
    ]


def _fitbit_night(moment: datetime, chance: Random, number: int) -> dict[str, Any]:
    deep, light, rem, wake = (chance.randint(*minutes) for minutes in ((50, 90), (180, 240), (60, 110), (20, 50)))
    start = moment.replace(hour=0, minute=chance.randint(0, 59), second=0)
    end = start + timedelta(minutes=deep + light + rem + wake)
    summary = {"deep": deep, "light": light, "rem": rem, "wake": wake}
    return {
        "logId": number,
        "dateOfSleep": f"{moment:%Y-%m-%d}",
        "startTime": f"{start:%Y-%m-%dT%H:%M:%S}.000",
        "endTime": f"{end:%Y-%m-%dT%H:%M:%S}.000",
        "levels": {"summary": {level: {"minutes": minutes} for level, minutes in summary.items()}},
    }


def _fitbit_walk(moment: datetime, chance: Random, number: int) -> dict[str, Any]:
    minutes = chance.randint(20, 70)
    return {
        "logId": number,
        "activityName": "Walk",
        "activityTypeId": 90013,
        "startTime": f"{moment:%m/%d/%y %H:%M:%S}",
        "activeDuration": minutes * 60_000,
        "steps": minutes * 105,
        "logType": "auto_detected",
    }


def fit_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample of Google Fit."""
    rows, files, weights = [], [], []
    for number, (moment, chance) in enumerate(sample_days(now, "fit")):
        steps = chance.randint(3000, 14000)
        day = f"{moment:%Y-%m-%d}"
        rows.append([day, steps // 100, 2100, round(steps * 0.7), 10, 72.5, 131, 52, 1.2, steps])
        night = moment.replace(hour=0, minute=chance.randint(0, 59), second=0)
        files.append(_session(night, 420, "sleep", f"{day}_SLEEP"))
        if number % DAYS_BETWEEN_WALKS == 0:
            files.append(_session(moment, chance.randint(20, 70), "walking", f"{day}_WALKING"))
        if number % DAYS_BETWEEN_WEIGHTS == 0:
            nanoseconds = int(moment.timestamp()) * 10**9
            value = [{"value": {"fpVal": round(72 + chance.random() * 3, 1)}}]
            weights.append({"dataTypeName": "com.google.weight", "fitValue": value, "startTimeNanos": nanoseconds})
    folder = "Takeout/Fit"
    return [
        table_file(f"{folder}/Daily activity metrics/Daily activity metrics.csv", HEADER, rows),
        json_file(f"{folder}/All Data/derived_com.google.weight.json", {"Data Points": weights}),
        *files,
    ]


def _session(start: datetime, minutes: int, kind: str, name: str) -> UploadedFile:
    end = start + timedelta(minutes=minutes)
    session = {"fitnessActivity": kind, "startTime": start.isoformat(), "endTime": end.isoformat()}
    return json_file(f"Takeout/Fit/All Sessions/{name}.json", session)
