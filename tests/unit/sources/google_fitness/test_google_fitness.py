"""Exports of Fitbit and Google Fit of several years, and of several languages."""

import io
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page, Source
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.google_fitness.source import SOURCES

FITBIT, GOOGLE_FIT = SOURCES

DAY = ObjectType.DAILY_ACTIVITY_SUMMARY


def read(source: Source, files: dict[str, Any], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says."""
    data = zipped(
        {
            name: content.encode() if isinstance(content, str) else json.dumps(content).encode()
            for name, content in files.items()
        }
    )
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def utc(thing: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(thing['createddate'] / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def values(*pairs: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"dateTime": time, "value": value} for time, value in pairs]


# --- Fitbit ---


def test_values_of_minutes_become_days() -> None:
    """What the files hold is in their names; values that are none are counted."""
    left_out = LeftOut()
    folder = "Takeout/Fitbit/Global Export Data"
    files = {
        f"{folder}/steps-2020-01-01.json": values(
            ("01/20/20 10:00:00", "12"), ("01/20/20 10:01:00", "30"), ("01/21/20 00:00:00", "x")
        ),
        f"{folder}/distance-2020-01-01.json": values(
            ("01/20/20 10:00:00", "123400"),
        ),
        f"{folder}/calories-2020-01-01.json": values(("01/20/20 10:00:00", "1.25"), ("01/20/20 10:01:00", "2.5")),
        f"{folder}/very_active_minutes-2020-01-01.json": values(
            ("01/20/20 00:00:00", "7"),
        ),
        f"{folder}/resting_heart_rate-2020-01-01.json": values(
            ("01/20/20 00:00:00", {"date": "01/20/20", "value": 57.34, "error": 3.1}),
            ("01/21/20 00:00:00", {"date": None, "value": 0.0}),
        ),
        f"{folder}/heart_rate-2020-01-20.json": values(
            ("01/20/20 10:00:00", {"bpm": 70, "confidence": 2}), ("01/20/20 10:00:05", {"bpm": 80, "confidence": 2})
        ),
        f"{folder}/altitude-2020-01-01.json": values(
            ("01/20/20 10:00:00", "10"),
        ),
    }
    (day, *rest) = read(FITBIT, files, left_out)[DAY]
    assert (utc(day), day["steps"], day["caloriesout"], day["veryactiveminutes"]) == ("2020-01-20 00:00:00", 42, 3.8, 7)
    assert (day["restingheartrate"], day["heartrate"], day["minheartrate"], day["maxheartrate"]) == (57.3, 75.0, 70, 80)
    assert day["distances"] == [{"activity": "total", "distance": 1.234}]
    assert rest == []
    assert left_out.entries.total() == 1


def test_nights_with_and_without_stages() -> None:
    """Old trackers only know when the person was asleep."""
    stages = {
        "logId": 1,
        "dateOfSleep": "2020-01-21",
        "startTime": "2020-01-20T23:10:30.000",
        "endTime": "2020-01-21T07:10:30.000",
        "timeInBed": 480,
        "levels": {
            "summary": {
                "deep": {"minutes": 80},
                "light": {"minutes": 240},
                "rem": {"minutes": 100},
                "wake": {"minutes": 60},
            }
        },
    }
    classic = stages | {
        "logId": 2,
        "startTime": "2020-01-22T23:00:00.000",
        "endTime": "2020-01-23T07:00:00.000",
        "dateOfSleep": "2020-01-23",
    }
    classic["levels"] = {"summary": {"restless": {"minutes": 9}, "awake": {"minutes": 1}, "asleep": {"minutes": 470}}}
    left_out = LeftOut()
    bad = stages | {"endTime": "2020-01-10T07:10:30.000"}
    first, second = read(FITBIT, {"sleep-2020-01-01.json": [stages, classic, bad]}, left_out)[ObjectType.SLEEP]
    assert (first["calendardate"], first["durationinseconds"], first["deepsleepdurationinseconds"]) == (
        "2020-01-21",
        25200,
        4800,
    )
    assert (first["awakedurationinseconds"], first["timeinbedinseconds"]) == (3600, 28800)
    assert (second["unmeasurablesleepinseconds"], second["durationinseconds"]) == (28200, 28200)
    assert left_out.count == 1


def test_exercises_weights_and_badges() -> None:
    """Weights are in pounds, and distances have their unit."""
    exercise = {
        "logId": 17,
        "activityName": "Outdoor Bike",
        "activityTypeId": 1071,
        "averageHeartRate": 120,
        "calories": 210,
        "duration": 1900000,
        "activeDuration": 1800000,
        "steps": 0,
        "logType": "tracker",
        "startTime": "01/20/20 13:05:10",
        "distance": 10.0,
        "distanceUnit": "Mile",
        "source": {"name": "Charge 3"},
    }
    weight = {
        "logId": 1,
        "weight": 160.0,
        "bmi": 23.5,
        "fat": 20.1,
        "date": "01/20/20",
        "time": "06:00:01",
        "source": "Aria",
    }
    badge = {
        "badgeType": "DAILY_STEPS",
        "dateTime": "2020-01-20",
        "timesAchieved": 3,
        "value": 10000,
        "name": "Boots",
        "category": "Daily Steps",
    }
    files = {"exercise-0.json": [exercise], "weight-2020-01-01.json": [weight], "badge.json": [badge]}
    found = read(FITBIT, files)
    (ride,), (weighing,), (earned,) = (
        found[kind] for kind in (ObjectType.ACTIVITY, ObjectType.BODY_COMPOSITION_SUMMARY, ObjectType.ACHIEVEMENT)
    )
    assert (ride["id"], ride["activityname"], ride["duration"], ride["distance"]) == (
        "17",
        "Outdoor bike",
        1800000,
        16.093,
    )
    assert (utc(ride), ride["source"], ride["averageheartrate"]) == ("2020-01-20 13:05:10", {"name": "Charge 3"}, 120)
    assert (weighing["weight"], weighing["bodyFat"], utc(weighing)) == (72.57, 20.1, "2020-01-20 06:00:01")
    assert (earned["name"], earned["value"], earned["timesachieved"]) == ("Boots", 10000, 3)


def test_an_old_export_with_several_tables_in_one_file_is_read() -> None:
    """Its numbers have commas, and its weights no unit, so they are left out."""
    table = (
        'Body\nDate,Weight,BMI,Fat\n"2020-01-20","80.1","25","20"\n\nActivities\n'
        "Date,Calories Burned,Steps,Distance,Floors,Minutes Sedentary,Minutes Lightly Active,Minutes Fairly Active,Minutes Very Active,Activity Calories\n"
        '"2020-01-20","2,345","10,123","7.5","12","600","200","20","30","1,100"\n"20-01-2020","1","1","1","1","1","1","1","1","1"\n\nSleep\n'
        "Start Time,End Time,Minutes Asleep,Minutes Awake,Number of Awakenings,Time in Bed,Minutes REM Sleep,Minutes Light Sleep,Minutes Deep Sleep\n"
        '"2020-01-20 11:10PM","2020-01-21 7:10AM","420","60","3","480","100","240","80"\n'
    )
    left_out = LeftOut()
    found = read(FITBIT, {"fitbit_export_20200121.csv": table}, left_out)
    (day,), (night,) = found[DAY], found[ObjectType.SLEEP]
    assert (day["steps"], day["caloriesout"], day["floors"], day["veryactiveminutes"]) == (10123, 2345, 12, 30)
    assert (night["calendardate"], night["durationinseconds"]) == ("2020-01-21", 25200)
    assert (left_out.read, left_out.count) == (2, 1)


def test_tables_of_newer_takeouts_do_not_double_the_files() -> None:
    """The same steps are in both. The files have what Fitbit counted; the tables, what each device did."""
    files = {
        "Takeout/Fitbit/Global Export Data/steps-2024-01-01.json": values(
            ("01/20/24 10:00:00", "100"),
        ),
        "Takeout/Fitbit/Physical Activity_GoogleData/steps_2024-01-01.csv": "timestamp,steps,data source\n"
        "2024-01-20T10:00:00Z,60,Pixel Watch\n2024-01-20T10:01:00Z,50,Pixel Watch\n",
        "Takeout/Fitbit/Physical Activity_GoogleData/weight.csv": "timestamp,weight grams,data source\n2024-01-20T06:00:00Z,72500,Aria\n",
    }
    found = read(FITBIT, files)
    assert [day["steps"] for day in found[DAY]] == [100]
    assert found[ObjectType.BODY_COMPOSITION_SUMMARY][0]["weight"] == 72.5


HEALTH = "Takeout/Google Health/Physical Activity_GoogleData"
SLEEPS = "Takeout/Google Health/Health Fitness Data_GoogleData"
NIGHT = "sleep_id,minutes_asleep,minutes_awake,start_utc_offset,sleep_start,end_utc_offset,sleep_end\n"
STAGE = "sleep_id,sleep_stage_type,sleep_stage_start,sleep_stage_end\n"


def test_what_several_devices_counted_is_not_added() -> None:
    """Of each hour the most that one counted, so that a watch that is put on at noon loses nothing of the morning."""
    files = {
        f"{HEALTH}/steps_2025-03-01.csv": "timestamp,steps,data source\n2025-03-04T08:00:00Z,900,Phone\n"
        "2025-03-04T13:00:00Z,400,Phone\n2025-03-04T13:00:00Z,500,Watch\n2025-03-04T13:02:00Z,20,Watch\n",
        f"{HEALTH}/distance_2025-03-01.csv": "timestamp,distance,data source\n2025-03-04T08:00:00.5Z,640.5,Phone\n",
        f"{HEALTH}/active_minutes_2025-03-01.csv": "timestamp,light,moderate,very,data source\n"
        "2025-03-04T08:00:00Z,1,0,0,Phone\n2025-03-04T08:01:00Z,0,0,1,Phone\n",
        f"{HEALTH}/live_pace_2025-03-01.csv": "timestamp,steps,distance millimeters,altitude gain millimeters\n"
        "2025-03-04T13:00:00Z,7000,1,0\n",
    }
    left_out = LeftOut()
    (day,) = read(FITBIT, files, left_out)[DAY]
    assert (day["steps"], day["distances"][0]["distance"]) == (1420, 0.64)
    assert (day["lightlyactiveminutes"], day["veryactiveminutes"]) == (1, 1)
    assert (left_out.read, left_out.count, len(left_out.unused)) == (7, 0, 1)


def test_heart_rates_of_tables_are_read() -> None:
    files = {
        f"{HEALTH}/heart_rate_2025-03-04.csv": "timestamp,beats per minute,data source\n"
        "2025-03-04T08:00:00Z,60,Watch\n2025-03-04T08:00:05Z,70.0,Watch\n2025-03-04T08:00:10Z,400,Watch\n",
        f"{HEALTH}/daily_resting_heart_rate.csv": "timestamp,beats per minute,data source\n"
        "2025-03-04T00:00:00Z,57.26,App\n2025-03-05T00:00:00Z,0,App\n",
    }
    left_out = LeftOut()
    (day,) = read(FITBIT, files, left_out)[DAY]
    assert (day["heartrate"], day["maxheartrate"], day["restingheartrate"]) == (65, 70, 57.3)
    assert (left_out.read, left_out.count) == (4, 1)


PROFILE = {"Takeout/Google Health/Your Profile/Profile.csv": "id,timezone,locale\nX,Asia/Kolkata,en_IN\n"}


@pytest.mark.parametrize("where", [{}, PROFILE])
@pytest.mark.parametrize(("zone", "stored"), [("", "2020-01-20 23:10:30"), ("+05:30", "2020-01-20 17:40:30")])
def test_what_else_an_export_holds_moves_no_time_without_a_zone(where: dict[str, str], zone: str, stored: str) -> None:
    """Another export may not have the person's zone, and the same night would come twice. With an offset it is known."""
    night = {
        "logId": 1,
        "dateOfSleep": "2020-01-21",
        "startTime": f"2020-01-20T23:10:30.000{zone}",
        "endTime": f"2020-01-21T07:10:30.000{zone}",
        "minutesAsleep": 400,
    }
    (found,) = read(FITBIT, {"sleep-2020-01-01.json": [night]} | where)[ObjectType.SLEEP]
    assert (utc(found), found["calendardate"]) == (stored, "2020-01-21")


@pytest.mark.parametrize(
    "where",
    [
        {
            f"{SLEEPS}/UserSleeps_2025-03-01.csv": NIGHT
            + "7,400,9,+05:30,2025-03-03T17:00:00Z,+05:30,2025-03-04T00:30:00Z\n"
        },
        {"Takeout/Google Health/Your Profile/Profile.csv": "id,timezone,locale\nX,Asia/Kolkata,en_IN\n"},
    ],
)
def test_minutes_in_utc_belong_to_the_days_of_the_person(where: dict[str, str]) -> None:
    """Steps are in UTC, in tables and in files; the calories of files, and values of whole days, are not."""
    folder = "Takeout/Google Health/Global Export Data"
    files = {
        f"{HEALTH}/heart_rate_2025-03-04.csv": "timestamp,beats per minute,data source\n2025-03-04T19:00:00Z,60,Watch\n",
        f"{folder}/steps-2025-03-04.json": values(("03/04/25 18:15:00", "10"), ("03/04/25 18:45:00", "20")),
        f"{folder}/calories-2025-03-04.json": values(("03/04/25 23:59:00", "1.5")),
        f"{folder}/very_active_minutes-2025-03-04.json": values(("03/04/25 00:00:00", "30")),
    }
    first, second = read(FITBIT, files | where)[DAY]
    assert (first["id"], first["steps"], first["caloriesout"], first["veryactiveminutes"]) == (
        "2025-03-04",
        10,
        1.5,
        30,
    )
    assert (second["id"], second["steps"], second["heartrate"]) == ("2025-03-05", 20, 60)


def test_nights_of_tables_have_their_stages_and_the_day_of_the_person() -> None:
    """The same night is in the files too, in the time of the person's clock, and comes once."""
    files = {
        f"{SLEEPS}/UserSleeps_2025-03-01.csv": NIGHT
        + "7,300,9,-08:00,2025-03-05 01:00:30+0000,-08:00,2025-03-05 07:30:00+0000\n",
        f"{SLEEPS}/UserSleepStages_2025-03-01.csv": STAGE
        + "7,LIGHT,2025-03-05 01:00:30+0000,2025-03-05 05:00:30+0000\n"
        "7,AWAKE,2025-03-05 05:00:30+0000,2025-03-05 05:10:30+0000\n7,REM,2025-03-05 05:10:30+0000,2025-03-05 07:00:30+0000\n",
        "Takeout/Google Health/Global Export Data/sleep-2025-03-01.json": [
            {
                "logId": 1,
                "dateOfSleep": "2025-03-04",
                "startTime": f"2025-03-04T{time}",
                "endTime": "2025-03-04T23:30:00.000",
                "minutesAsleep": 300,
            }
            for time in ("17:00:30.000", "14:00:00.000")
        ],
    }
    left_out = LeftOut()
    night, nap = sorted(read(FITBIT, files, left_out)[ObjectType.SLEEP], key=lambda one: -one["createddate"])
    assert not left_out.unused
    assert (utc(night), night["calendardate"]) == ("2025-03-05 01:00:30", "2025-03-04")
    assert (night["lightsleepdurationinseconds"], night["remsleepinseconds"]) == (14_400, 6600)
    assert (night["awakedurationinseconds"], night["durationinseconds"]) == (600, 21_000)
    assert utc(nap) == "2025-03-04 14:00:00"


def test_exercises_of_tables_come_if_no_file_has_them() -> None:
    """Files have the time of the person's clock, and tables UTC with an offset. Deleted ones stay away."""
    header = (
        "exercise_id,exercise_start,exercise_end,utc_offset,activity_name,log_type,tracker_total_calories,tracker_total_steps,"
        "tracker_total_distance_mm,tracker_avg_heart_rate,manually_logged_total_calories,activity_type_probabilities,deletion_reason\n"
    )
    rows = (
        '1,2026-10-04T12:54:29Z,2026-10-04T14:03:06Z,+02:00,Bike,AUTO_DETECTED,520,0,18250500,128,,"a,b",\n'
        "2,2026-10-05T05:22:23Z,2026-10-05T05:52:23Z,+02:00,Outdoor Walk,MANUAL,0,3000,0,0,150,,\n"
        "3,2026-10-06T05:22:23Z,2026-10-06T05:52:23Z,+02:00,Run,AUTO_DETECTED,1,1,1,1,,,USER_DELETED\n"
        "4,2026-10-07T05:22:23Z,2026-10-07T04:52:23Z,+02:00,Run,AUTO_DETECTED,1,1,1,1,,,\n"
    )
    logged = {"logId": 7, "activityName": "Walk", "startTime": "10/05/26 07:22:23", "duration": 1_800_000}
    folder = "Takeout/Google Health"
    tables = {f"{folder}/Health Fitness Data_GoogleData/UserExercises_2026-05-12.csv": header + rows}
    left_out = LeftOut()
    found = read(FITBIT, tables | {f"{folder}/Global Export Data/exercise-0.json": [logged]}, left_out)
    walk, ride = found[ObjectType.ACTIVITY]
    assert (walk["id"], ride["id"], ride["activityname"]) == ("7", "1", "Bike")
    assert (ride["distance"], ride["calories"], ride["averageheartrate"], ride["duration"]) == (
        18.25,
        520,
        128,
        4_117_000,
    )
    assert (utc(ride), ride["starttimeoffset"]) == ("2026-10-04 12:54:29", 7_200_000)
    assert (left_out.count, left_out.unused) == (1, {})
    alone = read(FITBIT, tables)[ObjectType.ACTIVITY]
    assert [(one["id"], one["logtype"]) for one in alone] == [("1", "device"), ("2", "manual")]
    assert (alone[1]["calories"], alone[1]["steps"]) == (150, 3000)


def test_days_to_come_on_which_nothing_was_counted_are_left_out() -> None:
    """Fitbit writes minutes of weeks to come, all zero."""
    now = datetime.now(UTC)
    days = [now + timedelta(days=number) for number in (-1, 5)]
    file = values(*((f"{day:%m/%d/%y} 00:00:00", "0") for day in days))
    found = read(FITBIT, {"very_active_minutes-2026-10-01.json": file})[DAY]
    assert [one["id"] for one in found] == [f"{days[0]:%Y-%m-%d}"]


def test_a_weighing_that_files_and_tables_have_comes_once() -> None:
    """Files have pounds, whatever unit the person uses, and tables grams."""
    files = {
        f"{HEALTH}/weight.csv": "timestamp,weight grams,data source\n2025-03-04T06:00:00Z,87000,Scale\n",
        "Takeout/Google Health/Global Export Data/weight-2025-03-01.json": [
            {"logId": number, "weight": pounds, "bmi": 26.0, "date": "03/04/25", "time": "07:00:00"}
            for number, pounds in enumerate((191.8, 190.2))
        ],
    }
    assert sorted(thing["weight"] for thing in read(FITBIT, files)[ObjectType.BODY_COMPOSITION_SUMMARY]) == [86.27, 87]


# --- Google Fit ---

ENGLISH = (
    "Date,Move Minutes count,Calories (kcal),Distance (m),Heart Points,Average heart rate (bpm),Max heart rate (bpm),"
    "Min heart rate (bpm),Average speed (m/s),Step count,Average weight (kg)\n"
)
GERMAN = (
    "Datum,Anzahl Bewegungsminuten,Kalorien (kcal),Distanz (m),Kardiopunkte,Durchschnittliche Herzfrequenz (bpm),"
    "Max. Herzfrequenz (bpm),Min. Herzfrequenz (bpm),Durchschn. Geschwindigkeit (m/s),Schrittzahl,Durchschnittsgewicht (kg)\n"
)


@pytest.mark.parametrize("header", [ENGLISH, GERMAN])
def test_the_table_of_days_is_read_in_any_language(header: str) -> None:
    """Columns are known by their units. Days without anything have no summary."""
    left_out = LeftOut()
    rows = "2020-01-20,64,2480.5,6200.4,18,72.04,141,54,1.2,8400,78.4\n2020-01-21,,,,,,,,,,\nsoon,,,,,,,,,1,\n"
    files = {
        "Takeout/Fit/Daily activity metrics/Daily activity metrics.csv": header + rows,
        "Takeout/Fit/Daily activity metrics/2020-01-20.csv": "Start time,End time,Calories (kcal),Step count\n00:00:00,00:15:00,1,2\n",
    }
    (day,) = read(GOOGLE_FIT, files, left_out)[DAY]
    assert (utc(day)[:10], day["steps"], day["caloriesout"], day["fairlyactiveminutes"]) == (
        "2020-01-20",
        8400,
        2480.5,
        64,
    )
    assert (day["heartrate"], day["maxheartrate"], day["minheartrate"]) == (72.0, 141, 54)
    assert day["distances"] == [{"activity": "total", "distance": 6.2}]
    assert (left_out.count, list(left_out.unused)) == (1, ["2020-01-20.csv"])


def test_sessions_nights_and_weights_are_read() -> None:
    """Other measurements are passed over."""
    walk = {
        "fitnessActivity": "walking",
        "startTime": "2020-01-20T12:00:00.000Z",
        "endTime": "2020-01-20T12:31:00.000Z",
        "duration": "1800.500s",
        "aggregate": [
            {"metricName": "com.google.distance.delta", "floatValue": 2100.0},
            {"metricName": "com.google.step_count.delta", "intValue": 3100},
        ],
    }
    parts = [("light", "00", "04"), ("deep", "04", "06"), ("awake", "06", "07")]
    night = {
        "fitnessActivity": "sleep",
        "startTime": "2020-01-21T00:00:00Z",
        "endTime": "2020-01-21T07:00:00Z",
        "segment": [
            {
                "fitnessActivity": f"sleep.{kind}",
                "startTime": f"2020-01-21T{one}:00:00Z",
                "endTime": f"2020-01-21T{two}:00:00Z",
            }
            for kind, one, two in parts
        ],
    }
    points = [
        {
            "dataTypeName": "com.google.weight",
            "fitValue": [{"value": {"fpVal": 72.5}}],
            "startTimeNanos": 1579500000000000000,
        },
        {
            "dataTypeName": "com.google.step_count.delta",
            "fitValue": [{"value": {"intVal": 5}}],
            "startTimeNanos": 1579500000000000000,
        },
        {"dataTypeName": "com.google.weight", "fitValue": [], "startTimeNanos": 1579500000000000000},
    ]
    left_out = LeftOut()
    files = {"a_WALKING.json": walk, "b_SLEEP.json": night, "derived.json": {"Data Source": "x", "Data Points": points}}
    found = read(GOOGLE_FIT, files, left_out)
    (session,), (slept,), (weight,) = (
        found[kind] for kind in (ObjectType.ACTIVITY, ObjectType.SLEEP, ObjectType.BODY_COMPOSITION_SUMMARY)
    )
    assert (session["activityname"], session["duration"], session["distance"], session["steps"]) == (
        "Walking",
        1800500,
        2.1,
        3100,
    )
    assert (
        slept["lightsleepdurationinseconds"],
        slept["deepsleepdurationinseconds"],
        slept["awakedurationinseconds"],
    ) == (14400, 7200, 3600)
    assert (weight["weight"], utc(weight)) == (72.5, "2020-01-20 06:00:00")
    assert left_out.count == 1


@pytest.mark.parametrize("source", [FITBIT, GOOGLE_FIT])
@pytest.mark.parametrize(
    "content", [b"[]", b'[{"dateTime": "x", "value": 1}]', b"a,b\n1,2\n", b"Date\n", b"BEGIN:VCARD"]
)
def test_other_files_are_refused(source: Source, content: bytes) -> None:
    """With what to do."""
    with pytest.raises(Broken, match=r"holds no data of|not JSON|does not hold"):
        source.identify(Connection(archive=io.BytesIO(zipped({"a.csv": content}))))


def test_measurements_that_are_not_imported_are_no_reason_to_accept_a_file() -> None:
    """A person would wait for objects that never come."""
    point = {
        "dataTypeName": "com.google.heart_rate.bpm",
        "fitValue": [{"value": {"fpVal": 70.0}}],
        "startTimeNanos": 1579500000000000000,
    }
    data = zipped({"raw.json": json.dumps({"Data Source": "raw:x", "Data Points": [point] * 3}).encode()})
    with pytest.raises(Broken, match="holds no data of Google Fit"):
        GOOGLE_FIT.identify(Connection(archive=io.BytesIO(data)))


def test_what_fitbit_logs_of_food_and_water_is_passed_over() -> None:
    """It is neither read nor damaged."""
    left_out = LeftOut()
    water = {"logId": 9, "waterAmount": 500, "date": "01/20/20"}
    files = {"water_logs-0.json": [water], "steps-2020-01-01.json": values(("01/20/20 10:00:00", "12"))}
    assert read(FITBIT, files, left_out)[DAY][0]["steps"] == 12
    assert (left_out.read, left_out.count) == (1, 0)
