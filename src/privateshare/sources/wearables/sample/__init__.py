"""Sample data: exports of invented people, whose last day is yesterday. What is written of a day never changes."""

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random

from privateshare.sources.archive import Opener, UploadedFile

DAYS = 365
HOME = (47.2692, 11.4041)
SAMSUNG = "Samsung Health/com.samsung."


def samsung_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield an export of Samsung Health: hikes with their routes, steps, sleep and weighings."""
    steps = ["com.samsung.shealth.step_daily_trend,6313004,4", "day_time,count,distance,calorie,source_type"]
    nights = ["com.samsung.shealth.sleep,6313004,3", "start_time,end_time,time_offset,sleep_duration,datauuid"]
    stages = ["com.samsung.health.sleep_stage,6313004,1", "start_time,end_time,sleep_id,stage"]
    weights = ["com.samsung.health.weight,6313004,3", "start_time,weight,body_fat,time_offset"]
    hikes = [
        "com.samsung.shealth.exercise,6313004,5",
        "start_time,duration,exercise_type,calorie,distance,mean_heart_rate,time_offset,datauuid",
    ]
    routes = []
    for day in _days(now):
        chance = _chance("samsung", day)
        count = chance.randint(3000, 14000)
        steps.append(f"{int(day.timestamp() * 1000)},{count},{count * 0.75:.1f},{count // 25},-2")
        bed = day - timedelta(minutes=chance.randint(40, 150))
        wake = bed + timedelta(minutes=chance.randint(380, 480))
        name = f"sleep-{day:%Y%m%d}"
        nights.append(f"{_text(bed)},{_text(wake)},UTC+0100,{(wake - bed).seconds // 60},{name}")
        for stage, (first, last) in zip(("40002", "40003", "40004"), ((0, 0.5), (0.5, 0.7), (0.7, 1)), strict=True):
            start, end = bed + (wake - bed) * first, bed + (wake - bed) * last
            stages.append(f"{_text(start)},{_text(end)},{name},{stage}")
        if day.weekday() == 5:
            start, lasted = day + timedelta(hours=9), chance.randint(90, 240) * 60
            hikes.append(
                f"{_text(start)},{lasted * 1000},13001,{lasted // 9},{lasted * 1.1:.0f},118,UTC+0100,hike-{day:%Y%m%d}"
            )
            routes.append((f"hike-{day:%Y%m%d}", start, lasted))
        if day.weekday() == 0:
            weights.append(f"{_text(day + timedelta(hours=6))},{chance.gauss(68, 0.4):.1f},21.5,UTC+0100")
    tables = {"shealth.step_daily_trend": steps, "shealth.sleep": nights, "health.sleep_stage": stages}
    tables |= {"health.weight": weights, "shealth.exercise": hikes}
    for name, rows in tables.items():
        yield _file(f"{SAMSUNG}{name}.20260101.csv", "\n".join(rows))
    for name, start, lasted in routes:
        points = [
            {
                "start_time": int(start.timestamp() * 1000) + second * 1000,
                "latitude": HOME[0] + second / 400_000,
                "longitude": HOME[1] + second / 300_000,
                "altitude": 600 + second / 20,
            }
            for second in range(0, lasted, 60)
        ]
        folder = "Samsung Health/jsons/com.samsung.shealth.exercise"
        yield _file(f"{folder}/{name}.com.samsung.health.exercise.location_data.json", json.dumps(points))


def oura_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield an export of Oura: sleeps, days and workouts."""
    sleeps, days, workouts = [], [], []
    for day in _days(now):
        chance = _chance("oura", day)
        bed = day - timedelta(minutes=chance.randint(20, 120))
        deep, light, rem, awake = (chance.randint(*span) * 60 for span in ((60, 110), (180, 260), (70, 120), (10, 40)))
        end = bed + timedelta(seconds=deep + light + rem + awake)
        sleeps.append(
            {
                "id": f"{day:%Y%m%d}",
                "day": f"{day:%Y-%m-%d}",
                "bedtime_start": f"{bed:%Y-%m-%dT%H:%M:%S}+00:00",
                "bedtime_end": f"{end:%Y-%m-%dT%H:%M:%S}+00:00",
                "deep_sleep_duration": deep,
                "light_sleep_duration": light,
                "rem_sleep_duration": rem,
                "awake_time": awake,
            }
        )
        steps = chance.randint(2500, 13000)
        days.append(
            {
                "day": f"{day:%Y-%m-%d}",
                "steps": steps,
                "active_calories": steps // 22,
                "total_calories": 1700 + steps // 22,
                "equivalent_walking_distance": steps * 0.8,
                "high_activity_time": chance.randint(0, 20) * 60,
                "medium_activity_time": chance.randint(10, 60) * 60,
                "low_activity_time": chance.randint(100, 300) * 60,
            }
        )
        if day.weekday() in (2, 6):
            start = day + timedelta(hours=17)
            workouts.append(
                {
                    "id": f"workout-{day:%Y%m%d}",
                    "activity": "cycling",
                    "start_datetime": f"{start:%Y-%m-%dT%H:%M:%S}+00:00",
                    "end_datetime": f"{start + timedelta(minutes=50):%Y-%m-%dT%H:%M:%S}+00:00",
                    "calories": 380,
                    "distance": 15_000,
                }
            )
    for name, records in (("sleep", sleeps), ("daily_activity", days), ("workout", workouts)):
        yield _file(f"{name}.json", json.dumps({name: records}))


def withings_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield an export of Withings: weighings, sleeps, steps and walks."""
    weights = ['Date,"Weight (kg)","Fat mass (kg)","Bone mass (kg)","Muscle mass (kg)","Hydration (kg)",Comments']
    sleeps = ['from,to,"light (s)","deep (s)","rem (s)","awake (s)","wake up"']
    steps, activities = (
        ["date,value"],
        ['from,to,"from (manual)","to (manual)",Timezone,"Activity type",Data,GPS,Modified'],
    )
    for day in _days(now):
        chance = _chance("withings", day)
        kilograms = chance.gauss(80, 0.5)
        weights.append(f'"{day + timedelta(hours=7):%Y-%m-%d %H:%M:%S}",{kilograms:.2f},18.2,3.2,58.1,43.0,')
        bed = day - timedelta(minutes=chance.randint(20, 120))
        deep, light, rem, awake = (chance.randint(*span) * 60 for span in ((60, 110), (180, 260), (70, 120), (10, 40)))
        wake = bed + timedelta(seconds=deep + light + rem + awake)
        sleeps.append(f"{bed:%Y-%m-%dT%H:%M:%S}+00:00,{wake:%Y-%m-%dT%H:%M:%S}+00:00,{light},{deep},{rem},{awake},1")
        steps.append(f"{day:%Y-%m-%d},{chance.randint(2500, 13000)}")
        if day.weekday() == 6:
            start, end = day + timedelta(hours=10), day + timedelta(hours=11)
            data = '"{""calories"":210,""distance"":5200,""steps"":6900}"'
            activities.append(f"{start:%Y-%m-%dT%H:%M:%S}+00:00,{end:%Y-%m-%dT%H:%M:%S}+00:00,,,,Walking,{data},,")
    tables = {"weight": weights, "sleep": sleeps, "aggregates_steps": steps, "activities": activities}
    for name, rows in tables.items():
        yield _file(f"{name}.csv", "\n".join(rows))


def _days(now: datetime) -> list[datetime]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=back) for back in range(DAYS, 0, -1)]


def _chance(who: str, day: datetime) -> Random:
    return Random(f"{who} {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.000"


def _file(path: str, text: str) -> UploadedFile:
    data = text.encode()
    return UploadedFile(path, _opener(data), len(data))


def _opener(data: bytes) -> Opener:
    return lambda: nullcontext(io.BytesIO(data))
